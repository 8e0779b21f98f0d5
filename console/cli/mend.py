"""`warenfluss mend`: what a person does with an order that is held."""

from decimal import Decimal
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import PARTS_SAID, AccountOption, Number, Parts, TaxRateOption
from console.cli.output import say
from console.cli.parse import parse_amount, parse_pairs
from models.errors import RuleError
from models.order_desk.edits import (
    accept,
    find_line,
    set_address,
    set_partial_shipping,
    set_payment_kind,
    set_price,
    set_quantity,
    set_shipping_method,
    take_channels_version,
)
from models.order_desk.steps import with_order
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import AddressRole
from models.tenants.records import PaymentKind

app = new_app("Mend an order that waits for a person, before its goods leave.")
apps = {"mend": app}

Line = Annotated[str, typer.Argument(help="The line's external id.")]


@app.command("accept")
def let_pass(
    number: Number,
    reasons: Annotated[
        list[HoldReason] | None,
        typer.Option("--reason", help="Only this hold; repeatable. Default: all that may pass."),
    ] = None,
    note: Annotated[str, typer.Option(help="Why, for the order's history.")] = "",
    account: AccountOption = None,
) -> None:
    """Let what an order is held for pass; the same finding holds it no more, another one does."""
    need_database()
    done = with_order(number, account, lambda session, order: accept(session, order, reasons or [], note))
    say(f"Order {number} is no longer held for {', '.join(done)}.")


@app.command("address")
def address(
    number: Number,
    values: Annotated[
        list[str], typer.Option("--set", help="FIELD=VALUE, e.g. street=Am Ölberg 3; repeatable.")
    ],
    billing: Annotated[
        bool, typer.Option("--billing", help="The address of billing instead of that of shipping.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Change fields of an address; the order is checked again."""
    changes = parse_pairs(values, "--set")
    role = AddressRole.billing if billing else AddressRole.shipping
    need_database()
    with_order(number, account, lambda session, order: set_address(session, order, role, changes))
    say(f"Order {number}: the address of {role} was changed.")


@app.command("quantity")
def quantity(
    number: Number,
    line: Line,
    units: Annotated[
        int, typer.Argument(min=0, help="How many shall be left of it, what has left included.")
    ],
    account: AccountOption = None,
) -> None:
    """Cancel units of a line; the total falls with them, and their stock is free for others."""
    need_database()
    with_order(
        number,
        account,
        lambda session, order: set_quantity(
            session, order, find_line(session, order, line), units, actor=Actor.person
        ),
    )
    say(f"Order {number}: {units} of line {line} are left.")


@app.command("price")
def price(
    number: Number,
    line: Line,
    amount: Annotated[str, typer.Argument(help="What one unit costs, gross.")],
    account: AccountOption = None,
) -> None:
    """Change what one unit of a line costs; the total follows."""
    value: Decimal = parse_amount(amount)
    need_database()
    with_order(
        number,
        account,
        lambda session, order: set_price(session, order, find_line(session, order, line), value),
    )
    say(f"Order {number}: line {line} costs {value}.")


@app.command("add")
def add(
    number: Number,
    article: Annotated[str, typer.Argument(help="SKU or GTIN.")],
    units: Annotated[int, typer.Option("--quantity", min=1, help="How many.")] = 1,
    amount: Annotated[
        str | None, typer.Option("--price", help="What one unit costs, gross; the article's by default.")
    ] = None,
    tax_rate: TaxRateOption = None,
    account: AccountOption = None,
) -> None:
    """Add goods to an order taken by hand that was not released yet; the total rises."""
    from models.order_desk.manual_orders import add_line
    from models.order_desk.manual_records import read_own_line

    wanted = read_own_line(
        article,
        units,
        parse_amount(amount) if amount is not None else None,
        parse_amount(tax_rate) if tax_rate is not None else None,
    )
    need_database()
    line = with_order(number, account, lambda session, order: add_line(session, order, wanted))
    say(f"Order {number}: line {line.external_id} was added, {line.quantity} at {line.price}.")


@app.command("method")
def method(
    number: Number,
    payment: Annotated[PaymentKind | None, typer.Option(help="How this order is paid.")] = None,
    shipping: Annotated[str | None, typer.Option(help="The shipping method by which it is sent.")] = None,
    account: AccountOption = None,
) -> None:
    """Say how one order is paid or sent, whatever its channel's method means otherwise."""
    if payment is None and shipping is None:
        raise RuleError("Name --payment or --shipping.")
    need_database()
    if payment is not None:
        with_order(number, account, lambda session, order: set_payment_kind(session, order, payment))
    if shipping is not None:
        with_order(number, account, lambda session, order: set_shipping_method(session, order, shipping))
    say(f"Order {number}: its methods were changed.")


@app.command("parts")
def parts(number: Number, allowed: Parts, account: AccountOption = None) -> None:
    """Say whether this order may leave in parts; by default as its buyer has it, or else the account."""
    need_database()
    with_order(
        number, account, lambda session, order: set_partial_shipping(session, order, allowed.value_or_none)
    )
    say(f"Order {number}: {PARTS_SAID[allowed]}.")


@app.command("follow")
def follow(number: Number, account: AccountOption = None) -> None:
    """Forget what was changed here; the next import takes the channel's version, and it is checked anew."""
    need_database()
    with_order(number, account, take_channels_version)
    say(f"Order {number} is open again and follows the channel with the next order-import.")
