"""Orders that are stopped on their pick list: cancelled, held or shipped in the meantime."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from models.database.bulk import insert_rows
from models.database.conditions import among, in_batches
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.order import Order, OrderState
from models.orders.queries import order_numbers
from models.warehouse.pick_items import Taken, count_units, pick_event, units_to_put_back
from models.warehouse.pick_lists import PICKABLE_HOLDS, PickItem, PickOrder, PickOutcome


def find_stops(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """Return {order id: reason} of the orders that must not be packed; a reason is e.g. "is cancelled"."""
    reasons: dict[int, str] = {}
    for batch in in_batches(order_ids):
        held: dict[int, set[str]] = defaultdict(set)
        # States and holds in one query, because every scan needs both.
        for order_id, state, hold in session.execute(
            select(col(Order.id), col(Order.state), col(Hold.reason))
            .outerjoin(
                Hold,
                and_(
                    col(Hold.order_id) == col(Order.id),
                    col(Hold.released_at).is_(None),
                    col(Hold.reason).not_in(PICKABLE_HOLDS),
                ),
            )
            .where(
                among(col(Order.id), batch),
                or_(col(Order.state) != OrderState.released, col(Hold.id).is_not(None)),
            )
        ):
            if state is not OrderState.released:
                reasons[order_id] = f"is {state}"
            else:
                held[order_id].add(hold)
        for order_id, names in held.items():
            reasons[order_id] = f"is held ({', '.join(sorted(names))})"
    return reasons


def stop_orders(
    session: Session,
    list_id: int,
    noted: Sequence[PickOrder],
    stops: Mapping[int, str],
    *,
    brief: bool = False,
) -> list[str]:
    """Stop orders on a list; return a sentence about each order that was noted or stopped.

    If `brief` is true, changed orders with nothing to put back are left out.
    """
    by_id = {row.order_id: row for row in noted}
    for order_id in stops:
        if order_id not in by_id:
            by_id[order_id] = session.get_one(PickOrder, (list_id, order_id), populate_existing=True)
    if not by_id:
        return []
    numbers = order_numbers(session, list(by_id))
    stopping = [row for row in by_id.values() if row.order_id in stops and row.outcome is None]
    _stop(session, list_id, stopping, stops)
    back = units_to_put_back(session, list_id, by_id, PickItem.put_back)
    notices = []
    for order_id, row in sorted(by_id.items()):
        goods = ", ".join(f"{each.quantity} × {each.sku}" for each in back.get(order_id, ()))
        where = f" from box {row.box}" if row.box else ""
        if order_id in stops:
            notices.append(
                f"Order {numbers[order_id]} {stops[order_id]}: "
                + (f"put back {goods}{where}." if goods else "its units are no longer needed.")
            )
        elif goods:
            notices.append(f"Order {numbers[order_id]} needs less: put back {goods}{where} in all.")
        elif row.noted_at is not None and not brief:
            notices.append(f"Order {numbers[order_id]} was changed; go on with it.")
        row.noted_at = None
        session.add(row)
    session.flush()
    return notices


def _stop(session: Session, list_id: int, rows: Sequence[PickOrder], stops: Mapping[int, str]) -> None:
    """Stop these orders on a list; units picked for them there have to be put back."""
    ids = [row.order_id for row in rows]
    items = [
        item
        for batch in in_batches(ids)
        for item in session.exec(
            select(PickItem)
            .where(PickItem.pick_list_id == list_id, among(col(PickItem.order_id), batch))
            .execution_options(populate_existing=True)
        )
    ]
    taken = {item.row_id: item.picked for item in items}
    count_units(
        session,
        [
            Taken(item.row_id, item.order_line_id, item.level_id, -item.picked)
            for item in items
            if item.picked
        ],
    )
    for item in items:
        item.put_back += taken[item.row_id]
        item.quantity = 0
        session.add(item)
    for row in rows:
        row.outcome, row.reason = PickOutcome.stopped, stops[row.order_id]
        session.add(row)
    session.flush()
    insert_rows(
        session,
        OrderEvent,
        [
            pick_event(row.order_id, "picking_stopped", {"list": list_id, "reason": row.reason})
            for row in rows
        ],
    )


def find_noted(session: Session, list_id: int) -> tuple[list[PickOrder], dict[int, str]]:
    """Return the noted orders of a list, and {order id: reason} of those that must stop."""
    rows = session.exec(
        select(PickOrder)
        .where(
            PickOrder.pick_list_id == list_id,
            col(PickOrder.noted_at).is_not(None),
            col(PickOrder.outcome).is_(None),
        )
        .execution_options(populate_existing=True)
    ).all()
    return list(rows), find_stops(session, [row.order_id for row in rows]) if rows else {}
