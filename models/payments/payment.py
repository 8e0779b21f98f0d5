"""Payments: money received for an order and money paid back, recorded here or reported by the channel."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import exists
from sqlmodel import Field, Session, col, select

from models.accounting.bookings import Booking, BookingKind, save_bookings
from models.clock import local_date, utc_now
from models.database.columns import ExactDecimal, Numbered, code, instant
from models.errors import RuleError
from models.mails.buyer_events import queue_buyer_mail, wants_mail
from models.orders.amounts import update_payment_state
from models.orders.history import Actor, OrderEvent
from models.orders.holds import HoldReason, open_holds
from models.orders.order import Order, OrderState
from models.orders.queries import lock_order, lock_orders
from models.orders.records import OrderData
from models.orders.states import state_name
from models.sync.outbound import queue_outbound
from models.sync.records import Counts, OutboundKind
from models.tenants.account import options_as
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, BuyerEvent, Side


class PaymentMove(StrEnum):
    received = "received"
    """Negative if the payment was taken back or corrected."""
    refund = "refund"
    """Paid back to the buyer; negative."""


class Payment(Numbered, table=True):
    """One amount received or paid back."""

    __tablename__ = "payment"

    order_id: int = Field(foreign_key="sales_order.id", index=True)
    kind: PaymentMove = code(PaymentMove, PaymentMove.received)
    told_by: Side = code(Side)
    amount: Decimal = Field(sa_type=ExactDecimal)
    currency: str = Field(max_length=3)
    method: str = ""
    reference: str = ""
    paid_at: datetime = instant()
    recorded_at: datetime = instant()


def payments_of(session: Session, order_id: int) -> list[Payment]:
    """Return an order's payments, oldest first."""
    query = select(Payment).where(Payment.order_id == order_id).order_by(col(Payment.id))
    return list(session.exec(query).all())


def record_payment(
    session: Session,
    account: AccountData,
    order: Order,
    amount: Decimal,
    paid_at: datetime,
    *,
    method: str = "",
    reference: str = "",
) -> Payment:
    """Record money received; queue it for the channel if payments are handled here.

    A cancelled order can still receive a late payment: it is then overpaid until the money is paid back.
    Raises: RuleError, for an amount of zero, or if the order is merged or a test order.
    """
    if amount == 0:
        raise RuleError("A payment needs an amount.")
    lock_order(session, order)
    if order.trial or order.state is OrderState.merged:
        raise RuleError(f"Order {order.external_id} takes no payment: it is {state_name(order)}.")
    payment = _add(session, order, Side.warenfluss, amount, paid_at, method, reference)
    session.flush()
    _queue_for_channel(session, account, order)
    return payment


def record_refund(
    session: Session,
    account: AccountData,
    order: Order,
    amount: Decimal,
    paid_at: datetime,
    *,
    method: str = "",
    reference: str = "",
) -> Payment:
    """Record money paid back; queue it for the channel if payments are handled here.

    Raises: RuleError, if the amount is not above zero or exceeds what was received, or if the order is merged
    or a test order.
    """
    lock_order(session, order)
    if order.trial or order.state is OrderState.merged:
        raise RuleError(f"Order {order.external_id} takes no refund: it is {state_name(order)}.")
    if not 0 < amount <= order.paid_amount:
        raise RuleError(
            f"Order {order.external_id}: {amount} cannot be refunded, {order.paid_amount} were received."
        )
    order.refunded_amount += amount
    payment = _add(session, order, Side.warenfluss, -amount, paid_at, method, reference, PaymentMove.refund)
    session.flush()
    queue_buyer_mail(session, order, BuyerEvent.refund, payment.row_id)
    _queue_for_channel(session, account, order)
    return payment


def set_authorised(session: Session, order: Order, amount: Decimal, *, actor: Actor) -> None:
    """Store the total that a payment provider has authorised but not paid out yet; zero withdraws it.

    Raises: RuleError, for a negative amount, or if the order is cancelled, merged or a test order.
    """
    lock_order(session, order)
    if order.trial or order.state in (OrderState.cancelled, OrderState.merged):
        raise RuleError(f"Order {order.external_id} takes no payment: it is {state_name(order)}.")
    if amount < 0:
        raise RuleError("The authorised amount is at least zero.")
    order.authorised_amount = amount
    update_payment_state(order)
    session.add(order)
    detail = {"authorised": str(amount), "state": order.payment_state}
    session.add(OrderEvent(order_id=order.row_id, actor=actor, kind="authorised", detail=detail))
    session.flush()


def apply_channel_total(
    session: Session, order: Order, total: Decimal, paid_at: datetime, *, handled_by: Side, method: str
) -> bool:
    """Record what an order lacks of the total that the channel reports; return whether anything changed.

    If payments are handled here, a lower total only means that the channel does not know our latest payment
    yet, and changes nothing. The channel may not know refunds recorded here, so a total that is higher by up
    to their sum changes nothing either.
    """
    with_refunds = order.paid_amount + order.refunded_amount
    difference = total - min(max(total, order.paid_amount), with_refunds)
    if difference == 0 or (difference < 0 and handled_by is Side.warenfluss):
        return False
    _add(session, order, Side.channel, difference, paid_at, method, "")
    return True


def apply_channel_totals(
    session: Session, account_id: int, reported: Iterable[OrderData], *, handled_by: Side, test: bool
) -> Counts:
    """Record what orders lack of the totals that their channel reports; count the changed and unchanged ones.

    An order that is unknown here, merged or a test order counts as neither. So does an order that is held
    because it changed after release: its lines may be in another order by now, together with their money. The
    caller holds the tenant's lock. If `test` is true, nothing is written and no order counts as changed.
    """
    by_number = {data.external_id: data for data in reported}
    orders = lock_orders(session, account_id, by_number)
    holds = open_holds(session, [order.row_id for order in orders])
    counts = Counts()
    for order in orders:
        reasons = {hold.reason for hold in holds.get(order.row_id, ())}
        if order.trial or order.state is OrderState.merged or HoldReason.changed_after_release in reasons:
            continue
        data = by_number[order.external_id]
        changed = not test and apply_channel_total(
            session,
            order,
            data.paid_amount,
            data.paid_at or utc_now(),
            handled_by=handled_by,
            method=data.payment_method,
        )
        counts.changed += changed
        counts.unchanged += not changed
    return counts


def book_payments(session: Session, payments: Sequence[Payment]) -> None:
    """Write the missing booking records of these payments; those of test orders have none."""
    save_bookings(session, "payment_id", [(each.order_id, _booking_values(each)) for each in payments])


def _booking_values(payment: Payment) -> dict[str, Any]:
    kind = BookingKind.payment
    if payment.amount < 0:
        kind = BookingKind.refund if payment.kind is PaymentMove.refund else BookingKind.payment_reversal
    return {
        "payment_id": payment.id,
        "kind": kind,
        "booked_on": local_date(payment.paid_at),
        "currency": payment.currency,
        "gross": payment.amount,
        "taxes": [],
        "label": "",
        "reference": payment.reference,
        "method": payment.method,
    }


def list_unbooked_payments(session: Session, after: int, limit: int) -> list[Payment]:
    """Return payments with ids above `after` that have no booking record: they are older than bookings."""
    query = (
        select(Payment)
        .join(Order, col(Order.id) == col(Payment.order_id))
        .where(
            col(Payment.id) > after,
            col(Order.trial).is_(False),
            ~exists().where(col(Booking.payment_id) == col(Payment.id)),
        )
        .order_by(col(Payment.id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def _add(
    session: Session,
    order: Order,
    told_by: Side,
    amount: Decimal,
    paid_at: datetime,
    method: str,
    reference: str,
    kind: PaymentMove = PaymentMove.received,
) -> Payment:
    payment = Payment(
        order_id=order.row_id,
        kind=kind,
        told_by=told_by,
        amount=amount,
        currency=order.currency,
        method=method,
        reference=reference,
        paid_at=paid_at,
    )
    session.add(payment)
    order.paid_amount += amount
    update_payment_state(order)
    session.add(order)
    session.add(
        OrderEvent(
            order_id=order.row_id,
            actor=Actor.channel if told_by is Side.channel else Actor.person,
            kind="refund" if kind is PaymentMove.refund else "payment",
            detail={"amount": str(amount), "paid": str(order.paid_amount), "state": order.payment_state},
        )
    )
    session.flush()
    book_payments(session, [payment])
    if amount > 0 and wants_mail(session, order, BuyerEvent.payment_received):
        queue_buyer_mail(session, order, BuyerEvent.payment_received, payment.row_id)
    return payment


def _queue_for_channel(session: Session, account: AccountData, order: Order) -> None:
    if options_as(account, ChannelOptions).payments is Side.warenfluss:
        queue_outbound(session, account.id, OutboundKind.payment, [order.row_id])
