"""Payment requests and reminders to buyers, and cancellation of orders that stay unpaid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.columns import need_id
from models.database.conditions import among
from models.fulfilment.holding import cancel_order
from models.mails.buyer_events import NEW_FOR, queue_buyer_mail
from models.orders.amounts import amount_owed
from models.orders.history import Actor, add_event
from models.orders.order import Order, OrderState, PaymentState
from models.tenants.account import options_as
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, BuyerEvent

UNPAID = (PaymentState.open, PaymentState.partly_paid)
WAITING = (OrderState.open,)
"""States in which the goods wait for the payment; buyers are not reminded of delivered orders."""


def queue_payment_requests(session: Session, account: AccountData, order_ids: Iterable[int]) -> None:
    """Queue a payment request for each new unpaid order, once, if the account sends this mail."""
    options = options_as(account, ChannelOptions)
    if BuyerEvent.payment_request not in options.buyer_mails:
        return
    orders = session.exec(
        select(Order).where(
            among(col(Order.id), order_ids),
            col(Order.state).in_(WAITING),
            col(Order.payment_state).in_(UNPAID),
            col(Order.payment_kind).in_(options.remind_kinds),
            col(Order.checkout_at) >= utc_now() - NEW_FOR,
        )
    ).all()
    for order in orders:
        queue_buyer_mail(session, order, BuyerEvent.payment_request)


@dataclass
class ReminderResult:
    """How many orders of a page were reminded and cancelled."""

    reminded: int = 0
    cancelled: int = 0


def list_unpaid(session: Session, account: AccountData, after: int, limit: int) -> list[int]:
    """Return ids above `after` of orders that may need a reminder or a cancellation, ascending."""
    options = options_as(account, ChannelOptions)
    if options.remind_after_days is None:
        return []
    query = select(Order.id).where(
        Order.account_id == account.id,
        col(Order.state).in_(WAITING),
        col(Order.payment_state).in_(UNPAID),
        col(Order.payment_kind).in_(options.remind_kinds),
        Order.placed_at <= utc_now() - timedelta(days=options.remind_after_days),
        Order.id > after,  # type: ignore[operator]
        col(Order.trial).is_(False),
    )
    return [need_id(each) for each in session.exec(query.order_by(col(Order.id)).limit(limit))]


def send_reminders(session: Session, account: AccountData, order_ids: Sequence[int]) -> ReminderResult:
    """Remind or cancel each of these orders that is due; the caller holds the tenant's lock.

    Safe to repeat. A partly paid order is reminded but never cancelled automatically.
    """
    options = options_as(account, ChannelOptions)
    orders = session.exec(
        select(Order)
        .where(
            among(col(Order.id), order_ids),
            col(Order.state).in_(WAITING),
            col(Order.payment_state).in_(UNPAID),
        )
        .order_by(col(Order.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    done, now = ReminderResult(), utc_now()
    for order in orders:
        due = reminder_due_at(order, options)
        if due is None or due > now:
            continue
        if order.reminders < options.remind_times:
            order.reminders, order.reminded_at = order.reminders + 1, now
            session.add(order)
            detail = {"number": order.reminders, "open": str(amount_owed(order))}
            add_event(session, order, "payment_reminded", detail)
            queue_buyer_mail(session, order, BuyerEvent.payment_reminder, order.reminders)
            done.reminded += 1
        elif order.payment_state is PaymentState.open:
            cancel_order(session, order, actor=Actor.cycle)
            done.cancelled += 1
    session.flush()
    return done


def reminder_due_at(order: Order, options: ChannelOptions) -> datetime | None:
    """Return when an unpaid order's next reminder, or its cancellation, is due; None if neither will be."""
    if options.remind_after_days is None or order.payment_kind not in options.remind_kinds:
        return None
    if order.reminders < options.remind_times:
        return (order.reminded_at or order.bought_at) + timedelta(days=options.remind_after_days)
    if options.cancel_after_days is None or order.reminded_at is None:
        return None
    return order.reminded_at + timedelta(days=options.cancel_after_days)
