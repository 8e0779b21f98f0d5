"""Steps that a person takes with one order or several, each found by its number and locked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from models.database.session import Session, in_transaction
from models.errors import RuleError
from models.orders.order import Order
from models.orders.queries import find_order, lock_order
from models.tenants.account import account_id_of

T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """To which account and order a list is restricted; None: to none."""

    account_id: int | None
    order_id: int | None


def find_scope(session: Session, account: str | None, order: str | None) -> Scope:
    """Return the ids of an account by its name and of an order by its number. Raises: as `find_order`."""
    account_id = account_id_of(session, account)
    return Scope(account_id, find_order(session, order, account_id).row_id if order else None)


def with_order(number: str, account: str | None, step: Callable[[Session, Order], T]) -> T:
    """Take a step with an order in one transaction and return the step's result.

    The order and its tenant stay locked until the commit, so that two people never work from the same
    figures. `account` is the name of the account that the order is in; None looks in all of them.
    Raises: NotFoundError, RuleError, as `find_order`.
    """

    def take(session: Session) -> T:
        order = find_order(session, number, account_id_of(session, account))
        lock_order(session, order)
        return step(session, order)

    return in_transaction(take)


def with_each(
    numbers: Iterable[str], account: str | None, step: Callable[[Session, Order], object]
) -> Iterator[str | RuleError]:
    """Take a step with each order in a transaction of its own; a refused order does not stop the others.

    Yields for each number, once it is done, the order's external id or why it was refused.
    """

    def take(session: Session, order: Order) -> str:
        step(session, order)
        return order.external_id

    for number in dict.fromkeys(numbers):
        try:
            yield with_order(number, account, take)
        except RuleError as error:
            yield error
