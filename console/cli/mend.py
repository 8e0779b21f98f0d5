"""`warenfluss mend`: what a person changes in a held order."""

from decimal import Decimal
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import PARTS_SAID, AccountOption, Number, Parts, TaxRateOption
from console.cli.output import say
from console.cli.parse import parse_amount, parse_pairs
from models.errors import RuleError
from models.order_desk.edits import (
    accept_holds,
    discard_edits,
    find_line,
    set_address,
    set_partial_shipping,
    set_payment_kind,
    set_price,
    set_quantity,
    set_shipping_method,
)
from models.order_desk.steps import with_order
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import AddressRole
from models.tenants.records import PaymentKind

app = new_app("Change an order that waits for a person, before its goods ship.")
apps = {"mend": app}

Line = Annotated[str, typer.Argument(help="The line's external id.")]


@app.command("accept")
def accept_findings(
    number: Number,
    reasons: Annotated[
        list[HoldReason] | None,
        typer.Option("--reason", help="Only this hold; repeatable. Default: all that can be accepted."),
    ] = None,
    note: Annotated[str, typer.Option(help="The reason, for the order's history.")] = "",
    account: AccountOption = None,
) -> None:
    """Accept the findings for which an order is held; only a different finding holds it again."""
    need_database()
    done = with_order(
        number, account, lambda session, order: accept_holds(session, order, reasons or [], note)
    )
    say(f"Order {number} is no longer held for {', '.join(done)}.")


@app.command("address")
def address(
    number: Number,
    values: Annotated[
        list[str], typer.Option("--set", help="FIELD=VALUE, e.g. street=Am Ölberg 3; repeatable.")
    ],
    billing: Annotated[
        bool, typer.Option("--billing", help="Change the billing address instead of the shipping address.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Change fields of an address; the order is checked again."""
    changes = parse_pairs(values, "--set")
    role = AddressRole.billing if billing else AddressRole.shipping
    need_database()
    with_order(number, account, lambda session, order: set_address(session, order, role, changes))
    say(f"Order {number}: the {role} address was changed.")


@app.command("quantity")
def quantity(
    number: Number,
    line: Line,
    units: Annotated[
        int, typer.Argument(min=0, help="The new quantity of the line, including shipped units.")
    ],
    account: AccountOption = None,
) -> None:
    """Cancel units of a line; the total decreases, and their stock becomes available to others."""
    need_database()
    with_order(
        number,
        account,
        lambda session, order: set_quantity(
            session, order, find_line(session, order, line), units, actor=Actor.person
        ),
    )
    say(f"Order {number}: line {line} has {units} units now.")


@app.command("price")
def price(
    number: Number,
    line: Line,
    amount: Annotated[str, typer.Argument(help="The gross unit price.")],
    account: AccountOption = None,
) -> None:
    """Change the unit price of a line; the total changes with it."""
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
    units: Annotated[int, typer.Option("--quantity", min=1, help="The number of units.")] = 1,
    amount: Annotated[
        str | None, typer.Option("--price", help="The gross unit price; default: the article's.")
    ] = None,
    tax_rate: TaxRateOption = None,
    account: AccountOption = None,
) -> None:
    """Add goods to a manual order that was not released yet; the total increases."""
    from models.order_desk.manual_orders import add_line
    from models.order_desk.manual_records import read_manual_line

    wanted = read_manual_line(
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
    payment: Annotated[PaymentKind | None, typer.Option(help="The kind of payment of this order.")] = None,
    shipping: Annotated[str | None, typer.Option(help="The shipping method of this order.")] = None,
    account: AccountOption = None,
) -> None:
    """Set the payment or shipping method of one order, overriding the meaning of the channel's method."""
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
    """Set whether this order may ship in parts; default: the buyer's setting, or the account's."""
    need_database()
    with_order(
        number, account, lambda session, order: set_partial_shipping(session, order, allowed.value_or_none)
    )
    say(f"Order {number}: {PARTS_SAID[allowed]}.")


@app.command("follow")
def follow(number: Number, account: AccountOption = None) -> None:
    """Discard our changes of an order; the next import takes the channel's version and checks it."""
    need_database()
    with_order(number, account, discard_edits)
    say(f"Order {number} is open again and follows the channel with the next order-import.")
