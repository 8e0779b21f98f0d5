"""The laws, checked from outside: in the channels' own records, the mailbox, papers and our plain rows."""

import hashlib
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from pypdf import PdfReader
from sqlalchemy import text
from sqlmodel import Session, col, select

from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.simulator.wire.envelope import Element
from models.catalog.article import Article
from models.catalog.listing import Listing
from models.database.columns import need_id
from models.database.session import read_scope
from models.fulfilment.shipments import Parcel, Shipment
from models.mails.outbox import Mail
from models.orders.history import Actor, events_of
from models.orders.holds import Hold, HoldReason, open_holds
from models.orders.order import Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import lines_of
from models.reconciliation.differences import Difference
from models.reconciliation.records import DifferenceKind
from models.sync.alarms import Incident
from models.sync.calls import Call
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import OutboundKind
from models.sync.rejected import RejectedRecord
from models.sync.runs import Run, RunState
from models.tenants.account import Account, get_account
from models.tenants.records import Side as Teller
from models.warehouse.levels import StockLevel
from models.warehouse.sellable import sellable_for
from models.warehouse.warehouses import Warehouse
from tests.faults.broken_law import BrokenLawError
from tests.faults.laws_manual import check_by_hand
from tests.faults.laws_privacy import BUYER_WORDS
from tests.faults.merchant import SKUS, Side
from tests.faults.parcels import OUR_NUMBERS
from tests.faults.world import OPERATOR, PREFECT, World
from tests.support.builders import check_laws
from tests.support.prefect_keeps import find_words, told_to_server

BERLIN = ZoneInfo("Europe/Berlin")
FIXED = (OrderState.released, OrderState.shipped)


def check_always(world: World, checked: Counter[str]) -> None:
    """Check what must be true at any moment, also while faults occur."""
    with read_scope() as session:
        _check_orders_once(session)
        _check_units(session)
        _check_totals(session)
        _check_stock(session)
        _check_papers(session, world)
    checked.update(("1", "3", "4", "8"))
    _check_secrecy(world)
    checked["9"] += 1


def check_at_rest(world: World, checked: Counter[str]) -> None:
    """Check what must be true once everything has recovered and no cycle changes anything."""
    working: list[int] = []
    with read_scope() as session:
        for number, side in enumerate(world.sides):
            account_id = get_account(session, side.name).row_id
            orders = _by_line(session, account_id)
            for theirs in side.state.orders.values():
                _check_order(session, side, theirs, orders)
            _check_nothing_invented(session, side, account_id, number)
            _check_told(session, side, account_id)
            _check_told_once(side, world.delivered["overtaken"])
            _check_rejected(session, account_id)
            if side.works_here:
                working.append(account_id)
        working.append(get_account(session, world.desk).row_id)
        for account_id in working:
            _check_invoiced(session, account_id)
        _check_mailed(session, world, working)
        check_by_hand(session, world)
        _check_files(session)
        _check_papers(session, world)
        _check_on_hand(session, world)
        _check_parcels(session, world)
        _check_runs(session, world)
    checked.update(("1", "2", "3", "4", "6", "7", "8", "10"))
    _check_secrecy(world)


def check_looked_back(world: World) -> None:
    """Check what a reconciliation and a replay of everything have found, and what was reported.

    Raises: BrokenLawError.
    """
    with read_scope() as session:
        for side in world.sides:
            _check_reconciled(session, side, get_account(session, side.name).row_id)
        _check_runs(session, world)
    _check_secrecy(world)


def picture(world: World) -> dict[str, list[str]]:
    """Return what may not change at rest: our rows without their times, and the channels' records."""
    with read_scope() as session:
        seen = {
            name: sorted(str(tuple(row)) for row in session.connection().execute(text(query)))
            for name, query in _PICTURED.items()
        }
    for number, side in enumerate(world.sides):
        seen[f"orders there {number}"] = [repr(order) for _, order in sorted(side.state.orders.items())]
        seen[f"stock there {number}"] = [
            f"{key}: {product.quantity}" for key, product in sorted(side.state.products.items())
        ]
    return seen


def moved(before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """Return what differs between two pictures, empty if nothing does."""
    return "; ".join(
        f"{name}: {sorted(set(before[name]) - set(after[name]))} became "
        f"{sorted(set(after[name]) - set(before[name]))}"
        for name in before
        if before[name] != after[name]
    )


_PICTURED = {
    "orders": "SELECT account_id, external_id, state, payment_state, total, paid_amount FROM sales_order "
    "WHERE NOT trial",
    "lines": "SELECT l.external_id, l.quantity, l.allocated, l.shipped, l.cancelled, l.article_id, "
    "l.invoiced "
    "FROM order_line l JOIN sales_order o ON o.id = l.order_id WHERE NOT o.trial",
    "holds": "SELECT order_id, reason FROM hold h JOIN sales_order o ON o.id = h.order_id "
    "WHERE NOT o.trial AND h.released_at IS NULL",
    "payments": "SELECT order_id, amount FROM payment p JOIN sales_order o ON o.id = p.order_id "
    "WHERE NOT o.trial",
    "returns": "SELECT order_id, state, credited_amount FROM order_return",
    "books": "SELECT kind, label, gross FROM booking",
    "picked": "SELECT order_line_id, picked FROM allocation",
    "mails": "SELECT key FROM mail WHERE order_id IS NOT NULL",
    "parcels": "SELECT shipment_id, tracking_number FROM parcel",
    "papers": "SELECT label, sha256 FROM document",
    "files": "SELECT document_id, sha256 FROM document_file",
    "series": "SELECT kind, year, last FROM document_series",
    "by hand": "SELECT order_id, kind FROM order_origin",
    "references": "SELECT order_id, reference FROM order_origin",
    "groups": "SELECT id, ships_with_id FROM sales_order WHERE ships_with_id IS NOT NULL",
    "stock": "SELECT article_id, on_hand, allocated FROM stock_level",
    "ledger": "SELECT level_id, quantity FROM stock_movement",
    "outbound": "SELECT kind, key, state, version FROM outbound",
    "cursors": "SELECT account_id, name FROM cursor WHERE name NOT LIKE '%test'",
}


def check_test_left_no_trace(world: World, before: dict[str, list[str]]) -> None:
    """Compare with a picture taken before a test run of a live account.

    Raises: BrokenLawError.
    """
    if trace := moved(before, picture(world)):
        raise BrokenLawError(5, f"a test run changed {trace}")


# --- law 1: an order exists once -------------------------------------------------------------------


def _check_orders_once(session: Session) -> None:
    rows = session.exec(
        select(OrderLine.account_id, OrderLine.external_id, Order.external_id)
        .join(Order, col(Order.id) == col(OrderLine.order_id))
        .where(
            col(Order.trial).is_(False),
            col(Order.state) != OrderState.merged,
            col(OrderLine.quantity) > col(OrderLine.cancelled),
        )
    ).all()
    places: dict[tuple[int, str], list[str]] = defaultdict(list)
    for account_id, line, order in rows:
        places[account_id, line].append(order)
    for (_, line), orders in places.items():
        if len(orders) > 1:
            raise BrokenLawError(1, f"item {line} stands in the orders {orders}")


def _by_line(session: Session, account_id: int) -> dict[str, Order]:
    """Return {line: its active order}; a cancelled line only if no other order has it."""
    rows = session.exec(
        select(OrderLine, Order)
        .join(Order, col(Order.id) == col(OrderLine.order_id))
        .where(OrderLine.account_id == account_id, col(Order.trial).is_(False))
        .order_by(col(OrderLine.quantity) > col(OrderLine.cancelled), col(OrderLine.id))
    ).all()
    return {line.external_id: order for line, order in rows}


def _check_order(session: Session, side: Side, theirs: TheirOrder, orders: dict[str, Order]) -> None:
    """Compare one order with the channel's order."""
    # A reconciliation finds a hidden order, if it was here before.
    if theirs.order_id == 0 or theirs.feedback_date is None or side.hides(theirs):
        return
    name = f"order {theirs.order_id} of {side.name}"
    mine = orders.get(str(theirs.key)) or next(
        (orders[str(item.id)] for item in theirs.items if str(item.id) in orders), None
    )
    if mine is None:
        raise BrokenLawError(1, f"{name} is missing")
    involved = {orders[str(item.id)].row_id for item in theirs.items if str(item.id) in orders}
    # If it was merged after it had shipped here, the order with the new number shows that.
    named = select(Order.id).where(
        Order.account_id == mine.account_id, Order.external_id == str(theirs.order_id)
    )
    involved |= {need_id(order_id) for order_id in session.exec(named)}
    holds = {hold.reason for each in open_holds(session, sorted(involved)).values() for hold in each}
    if theirs.cancelled_at is not None:
        if mine.state not in (OrderState.cancelled, OrderState.shipped) and not (
            holds & {HoldReason.cancelled_after_release, HoldReason.changed_after_release}
        ):
            raise BrokenLawError(2, f"{name} was cancelled there and is {mine.state} here")
        return
    if HoldReason.changed_after_release in holds:
        return
    if theirs.key in side.cancelled_here or _is_cancelled_by_cycle(session, mine):
        if mine.state is not OrderState.cancelled or _may_stay(session, theirs, mine):
            return
        if lost := [item.id for item in theirs.items if str(item.id) not in orders]:
            raise BrokenLawError(1, f"{name}: items {lost} were bought after it was cancelled here")
        raise BrokenLawError(2, f"{name} is cancelled here, and the channel was not told")
    if mine.state is OrderState.cancelled:
        raise BrokenLawError(2, f"{name} is cancelled here and not there")
    is_shrunk = any(item.id in side.shrunk_here for item in theirs.items)
    if not (is_shrunk and _is_parked(session, mine)):
        _check_content(session, name, theirs, mine, orders)
    _check_times(name, theirs, mine)
    if theirs.already_paid != mine.paid_amount:
        raise BrokenLawError(2, f"{name}: paid {theirs.already_paid} there and {mine.paid_amount} here")


def _is_cancelled_by_cycle(session: Session, mine: Order) -> bool:
    """Return whether an order was cancelled because it was not paid."""
    return mine.state is OrderState.cancelled and any(
        (event.kind, event.actor) == ("cancelled", Actor.cycle) for event in events_of(session, mine.row_id)
    )


def _may_stay(session: Session, theirs: TheirOrder, mine: Order) -> bool:
    """Return whether an order cancelled here may stay open there, because a person was asked to decide.

    It has other goods there than were cancelled, or some have shipped.
    """
    lines = lines_of(session, [mine.row_id]).get(mine.row_id, [])
    known = {line.external_id: line.quantity for line in lines}
    changed = any(item.quantity > known.get(str(item.id), 0) for item in theirs.items)
    left = theirs.delivery_date is not None or any(line.shipped for line in lines)
    return (changed or left) and _is_parked(session, mine)


def _is_parked(session: Session, mine: Order) -> bool:
    """Return whether it was reported to a person that the channel refuses a cancellation."""
    query = select(Outbound.id).where(
        Outbound.account_id == mine.account_id,
        Outbound.kind == OutboundKind.cancellation,
        Outbound.key == str(mine.id),
        Outbound.state == OutboundState.parked,
    )
    return session.exec(query).first() is not None


def _check_content(
    session: Session, name: str, theirs: TheirOrder, mine: Order, orders: dict[str, Order]
) -> None:
    if mine.external_id != str(theirs.order_id):
        raise BrokenLawError(1, f"{name} is {mine.external_id} here")
    elsewhere = {item.id for item in theirs.items if orders.get(str(item.id), mine).id != mine.id}
    if elsewhere:
        raise BrokenLawError(1, f"{name}: items {elsewhere} are in another order here, and nothing holds it")
    if mine.total != theirs.full_amount:
        raise BrokenLawError(3, f"{name}: {theirs.full_amount} there and {mine.total} here")
    told = {str(item.id): (item.quantity, item.price) for item in theirs.items}
    lines = lines_of(session, [mine.row_id]).get(mine.row_id, [])
    kept = {line.external_id: (line.quantity - line.cancelled, line.price) for line in lines}
    if {key: value for key, value in kept.items() if value[0]} != told:
        raise BrokenLawError(1, f"{name}: lines {told} there and {kept} here")
    streets = session.exec(select(OrderAddress.street).where(OrderAddress.order_id == mine.id)).all()
    if mine.state not in FIXED and theirs.billing.street not in streets:
        raise BrokenLawError(1, f"{name} has another address here")


def _check_nothing_invented(session: Session, side: Side, account_id: int, number: int) -> None:
    there = {str(item.id) for order in side.state.orders.values() for item in order.items}
    here = session.exec(select(OrderLine.external_id).where(OrderLine.account_id == account_id)).all()
    if invented := set(here) - there:
        raise BrokenLawError(1, f"items {sorted(invented)} of account {number} were never sold")


# --- law 2: what must be published -----------------------------------------------------------------


def _check_told(session: Session, side: Side, account_id: int) -> None:
    """Compare our shipments, payments and sellable stock with the channel's."""
    by_item = {item.id: order for order in side.state.orders.values() for item in order.items}
    # A person was shown that parts of them are in orders that cannot follow, e.g. a shipped one.
    held = [
        order
        for order in side.state.orders.values()
        if side.hides(order) or _is_held(session, account_id, order)
    ]
    for key, numbers in side.shipped.items():
        theirs = by_item[key]
        if theirs in held:
            continue
        known = {theirs.additional_info, *(label.label_number for label in theirs.parcel_labels)}
        if theirs.delivery_date is None or not set(numbers) <= known:
            raise BrokenLawError(2, f"parcels {numbers} left, order {theirs.order_id} there knows {known}")
    # Orders may have been merged or renumbered; their items identify what was shipped.
    for theirs in side.state.orders.values():
        left = {number for item in theirs.items for number in side.shipped.get(item.id, [])}
        told = {theirs.additional_info, *(label.label_number for label in theirs.parcel_labels)}
        if strange := [number for number in told - left if number.startswith(OUR_NUMBERS)]:
            raise BrokenLawError(2, f"order {theirs.order_id} there heard of the parcels {strange} of others")
    for key, amount in side.paid.items():
        theirs = by_item[key]
        if theirs.already_paid != amount and theirs not in held:
            raise BrokenLawError(
                2, f"{amount} came in, order {theirs.order_id} there has {theirs.already_paid}"
            )
    listings = session.exec(select(Listing).where(Listing.account_id == account_id)).all()
    articles = [row.article_id for row in listings if row.article_id is not None]
    sellable = sellable_for(session, account_id, articles)
    unseen = _taken_back_unseen(side)
    for listing in listings:
        if listing.article_id in sellable:
            number = int(listing.external_id)
            there, here = side.state.products[number].quantity, sellable[listing.article_id]
            if there != here and not here < there <= here + unseen[str(number)]:
                raise BrokenLawError(2, f"product {number}: {there} there, {here} to sell")
    excused = {order.row_id for order in _torn(session, side, account_id)}
    waiting = [
        (row.kind, row.state, row.error)
        for row in session.exec(
            select(Outbound).where(Outbound.account_id == account_id, Outbound.state != OutboundState.sent)
        )
        if not _is_excused(row, excused)
    ]
    if waiting:
        raise BrokenLawError(2, f"still waiting: {waiting}")
    if side.state.mails_to_buyers:
        raise BrokenLawError(2, "the channel mailed a buyer")


def _taken_back_unseen(side: Side) -> Counter[str]:
    """Return by product the stock that the channel took back with orders that it now hides."""
    units: Counter[str] = Counter()
    for order in side.state.orders.values():
        if side.hides(order):
            for item in order.items:
                units[str(item.product_id)] += item.quantity
    return units


def _is_excused(row: Outbound, torn: Collection[int]) -> bool:
    """Return whether an update may wait: a person was shown the obstacle, and that the update waits.

    Parked cancellations are checked order by order.
    """
    match row.kind:
        case OutboundKind.stock | OutboundKind.buyer_mail | OutboundKind.order_notice:
            return False
        case OutboundKind.cancellation:
            return row.state is OutboundState.parked
        case _:
            return row.state is OutboundState.parked and int(row.key) in torn


def _check_reconciled(session: Session, side: Side, account_id: int) -> None:
    """Check that the reconciliation found only what people were shown already, and what the channel hides."""
    hidden = {str(order.order_id) for order in side.state.orders.values() if side.hides(order)}
    known = {order.external_id for order in _torn(session, side, account_id)} | hidden
    told = session.exec(
        select(Difference.subject).where(
            Difference.account_id == account_id, Difference.kind == DifferenceKind.order_not_there
        )
    ).all()
    standing = select(Order.external_id).where(
        Order.account_id == account_id,
        col(Order.trial).is_(False),
        col(Order.external_id).in_(hidden),
        col(Order.state).in_([OrderState.open, OrderState.released]),
    )
    if silent := set(session.exec(standing)) - set(told):
        raise BrokenLawError(2, f"the channel shows {sorted(silent)} no more, and nobody was told")
    rows = session.exec(
        select(Difference).where(Difference.account_id == account_id, col(Difference.settled_at).is_(None))
    ).all()
    unseen = _taken_back_unseen(side)
    found = [
        (row.kind, row.subject, row.field, row.here, row.there)
        for row in rows
        if row.subject not in known and not (row.kind is DifferenceKind.stock and row.subject in unseen)
    ]
    if found:
        raise BrokenLawError(2, f"the reconciliation found {found}")


def _torn(session: Session, side: Side, account_id: int) -> Sequence[Order]:
    """Return our orders with items of a channel's order that is hidden, or held because of its items."""
    items = [
        str(item.id)
        for order in side.state.orders.values()
        if side.hides(order) or _is_held(session, account_id, order)
        for item in order.items
    ]
    return session.exec(
        select(Order)
        .join(OrderLine, col(OrderLine.order_id) == col(Order.id))
        .where(OrderLine.account_id == account_id, col(OrderLine.external_id).in_(items))
    ).all()


def _is_held(session: Session, account_id: int, theirs: TheirOrder) -> bool:
    ids = [str(item.id) for item in theirs.items]
    return bool(
        session.exec(
            select(Hold.id)
            .join(OrderLine, col(OrderLine.order_id) == col(Hold.order_id))
            .where(
                OrderLine.account_id == account_id,
                col(OrderLine.external_id).in_(ids),
                Hold.reason == HoldReason.changed_after_release,
                col(Hold.released_at).is_(None),
            )
        ).first()
    )


def _check_told_once(side: Side, overtaken: int) -> None:
    """Check that nothing was published twice in a row with the same content.

    `overtaken`: how many runs hung longer than their lease right before sending. Such a run sends again what
    another run has sent; nothing can prevent it, and the values are absolute.
    """
    last: dict[tuple[str, str], str] = {}
    doubled: list[list[str]] = []
    for received in side.simulator.writes:
        if received.body is None or not received.effects:
            continue
        twice: list[str] = []
        for element in received.body.iter("Order"):
            number = element.findtext("OrderID") or ""
            for part in ("PaymentInfo", "ShippingInfo"):
                content = _content(element.find(part))
                if content and part == "ShippingInfo":
                    # The tracking number of a parcel may come later than the parcel.
                    content += element.findtext("AdditionalInfo") or ""
                if content and last.get((number, part)) == content:
                    twice.append(f"order {number} was told the same {part} twice")
                if content:
                    last[number, part] = content
        for element in received.body.iter("OrderCancellation"):
            number = element.findtext("OrderId") or ""
            if (number, "cancelled") in last:
                twice.append(f"order {number} was cancelled there twice")
            last[number, "cancelled"] = ""
        doubled += [twice] if twice else []
    if len(doubled) > overtaken:
        raise BrokenLawError(2, "; ".join(each for twice in doubled for each in twice))


def _content(element: Element | None) -> str:
    return "" if element is None else "|".join(f"{one.tag}={one.text}" for one in element.iter())


# --- law 3 and 4: money and stock ------------------------------------------------------------------


def _check_totals(session: Session) -> None:
    orders = session.exec(
        select(Order).where(col(Order.trial).is_(False), col(Order.state).in_([OrderState.open, *FIXED]))
    ).all()
    ids = [order.row_id for order in orders]
    lines, holds = lines_of(session, ids), open_holds(session, ids)
    for order in orders:
        order_id = order.row_id
        told = sum(
            (line.price * (line.quantity - line.cancelled) for line in lines.get(order_id, [])), Decimal(0)
        )
        reasons = {hold.reason for hold in holds.get(order_id, [])} - {HoldReason.invoice_refused}
        if told + order.shipping_amount + order.fee_amount != order.total and not reasons:
            raise BrokenLawError(3, f"order {order.external_id} does not add up, and nothing holds it")


def _check_units(session: Session) -> None:
    """Compare lines, allocations, stock levels, the ledger and picked units."""
    try:
        check_laws(session)
    except AssertionError as error:
        raise BrokenLawError(4, f"the units do not agree: {error}") from None


def _check_stock(session: Session) -> None:
    connection = session.connection()
    for query, trouble in _STOCK_TROUBLE.items():
        rows = connection.execute(text(query)).all()
        if rows:
            raise BrokenLawError(4, f"{trouble}: {[tuple(row) for row in rows]}")


_STOCK_TROUBLE = {
    "SELECT id, on_hand, allocated FROM stock_level WHERE allocated < 0 OR allocated > on_hand": "levels",
    "SELECT s.id, s.on_hand, SUM(m.quantity) FROM stock_level s "
    "LEFT JOIN stock_movement m ON m.level_id = s.id "
    "GROUP BY s.id, s.on_hand HAVING COALESCE(SUM(m.quantity), 0) <> s.on_hand": "the ledger",
    "SELECT s.id, s.allocated, SUM(a.quantity) FROM stock_level s "
    "LEFT JOIN allocation a ON a.level_id = s.id "
    "GROUP BY s.id, s.allocated HAVING COALESCE(SUM(a.quantity), 0) <> s.allocated": "promises",
    "SELECT l.id FROM order_line l JOIN sales_order o ON o.id = l.order_id "
    "WHERE l.allocated > 0 AND (o.trial OR o.state IN ('cancelled', 'merged', 'shipped'))": "the dead",
    "SELECT l.id FROM order_line l JOIN allocation a ON a.order_line_id = l.id "
    "WHERE l.allocated = 0": "promised without a line",
}


def _check_on_hand(session: Session, world: World) -> None:
    """Compare stock on hand with the merchant's own notes of counts and shipments."""
    here = dict(
        session.exec(
            select(Article.sku, StockLevel.on_hand)
            .join(StockLevel, col(StockLevel.article_id) == col(Article.id))
            .join(Warehouse, col(Warehouse.id) == col(StockLevel.warehouse_id))
            .where(col(Article.sku).in_(SKUS), col(Warehouse.sellable).is_(True))
        ).all()
    )
    left_there = any(
        order.delivery_date is not None and not side.shipped.get(order.key)
        for side in world.sides
        for order in side.state.orders.values()
    )
    for sku, quantity in world.counted.items():
        # Shipments reported by the channel were taken out, too, as far as there was stock.
        if here[sku] > quantity or (here[sku] < quantity and not left_there):
            raise BrokenLawError(4, f"{here[sku]} of {sku} are here, {quantity} were counted less what left")


def _check_parcels(session: Session, world: World) -> None:
    """Check that every shipped parcel was booked, once for each order in it, and no other was."""
    booked = Counter(session.exec(select(Parcel.tracking_number)).all())
    ours = {number for number in booked if number.startswith(OUR_NUMBERS)}
    for number in sorted(ours | set(world.parcels)):
        if booked[number] != world.parcels[number]:
            raise BrokenLawError(
                4,
                f"parcel {number} is booked {booked[number]} times, and has {world.parcels[number]} orders",
            )


# --- law 6: bad records -----------------------------------------------------------------------------


def check_neighbours(side: Side, spoilt: Sequence[TheirOrder], checked: Counter[str]) -> None:
    """Check after a successful run: unreadable records are rejected, and all other orders are here.

    Raises: BrokenLawError.
    """
    with read_scope() as session:
        account_id = get_account(session, side.name).row_id
        aside = session.exec(
            select(RejectedRecord.external_id).where(
                RejectedRecord.account_id == account_id, col(RejectedRecord.settled_at).is_(None)
            )
        ).all()
        here = _by_line(session, account_id)
    numbers = {str(order.order_id) for order in spoilt}
    if lost := numbers - set(aside):
        raise BrokenLawError(6, f"orders {sorted(lost)} cannot be read and are not rejected")
    for order in side.state.orders.values():
        known = any(str(item.id) in here for item in order.items)
        shown = order.feedback_date is not None and not side.hides(order)
        if shown and not known and str(order.order_id) not in numbers:
            raise BrokenLawError(6, f"order {order.order_id} is kept away by {sorted(numbers)}")
    checked["6"] += 1


def _check_rejected(session: Session, account_id: int) -> None:
    """Check that no rejected record is open, because all records are valid by now."""
    rows = session.exec(
        select(RejectedRecord).where(
            RejectedRecord.account_id == account_id, col(RejectedRecord.settled_at).is_(None)
        )
    ).all()
    if rows:
        raise BrokenLawError(6, f"still rejected: {[(row.external_id, row.reason) for row in rows]}")


# --- law 7: times -----------------------------------------------------------------------------------


def _check_times(name: str, theirs: TheirOrder, mine: Order) -> None:
    wall = theirs.placed_at.astimezone(BERLIN)
    expected: Iterable[datetime] = (theirs.placed_at,)
    if wall.utcoffset() != wall.replace(fold=1 - wall.fold).utcoffset():
        expected = (theirs.placed_at, wall.replace(fold=0).astimezone(UTC))
    if mine.placed_at not in expected:
        raise BrokenLawError(7, f"{name} was placed at {theirs.placed_at} and here at {mine.placed_at}")


# --- law 8: issued documents -----------------------------------------------------------------------


def _check_papers(session: Session, world: World) -> None:
    """Check: no document changes or vanishes, numbers have no gaps, only shipped units are invoiced."""
    connection = session.connection()
    seen: dict[str, str] = {}
    for row in connection.execute(text("SELECT * FROM document")).mappings():
        content = row["content"] if isinstance(row["content"], dict) else json.loads(row["content"])
        told = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if hashlib.sha256(told.encode()).hexdigest() != row["sha256"]:
            raise BrokenLawError(8, f"document {row['label']} does not say what it said when it was issued")
        if (content["label"], Decimal(content["gross"]) * 10_000) != (row["label"], row["gross"]):
            raise BrokenLawError(8, f"document {row['label']} says {content['label']}, {content['gross']}")
        rest = {name: str(value) for name, value in row.items() if name != "content"}
        seen[f"document {row['id']}"] = f"{rest} {told}"
    for row in connection.execute(text("SELECT * FROM document_line")).mappings():
        seen[f"line {row['document_id']} {row['order_line_id']}"] = str(row["quantity"])
    for row in connection.execute(text("SELECT * FROM document_file")).mappings():
        seen[f"file {row['document_id']}"] = hashlib.sha256(row["pdf"]).hexdigest()
    for name, first in world.papers.items():
        if seen.get(name) != first:
            raise BrokenLawError(8, f"{name} was {first} and is {seen.get(name)}")
    world.papers.update(seen)
    numbers: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    for tenant, kind, year, number in connection.execute(
        text("SELECT tenant_id, kind, year, number FROM document ORDER BY number")
    ):
        numbers[tenant, kind, year].append(number)
    for series, given in numbers.items():
        if given != list(range(1, len(given) + 1)):
            raise BrokenLawError(8, f"the numbers of {series} have gaps: {given}")
    for query, trouble in _PAPER_TROUBLE.items():
        rows = connection.execute(text(query)).all()
        if rows:
            raise BrokenLawError(8, f"{trouble}: {[tuple(row) for row in rows]}")


_PAPER_TROUBLE = {
    "SELECT l.id, l.shipped, SUM(d.quantity) FROM document_line d "
    "JOIN order_line l ON l.id = d.order_line_id GROUP BY l.id, l.shipped "
    "HAVING SUM(d.quantity) > l.shipped OR SUM(d.quantity) < 0": "invoiced otherwise than shipped",
    "SELECT l.id, l.invoiced FROM order_line l WHERE l.invoiced <> "
    "COALESCE((SELECT SUM(d.quantity) FROM document_line d WHERE d.order_line_id = l.id), 0)": "counts",
    "SELECT c.label FROM document c LEFT JOIN document d ON d.id = c.corrects_id "
    "WHERE c.kind = 'credit_note' AND c.credits_id IS NULL "
    "AND (d.id IS NULL OR d.gross + c.gross <> 0)": "credit notes",
    "SELECT d.label FROM document d JOIN document c ON c.credits_id = d.id GROUP BY d.label, d.gross "
    "HAVING d.gross + SUM(c.gross) < 0": "more credited than invoiced",
    "SELECT label FROM document WHERE net + tax <> gross": "net and tax",
    "SELECT d.label FROM document d LEFT JOIN booking b ON b.document_id = d.id "
    "WHERE b.id IS NULL OR b.gross <> d.gross": "documents that the books lack",
    "SELECT p.id FROM payment p JOIN sales_order o ON o.id = p.order_id "
    "LEFT JOIN booking b ON b.payment_id = p.id "
    "WHERE NOT o.trial AND (b.id IS NULL OR b.gross <> p.amount)": "money that the books lack",
}


def _check_invoiced(session: Session, account_id: int) -> None:
    """Check that shipped units are invoiced once, unless a hold says that the amount owed is in question."""
    lines = session.execute(
        text(
            "SELECT l.order_id, l.external_id, l.shipped - l.returned AS kept, "
            "COALESCE((SELECT SUM(d.quantity) FROM document_line d WHERE d.order_line_id = l.id), 0) AS told "
            "FROM order_line l JOIN sales_order o ON o.id = l.order_id "
            "WHERE l.account_id = :account AND NOT o.trial ORDER BY l.id"
        ),
        {"account": account_id},
    ).all()
    holds = open_holds(session, [line.order_id for line in lines])
    sums = session.execute(
        text(
            "SELECT o.id, o.external_id, o.total - o.credited_amount, SUM(d.gross) FROM sales_order o "
            "JOIN document d ON d.order_id = o.id WHERE o.account_id = :account AND o.state = 'shipped' "
            "GROUP BY o.id, o.external_id, o.total, o.credited_amount"
        ),
        {"account": account_id},
    )
    kept = {line.order_id for line in lines if line.kept}
    for order_id, name, total, gross in sums:
        if not gross and order_id not in kept:
            # Everything came back before it was invoiced again: shipping costs alone get no invoice.
            continue
        reasons = {hold.reason for hold in holds.get(order_id, [])}
        if gross != total and not reasons & _IN_QUESTION:
            raise BrokenLawError(8, f"order {name} comes to {total} ten-thousandths, its papers to {gross}")
    for line in lines:
        reasons = {hold.reason for hold in holds.get(line.order_id, [])}
        if line.told != line.kept and not reasons & _IN_QUESTION:
            raise BrokenLawError(
                8, f"item {line.external_id}: {line.kept} were kept, {line.told} are invoiced; {reasons}"
            )


_IN_QUESTION = {
    HoldReason.total_mismatch,
    HoldReason.changed_after_release,
    HoldReason.cancelled_after_release,
}


def _check_files(session: Session) -> None:
    """Check that each document was drawn and its PDF can be read."""
    rows = session.execute(
        text(
            "SELECT d.label, d.gross, f.pdf FROM document d "
            "LEFT JOIN document_file f ON f.document_id = d.id ORDER BY d.id"
        )
    )
    for label, gross, pdf in rows:
        if pdf is None:
            raise BrokenLawError(8, f"document {label} was never drawn")
        words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(pdf))).pages)
        amount = f"{Decimal(gross) / 10_000:,.2f}".translate(str.maketrans(",.", ".,"))
        if label not in words or amount not in words:
            raise BrokenLawError(8, f"the paper of {label} does not show its number and {amount}: {words}")


# --- law 9 and 10: secrecy and visible ends ----------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    name: str
    texts: list[str]


def _check_secrecy(world: World) -> None:
    secrets = {
        secret
        for side in world.sides
        for secret in (side.simulator.switches.partner_token, side.simulator.switches.account_token)
    }
    new_mails = world.smtp.messages[world.mails_seen :]
    world.mails_seen += len(new_mails)
    with read_scope() as session:
        places = [
            _Place("a log", world.listener.take()),
            _Place("a run's end", world.seen_states),
            _Place("a run", [row.error for row in session.exec(select(Run))]),
            _Place("an incident", [row.error for row in session.exec(select(Incident))]),
            _Place("an outbound row", [row.error for row in session.exec(select(Outbound))]),
            _Place("a call", [f"{row.call} {row.ending}" for row in session.exec(select(Call))]),
            _Place("a reason", [row.reason for row in session.exec(select(RejectedRecord))]),
            _Place("a mail", [mail.as_string() for mail in new_mails if OPERATOR in str(mail["To"])]),
        ]
    if world.new_runs:
        places.append(_Place("Prefect's server", told_to_server(world.new_runs).splitlines()))
        world.new_runs.clear()
    words = (*BUYER_WORDS, *secrets)
    for place in places:
        for line in place.texts:
            for word in words:
                if word in line:
                    raise BrokenLawError(9, f"{place.name} holds {word!r}: {line[:300]}")
    # The second folder is the server's, and that of runs in processes of their own.
    for home in (world.folder / PREFECT, Path(os.environ["PREFECT_HOME"])):
        if found := find_words(home, words):
            raise BrokenLawError(9, f"Prefect's files hold {found}")


def _check_mailed(session: Session, world: World, account_ids: Sequence[int]) -> None:
    """Check that each event was mailed once: parcels of valid orders, and the mails that were written.

    For a parcel with several orders, each buyer is mailed. A tracking number that came later is in no mail.
    """
    to_buyers = [message for message in world.smtp.messages if OPERATOR not in str(message["To"])]
    box = Counter(str(message["Message-ID"]) for message in to_buyers)
    again = sum(times - 1 for times in box.values())
    if again > world.struck_mailing:
        raise BrokenLawError(2, f"{again} mails to buyers came again, {world.struck_mailing} runs struck")
    texts = {str(message["Message-ID"]): str(message.get_body(("plain",))) for message in to_buyers}
    rows = session.exec(
        select(Parcel.tracking_number, Order)
        .join(Shipment, col(Shipment.id) == col(Parcel.shipment_id))
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .where(
            col(Order.account_id).in_(account_ids),
            Shipment.told_by == Teller.warenfluss,
            Parcel.tracking_number != "",
        )
    ).all()
    orders: dict[str, list[Order]] = defaultdict(list)
    for number, order in rows:
        orders[number].append(order)
    for number, mates in orders.items():
        told = [message_id for message_id, words in texts.items() if number in words]
        stands = [order for order in mates if order.state in (OrderState.open, *FIXED)]
        if len(told) > len(mates) or (len(told) < len(stands) and number not in world.late_numbers):
            raise BrokenLawError(2, f"of parcel {number} buyers were mailed {len(told)} times")
    for mail in session.exec(select(Mail).where(col(Mail.order_id).is_not(None))):
        if mail.message_id not in box:
            raise BrokenLawError(2, f"the mail {mail.key} never came to its buyer")


def is_trying() -> bool:
    """Return whether an update still has attempts left before a person is informed."""
    settled = (OutboundState.sent, OutboundState.parked)
    query = select(Outbound.id).where(col(Outbound.state).not_in(settled), Outbound.attempts > 0)
    with read_scope() as session:
        return session.exec(query).first() is not None


def check_parked() -> None:
    """Check after a run of the watcher: every update that no cycle tries any more was reported.

    Raises: BrokenLawError.
    """
    with read_scope() as session:
        silent = session.exec(
            select(Outbound.kind, Outbound.key).where(
                Outbound.state == OutboundState.parked, col(Outbound.reported_at).is_(None)
            )
        ).all()
    if silent:
        raise BrokenLawError(10, f"{silent} are parked, and nobody was told")


def _check_runs(session: Session, world: World) -> None:
    """Check that every run has ended, and each failure was reported by mail."""
    runs = session.exec(select(Run)).all()
    open_runs = [row.id for row in runs if row.state is RunState.running]
    if open_runs:
        raise BrokenLawError(10, f"runs {open_runs} never ended")
    bad = {row.row_id for row in runs if row.state in (RunState.failed, RunState.vanished)}
    noted = {row.run_id: row for row in session.exec(select(Incident))}
    if silent := bad - set(noted):
        raise BrokenLawError(10, f"of the runs {sorted(silent)} nobody was told")
    accounts = {row.row_id: row.name for row in session.exec(select(Account))}
    mails = [str(message.get_body(("plain",))) for message in world.smtp.messages]
    for row in runs:
        if row.row_id in bad and not row.test:
            words = (accounts[row.account_id], str(row.cycle))
            if not any(all(word in mail for word in words) for mail in mails):
                raise BrokenLawError(10, f"no mail tells of {words[1]} of {words[0]}")
    box = Counter(str(message["Message-ID"]) for message in world.smtp.messages)
    for mail in session.exec(select(Mail)):
        if mail.message_id not in box:
            raise BrokenLawError(10, f"the mail {mail.key!r} never arrived")
