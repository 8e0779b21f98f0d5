"""Apply the channel's changes to an order that is already stored.

A line keeps its row when the channel moves it to another order number: the channel merged or renumbered the
order, and nothing was bought again. A released order is held and never changed silently.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from models.clock import utc_now
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.shipments import ParcelData, Shipment
from models.intake.line_matching import Matcher, set_match
from models.intake.merges import KnownOrders, transfer_lines
from models.mails.buyer_events import queue_arrival_mails
from models.orders.amounts import total_difference, update_payment_state
from models.orders.history import Actor, add_event
from models.orders.holds import HoldReason, close_holds
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.records import AddressData, OrderData
from models.orders.row_values import ORDER_FIELDS, addresses_of, line_values, mapped_methods, order_values
from models.orders.states import ACTIVE, NOT_RELEASED, change_state
from models.payments.payment import apply_channel_total
from models.tenants.methods import Methods, payment_code
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, Side
from models.warehouse.allocation import allocate_freed
from models.warehouse.shrinking import limit_picked, release_allocation

HARMLESS_AFTER_RELEASE = frozenset(
    {"payment_method", "payment_method_name", "memo", "checkout_at", "alternative_number"}
)
"""Fields that affect neither what is packed, nor where it is shipped, nor what it costs."""
METHOD_FIELDS = frozenset({"payment_kind", "shipping_method_id"})
"""Edited fields that only map the channel's methods, and change nothing that the channel reported."""
ADDRESS_FIELDS = tuple(AddressData.model_fields)


@dataclass(frozen=True)
class PageContext:
    """What all changed orders of a page share."""

    account: AccountData
    options: ChannelOptions
    matcher: Matcher
    methods: Methods
    known: KnownOrders


def apply_changes(session: Session, page: PageContext, order: Order, data: OrderData) -> None:
    """Apply what changed at the channel; if the order must not change any more, hold it and show the change.

    An order must not change once it is released, or after a person changed it. The caller has locked the
    order and its tenant.
    """
    account, known = page.account, page.known
    if order.state is OrderState.merged:
        change_state(order, OrderState.open, Actor.channel)
        order.merged_into_id = order.anonymised_at = None
        add_event(session, order, "separated", actor=Actor.channel)
    blocked = transfer_lines(session, account.id, order, data, known)
    difference = _difference(order, data, blocked, known)
    edits = known.edits(order)
    fixed = order.state not in NOT_RELEASED or not METHOD_FIELDS.issuperset(edits)
    values = order_values(data)
    for name in (*HARMLESS_AFTER_RELEASE, "details") if fixed else values:
        setattr(order, name, values[name])
    if not fixed:
        _hold_or_settle(session, order, _lines_elsewhere(blocked), known)
        _apply_addresses(session, order, data, known)
        _apply_lines(session, order, data, page.matcher, blocked, known)
        _check_total(session, order, data, known)
    elif order.state is OrderState.cancelled:
        _hold_reordered(session, order, data, blocked, known)
    else:
        _hold_changes(session, order, difference, blocked, known)
    if order.state is OrderState.pending and data.checkout_at is not None:
        change_state(order, OrderState.open, Actor.channel)
        add_event(session, order, "checkout_done", actor=Actor.channel)
        queue_arrival_mails(session, account, {order.row_id: data.checkout_at})
    _apply_methods(order, data, page.methods, edits)
    order.content_hash, order.changed_at = values["content_hash"], utc_now()
    session.add(order)
    if difference and not fixed:
        add_event(session, order, "changed", {"changes": difference}, actor=Actor.channel)
    # The money for lines that could not move stays with the order that keeps them.
    owners = {owner.external_id: owner for owner in blocked.values()}
    kept = sum((owner.paid_amount for owner in owners.values()), Decimal(0))
    apply_channel_total(
        session,
        order,
        max(Decimal(0), data.paid_amount - kept),
        data.paid_at or utc_now(),
        handled_by=page.options.payments,
        method=data.payment_method,
    )
    _apply_end(session, order, data, known)


def _apply_methods(order: Order, data: OrderData, methods: Methods, edits: Mapping[str, str]) -> None:
    """Set the mapped methods; a person's choice stays as long as the channel reports the same method."""
    meaning = mapped_methods(data, methods)
    if edits.get("payment_kind") != payment_code(data):
        order.payment_kind = meaning["payment_kind"]
    if edits.get("shipping_method_id") != data.shipping_method and order.state in NOT_RELEASED:
        order.shipping_method_id, order.express = meaning["shipping_method_id"], meaning["express"]


def _settle(session: Session, order: Order, reason: HoldReason, known: KnownOrders) -> None:
    if order.id in known.held:
        close_holds(session, order, (reason,))


def _hold_or_settle(session: Session, order: Order, detail: Mapping[str, Any], known: KnownOrders) -> None:
    """Hold an order because it changed after its release; without a detail, release that hold."""
    if detail:
        hold_order(session, order, HoldReason.changed_after_release, dict(detail))
    else:
        _settle(session, order, HoldReason.changed_after_release, known)


def _hold_changes(
    session: Session,
    order: Order,
    difference: Mapping[str, list[str]],
    blocked: Mapping[str, Order],
    known: KnownOrders,
) -> None:
    """Hold an order if its goods, address or price changed after its release or after a person's edit.

    For a shipped order only goods and price count, because its addresses are anonymised after some time.
    Without such a change, the hold is released.
    """
    edits = known.edits(order)
    changes = {
        name: pair
        for name, pair in difference.items()
        if name not in HARMLESS_AFTER_RELEASE and edits.get(name) != pair[1]
    }
    if order.state is OrderState.shipped:
        changes = {
            name: pair for name, pair in changes.items() if name == "total" or name.startswith("line ")
        }
    detail = {**({"changes": changes} if changes else {}), **_lines_elsewhere(blocked)}
    _hold_or_settle(session, order, detail, known)


def _hold_reordered(
    session: Session, order: Order, data: OrderData, blocked: Collection[str], known: KnownOrders
) -> None:
    """Hold a cancelled order if the channel reports more units than it had: they would never be shipped."""
    had = {line.external_id: line.quantity for line in known.lines(order)}
    more = {
        f"line {line.external_id}": [_shown(had.get(line.external_id)), f"{line.quantity} × {line.price}"]
        for line in data.lines
        if line.external_id not in blocked and line.quantity > had.get(line.external_id, 0)
    }
    _hold_or_settle(session, order, {"changes": more} if more and not data.cancelled else {}, known)


def _lines_elsewhere(blocked: Mapping[str, Order]) -> dict[str, Any]:
    """Return the part of a hold's detail that names lines that could not move, and their orders."""
    if not blocked:
        return {}
    return {
        "lines": sorted(blocked),
        "were_in": ", ".join(sorted({owner.external_id for owner in blocked.values()})),
    }


def _apply_end(session: Session, order: Order, data: OrderData, known: KnownOrders) -> None:
    """Apply a cancellation or shipment by the channel."""
    if data.cancelled and order.state in NOT_RELEASED:
        cancel_order(session, order, actor=Actor.channel)
    elif data.cancelled and order.state is OrderState.released:
        hold_order(session, order, HoldReason.cancelled_after_release, {})
    else:
        _settle(session, order, HoldReason.cancelled_after_release, known)
    if data.cancelled or data.shipped_at is None or _is_shipped_from_here(session, order):
        # A channel with only one shipping date reports our first parcel as if the whole order was shipped.
        return
    if order.state in ACTIVE:
        record_shipment(
            session,
            order,
            data.carrier,
            [ParcelData(tracking_number=", ".join(data.tracking_numbers)[:80])],
            data.shipped_at,
            told_by=Side.channel,
        )
        close_holds(session, order, (HoldReason.stock_short,))


def _is_shipped_from_here(session: Session, order: Order) -> bool:
    query = select(Shipment.id).where(Shipment.order_id == order.id, Shipment.told_by == Side.warenfluss)
    return session.exec(query.limit(1)).first() is not None


def _difference(
    order: Order, data: OrderData, blocked: Mapping[str, Order], known: KnownOrders
) -> dict[str, list[str]]:
    """Return {field: [ours, theirs]} of what differs; it has personal data and stays in the database."""
    difference: dict[str, list[str]] = {}
    for name in ORDER_FIELDS:
        ours, theirs = getattr(order, name), getattr(data, name)
        if ours != theirs:
            difference[name] = [_shown(ours), _shown(theirs)]
    stored, reported = known.addresses(order), dict(addresses_of(data))
    for role in AddressRole:
        old, new = stored.get(role), reported.get(role)
        for name in ADDRESS_FIELDS:
            ours, theirs = getattr(old, name, ""), getattr(new, name, "")
            if ours != theirs:
                difference[f"{role}.{name}"] = [ours, theirs]
    return difference | line_difference(known.lines(order), data, blocked)


def line_difference(
    lines: Sequence[OrderLine], data: OrderData, blocked: Collection[str] = ()
) -> dict[str, list[str]]:
    """Return {"line ID": [ours, theirs]} of all lines that differ, except blocked ones."""
    difference: dict[str, list[str]] = {}
    ours_by_id = {line.external_id: line for line in lines}
    for line in data.lines:
        mine = ours_by_id.pop(line.external_id, None)
        if line.external_id in blocked:
            continue
        label = f"line {line.external_id}"
        if mine is None:
            difference[label] = ["", f"{line.quantity} × {line.price}"]
        elif (mine.quantity - mine.cancelled, mine.price) != (line.quantity, line.price):
            quantity = mine.quantity - mine.cancelled
            difference[label] = [f"{quantity} × {mine.price}", f"{line.quantity} × {line.price}"]
        elif mine.codes != line_values(line, 0)["codes"]:
            difference[label] = [_shown(mine.codes.get("sku", "")), line.sku]
    for external_id, mine in ours_by_id.items():
        if mine.quantity > mine.cancelled:
            difference[f"line {external_id}"] = [f"{mine.quantity} × {mine.price}", ""]
    return difference


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _apply_addresses(session: Session, order: Order, data: OrderData, known: KnownOrders) -> None:
    stored, reported = known.addresses(order), dict(addresses_of(data))
    for role in AddressRole:
        row, address = stored.get(role), reported.get(role)
        if address is None:
            if row is not None:
                session.delete(stored.pop(role))
            continue
        if row is None:
            row = stored[role] = OrderAddress(order_id=order.row_id, role=role)
        for name in ADDRESS_FIELDS:
            setattr(row, name, getattr(address, name))
        session.add(row)


def _apply_lines(
    session: Session,
    order: Order,
    data: OrderData,
    matcher: Matcher,
    blocked: Mapping[str, Order],
    known: KnownOrders,
) -> None:
    order_id = order.row_id
    ours = {line.external_id: line for line in known.lines(order)}
    reported = [line for line in data.lines if line.external_id not in blocked]
    for position, line in enumerate(reported):
        row = ours.pop(line.external_id, None)
        values = line_values(line, position)
        rematch = row is None or row.codes != values["codes"]
        if row is None:
            row = OrderLine(
                order_id=order_id,
                account_id=order.account_id,
                external_id=line.external_id,
                quantity=line.quantity,
                **values,
            )
        else:
            if row.allocated > line.quantity - row.shipped or rematch:
                # What still fits is allocated again at the end of the page, for all orders at once.
                release_allocation(session, [row.row_id])
                session.refresh(row)
            row.quantity, row.cancelled = max(line.quantity, row.shipped), 0
            row.limit_held_back()
            for name, value in values.items():
                setattr(row, name, value)
        session.add(row)
        if row.kept_back:
            limit_picked(session, [row])
        if rematch:
            session.flush()
            known.owners[line.external_id] = order
            known.held.add(order_id)
            matcher.add([line])
            set_match(session, order, row, matcher.match_of(line))
    _cancel_lines(session, order, ours.values(), known)


def _cancel_lines(session: Session, order: Order, lines: Iterable[OrderLine], known: KnownOrders) -> None:
    """Cancel lines that the channel does not report any more, and release their holds."""
    for line in lines:
        if line.quantity > line.cancelled:
            cancel_line(session, line)
            if order.id in known.held:
                close_holds(session, order, tuple(HoldReason), line.id)


def _check_total(session: Session, order: Order, data: OrderData, known: KnownOrders) -> None:
    difference = total_difference(data)
    if difference:
        hold_order(session, order, HoldReason.total_mismatch, {"difference": str(difference)}, field="total")
    else:
        _settle(session, order, HoldReason.total_mismatch, known)
    update_payment_state(order)


def cancel_line(session: Session, line: OrderLine) -> None:
    """Cancel a line's units that are not shipped, and allocate their stock to waiting orders."""
    free = release_allocation(session, [line.row_id])
    session.refresh(line)
    line.cancelled = line.quantity - line.shipped
    line.limit_held_back()
    session.add(line)
    session.flush()
    allocate_freed(session, free)
