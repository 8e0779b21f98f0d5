"""What commands about orders share: their options, and steps with orders that are locked meanwhile."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer

from console.cli.output import need_database, parse_time, say
from models.clock import utc_now
from models.database.columns import need_id
from models.database.session import Session, in_transaction
from models.errors import RuleError
from models.orders.order import Order
from models.orders.queries import find_order, lock_order
from models.tenants.account import get_account, list_accounts
from models.tenants.tenant import list_tenants

T = TypeVar("T")

Number = Annotated[str, typer.Argument(help="The external id, or the number at the marketplace.")]
When = Annotated[str | None, typer.Option("--at", help="When; now by default, German time without a zone.")]


class Allowance(StrEnum):
    """Whether something is allowed, or what else decides."""

    yes = "yes"
    no = "no"
    default = "default"

    @property
    def value_or_none(self) -> bool | None:
        """Return it as models say it."""
        return None if self is Allowance.default else self is Allowance.yes


Parts = Annotated[Allowance, typer.Argument(help="Whether what is there may leave before what is short.")]
PARTS_SAID = {
    Allowance.yes: "what is there may leave before what is short",
    Allowance.no: "all leaves at once",
    Allowance.default: "nothing of its own is said of parts any more",
}
IntoOption = Annotated[
    str | None, typer.Option("--into", help="The account for orders by hand, if the tenant has several.")
]
TaxRateOption = Annotated[
    str | None, typer.Option("--tax-rate", help="In percent; the article's by default.")
]
ReferenceOption = Annotated[
    str, typer.Option(help="Your own mark: with the same one again no second order is made.")
]


def with_order(number: str, account: str | None, step: Callable[[Session, Order], T]) -> T:
    """Take a step with an order, locked, so that two people do not count on the same figures."""
    need_database()

    def locked(session: Session) -> T:
        order = find_order(session, number, account_id_of(session, account))
        lock_order(session, order)
        return step(session, order)

    return in_transaction(locked)


def with_each(numbers: list[str], account: str | None, step: Any, done: str) -> None:
    """Take a step with each order by itself; one that is refused does not stop the others."""

    def one(session: Session, order: Order) -> str:
        step(session, order)
        return order.external_id

    refused = 0
    for number in dict.fromkeys(numbers):
        try:
            say(f"Order {with_order(number, account, one)} was {done}.")
        except RuleError as error:
            refused += 1
            say(str(error))
    if refused:
        raise typer.Exit(1)


def account_id_of(session: Session, account: str | None) -> int | None:
    """Return the id of the account of this name, None without one. Raises: NotFoundError."""
    return get_account(session, account).id if account else None


def names_of(session: Session) -> tuple[dict[int, str], dict[int, str]]:
    """Return the names of all accounts and of all tenants, by id."""
    return (
        {need_id(row.id): row.name for row in list_accounts(session)},
        {need_id(row.id): row.name for row in list_tenants(session)},
    )


def when(text: str | None) -> datetime:
    """Return the instant that an option names; now without it."""
    return parse_time(text) if text else utc_now()


def parse_amount(text: str) -> Decimal:
    """Return an amount of money as people write it, with a point or a comma. Raises: typer.BadParameter."""
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount; write 12.50.") from None
    if not value.is_finite() or abs(value) >= 10**12 or value != round(value, 4):
        raise typer.BadParameter(f"{text!r} is no amount of money.")
    return value


def read_text(file: Any) -> str:
    """Return what a file holds, up to a million characters. Raises: RuleError, if it is no text."""
    try:
        return str(file.read(1_000_000))
    except UnicodeDecodeError:
        raise RuleError("The file is no text in UTF-8.") from None


def say_taken(order: Order, is_new: bool) -> None:
    """Tell of an order taken by hand."""
    if not is_new:
        say(f"It was taken before, as order {order.external_id}; nothing is done twice.")
        return
    trial = ", a trial" if order.trial else ""
    say(f"Order {order.external_id} was taken: {order.total} {order.currency}{trial}.")
