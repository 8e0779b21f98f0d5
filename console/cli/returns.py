"""`warenfluss return`: goods that buyers send back."""

from decimal import Decimal
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import (
    STATES,
    AccountOption,
    AsJson,
    IntoOption,
    LimitOption,
    Number,
    ReferenceOption,
    TaxRateOption,
    most_rows,
)
from console.cli.output import print_rows, say, say_taken
from console.cli.parse import parse_amount, parse_pairs, parse_parts
from models.accounting.issued import Document
from models.database.session import Session, in_transaction, read_scope
from models.fulfilment.returns import (
    InspectedUnits,
    Return,
    ReturnState,
    announce_return,
    cancel_return,
    get_return,
    lines_of_return,
    list_returns,
    receive_return,
)
from models.fulfilment.views import return_views
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.order_desk.steps import with_order
from models.orders.order import Order
from models.tenants.records import PaymentKind

app = new_app("Goods that buyers send back.")
apps = {"return": app}

ReturnNumber = Annotated[int, typer.Argument(help="The return's number.")]
Lines = Annotated[
    list[str] | None,
    typer.Option("--line", help="LINE=QUANTITY; repeatable. Default: all units that can come back."),
]
COLUMNS = ("number", "order", "state", "announced_at", "received_at", "credited", "reason")


@app.command("announce")
def announce(
    number: Number,
    lines: Lines = None,
    reason: Annotated[str, typer.Option(help="The buyer's reason.")] = "",
    account: AccountOption = None,
) -> None:
    """Record that goods of an order will come back."""
    wanted = parse_parts(lines or [], "--line")

    def step(session: Session, order: Order) -> int:
        units = {find_line(session, order, name).row_id: count for name, count in wanted.items()}
        return announce_return(session, order, units, reason).row_id

    need_database()
    say(f"Return {with_order(number, account, step)} was announced.")


@app.command("receive")
def receive(
    number: ReturnNumber,
    good: Annotated[
        list[str] | None, typer.Option("--good", help="LINE=QUANTITY that can be sold again; repeatable.")
    ] = None,
    b_stock: Annotated[
        list[str] | None, typer.Option("--b-stock", help="LINE=QUANTITY of lesser quality; repeatable.")
    ] = None,
    scrap: Annotated[
        list[str] | None, typer.Option("--scrap", help="LINE=QUANTITY to throw away; repeatable.")
    ] = None,
) -> None:
    """Book in returned goods by their condition; without options, all announced units are good."""
    judged = {
        "to_stock": parse_parts(good or [], "--good"),
        "b_stock": parse_parts(b_stock or [], "--b-stock"),
        "scrapped": parse_parts(scrap or [], "--scrap"),
    }
    need_database()

    def step(session: Session) -> None:
        row = get_return(session, number)
        order = session.get_one(Order, row.order_id)
        counts: dict[int, dict[str, int]] = {}
        for verdict, parts in judged.items():
            for name, count in parts.items():
                counts.setdefault(find_line(session, order, name).row_id, {})[verdict] = count
        if not counts:
            counts = {
                each.order_line_id: {"to_stock": each.announced} for each in lines_of_return(session, number)
            }
        receive_return(session, row, {line_id: InspectedUnits(**each) for line_id, each in counts.items()})

    in_transaction(step)
    say(f"Return {number} was received; `warenfluss return credit {number}` credits it.")


@app.command("credit")
def credit(
    number: ReturnNumber,
    fee: Annotated[str, typer.Option(help="The fee to deduct.")] = "0",
    goodwill: Annotated[str, typer.Option(help="The amount to add as goodwill.")] = "0",
    shipping: Annotated[
        bool, typer.Option("--with-shipping", help="Also credit the shipping costs.")
    ] = False,
) -> None:
    """Credit returned goods, with a credit note if invoices are made here.

    `order refund` records the payment to the buyer.
    """
    values: dict[str, Decimal] = {"fee": parse_amount(fee), "goodwill": parse_amount(goodwill)}
    need_database()

    def step(session: Session) -> tuple[Return, list[Document]]:
        row = get_return(session, number)
        return row, credit_return(session, row, with_shipping=shipping, **values)

    row, documents = in_transaction(step)
    if documents:
        from tasks.drawing import draw_and_keep

        draw_and_keep(documents)
    notes = ", ".join(each.label for each in documents if each.gross <= 0)
    say(f"Return {number}: {row.credited_amount} credited" + (f" by {notes}." if notes else "."))
    for each in documents:
        if each.gross > 0:
            say(f"{each.label} invoices what is still owed: {each.gross:.2f} {each.currency}.")


@app.command("exchange")
def exchange(
    number: ReturnNumber,
    lines: Annotated[
        list[str] | None,
        typer.Option("--line", help="SKU=QUANTITY of the replacement; repeatable. Default: the same goods."),
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option("--price", help="SKU=AMOUNT, if it differs from the article's price; repeatable."),
    ] = None,
    tax_rate: TaxRateOption = None,
    payment: Annotated[PaymentKind, typer.Option(help="How the replacement is paid.")] = PaymentKind.invoice,
    into: IntoOption = None,
    reference: ReferenceOption = "",
) -> None:
    """Take a manual order for the replacement of a return; the return is credited separately, like any other.

    Without --line it contains the same goods at their original price. Shipping is not charged again.
    """
    from models.order_desk.manual_orders import pick_manual_account
    from models.order_desk.manual_records import read_manual_line
    from models.order_desk.repeats import exchange_return

    amounts = {name: parse_amount(text) for name, text in parse_pairs(prices or [], "--price").items()}
    parts = parse_parts(lines or [], "--line")
    if unknown := sorted(amounts.keys() - parts.keys()):
        raise typer.BadParameter(f"--price names {unknown[0]!r}, and --line does not.")
    rate = parse_amount(tax_rate) if tax_rate is not None else None
    wanted = [read_manual_line(name, count, amounts.get(name), rate) for name, count in parts.items()]
    need_database()

    def step(session: Session) -> tuple[Order, Decimal, bool]:
        row = get_return(session, number)
        tenant_id = session.get_one(Order, row.order_id).tenant_id
        owner = pick_manual_account(session, tenant_id, into)
        return exchange_return(session, row, owner, wanted, payment=payment, reference=reference)

    order, difference, is_new = in_transaction(step)
    say_taken(order, is_new)
    more = "less" if difference < 0 else "more"
    say(f"It costs {abs(difference)} {order.currency} {more} than the returned goods.")


@app.command("cancel")
def cancel(number: ReturnNumber) -> None:
    """Close a return that never arrived."""
    need_database()
    in_transaction(lambda session: cancel_return(session, get_return(session, number)))
    say(f"Return {number} was cancelled.")


@app.command("list")
def show_all(
    states: Annotated[list[ReturnState] | None, STATES] = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List returns, the latest first."""
    need_database()
    with read_scope() as session:
        returns = list_returns(session, states or (), limit=most_rows(limit, as_json=as_json))
        rows = return_views(session, returns)
    print_rows(rows, COLUMNS, as_json=as_json)
