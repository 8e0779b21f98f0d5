"""`warenfluss order`: list, show, take, repeat and export orders."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import order_goods, order_money
from console.cli.frame import need_database, new_app
from console.cli.options import (
    STATES,
    AccountOption,
    AsJson,
    GermanSheet,
    IntoOption,
    LimitOption,
    Number,
    ReferenceOption,
    TenantOption,
    most_rows,
)
from console.cli.output import (
    as_plain,
    counted,
    print_columns,
    print_json,
    print_json_list,
    print_table,
    say,
    say_taken,
    show_cell,
)
from console.cli.parse import parse_month, read_text
from documents.commands import sentences_of
from models.database.session import Session, in_transaction, read_scope
from models.errors import Advice
from models.order_desk.lists import (
    OrderFilter,
    OrderLineView,
    OrderSummary,
    count_orders,
    list_orders,
    order_summaries,
)
from models.order_desk.steps import with_order
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import Order, OrderState, PaymentState
from models.orders.queries import find_order, order_addresses
from models.tenants.account import account_id_of
from models.tenants.records import PaymentKind
from models.tenants.tenant import pick_tenant

if TYPE_CHECKING:
    from models.order_desk.views import OrderView

app = new_app("Orders: what buyers bought.")
apps = {"order": app}

States = Annotated[list[OrderState] | None, STATES]
Held = Annotated[bool, typer.Option("--held", help="Only orders that wait for a person.")]
Reasons = Annotated[
    list[HoldReason] | None, typer.Option("--hold", help="Only orders held for this reason; repeatable.")
]
PaymentStates = Annotated[
    list[PaymentState] | None,
    typer.Option("--payment-state", help="Only orders in this payment state; repeatable."),
]
PaymentKinds = Annotated[
    list[PaymentKind] | None,
    typer.Option("--payment", help="Only orders with this kind of payment; repeatable."),
]
Beginning = Annotated[str, typer.Option("--number", help="Only orders whose number begins with this.")]
Buyer = Annotated[
    str,
    typer.Option(
        "--buyer",
        help="Only this buyer: the complete mail address, user name or number at the channel, "
        "last name or company.",
    ),
]
Tracking = Annotated[str, typer.Option("--tracking", help="Only the order with this tracking number.")]
Split = Annotated[bool, typer.Option("--split", help="Only orders with held-back units.")]
Month = Annotated[
    str | None, typer.Option("--month", help="Only orders placed in this month, e.g. 2026-11, German time.")
]


@app.command("list")
def show_all(
    account: AccountOption = None,
    states: States = None,
    held: Held = False,
    reasons: Reasons = None,
    payment_states: PaymentStates = None,
    payment_kinds: PaymentKinds = None,
    number: Beginning = "",
    buyer: Buyer = "",
    tracking: Tracking = "",
    split: Split = False,
    month: Month = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List orders, the latest placed first."""
    begin, end = parse_month(month) if month else (None, None)
    need_database()
    with read_scope() as session:
        wanted = OrderFilter(
            account_id=account_id_of(session, account),
            states=tuple(states or ()),
            held=held,
            payment_states=tuple(payment_states or ()),
            payment_kinds=tuple(payment_kinds or ()),
            reasons=tuple(reasons or ()),
            number=number,
            buyer=buyer,
            tracking_number=tracking,
            split=split,
            placed_from=begin,
            placed_before=end,
        )
        if as_json:
            print_json_list(_summaries(session, wanted, limit or None))
            return
        rows = list(_summaries(session, wanted, most_rows(limit, as_json=False)))
        count = count_orders(session, wanted)
    columns = ("placed_at", "external_id", "platform", "channel_number", "state", "total", "currency", "paid")
    kept = [sum(line.kept_back for line in row.lines) for row in rows]
    print_table(
        [*columns, "lines", *(["kept_back"] if any(kept) else []), "holds"],
        [
            [
                *(getattr(row, name) for name in columns),
                len(row.lines),
                *([units or ""] if any(kept) else []),
                row.holds,
            ]
            for row, units in zip(rows, kept, strict=True)
        ],
    )
    if len(rows) < count:
        say(f"{len(rows)} of {counted(count, 'order')}; --limit 0 shows all.")


@app.command("show")
def show(number: Number, account: AccountOption = None, as_json: AsJson = False) -> None:
    """Show one order with addresses, lines, holds, payments, parcels, documents, history and calls."""
    from models.order_desk.views import order_view

    need_database()
    with read_scope() as session:
        view = order_view(session, find_order(session, number, account_id_of(session, account)))
    shown = {
        **as_plain(view.summary),
        **as_plain(view),
        "links": [f"{link.relation} {link.number}" for link in view.links],
    }
    del shown["summary"]
    if as_json:
        print_json(shown)
    else:
        _print_order(view, shown["links"])


@app.command("take")
def take(
    file: Annotated[
        typer.FileText,
        typer.Argument(
            encoding="utf-8-sig", help="A JSON file with address, lines and payment; - reads standard input."
        ),
    ],
    into: IntoOption = None,
    tenant: TenantOption = None,
) -> None:
    """Take a manual order, e.g. by telephone, under the tenant's own number; nothing goes to a channel.

    docs/orders.md shows such a file. With a `reference` in it, repeating the command creates no second order.
    """
    from models.order_desk.manual_orders import pick_manual_account, take_manual_order
    from models.order_desk.manual_records import read_manual_order

    asked = read_manual_order(read_text(file))
    need_database()

    def step(session: Session) -> tuple[Order, bool]:
        owner = pick_manual_account(session, pick_tenant(session, tenant).row_id, into)
        return take_manual_order(session, owner, asked)

    say_taken(*in_transaction(step))


@app.command("repeat")
def repeat(
    number: Number,
    into: IntoOption = None,
    today: Annotated[
        bool,
        typer.Option("--prices-of-today", help="Use today's prices instead of those of the first order."),
    ] = False,
    payment: Annotated[
        PaymentKind | None, typer.Option(help="The kind of payment, if it differs from the first order.")
    ] = None,
    shipping: Annotated[
        str | None, typer.Option(help="The shipping method, if it differs from the first order.")
    ] = None,
    reference: ReferenceOption = "",
    account: AccountOption = None,
) -> None:
    """Repeat an order for the same address, as a manual order."""
    from models.order_desk.manual_orders import pick_manual_account
    from models.order_desk.repeats import repeat_order

    def step(session: Session, order: Order) -> tuple[Order, bool]:
        return repeat_order(
            session,
            order,
            pick_manual_account(session, order.tenant_id, into),
            at_old_prices=not today,
            payment=payment,
            shipping_method=shipping,
            reference=reference,
        )

    need_database()
    say_taken(*with_order(number, account, step))


@app.command("note")
def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="The note.")],
    account: AccountOption = None,
) -> None:
    """Write a note into an order's history."""
    from models.orders.history import add_event

    words = " ".join(text.split())
    if not words or len(words) > 2000:
        raise typer.BadParameter("A note has 1 to 2000 characters.")
    need_database()
    with_order(
        number,
        account,
        lambda session, order: add_event(session, order, "note", {"text": words}, actor=Actor.person),
    )
    say(f"Order {number}: the note was added.")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file; one row for each line of an order.")],
    account: AccountOption = None,
    states: States = None,
    held: Held = False,
    addresses: Annotated[bool, typer.Option("--addresses", help="Include the shipping address.")] = False,
    german: GermanSheet = False,
) -> None:
    """Write orders into a spreadsheet."""
    need_database()
    from tasks.sheets.columns import ORDER_ADDRESS_COLUMNS, ORDER_COLUMNS
    from tasks.sheets.files import write_sheet

    with read_scope() as session:
        wanted = OrderFilter(account_id_of(session, account), tuple(states or ()), held)
        rows = list(_sheet_rows(session, wanted, addresses))
    columns = (*ORDER_COLUMNS, *ORDER_ADDRESS_COLUMNS) if addresses else ORDER_COLUMNS
    write_sheet(file, columns, rows, german=german)
    say(f"{counted(len(rows), 'line')} of orders written to {file}.")


for commands in (order_goods.app, order_money.app):
    app.registered_commands += commands.registered_commands


def _sheet_rows(session: Session, wanted: OrderFilter, addresses: bool) -> Iterator[dict[str, Any]]:
    for batch in list_orders(session, wanted):
        found = order_addresses(session, [order.row_id for order in batch]) if addresses else {}
        for order, row in zip(batch, order_summaries(session, batch), strict=True):
            roles = found.get(order.row_id, {})
            target = next((roles[role] for role in sorted(roles, reverse=True)), None)
            shared = {
                **vars(row),
                **(target.model_dump(exclude={"order_id", "role", "state"}) if target else {}),
            }
            for line in row.lines:
                yield {**shared, **{f"line_{name}": value for name, value in vars(line).items()}}


def _summaries(session: Session, wanted: OrderFilter, limit: int | None) -> Iterator[OrderSummary]:
    for batch in list_orders(session, wanted, limit):
        yield from order_summaries(session, batch)


def _kept_back(line: OrderLineView) -> str:
    until = f" until {line.kept_until}" if line.kept_until else ""
    return f"{line.kept_back} of {line.external_id}{until}"


def _print_order(view: "OrderView", links: list[str]) -> None:
    order = view.summary
    single = {
        **{name: value for name, value in vars(order).items() if name not in ("holds_detail", "lines")},
        "merged_into": view.merged_into,
        "links": links,
        "buyer_comment": view.buyer_comment,
        "memo": view.memo,
    }
    for name, value in single.items():
        if value not in (None, "", []):
            typer.echo(f"{name}: {show_cell(value)}")
    for role, address in view.addresses.items():
        typer.echo(f"{role}: " + ", ".join(part for part in address.model_dump().values() if part))
    kept = [line for line in order.lines if line.kept_back]
    if kept:
        typer.echo("kept_back: " + ", ".join(map(_kept_back, kept)))
    sections: dict[str, tuple[Sequence[object], str]] = {
        "lines": (
            order.lines,
            "external_id sku title quantity allocated picked shipped cancelled returned price",
        ),
        "holds": (order.holds_detail, "reason line field detail since"),
        "payments": (view.payments, "paid_at amount currency method told_by"),
        "shipments": (view.shipments, "shipped_at carrier tracking_numbers told_by"),
        "documents": (view.documents, "label kind issued_on gross currency"),
        "events": (view.events, "at actor kind detail"),
        "calls": (view.calls, "started_at call ending status milliseconds"),
    }
    for name, (rows, columns) in sections.items():
        if rows:
            typer.echo(f"\n{name}")
            print_columns(rows, columns.split())
        for hold in order.holds_detail if name == "holds" else ():
            # A cell shows no more than its beginning.
            if advice := hold.detail.get("advice"):
                typer.echo(f"{hold.detail['reason']} {sentences_of([Advice(**each) for each in advice])}")
