"""Splitting an order (Teilen): units of its lines are held back while the rest ships.

It stays one order with one number, one payment and one identity at its channel. Held-back units keep their
allocated stock, but appear on no pick list, packing slip or parcel until a person or their date releases
them.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlmodel import Session, col, select

from models.clock import today
from models.database.conditions import among
from models.errors import Action, Advice, RuleError
from models.orders.history import Actor, add_event
from models.orders.order import Order, OrderLine
from models.orders.queries import lines_of, lines_of_order, lock_order
from models.orders.states import TO_SHIP, state_name
from models.tenants.account import Account, options_as
from models.tenants.options import ChannelOptions, Release
from models.warehouse.pick_lists import flag_orders
from models.warehouse.shrinking import limit_picked


def split_order(session: Session, order: Order, units: Mapping[int, int], until: date | None = None) -> None:
    """Set the held-back units as {line id: units}, 0 for none; other lines are not changed.

    On the local day `until` a cycle releases them. Picked units beyond the next shipment are put back. Safe
    to repeat. Locks the order and its tenant.
    Raises: RuleError, if the order is not open or released or is consolidated, for an unknown line, more
    units than remain of it, or a day that is past or on which no cycle would release them.
    """
    lock_order(session, order)
    _check_may_split(session, order, until)
    lines = {line.row_id: line for line in lines_of_order(session, order)}
    changed: list[OrderLine] = []
    for line_id, count in units.items():
        line = lines.get(line_id)
        if line is None:
            raise RuleError(f"Order {order.external_id} has no line {line_id}.")
        if not 0 <= count <= line.remaining:
            raise RuleError(
                f"Line {line.external_id} of order {order.external_id}: {count} units cannot be held back, "
                f"{line.remaining} remain."
            )
        day = until if count else None
        if (line.kept_back, line.kept_until) != (count, day):
            line.kept_back, line.kept_until = count, day
            session.add(line)
            changed.append(line)
    if not changed:
        return
    picked = {line.external_id: line.picked for line in changed}
    limit_picked(session, changed)
    put_back = {
        line.external_id: surplus for line in changed if (surplus := picked[line.external_id] - line.picked)
    }
    detail: dict[str, object] = {"kept_back": {line.external_id: line.kept_back for line in changed}}
    if until:
        detail["until"] = until.isoformat()
    if put_back:
        detail["put_back"] = put_back
    add_event(session, order, "split", detail, actor=Actor.person)
    session.flush()
    flag_orders(session, [order.row_id])


def unsplit_order(session: Session, order: Order) -> None:
    """Release all held-back units of an order. Raises: RuleError, if there are none."""
    lock_order(session, order)
    held_back = [line for line in lines_of_order(session, order) if line.kept_back]
    if not held_back:
        raise RuleError(f"Order {order.external_id} has no units that are held back.")
    _release_held_back(session, order, held_back, Actor.person)


def list_due_splits(session: Session, account_id: int, limit: int) -> list[int]:
    """Return ids of an account's orders with held-back units whose date has come, ascending."""
    query = (
        select(OrderLine.order_id)
        .where(
            OrderLine.account_id == account_id,
            col(OrderLine.kept_back) > 0,
            col(OrderLine.kept_until) <= today(),
        )
        .distinct()
        .order_by(col(OrderLine.order_id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def release_due(session: Session, order_ids: Sequence[int]) -> None:
    """Release held-back units of these orders whose date has come; the caller holds the tenant's lock."""
    day = today()
    orders = session.exec(
        select(Order)
        .where(among(col(Order.id), order_ids))
        .order_by(col(Order.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    lines = lines_of(session, order_ids)
    for order in orders:
        due = [
            line
            for line in lines.get(order.row_id, [])
            if line.kept_until is not None and line.kept_until <= day
        ]
        if due:
            _release_held_back(session, order, due, Actor.cycle)


def _release_held_back(session: Session, order: Order, lines: list[OrderLine], actor: Actor) -> None:
    detail = {line.external_id: line.kept_back for line in lines}
    for line in lines:
        line.kept_back, line.kept_until = 0, None
        session.add(line)
    add_event(session, order, "unsplit", {"let_go": detail}, actor=actor)
    session.flush()
    flag_orders(session, [order.row_id])


def _check_may_split(session: Session, order: Order, until: date | None) -> None:
    if order.trial or order.state not in TO_SHIP:
        raise RuleError(f"Order {order.external_id} is {state_name(order)} and cannot be split.")
    if order.ships_with_id is not None:
        raise RuleError(
            f"Order {order.external_id} is consolidated, and consolidated orders ship whole.",
            Advice(Action.order_separate, order.external_id),
        )
    if until is None:
        return
    if until <= today():
        raise RuleError(f"{until} is not in the future; name a later day, or none.")
    account = session.get_one(Account, order.account_id)
    if options_as(account, ChannelOptions).release is not Release.automatic:
        raise RuleError(
            f"Orders of account {account.name!r} are released by hand, so no cycle releases this one on a "
            "day: split it without a day, and release it later.",
            Advice(Action.order_unsplit, order.external_id),
        )
