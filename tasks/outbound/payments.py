"""Payments: publish the total amount received for an order, never a difference."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.protocols.order_updates import PaymentItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.results import ItemResult
from models.database.session import Session
from models.orders.queries import list_publishable
from models.payments.payment import payments_of
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tasks.outbound.read_back import ReadBack, read_back_orders
from tasks.run.work import Work

KIND = OutboundKind.payment


def batch_size(work: Work) -> int:
    """Return how many payments one request takes."""
    return work.payments.batch_size


def build(
    session: Session, _work: Work, ids: Sequence[int], repeats: Collection[int] = ()
) -> dict[int, PaymentItem]:
    """Return what was received for each order, by its id; an order without a payment is left out."""
    items: dict[int, PaymentItem] = {}
    for order in list_publishable(session, ids):
        order_id = order.row_id
        payments = payments_of(session, order_id)
        if payments:
            items[order_id] = PaymentItem(
                key=str(order_id),
                order_external_id=order.external_id,
                paid_amount=order.paid_amount,
                paid_at=payments[-1].paid_at,
                method_name=order.payment_method_name,
                reference=payments[-1].reference,
                repeat=order_id in repeats,
            )
    return items


def values(item: PaymentItem) -> dict[str, str]:
    """Return the order's number and the amount."""
    return {"external_id": item.order_external_id, "paid_amount": str(item.paid_amount)}


def is_there(values: Mapping[str, Any], status: OrderStatus) -> bool:
    """Return whether a system shows the amount that was sent."""
    return status.paid_amount == Decimal(values["paid_amount"])


def publish(work: Work, items: Sequence[PaymentItem]) -> list[ItemResult]:
    """Send payments."""
    return work.payments.publish_payments(items)


def read_back(work: Work, rows: Sequence[Outbound]) -> ReadBack:
    """Compare the amounts that were sent with those of the orders there."""
    return read_back_orders(work, rows, is_there)


def note_sent(_session: Session, _row: Outbound, _values: Mapping[str, Any] | None) -> None:
    """Save nothing: the row itself says what was sent."""


def forget_sent(_session: Session, _account_id: int) -> None:
    """Forget nothing: what waits is looked up by its row."""
