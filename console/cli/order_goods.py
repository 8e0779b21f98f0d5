"""`warenfluss order`, the goods: consolidate, split, release, cancel and ship orders."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, Number, Numbers, TenantOption, When
from console.cli.output import counted, print_table, say, say_results
from console.cli.parse import parse_day, parse_parts, parse_time_or_now
from models.database.conditions import in_batches
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.order_desk.edits import find_line
from models.order_desk.steps import with_each, with_order
from models.orders.history import Actor
from models.orders.order import Order, OrderState
from models.orders.queries import find_order, find_orders, lines_of
from models.tenants.account import account_id_of, account_names
from models.tenants.tenant import pick_tenant

AT_ONCE = 100
"""Orders in one transaction."""

app = new_app("How the goods of orders ship.")


@app.command("join")
def join(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Two or more orders, open and not held.")
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Only show orders that could be consolidated.")
    ] = False,
    account: AccountOption = None,
    tenant: TenantOption = None,
) -> None:
    """Consolidate orders for the same address: they are picked into one box and sent in one parcel.

    Each order keeps its number, money and invoice, and its own shipment is published to its channel.
    """
    from models.fulfilment.consolidation import consolidate_orders, suggest_consolidations

    if suggest == bool(numbers):
        raise typer.BadParameter("Name orders, or --suggest.")
    need_database()
    if numbers:

        def step(session: Session) -> str:
            orders = [find_order(session, number, account_id_of(session, account)) for number in numbers]
            return ", ".join(order.external_id for order in consolidate_orders(session, orders))

        say(f"Orders {in_transaction(step)} ship together.")
        return
    with read_scope() as session:
        accounts = account_names(session)
        groups = suggest_consolidations(session, pick_tenant(session, tenant).row_id)
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
    """Separate an order from the orders it is consolidated with."""
    from models.fulfilment.consolidation import separate_order

    need_database()
    with_order(number, account, separate_order)
    say(f"Order {number} ships by itself.")


@app.command("split")
def split(
    number: Number,
    lines: Annotated[
        list[str],
        typer.Option("--line", help="LINE=QUANTITY to hold back; 0 holds nothing back. Repeatable."),
    ],
    until: Annotated[
        str | None,
        typer.Option("--until", help="The day on which they are released automatically, e.g. 2026-12-01."),
    ] = None,
    account: AccountOption = None,
) -> None:
    """Hold back units of lines while the rest ships; they stay allocated to the order.

    The order keeps its number, and lines that are not named stay unchanged. `order unsplit` releases all
    held-back units.
    """
    from models.fulfilment.splitting import split_order

    parts = parse_parts(lines, "--line", least=0)
    day = parse_day(until)

    def step(session: Session, order: Order) -> str:
        split_order(session, order, _by_line_id(session, order, parts), day)
        rows = lines_of(session, [order.row_id])[order.row_id]
        kept = ", ".join(f"{line.kept_back} of {line.external_id}" for line in rows if line.kept_back)
        back = ", ".join(f"{line.to_ship} of {line.external_id}" for line in rows if line.to_ship)
        return f"Order {order.external_id}: {kept or 'nothing'} is held back; {back or 'nothing'} ships next."

    need_database()
    say(with_order(number, account, step))


@app.command("unsplit")
def unsplit(number: Number, account: AccountOption = None) -> None:
    """Release the held-back units of an order; if the order is released, they can be picked and shipped."""
    from models.fulfilment.splitting import unsplit_order

    need_database()
    with_order(number, account, unsplit_order)
    say(f"Order {number}: nothing is held back any more.")


@app.command("release")
def release(
    numbers: Numbers,
    partly: Annotated[
        bool, typer.Option("--partly", help="Available units may ship before missing ones.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Release orders to the warehouse, paid or not; from then on a change at the channel holds the order."""
    from models.fulfilment.release import release_order

    together: set[int] = set()

    def step(session: Session, order: Order) -> None:
        if order.state is OrderState.released and order.ships_with_id in together:
            # It was released together with an order named before.
            return
        release_order(session, order, partly=partly)
        if order.ships_with_id is not None:
            together.add(order.ships_with_id)

    need_database()
    say_results(with_each(numbers, account, step), "released")


@app.command("cancel")
def cancel(
    numbers: Numbers,
    account: AccountOption = None,
) -> None:
    """Cancel what has not shipped and give its stock to waiting orders; published to the channel."""
    from models.fulfilment.holding import cancel_order

    def step(session: Session, order: Order) -> None:
        if order.state in (OrderState.cancelled, OrderState.shipped):
            raise RuleError(f"Order {order.external_id} is {order.state} already.")
        cancel_order(session, order, actor=Actor.person)

    need_database()
    say_results(with_each(numbers, account, step), "cancelled")


@app.command("ship")
def ship(
    number: Number,
    carrier: Annotated[str, typer.Option(help="The carrier, e.g. DHL.")],
    tracking: Annotated[
        list[str] | None, typer.Option(help="A parcel's tracking number; repeat the option for each parcel.")
    ] = None,
    lines: Annotated[
        list[str] | None,
        typer.Option("--line", help="LINE=QUANTITY, if only a part ships; repeatable, for one parcel."),
    ] = None,
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Ship parcels of an order; the next shipping-sync publishes them to the channel."""
    from models.fulfilment.consolidation import ship_consolidated
    from models.fulfilment.shipments import ParcelData, ShipmentData
    from models.orders.queries import consolidated_numbers

    shipped_at = parse_time_or_now(at)
    parts = parse_parts(lines or [], "--line")
    numbers = tracking or [""]
    if parts and len(numbers) > 1:
        raise typer.BadParameter("--line goes with one parcel; book the others by commands of their own.")
    if any(len(number) > 80 for number in numbers):
        raise typer.BadParameter("A tracking number has at most 80 characters.")

    def step(session: Session, order: Order) -> str:
        content = _by_line_id(session, order, parts)
        parcels = [ParcelData(tracking_number=number, lines=content) for number in numbers]
        (done,) = ship_consolidated(session, [ShipmentData(order, carrier, parcels, shipped_at)])
        if isinstance(done, RuleError):
            raise done
        mates = ", ".join(consolidated_numbers(session, order))
        with_it = f" Shipped with it: {mates}." if mates else ""
        booked = counted(len(parcels), "parcel")
        return f"Order {order.external_id}: {booked} booked, now {order.state}.{with_it}"

    need_database()
    say(with_order(number, account, step))


@app.command("shipped")
def mark_shipped(
    numbers: Numbers,
    carrier: Annotated[str, typer.Option(help="The carrier, e.g. DHL.")],
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Ship each order completely, in one parcel; `ship track` adds its tracking number later."""
    from models.fulfilment.consolidation import ship_consolidated
    from models.fulfilment.shipments import ParcelData, ShipmentData

    shipped_at = parse_time_or_now(at)
    need_database()

    def book(session: Session, some: Sequence[str]) -> list[str | RuleError]:
        found = find_orders(session, some, account_id_of(session, account))
        orders = {order.id: order for order in found.values() if isinstance(order, Order)}
        wanted = [ShipmentData(order, carrier, [ParcelData()], shipped_at) for order in orders.values()]
        booked = dict(zip(orders, ship_consolidated(session, wanted), strict=True))
        results: list[str | RuleError] = []
        for order in found.values():
            done = booked[order.id] if isinstance(order, Order) else order
            results.append(done if isinstance(done, RuleError) else orders[done.order_id].external_id)
        return results

    batches = in_batches(list(dict.fromkeys(numbers)), AT_ONCE)
    booked = (result for some in batches for result in in_transaction(partial(book, some=some)))
    say_results(booked, "shipped")


def _by_line_id(session: Session, order: Order, parts: Mapping[str, int]) -> dict[int, int]:
    """Return the units of each line, named by its external id, by the line's id. Raises: NotFoundError."""
    return {find_line(session, order, name).row_id: count for name, count in parts.items()}
