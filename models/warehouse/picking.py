"""Picking: which orders are put on a list, and their results at its end.

A list has released orders that no hold blocks, with their allocated units. An order that is cancelled, held
or shipped in the meantime is stopped on the list: orders are checked again before a unit counts
(`models.warehouse.scanning`), and when the list ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, exists, func, or_, update
from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_rows
from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.errors import RuleError
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.order import UNITS_TO_SHIP, Order, OrderLine, OrderState
from models.orders.queries import consolidated_orders, order_numbers
from models.tenants.locks import lock_tenants
from models.warehouse.levels import Allocation
from models.warehouse.pick_items import (
    PutBack,
    add_items,
    get_list,
    lock_open,
    orders_on,
    pick_event,
    units_to_put_back,
)
from models.warehouse.pick_lists import (
    PICKABLE_HOLDS,
    PickItem,
    PickList,
    PickListState,
    PickMode,
    PickOrder,
    PickOutcome,
    PickScan,
    units_to_pick,
)
from models.warehouse.stops import find_stops, stop_orders

MOST_ORDERS = 1000
"""Maximum number of orders on one list."""


@dataclass(frozen=True)
class StoppedOrder:
    """An order that must not be packed, and why, e.g. "is cancelled"."""

    order: str
    reason: str


@dataclass
class CloseResult:
    """The results for the orders of a list, by order number."""

    ready: list[str] = field(default_factory=list)
    partly: list[str] = field(default_factory=list)
    unpicked: list[str] = field(default_factory=list)
    stopped: list[StoppedOrder] = field(default_factory=list)
    put_back: list[PutBack] = field(default_factory=list)


def list_waiting(
    session: Session, tenant_id: int, limit: int, order_ids: Sequence[int] | None = None
) -> list[int]:
    """Return ids of orders to pick that are on no open list: express orders first, then the oldest.

    With `order_ids`, only these orders are considered.
    """
    blocked = exists().where(
        col(Hold.order_id) == col(Order.id),
        col(Hold.released_at).is_(None),
        col(Hold.reason).not_in(PICKABLE_HOLDS),
    )
    listed = exists().where(col(PickOrder.order_id) == col(Order.id), col(PickOrder.outcome).is_(None))
    has_units_to_pick = exists().where(
        col(OrderLine.order_id) == col(Order.id),
        col(Allocation.order_line_id) == col(OrderLine.id),
        col(Allocation.quantity) > col(Allocation.picked),
        or_(col(OrderLine.kept_back) == 0, col(OrderLine.picked) < UNITS_TO_SHIP),
    )
    query = (
        select(Order.id)
        .where(
            Order.tenant_id == tenant_id,
            Order.state == OrderState.released,
            col(Order.trial).is_(False),
            ~blocked,
            ~listed,
            has_units_to_pick,
        )
        .order_by(col(Order.express).desc(), col(Order.placed_at), col(Order.id))
        .limit(limit)
    )
    if order_ids is not None:
        query = query.where(among(col(Order.id), order_ids))
    return [need_id(order_id) for order_id in session.exec(query)]


def _with_consolidated(session: Session, tenant_id: int, order_ids: Sequence[int]) -> dict[int, int]:
    """Return {order id: box}: each order, then the rest of its consolidation group that can be picked.

    Orders of a group have the same box: the group's id, or the order's own id without a group.
    """
    groups = consolidated_orders(session, order_ids)
    group_of = {order.row_id: group_id for group_id, group in groups.items() for order in group}
    others = sorted(set(group_of) - set(order_ids))
    waiting = {*order_ids, *(list_waiting(session, tenant_id, len(others), others) if others else ())}
    boxes: dict[int, int] = {}
    for order_id in order_ids:
        group = groups.get(group_of.get(order_id, 0), ())
        for each in (order_id, *(order.row_id for order in group)):
            if each in waiting:
                boxes.setdefault(each, group_of.get(each, each))
    return boxes


def start_next_list(session: Session, tenant_id: int, mode: PickMode, count: int) -> PickList:
    """Make a list of the next orders, at most `count`. Takes the tenant's lock.

    Raises: RuleError, if no order waits.
    """
    lock_tenants(session, [tenant_id])
    if not 1 <= count <= MOST_ORDERS:
        raise RuleError(f"A list has 1 to {MOST_ORDERS} orders.")
    order_ids = list_waiting(session, tenant_id, 1 if mode is PickMode.single else count)
    if not order_ids:
        raise RuleError(
            "No order waits to be picked: none is released, has stock, is not held and is on no list yet."
        )
    return _insert_list(session, tenant_id, mode, order_ids)


def create_list(session: Session, tenant_id: int, mode: PickMode, order_ids: Sequence[int]) -> PickList:
    """Make a list of these orders and their consolidation groups; the first order gets picked units first.

    Takes the tenant's lock.
    Raises: RuleError, naming the first order that cannot be picked now, and why; then nothing is changed.
    """
    lock_tenants(session, [tenant_id])
    wanted = list(dict.fromkeys(order_ids))
    if not 1 <= len(wanted) <= (1 if mode is PickMode.single else MOST_ORDERS):
        raise RuleError(f"A list has 1 to {MOST_ORDERS} orders, in mode single only one.")
    for order_id in wanted:
        _check_may_be_picked(session, tenant_id, order_id)
    return _insert_list(session, tenant_id, mode, wanted)


def _check_may_be_picked(session: Session, tenant_id: int, order_id: int) -> None:
    order = session.get_one(Order, order_id, populate_existing=True)
    if order.tenant_id != tenant_id:
        raise RuleError(f"Order {order.external_id} belongs to another tenant.")
    reason = "is a test order" if order.trial else find_stops(session, [order_id]).get(order_id)
    if reason:
        raise RuleError(f"Order {order.external_id} {reason} and cannot be picked.")
    listed = session.exec(
        select(PickOrder.pick_list_id).where(PickOrder.order_id == order_id, col(PickOrder.outcome).is_(None))
    ).first()
    if listed is not None:
        raise RuleError(f"Order {order.external_id} is on pick list {listed} already.")
    if not units_to_pick(session, [order_id]):
        raise RuleError(f"Order {order.external_id} has nothing left to pick.")


def _insert_list(session: Session, tenant_id: int, mode: PickMode, order_ids: Sequence[int]) -> PickList:
    pick_list = PickList(tenant_id=tenant_id, mode=mode)
    session.add(pick_list)
    session.flush()
    list_id = pick_list.row_id
    boxes = _with_consolidated(session, tenant_id, order_ids)
    number_of = {box: number for number, box in enumerate(dict.fromkeys(boxes.values()), start=1)}
    insert_rows(
        session,
        PickOrder,
        [
            {
                "pick_list_id": list_id,
                "order_id": order_id,
                "rank": rank,
                "box": number_of[box] if mode is PickMode.boxes else 0,
            }
            for rank, (order_id, box) in enumerate(boxes.items(), start=1)
        ],
    )
    add_items(session, list_id, list(boxes))
    return pick_list


def close_list(session: Session, list_id: int, *, unfinished: bool = False) -> CloseResult:
    """Close a list after a last check of its orders; picked units are ready to ship.

    If `unfinished` is true, units that are not picked are left for a later list.
    Raises: RuleError, if the list has ended, or if units are left to pick and it is not closed as unfinished;
    then nothing is changed.
    """
    pick_list = lock_open(session, list_id)
    rows = orders_on(session, list_id)
    stops = find_stops(session, [row.order_id for row in rows])
    units = _units_by_order(session, list_id)
    to_pick = sum(asked - picked for order_id, (asked, picked) in units.items() if order_id not in stops)
    if to_pick and not unfinished:
        raise RuleError(
            f"{to_pick} units of pick list {list_id} are not picked yet: scan them, report them as short, or "
            "close it as unfinished."
        )
    stop_orders(session, list_id, rows, stops)
    session.execute(
        update(PickItem)
        .where(col(PickItem.pick_list_id) == list_id, col(PickItem.picked) < col(PickItem.quantity))
        .values(quantity=PickItem.picked)
        .execution_options(synchronize_session=False)
    )
    remaining = [row for row in rows if row.order_id not in stops]
    complete = _completely_picked(session, [row.order_id for row in remaining])
    for row in remaining:
        _asked, picked = units.get(row.order_id, (0, 0))
        row.outcome = PickOutcome.unpicked
        if picked:
            row.outcome = PickOutcome.ready if row.order_id in complete else PickOutcome.partly
        row.noted_at = None
        session.add(row)
    session.flush()
    insert_rows(
        session,
        OrderEvent,
        [pick_event(row.order_id, "picked", {"list": list_id, "outcome": row.outcome}) for row in remaining],
    )
    _end(session, pick_list, PickListState.closed)
    return _summary(session, pick_list)


def cancel_list(session: Session, list_id: int) -> CloseResult:
    """Cancel a list: its picked units are put back, and its orders can get on other lists.

    Raises: RuleError, if it has ended.
    """
    pick_list = lock_open(session, list_id)
    rows = orders_on(session, list_id)
    stops = find_stops(session, [row.order_id for row in rows])
    reasons = {row.order_id: stops.get(row.order_id, "was on a list that was cancelled") for row in rows}
    stop_orders(session, list_id, rows, reasons)
    _end(session, pick_list, PickListState.cancelled)
    return _summary(session, pick_list)


def list_result(session: Session, list_id: int) -> CloseResult:
    """Return the results of a list; for an open one, the stopped orders and the units to put back so far.

    Nothing is changed.
    """
    pick_list = get_list(session, list_id)
    result = _summary(session, pick_list)
    if pick_list.state is PickListState.open:
        rows = orders_on(session, list_id)
        stops = find_stops(session, [row.order_id for row in rows])
        numbers = order_numbers(session, list(stops))
        result.stopped += [StoppedOrder(numbers[order_id], reason) for order_id, reason in stops.items()]
        for goods in units_to_put_back(session, list_id, stops, PickItem.picked).values():
            result.put_back += goods
    return result


def _units_by_order(session: Session, list_id: int) -> dict[int, tuple[int, int]]:
    """Return {order id: (units that the list asks for, picked units)}."""
    rows = session.execute(
        select(col(PickItem.order_id), func.sum(PickItem.quantity), func.sum(PickItem.picked))
        .where(col(PickItem.pick_list_id) == list_id)
        .group_by(col(PickItem.order_id))
    )
    return {order_id: (int(asked), int(picked)) for order_id, asked, picked in rows}


def _completely_picked(session: Session, order_ids: Sequence[int]) -> set[int]:
    """Return the orders for which every unit of the next shipment is picked."""
    lacking: set[int] = set()
    for batch in in_batches(order_ids):
        lacking.update(
            session.exec(
                select(OrderLine.order_id).where(
                    among(col(OrderLine.order_id), batch), col(OrderLine.picked) < UNITS_TO_SHIP
                )
            )
        )
    return set(order_ids) - lacking


def _end(session: Session, pick_list: PickList, state: PickListState) -> None:
    pick_list.state, pick_list.ended_at = state, utc_now()
    session.add(pick_list)
    session.execute(delete(PickScan).where(col(PickScan.pick_list_id) == pick_list.id))
    session.flush()


def _summary(session: Session, pick_list: PickList) -> CloseResult:
    rows = session.exec(
        select(PickOrder)
        .where(PickOrder.pick_list_id == pick_list.id)
        .order_by(col(PickOrder.rank))
        .execution_options(populate_existing=True)
    ).all()
    numbers = order_numbers(session, [row.order_id for row in rows])
    result = CloseResult()
    for row in rows:
        if row.outcome is PickOutcome.stopped:
            result.stopped.append(StoppedOrder(numbers[row.order_id], row.reason))
        elif row.outcome is not None:
            getattr(result, row.outcome).append(numbers[row.order_id])
    put_back = units_to_put_back(session, pick_list.row_id, numbers, PickItem.put_back)
    result.put_back = [each for goods in put_back.values() for each in goods]
    return result
