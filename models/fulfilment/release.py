"""Release (Freigabe): decide which orders may go to the warehouse, and hand them over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_rows
from models.database.columns import need_id
from models.database.conditions import among
from models.errors import Action, Advice, RuleError
from models.fulfilment.consolidation import lock_groups
from models.orders.checks import recheck
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import NOT_BLOCKING, SHORTAGES, Hold, holds_of_order, open_holds
from models.orders.order import Customer, Order, OrderLine, OrderState, PaymentState
from models.orders.queries import lines_of, lines_of_order, lock_order
from models.orders.states import change_state, state_name
from models.tenants.account import Account, account_data, options_as
from models.tenants.options import ChannelOptions, Release
from models.tenants.records import AccountData, Mode

ALL_HELD_BACK = "kept_back"
"""The reason if all remaining units are held back. It is no hold, because a person decided it."""
SETTLED = (PaymentState.paid, PaymentState.overpaid, PaymentState.authorised)


@dataclass
class ReleaseResult:
    """The result for a page of open orders."""

    released: list[int] = field(default_factory=list)
    held: int = 0
    """Number of orders that wait for a person or for stock."""
    unpaid: int = 0


def list_open_orders(session: Session, account_id: int, after: int, limit: int) -> list[int]:
    """Return ids above `after` of an account's open orders, ascending."""
    query = select(Order.id).where(
        Order.account_id == account_id,
        Order.state == OrderState.open,
        Order.id > after,  # type: ignore[operator]
        col(Order.trial).is_(False),
    )
    return [need_id(each) for each in session.exec(query.order_by(col(Order.id)).limit(limit))]


def release_ready(session: Session, account: AccountData, order_ids: Sequence[int]) -> ReleaseResult:
    """Release every order that has no blocking hold, is paid (or may ship unpaid) and has stock.

    Each order is checked again first; new findings hold it. The orders of a consolidation group, also those
    of other accounts, are released together once each may ship whole. The caller holds the tenant's lock.
    """
    orders = _lock_open(session, order_ids)
    recheck(session, account, [order.row_id for order in orders])
    groups = lock_groups(session, orders)
    waiting = _wait_for_group(session, groups)
    options = options_as(account, ChannelOptions)
    in_parts = _may_ship_partly(session, orders, options)
    ids = [order.row_id for order in orders]
    holds, lines = open_holds(session, ids), lines_of(session, ids)
    done = ReleaseResult()
    chosen: dict[int, Order] = {}
    for order in orders:
        order_id = order.row_id
        if order_id in waiting or blocking_reasons(
            holds.get(order_id, ()), lines.get(order_id, ()), partly=order_id in in_parts
        ):
            done.held += 1
        elif not _needs_no_payment(order, options):
            done.unpaid += 1
        else:
            chosen[order_id] = order
    in_groups = [order for group in groups.values() for order in group if order.state is OrderState.open]
    chosen |= {order.row_id: order for order in in_groups if order.id not in waiting}
    done.released = sorted(chosen)
    now = utc_now()
    for order in chosen.values():
        change_state(order, OrderState.released, Actor.cycle)
        order.released_at = now
        session.add(order)
    session.flush()
    insert_rows(session, OrderEvent, [event_values(order_id, "released", {}) for order_id in done.released])
    return done


def _may_ship_partly(session: Session, orders: Sequence[Order], options: ChannelOptions) -> set[int]:
    """Return ids of orders that may ship available units before the missing ones.

    The order's own value decides; if it is None, the buyer's; if that is None too, the account's option.
    """
    buyers = {order.customer_id for order in orders if order.partial_shipping is None}
    by_buyer = dict(
        session.execute(
            select(col(Customer.id), col(Customer.partial_shipping)).where(
                among(col(Customer.id), buyers - {None}), col(Customer.partial_shipping).is_not(None)
            )
        )
        .tuples()
        .all()
    )
    allowed = set()
    for order in orders:
        allows = order.partial_shipping
        if allows is None:
            allows = by_buyer.get(order.customer_id or 0, options.partial_shipping)
        if allows:
            allowed.add(order.row_id)
    return allowed


def _wait_for_group(session: Session, groups: Mapping[int, Sequence[Order]]) -> set[int]:
    """Return ids of orders in a consolidation group with a member that may not be released yet."""
    waiting: set[int] = set()
    for group in groups.values():
        for order in group:
            if order.state is OrderState.open and not _may_release_whole(session, order):
                waiting |= {each.row_id for each in group}
    return waiting


def _may_release_whole(session: Session, order: Order) -> bool:
    """Return whether a cycle would release all units of an order, by the settings of its own account."""
    account = account_data(session.get_one(Account, order.account_id))
    options = options_as(account, ChannelOptions)
    recheck(session, account, [order.row_id])
    lines = lines_of_order(session, order)
    return (
        account.mode is Mode.live
        and options.release is Release.automatic
        and not blocking_reasons(holds_of_order(session, order), lines, partly=False)
        and _needs_no_payment(order, options)
    )


def release_order(session: Session, order: Order, *, partly: bool = False) -> None:
    """Release an order and its consolidation group because a person wants it, paid or not.

    `partly`: available units may ship before the missing ones. Locks the orders and their tenant.
    Raises: RuleError, if an order is held, has nothing to ship, is not open, or is a test order.
    """
    lock_order(session, order)
    others = [
        each for group in lock_groups(session, [order]).values() for each in group if each.id != order.id
    ]
    if partly and others:
        raise RuleError(
            f"Order {order.external_id} is consolidated with {others[0].external_id}, and consolidated "
            "orders ship whole.",
            Advice(Action.order_separate, order.external_id),
        )
    chosen = [order, *(each for each in others if each.state is OrderState.open)]
    for each in chosen:
        _check_may_release(session, each, partly=partly)
    for each in chosen:
        change_state(each, OrderState.released, Actor.person)
        each.released_at = utc_now()
        session.add(each)
        session.add(OrderEvent(order_id=each.row_id, actor=Actor.person, kind="released"))
    session.flush()


def _check_may_release(session: Session, order: Order, *, partly: bool) -> None:
    if order.trial or order.state is not OrderState.open:
        raise RuleError(f"Order {order.external_id} is {state_name(order)}, not open.")
    recheck(session, account_data(session.get_one(Account, order.account_id)), [order.row_id])
    lines = lines_of_order(session, order)
    reasons = blocking_reasons(holds_of_order(session, order), lines, partly=partly)
    if reasons == [ALL_HELD_BACK]:
        raise RuleError(
            f"All remaining units of order {order.external_id} are held back.",
            Advice(Action.order_unsplit, order.external_id),
        )
    if reasons:
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")


def blocking_reasons(holds: Sequence[Hold], lines: Sequence[OrderLine], *, partly: bool) -> list[str]:
    """Return the reasons why an order may not be released; empty if it may.

    A shortage stops the whole order; if `partly` is true, only the missing units. Held-back units do not
    count; if nothing else is to ship, that is a reason too.
    """
    # The next shipment gets allocated units before held-back units do.
    complete = {line.id for line in lines if line.kept_back and line.allocated >= line.to_ship}
    reasons = {
        str(hold.reason)
        for hold in holds
        if hold.reason not in NOT_BLOCKING
        and not (hold.reason in SHORTAGES and hold.order_line_id in complete)
    }
    is_available = any(min(line.allocated, line.to_ship) for line in lines)
    if partly and reasons <= SHORTAGES and is_available:
        reasons = set()
    if any(line.kept_back for line in lines) and not any(line.to_ship for line in lines):
        reasons.add(ALL_HELD_BACK)
    return sorted(reasons)


def _needs_no_payment(order: Order, options: ChannelOptions) -> bool:
    """Return whether an order may ship now: its payment kind allows it, it is paid, or nothing is owed."""
    return (
        order.payment_kind in options.release_unpaid
        or order.payment_state in SETTLED
        or order.total <= order.credited_amount
    )


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
