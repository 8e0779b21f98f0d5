"""Release (Freigabe): which orders may go to the warehouse, and that they go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlmodel import Session, col, select

from models.account import Account, AccountData, ChannelOptions, account_data
from models.among import among
from models.columns import need_id, utc_now
from models.errors import RuleError
from models.order import (
    NO_HINDRANCE,
    SHORTAGES,
    Actor,
    Hold,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    PaymentState,
    event_values,
    lines_of,
    lock_order,
    open_holds,
)
from models.order_checks import recheck
from models.order_states import move
from models.upsert import insert_rows

SETTLED = (PaymentState.paid, PaymentState.overpaid, PaymentState.authorised)


@dataclass
class Released:
    """What became of a page of open orders."""

    released: list[int] = field(default_factory=list)
    held: int = 0
    """They wait for a person, or for stock."""
    unpaid: int = 0


def list_open(session: Session, account_id: int, after: int, limit: int) -> list[int]:
    """Return ids above `after` of an account's open orders, ascending."""
    query = select(Order.id).where(
        Order.account_id == account_id,
        Order.state == OrderState.open,
        Order.id > after,  # type: ignore[operator]
        col(Order.trial).is_(False),
    )
    return [need_id(each) for each in session.exec(query.order_by(col(Order.id)).limit(limit))]


def release_ready(session: Session, account: AccountData, order_ids: Sequence[int]) -> Released:
    """Hand those of the orders to the warehouse that may go; the caller has the tenant's lock.

    Each is checked once more before: what was found meanwhile holds it.
    """
    orders = _lock_open(session, order_ids)
    recheck(session, account, [need_id(order.id) for order in orders])
    options = ChannelOptions.model_validate(account.settings)
    ids = [need_id(order.id) for order in orders]
    holds, lines = open_holds(session, ids), lines_of(session, ids)
    done = Released()
    events = []
    for order in orders:
        order_id = need_id(order.id)
        if hindrance(holds.get(order_id, ()), lines.get(order_id, ()), partly=options.partial_shipping):
            done.held += 1
        elif not may_leave_unpaid(order, options) and order.payment_state not in SETTLED:
            done.unpaid += 1
        else:
            move(order, OrderState.released, Actor.cycle)
            order.released_at = utc_now()
            session.add(order)
            done.released.append(order_id)
            events.append(event_values(order_id, "released", {}))
    session.flush()
    insert_rows(session, OrderEvent, events)
    return done


def release_order(session: Session, order: Order, *, partly: bool = False) -> None:
    """Hand an order to the warehouse because a person says so, paid or not.

    `partly` lets what is there leave before the rest.
    Raises: RuleError, if it is held, has nothing to send, is not open or a trial.
    """
    lock_order(session, order)
    if order.trial or order.state is not OrderState.open:
        raise RuleError(
            f"Order {order.external_id} is {'a trial' if order.trial else order.state}, not open."
        )
    order_id = need_id(order.id)
    recheck(session, account_data(session.get_one(Account, order.account_id)), [order_id])
    lines = lines_of(session, [order_id]).get(order_id, [])
    reasons = hindrance(open_holds(session, [order_id]).get(order_id, ()), lines, partly=partly)
    if reasons:
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")
    move(order, OrderState.released, Actor.person)
    order.released_at = utc_now()
    session.add(order)
    session.add(OrderEvent(order_id=order_id, actor=Actor.person, kind="released"))
    session.flush()


def hindrance(holds: Sequence[Hold], lines: Sequence[OrderLine], *, partly: bool) -> list[str]:
    """Return the reasons for which an order may not go to the warehouse, none if it may.

    What is short keeps back the whole order, or with `partly` itself alone.
    """
    reasons = {str(hold.reason) for hold in holds if hold.reason not in NO_HINDRANCE}
    if partly and reasons and reasons <= SHORTAGES and any(line.allocated for line in lines):
        return []
    return sorted(reasons)


def may_leave_unpaid(order: Order, options: ChannelOptions) -> bool:
    """Return whether an order's goods leave before the money is there."""
    return order.payment_kind in options.release_unpaid or order.total - order.credited_amount <= Decimal(0)


def _lock_open(session: Session, order_ids: Sequence[int]) -> list[Order]:
    return list(
        session.exec(
            select(Order)
            .where(
                among(col(Order.id), order_ids),
                Order.state == OrderState.open,
                col(Order.trial).is_(False),
            )
            .order_by(col(Order.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
    )
