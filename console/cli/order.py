"""`warenfluss order`: what buyers bought."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli import order_goods, order_money
from console.cli.options import (
    IntoOption,
    Number,
    ReferenceOption,
    account_id_of,
    names_of,
    read_text,
    say_taken,
    with_order,
)
from console.cli.output import (
    STATES,
    TABLE_LIMIT,
    AccountOption,
    AsJson,
    LimitOption,
    TenantOption,
    counted,
    need_database,
    new_app,
    parse_month,
    print_json,
    print_json_list,
    print_table,
    say,
    show_cell,
)
from models.database.columns import need_id
from models.database.session import Session, in_transaction, read_scope
from models.order_desk.lists import OrderFilter, addresses_of, count_orders, describe_orders, list_orders
from models.orders.history import Actor, events_of
from models.orders.holds import HoldReason
from models.orders.order import Order, OrderState, PaymentState
from models.orders.queries import find_order
from models.orders.records import AddressData
from models.tenants.records import PaymentKind
from models.tenants.tenant import pick_tenant

app = new_app("What buyers bought.")
apps = {"order": app}

States = Annotated[list[OrderState] | None, STATES]
Held = Annotated[bool, typer.Option("--held", help="Only orders that wait for a person.")]
Reasons = Annotated[
    list[HoldReason] | None, typer.Option("--hold", help="Only held for this reason; repeatable.")
]
PaymentStates = Annotated[
    list[PaymentState] | None, typer.Option("--payment-state", help="Only paid so far; repeatable.")
]
PaymentKinds = Annotated[
    list[PaymentKind] | None, typer.Option("--payment", help="Only with this kind of payment; repeatable.")
]
Beginning = Annotated[str, typer.Option("--number", help="Only numbers that begin like this.")]
Buyer = Annotated[
    str, typer.Option("--buyer", help="Mail address, user name or number at the channel, last name, company.")
]
Tracking = Annotated[str, typer.Option("--tracking", help="Only the order with this parcel.")]
Split = Annotated[bool, typer.Option("--split", help="Only orders of which something is kept back.")]
Month = Annotated[
    str | None, typer.Option("--month", help="Only placed in this month, e.g. 2026-11, by German time.")
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
            print_json_list(_describe(session, wanted, limit or None))
            return
        most = TABLE_LIMIT if limit is None else limit or None
        rows = list(_describe(session, wanted, most))
        count = count_orders(session, wanted)
    columns = ("placed_at", "external_id", "platform", "channel_number", "state", "total", "currency", "paid")
    kept = [sum(line["kept_back"] for line in row["lines"]) for row in rows]
    print_table(
        [*columns, "lines", *(["kept_back"] if any(kept) else []), "holds"],
        [
            [
                *(row[name] for name in columns),
                len(row["lines"]),
                *([units or ""] if any(kept) else []),
                row["holds"],
            ]
            for row, units in zip(rows, kept, strict=True)
        ],
    )
    if len(rows) < count:
        say(f"{len(rows)} of {counted(count, 'order')}; --limit 0 shows all.")


@app.command("show")
def show(number: Number, account: AccountOption = None, as_json: AsJson = False) -> None:
    """Show one order with addresses, lines, holds, payments, parcels, documents, history and its calls."""
    from models.accounting.issued import list_documents
    from models.fulfilment.shipments import shipments_of
    from models.order_desk.offers import find_offer_of
    from models.orders.origin import links_of
    from models.orders.queries import names_of_mates
    from models.payments.payment import payments_of
    from models.sync.calls import list_calls

    need_database()
    with read_scope() as session:
        order = find_order(session, number, account_id_of(session, account))
        order_id = need_id(order.id)
        (shown,) = describe_orders(session, [order], *names_of(session))
        heir = session.get(Order, order.merged_into_id) if order.merged_into_id else None
        shown |= {
            "merged_into": heir.external_id if heir else None,
            "links": [
                *(f"{what} {name}" for what, name in links_of(session, order_id)),
                *(f"together with {name}" for name in names_of_mates(session, order)),
                *([f"offered as {offer.number}"] if (offer := find_offer_of(session, order_id)) else []),
            ],
            "addresses": {
                role.value: {name: getattr(address, name) for name in AddressData.model_fields}
                for role, address in sorted(addresses_of(session, [order_id]).get(order_id, {}).items())
            },
            "buyer_comment": order.buyer_comment,
            "memo": order.memo,
            "payments": [
                payment.model_dump(
                    include={"amount", "currency", "method", "reference", "paid_at", "told_by"}
                )
                for payment in payments_of(session, order_id)
            ],
            "shipments": [
                {
                    "carrier": shipment.carrier,
                    "shipped_at": shipment.shipped_at,
                    "told_by": shipment.told_by,
                    "tracking_numbers": [parcel.tracking_number for parcel in parcels],
                }
                for shipment, parcels in shipments_of(session, order_id)
            ],
            "documents": [
                document.model_dump(include={"label", "kind", "issued_on", "gross", "currency"})
                for document in reversed(list_documents(session, order_id=order_id))
            ],
            "events": [
                event.model_dump(include={"at", "actor", "kind", "detail"})
                for event in events_of(session, order_id)
            ],
            "calls": [
                call.model_dump(include={"started_at", "call", "ending", "status", "milliseconds", "run_id"})
                for call in reversed(list_calls(session, order_id=order_id))
            ],
        }
    if as_json:
        print_json(shown)
    else:
        _print_order(shown)


@app.command("take")
def take(
    file: Annotated[
        typer.FileText,
        typer.Argument(
            encoding="utf-8-sig", help="A JSON file with address, lines and payment; - is standard input."
        ),
    ],
    into: IntoOption = None,
    tenant: TenantOption = None,
) -> None:
    """Take an order by hand, e.g. by telephone, under a number of the tenant's own; no channel hears of it.

    docs/orders.md shows such a file. With a `reference` in it, the same command again makes no second order.
    """
    from models.order_desk.manual_orders import pick_own_account, take_own_order
    from models.order_desk.manual_records import read_own_order

    asked = read_own_order(read_text(file))
    need_database()

    def step(session: Session) -> tuple[Order, bool]:
        owner = pick_own_account(session, need_id(pick_tenant(session, tenant).id), into)
        return take_own_order(session, owner, asked)

    say_taken(*in_transaction(step))


@app.command("repeat")
def repeat(
    number: Number,
    into: IntoOption = None,
    today: Annotated[
        bool, typer.Option("--prices-of-today", help="Instead of what was paid for the goods then.")
    ] = False,
    payment: Annotated[PaymentKind | None, typer.Option(help="How it is paid, if not as then.")] = None,
    shipping: Annotated[str | None, typer.Option(help="The shipping method, if not that of then.")] = None,
    reference: ReferenceOption = "",
    account: AccountOption = None,
) -> None:
    """Take the goods of an order once more for the same address, as an order by hand."""
    from models.order_desk.manual_orders import pick_own_account
    from models.order_desk.repeats import repeat_order

    def step(session: Session, order: Order) -> tuple[Order, bool]:
        return repeat_order(
            session,
            order,
            pick_own_account(session, order.tenant_id, into),
            prices_of_then=not today,
            payment=payment,
            shipping_method=shipping,
            reference=reference,
        )

    say_taken(*with_order(number, account, step))


@app.command("note")
def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="What people should know; it stands in the history.")],
    account: AccountOption = None,
) -> None:
    """Write a note into an order's history."""
    from models.orders.history import add_event

    words = " ".join(text.split())
    if not words or len(words) > 2000:
        raise typer.BadParameter("A note has 1 to 2000 characters.")

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
    addresses: Annotated[bool, typer.Option("--addresses", help="With where it goes.")] = False,
    german: Annotated[
        bool, typer.Option("--german", help="German headings; CSV as a German Excel opens it.")
    ] = False,
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
    names = names_of(session)
    for batch in list_orders(session, wanted):
        found = addresses_of(session, [need_id(order.id) for order in batch]) if addresses else {}
        for order, row in zip(batch, describe_orders(session, batch, *names), strict=True):
            roles = found.get(need_id(order.id), {})
            target = next((roles[role] for role in sorted(roles, reverse=True)), None)
            shared = {**row, **(target.model_dump(exclude={"order_id", "role", "state"}) if target else {})}
            for line in row["lines"]:
                yield {**shared, **{f"line_{name}": value for name, value in line.items()}}


def _describe(session: Session, wanted: OrderFilter, limit: int | None) -> Iterator[dict[str, Any]]:
    names = names_of(session)
    for batch in list_orders(session, wanted, limit):
        yield from describe_orders(session, batch, *names)


def _kept_back(line: dict[str, Any]) -> str:
    until = f" until {line['kept_until']}" if line["kept_until"] else ""
    return f"{line['kept_back']} of {line['external_id']}{until}"


def _print_order(shown: dict[str, Any]) -> None:
    for name, value in shown.items():
        if isinstance(value, (dict, list)) and name not in ("holds", "links"):
            continue
        if value not in (None, "", []):
            typer.echo(f"{name}: {show_cell(value)}")
    for role, address in shown["addresses"].items():
        typer.echo(f"{role}: " + ", ".join(str(part) for part in address.values() if part))
    kept = [line for line in shown["lines"] if line["kept_back"]]
    if kept:
        typer.echo("kept_back: " + ", ".join(map(_kept_back, kept)))
    sections = {
        "lines": (
            "external_id",
            "sku",
            "title",
            "quantity",
            "allocated",
            "picked",
            "shipped",
            "cancelled",
            "returned",
            "price",
        ),
        "holds_detail": ("reason", "line", "field", "detail", "since"),
        "payments": ("paid_at", "amount", "currency", "method", "told_by"),
        "shipments": ("shipped_at", "carrier", "tracking_numbers", "told_by"),
        "documents": ("label", "kind", "issued_on", "gross", "currency"),
        "events": ("at", "actor", "kind", "detail"),
        "calls": ("started_at", "call", "ending", "status", "milliseconds"),
    }
    for name, columns in sections.items():
        if shown[name]:
            typer.echo(f"\n{name.removesuffix('_detail')}")
            print_table(columns, [[row[column] for column in columns] for row in shown[name]])
