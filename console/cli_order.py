"""`warenfluss order`: what buyers bought."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from console.cli_output import (
    TABLE_LIMIT,
    AccountOption,
    AsJson,
    LimitOption,
    TenantOption,
    need_database,
    new_app,
    parse_month,
    parse_parts,
    parse_time,
    print_json,
    print_json_list,
    print_table,
    say,
    show_cell,
)
from models.account import Account, account_data, get_account, list_accounts
from models.among import in_batches
from models.columns import need_id, utc_now
from models.db import in_transaction, read_scope
from models.errors import RuleError
from models.order import (
    Actor,
    HoldReason,
    Order,
    OrderState,
    PaymentState,
    events_of,
    find_order,
    find_orders,
    lines_of,
    lock_order,
    owed_for,
)
from models.order_list import OrderFilter, addresses_of, count_orders, describe_orders, list_orders
from models.service import PaymentKind
from models.tenant import list_tenants, pick_tenant

T = TypeVar("T")

AT_ONCE = 100
"""Orders in one transaction."""

app = new_app("What buyers bought.")
apps = {"order": app}

Number = Annotated[str, typer.Argument(help="The external id, or the number at the marketplace.")]
States = Annotated[list[OrderState] | None, typer.Option("--state", help="Only in this state; repeatable.")]
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
Month = Annotated[
    str | None, typer.Option("--month", help="Only placed in this month, e.g. 2026-11, by German time.")
]
When = Annotated[str | None, typer.Option("--at", help="When; now by default, German time without a zone.")]


IntoOption = Annotated[
    str | None, typer.Option("--into", help="The account for orders by hand, if the tenant has several.")
]
TaxRateOption = Annotated[
    str | None, typer.Option("--tax-rate", help="In percent; the article's by default.")
]
ReferenceOption = Annotated[
    str, typer.Option(help="Your own mark: with the same one again no second order is made.")
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
    month: Month = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List orders, the latest placed first."""
    begin, end = parse_month(month) if month else (None, None)
    need_database()
    with read_scope() as session:
        wanted = OrderFilter(
            account_id=_account_id(session, account),
            states=tuple(states or ()),
            held=held,
            payment_states=tuple(payment_states or ()),
            payment_kinds=tuple(payment_kinds or ()),
            reasons=tuple(reasons or ()),
            number=number,
            buyer=buyer,
            tracking_number=tracking,
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
    print_table(
        [*columns, "lines", "holds"],
        [[*(row[name] for name in columns), len(row["lines"]), row["holds"]] for row in rows],
    )
    if len(rows) < count:
        say(f"{len(rows)} of {count} orders; --limit 0 shows all.")


@app.command("show")
def show(number: Number, account: AccountOption = None, as_json: AsJson = False) -> None:
    """Show one order with addresses, lines, holds, payments, parcels, documents, history and its calls."""
    from models.call import list_calls
    from models.document import list_documents
    from models.offer import find_offer_of
    from models.order_origin import links_of
    from models.payment import payments_of
    from models.shipment import shipments_of
    from models.together import names_of_mates

    need_database()
    with read_scope() as session:
        order = find_order(session, number, _account_id(session, account))
        order_id = need_id(order.id)
        (shown,) = describe_orders(session, [order], *_names(session))
        heir = session.get(Order, order.merged_into_id) if order.merged_into_id else None
        shown |= {
            "merged_into": heir.external_id if heir else None,
            "links": [
                *(f"{what} {name}" for what, name in links_of(session, order_id)),
                *(f"together with {name}" for name in names_of_mates(session, order)),
                *([f"offered as {offer.number}"] if (offer := find_offer_of(session, order_id)) else []),
            ],
            "addresses": {
                role.value: address.model_dump(exclude={"order_id", "role"})
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
    from models.own_order import pick_own_account, read_own_order, take_own_order

    asked = read_own_order(read_text(file))
    need_database()

    def step(session: Any) -> tuple[Order, bool]:
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
    from models.own_order import pick_own_account, repeat_order

    def step(session: Any, order: Order) -> tuple[Order, bool]:
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


@app.command("join")
def join(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Two orders or more, open and held by nothing.")
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Show orders that could go together instead.")
    ] = False,
    account: AccountOption = None,
    tenant: TenantOption = None,
) -> None:
    """Let orders for the same address go together: picked into one box, sent in one parcel.

    Each keeps its number, money and invoice, and its channel hears of its own shipment.
    """
    from models.together import join_orders, suggest_groups

    if suggest == bool(numbers):
        raise typer.BadParameter("Name orders, or --suggest.")
    need_database()
    if numbers:

        def step(session: Any) -> str:
            orders = [find_order(session, number, _account_id(session, account)) for number in numbers]
            return ", ".join(order.external_id for order in join_orders(session, orders))

        say(f"Orders {in_transaction(step)} go together.")
        return
    with read_scope() as session:
        accounts, _ = _names(session)
        groups = suggest_groups(session, need_id(pick_tenant(session, tenant).id))
    print_table(
        ("placed_at", "orders", "accounts"),
        [
            [
                group[0].placed_at,
                [order.external_id for order in group],
                sorted({accounts[order.account_id] for order in group}),
            ]
            for group in groups
        ],
    )


@app.command("part")
def part(number: Number, account: AccountOption = None) -> None:
    """Let an order that goes with others go by itself again."""
    from models.together import part_order

    with_order(number, account, part_order)
    say(f"Order {number} goes by itself.")


@app.command("release")
def release(
    numbers: Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")],
    partly: Annotated[
        bool, typer.Option("--partly", help="What is there may leave before what is short.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Hand orders to the warehouse, paid or not; from then on nothing in them changes silently."""
    from models.release import release_order

    together: set[int] = set()

    def step(session: Any, order: Order) -> None:
        if order.state is OrderState.released and order.ships_with_id in together:
            # It went with one that was named before.
            return
        release_order(session, order, partly=partly)
        if order.ships_with_id is not None:
            together.add(order.ships_with_id)

    _each(numbers, account, step, "released")


@app.command("cancel")
def cancel(
    numbers: Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")],
    account: AccountOption = None,
) -> None:
    """Cancel what has not left yet and give its stock to orders that wait; the channel is not told."""
    from models.order_life import cancel_order

    def step(session: Any, order: Order) -> None:
        if order.state in (OrderState.cancelled, OrderState.shipped):
            raise RuleError(f"Order {order.external_id} is {order.state} already.")
        cancel_order(session, order, actor=Actor.person)

    _each(numbers, account, step, "cancelled")


@app.command("pay")
def pay(
    number: Number,
    amount: Annotated[str | None, typer.Argument(help="What was received; what is open by default.")] = None,
    method: Annotated[str, typer.Option(help="How it was paid.")] = "",
    reference: Annotated[str, typer.Option(help="The payment's own number.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money received for an order; a negative amount takes one back."""
    from models.payment import record_payment

    paid_at = _when(at)
    value = parse_amount(amount) if amount is not None else None

    def step(session: Any, order: Order) -> str:
        owner = account_data(session.get_one(Account, order.account_id))
        due = owed_for(order)
        if value is None and due <= 0:
            raise RuleError(f"Order {order.external_id} is paid; name an amount to record more.")
        record_payment(
            session,
            owner,
            order,
            due if value is None else value,
            paid_at,
            method=method,
            reference=reference,
        )
        return (
            f"Order {order.external_id}: {order.paid_amount} of {order.total} {order.currency} received, "
            f"{order.payment_state}."
        )

    say(with_order(number, account, step))


@app.command("refund")
def refund(
    number: Number,
    amount: Annotated[
        str | None, typer.Argument(help="What was given back; what is received too much by default.")
    ] = None,
    method: Annotated[str, typer.Option(help="How it was given back.")] = "",
    reference: Annotated[str, typer.Option(help="The refund's own number.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money that was given back; with payments handled here, the channel is told."""
    from models.payment import record_refund

    paid_at = _when(at)
    value = parse_amount(amount) if amount is not None else None

    def step(session: Any, order: Order) -> str:
        owner = account_data(session.get_one(Account, order.account_id))
        over = -owed_for(order)
        if value is None and over <= 0:
            raise RuleError(f"Of order {order.external_id} nothing too much was received; name an amount.")
        record_refund(
            session,
            owner,
            order,
            over if value is None else value,
            paid_at,
            method=method,
            reference=reference,
        )
        return (
            f"Order {order.external_id}: {order.refunded_amount} {order.currency} given back, "
            f"{order.payment_state}."
        )

    say(with_order(number, account, step))


@app.command("authorise")
def authorise(
    number: Number,
    amount: Annotated[
        str, typer.Argument(help="What whoever collects the money has promised; 0 takes back.")
    ],
    account: AccountOption = None,
) -> None:
    """Note that the money is promised, so that the goods may leave before it is received."""
    from models.payment import note_authorised

    value = parse_amount(amount)

    def step(session: Any, order: Order) -> str:
        note_authorised(session, order, value, actor=Actor.person)
        return f"Order {order.external_id}: {value} {order.currency} promised, {order.payment_state}."

    say(with_order(number, account, step))


@app.command("ship")
def ship(
    number: Number,
    carrier: Annotated[str, typer.Option(help="Who carries it, e.g. DHL.")],
    tracking: Annotated[
        list[str] | None, typer.Option(help="A parcel's tracking number; one option for each parcel.")
    ] = None,
    lines: Annotated[
        list[str] | None,
        typer.Option("--line", help="LINE=QUANTITY, if only a part leaves; repeatable, with one parcel."),
    ] = None,
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Book parcels of an order out of the house; the channel is told with the next shipping-sync."""
    from models.shipment import ParcelData, ShipmentData
    from models.together import names_of_mates, ship_together

    shipped_at = _when(at)
    parts = parse_parts(lines or [], "--line")
    numbers = tracking or [""]
    if parts and len(numbers) > 1:
        raise typer.BadParameter("--line goes with one parcel; book the others by commands of their own.")
    if any(len(number) > 80 for number in numbers):
        raise typer.BadParameter("A tracking number has at most 80 characters.")

    def step(session: Any, order: Order) -> str:
        known = {
            line.external_id: need_id(line.id)
            for line in lines_of(session, [need_id(order.id)]).get(need_id(order.id), [])
        }
        unknown = [name for name in parts if name not in known]
        if unknown:
            raise RuleError(f"Order {order.external_id} has no line {unknown[0]!r}.")
        content = {known[name]: quantity for name, quantity in parts.items()}
        parcels = [ParcelData(tracking_number=number, lines=content) for number in numbers]
        (done,) = ship_together(session, [ShipmentData(order, carrier, parcels, shipped_at)])
        if isinstance(done, RuleError):
            raise done
        mates = ", ".join(names_of_mates(session, order))
        with_it = f" With it left {mates}." if mates else ""
        return f"Order {order.external_id}: {len(parcels)} parcels booked, now {order.state}.{with_it}"

    say(with_order(number, account, step))


@app.command("paid")
def mark_paid(
    numbers: Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")],
    method: Annotated[str, typer.Option(help="How they were paid.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record for each order that what was open of it has been received; each has its own result."""
    from models.payment import record_payment

    paid_at = _when(at)

    def step(session: Any, order: Order) -> None:
        due = owed_for(order)
        if due <= 0:
            raise RuleError(f"Order {order.external_id} owes nothing.")
        owner = account_data(session.get_one(Account, order.account_id))
        record_payment(session, owner, order, due, paid_at, method=method)

    _each(numbers, account, step, "paid")


@app.command("shipped")
def mark_shipped(
    numbers: Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")],
    carrier: Annotated[str, typer.Option(help="Who carries them, e.g. DHL.")],
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Book each order out of the house whole, in one parcel; `ship track` adds its number later."""
    from models.shipment import ParcelData, ShipmentData
    from models.together import ship_together

    shipped_at = _when(at)
    need_database()

    def book(session: Any, some: Sequence[str]) -> list[str | RuleError]:
        found = find_orders(session, some, _account_id(session, account))
        orders = {order.id: order for order in found.values() if isinstance(order, Order)}
        wanted = [ShipmentData(order, carrier, [ParcelData()], shipped_at) for order in orders.values()]
        booked = dict(zip(orders, ship_together(session, wanted), strict=True))
        results: list[str | RuleError] = []
        for order in found.values():
            done = booked[order.id] if isinstance(order, Order) else order
            results.append(done if isinstance(done, RuleError) else orders[done.order_id].external_id)
        return results

    refused = False
    for some in in_batches(list(dict.fromkeys(numbers)), AT_ONCE):
        for result in in_transaction(partial(book, some=some)):
            refused |= isinstance(result, RuleError)
            say(str(result) if isinstance(result, RuleError) else f"Order {result} was shipped.")
    if refused:
        raise typer.Exit(1)


@app.command("note")
def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="What people should know; it stands in the history.")],
    account: AccountOption = None,
) -> None:
    """Write a note into an order's history."""
    from models.order_life import add_event

    words = " ".join(text.split())
    if not words or len(words) > 2000:
        raise typer.BadParameter("A note has 1 to 2000 characters.")

    with_order(
        number,
        account,
        lambda session, order: add_event(session, order, "note", {"text": words}, actor=Actor.person),
    )
    say(f"Order {number}: the note was added.")


@app.command("invoice")
def invoice(number: Number, account: AccountOption = None) -> None:
    """Issue an invoice now for what was shipped of an order and not invoiced yet; the cycle does it, too."""
    from models.invoicing import issue_invoice
    from tasks.drawing import draw_and_keep

    document = with_order(
        number, account, lambda session, order: issue_invoice(session, order, actor=Actor.person)
    )
    draw_and_keep([document])
    say(f"{document.label} was issued: {document.gross:.2f} {document.currency}.")


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
    from tasks.sheet_cells import ORDER_ADDRESS_COLUMNS, ORDER_COLUMNS
    from tasks.spreadsheets import write_sheet

    with read_scope() as session:
        wanted = OrderFilter(_account_id(session, account), tuple(states or ()), held)
        rows = list(_sheet_rows(session, wanted, addresses))
    columns = (*ORDER_COLUMNS, *ORDER_ADDRESS_COLUMNS) if addresses else ORDER_COLUMNS
    write_sheet(file, columns, rows, german=german)
    say(f"{len(rows)} lines of orders were written to {file}.")


def _sheet_rows(session: Any, wanted: OrderFilter, addresses: bool) -> Iterator[dict[str, Any]]:
    names = _names(session)
    for batch in list_orders(session, wanted):
        found = addresses_of(session, [need_id(order.id) for order in batch]) if addresses else {}
        for order, row in zip(batch, describe_orders(session, batch, *names), strict=True):
            roles = found.get(need_id(order.id), {})
            target = next((roles[role] for role in sorted(roles, reverse=True)), None)
            shared = {**row, **(target.model_dump(exclude={"order_id", "role", "state"}) if target else {})}
            for line in row["lines"]:
                yield {**shared, **{f"line_{name}": value for name, value in line.items()}}


def _account_id(session: Any, account: str | None) -> int | None:
    return get_account(session, account).id if account else None


def _names(session: Any) -> tuple[dict[int, str], dict[int, str]]:
    return (
        {need_id(row.id): row.name for row in list_accounts(session)},
        {need_id(row.id): row.name for row in list_tenants(session)},
    )


def _describe(session: Any, wanted: OrderFilter, limit: int | None) -> Iterator[dict[str, Any]]:
    names = _names(session)
    for batch in list_orders(session, wanted, limit):
        yield from describe_orders(session, batch, *names)


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


def with_order(number: str, account: str | None, step: Callable[[Any, Order], T]) -> T:
    """Take a step with an order, locked, so that two people do not count on the same figures."""
    need_database()

    def locked(session: Any) -> T:
        order = find_order(session, number, _account_id(session, account))
        lock_order(session, order)
        return step(session, order)

    return in_transaction(locked)


def _each(numbers: list[str], account: str | None, step: Any, done: str) -> None:
    """Take a step with each order by itself; one that is refused does not stop the others."""

    def one(session: Any, order: Order) -> str:
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


def _when(text: str | None) -> datetime:
    return parse_time(text) if text else utc_now()


def parse_amount(text: str) -> Decimal:
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount; write 12.50.") from None
    if not value.is_finite() or value != round(value, 4) or abs(value) >= 10**12:
        raise typer.BadParameter(f"{text!r} is no amount of money.")
    return value


def _print_order(shown: dict[str, Any]) -> None:
    for name, value in shown.items():
        if isinstance(value, (dict, list)) and name not in ("holds", "links"):
            continue
        if value not in (None, "", []):
            typer.echo(f"{name}: {show_cell(value)}")
    for role, address in shown["addresses"].items():
        typer.echo(f"{role}: " + ", ".join(str(part) for part in address.values() if part))
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
