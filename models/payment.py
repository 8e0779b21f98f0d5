"""Payment: money received for an order, told by the channel or recorded here."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Field, Session, SQLModel, col, select

from models.account import AccountData, BuyerEvent, ChannelOptions, Side
from models.buyer_mail import tell_buyer, wants_mail
from models.columns import ExactDecimal, code, instant, need_id
from models.errors import RuleError
from models.order import Actor, Order, OrderEvent, OrderState, lock_order, payment_state_of
from models.outbound import OutboundKind, queue_outbound


class Payment(SQLModel, table=True):
    """An amount received; a negative one takes back or corrects an earlier."""

    __tablename__ = "payment"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="sales_order.id", index=True)
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
    """Record money that was received here, and queue it for the channel if payments are handled here.

    Raises: RuleError, for an amount of zero or an order that is cancelled, merged or a trial.
    """
    if amount == 0:
        raise RuleError("A payment needs an amount.")
    lock_order(session, order)
    if order.trial or order.state in (OrderState.cancelled, OrderState.merged):
        raise RuleError(f"Order {order.external_id} takes no payment: it is {_why(order)}.")
    payment = _add(session, order, Side.warenfluss, amount, paid_at, method, reference)
    session.flush()
    if ChannelOptions.model_validate(account.settings).payments is Side.warenfluss:
        queue_outbound(session, account.id, OutboundKind.payment, [need_id(order.id)])
    return payment


def take_channel_total(
    session: Session, order: Order, total: Decimal, paid_at: datetime, *, handled_by: Side, method: str
) -> bool:
    """Bring an order to the total that the channel says was received; return whether that is news.

    Where payments are handled here, a lower total there only means that our news has not arrived yet.
    """
    difference = total - order.paid_amount
    if difference == 0 or (difference < 0 and handled_by is Side.warenfluss):
        return False
    _add(session, order, Side.channel, difference, paid_at, method, "")
    return True


def _add(
    session: Session,
    order: Order,
    told_by: Side,
    amount: Decimal,
    paid_at: datetime,
    method: str,
    reference: str,
) -> Payment:
    payment = Payment(
        order_id=need_id(order.id),
        told_by=told_by,
        amount=amount,
        currency=order.currency,
        method=method,
        reference=reference,
        paid_at=paid_at,
    )
    session.add(payment)
    order.paid_amount += amount
    order.payment_state = payment_state_of(order.total, order.paid_amount)
    session.add(order)
    session.add(
        OrderEvent(
            order_id=need_id(order.id),
            actor=Actor.channel if told_by is Side.channel else Actor.person,
            kind="payment",
            detail={"amount": str(amount), "paid": str(order.paid_amount), "state": order.payment_state},
        )
    )
    if amount > 0 and wants_mail(session, order, BuyerEvent.payment_received):
        session.flush()
        tell_buyer(session, order, BuyerEvent.payment_received, need_id(payment.id))
    return payment


def _why(order: Order) -> str:
    return "a trial" if order.trial else str(order.state)
