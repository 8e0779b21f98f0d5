"""Merged orders: a channel moves lines from one order to another, and so do we."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import update
from sqlmodel import Session, col, select

from models.database.conditions import among, in_batches
from models.fulfilment.holding import hold_order
from models.fulfilment.shipments import transfer_shipments
from models.mails.buyer_events import transfer_waiting_mails
from models.orders.history import Actor, add_event, edits_of
from models.orders.holds import Hold, HoldReason, close_holds, open_holds
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import lines_of, lines_of_order, lock_order, order_addresses
from models.orders.records import OrderData
from models.orders.states import ACTIVE, NOT_RELEASED, change_state
from models.payments.payment import Payment
from models.sync.outbound import transfer_unpublished


def owners_of_lines(
    session: Session, account_id: int, records: Iterable[OrderData], *, trial: bool
) -> dict[str, Order]:
    """Return {external id of the line: order that has the line now}.

    `trial`: only test orders are searched; otherwise, only the other orders.
    """
    line_ids = [line.external_id for data in records for line in data.lines]
    owners: dict[str, Order] = {}
    for batch in in_batches(line_ids):
        rows = session.execute(
            select(col(OrderLine.external_id), Order)
            .join(Order, col(Order.id) == col(OrderLine.order_id))
            .where(
                col(OrderLine.account_id) == account_id,
                among(col(OrderLine.external_id), batch),
                col(Order.trial).is_(trial),
            )
        )
        owners.update(rows.tuples().all())
    return owners


def foreign_owners(owners: Mapping[str, Order], data: OrderData) -> list[Order]:
    """Return the other orders that have lines of this record now, by id; `owners` is {line's id: order}."""
    found = {
        order.row_id: order
        for line in data.lines
        if (order := owners.get(line.external_id)) is not None and order.external_id != data.external_id
    }
    return [found[order_id] for order_id in sorted(found)]


def uncancelled_lines(session: Session, account_id: int, line_ids: Sequence[str]) -> set[str]:
    """Return the external ids of the lines that are not cancelled completely."""
    query = select(OrderLine.external_id).where(
        OrderLine.account_id == account_id,
        among(col(OrderLine.external_id), line_ids),
        col(OrderLine.quantity) > col(OrderLine.cancelled),
    )
    return set(session.exec(query).all())


class KnownOrders:
    """What is stored for the changed orders of a page, read at once and kept up to date."""

    def __init__(self, session: Session, owners: dict[str, Order], orders: Sequence[Order]) -> None:
        """`owners` is {external id of the line: order that has the line}."""
        self._session, self.owners = session, owners
        ids = [order.row_id for order in orders]
        self._lines = lines_of(session, ids)
        self.held = set(open_holds(session, ids))
        """Ids of orders with open holds; the others have no holds to release."""
        addresses = order_addresses(session, ids)
        self._addresses = {order_id: addresses.get(order_id, {}) for order_id in ids}
        self._edits = edits_of(session, ids)

    def lines(self, order: Order) -> list[OrderLine]:
        """Return an order's lines by position."""
        order_id = order.row_id
        if order_id not in self._lines:
            self._lines.update(lines_of(self._session, [order_id]))
        return self._lines.get(order_id, [])

    def addresses(self, order: Order) -> dict[AddressRole, OrderAddress]:
        """Return an order's addresses by role. A caller that changes this dict also saves the rows."""
        return self._addresses[order.row_id]

    def edits(self, order: Order) -> dict[str, str]:
        """Return {field: the channel's value when a person changed the field}."""
        return self._edits.get(order.row_id, {})

    def forget_lines(self, *orders: Order) -> None:
        """Read the lines of these orders again when they are next asked for."""
        for order in orders:
            self._lines.pop(order.row_id, None)


def transfer_lines(
    session: Session, account_id: int, order: Order, data: OrderData, known: KnownOrders
) -> dict[str, Order]:
    """Move lines that the channel now reports in this order from the orders that have them here.

    Holds, shipments, waiting updates and buyer mails move with the lines. An order without lines left is
    merged into this one.
    Returns: {external id of the line: order that keeps it} for lines that cannot move, because one of the two
    orders is released, shipped or cancelled.
    """
    blocked: dict[str, Order] = {}
    owners = known.owners
    for other in foreign_owners(owners, data):
        moving = [line.external_id for line in data.lines if owners.get(line.external_id) is other]
        known.held.update((order.row_id, other.row_id))
        lock_order(session, other)
        if order.state not in NOT_RELEASED or other.state not in (*NOT_RELEASED, OrderState.merged):
            blocked.update(dict.fromkeys(moving, other))
            if other.state in ACTIVE:
                detail = {"lines": moving, "now_in": order.external_id}
                hold_order(session, other, HoldReason.changed_after_release, detail)
                # Without a hash, the next record is not taken for unchanged, so the hold can end.
                other.content_hash = ""
                session.add(other)
            continue
        session.flush()
        # Consolidated orders ship whole: nothing is held back.
        whole = {"kept_back": 0, "kept_until": None} if order.ships_with_id is not None else {}
        session.execute(
            update(OrderLine)
            .where(
                col(OrderLine.account_id) == account_id,
                col(OrderLine.order_id) == other.id,
                among(col(OrderLine.external_id), moving),
            )
            .values(order_id=order.id, **whole)
        )
        moved_ids = select(OrderLine.id).where(
            col(OrderLine.order_id) == order.id, among(col(OrderLine.external_id), moving)
        )
        session.execute(update(Hold).where(col(Hold.order_line_id).in_(moved_ids)).values(order_id=order.id))
        transfer_shipments(session, other.row_id, order.row_id)
        transfer_unpublished(session, account_id, other.row_id, order.row_id)
        transfer_waiting_mails(session, account_id, other.row_id, order.row_id)
        session.expire_all()
        known.forget_lines(order, other)
        owners.update(dict.fromkeys(moving, order))
        rest = lines_of_order(session, other)
        if not any(line.quantity > line.cancelled for line in rest):
            _close_merged(session, other, order)
        add_event(
            session, order, "took_over", {"from": other.external_id, "lines": moving}, actor=Actor.channel
        )
    return blocked


def _close_merged(session: Session, other: Order, order: Order) -> None:
    """Mark an order as merged after its last line moved; its payments move too, as its shipments did."""
    session.execute(update(Payment).where(col(Payment.order_id) == other.id).values(order_id=order.id))
    for name in ("paid_amount", "refunded_amount", "authorised_amount"):
        setattr(order, name, getattr(order, name) + getattr(other, name))
        setattr(other, name, Decimal(0))
    close_holds(session, other, tuple(HoldReason))
    if other.state is not OrderState.merged:
        change_state(other, OrderState.merged, Actor.channel)
    other.merged_into_id = order.id
    session.add(other)
    session.add(order)
    add_event(session, other, "merged", {"into": order.external_id}, actor=Actor.channel)


def is_outdated(
    session: Session,
    order: Order,
    data: OrderData,
    owners: Mapping[str, Order],
    page: Mapping[str, OrderData],
) -> bool:
    """Return whether a merged order's record is outdated, e.g. from a page that was read before the merge.

    It is not outdated if the channel separated the order again: the order that has its lines now is reported
    without them on this `page`, or was earlier.
    """
    uncancelled = uncancelled_lines(session, order.account_id, [line.external_id for line in data.lines])
    for line in data.lines:
        owner = owners.get(line.external_id)
        if owner is None or owner.external_id == order.external_id or line.external_id not in uncancelled:
            return False
        reported = page.get(owner.external_id)
        if reported is not None and all(each.external_id != line.external_id for each in reported.lines):
            return False
    return True
