"""Holding and cancelling orders; `models.fulfilment.release` releases them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from models.accounting.issued import documents_total
from models.errors import RuleError
from models.mails.buyer_events import queue_buyer_mail
from models.orders.amounts import update_payment_state
from models.orders.history import Actor, add_event
from models.orders.holds import Hold, HoldReason, close_holds
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of_order, lock_order
from models.orders.states import change_state, check_transition
from models.sync.outbound import queue_outbound
from models.sync.records import OutboundKind
from models.tenants.records import BuyerEvent
from models.warehouse.allocation import allocate_freed
from models.warehouse.pick_lists import flag_orders
from models.warehouse.shrinking import release_allocation


def cancel_order(session: Session, order: Order, *, actor: Actor) -> None:
    """Cancel an order's units that are not shipped, free their stock, and credit the buyer for them.

    Locks the order and its tenant. The channel is notified, unless it cancelled the order itself. The freed
    stock is allocated to waiting orders.
    Raises: RuleError, if the order is merged or shipped, or as `check_transition`.
    """
    lock_order(session, order)
    if order.state is OrderState.merged:
        raise RuleError(f"Order {order.external_id} was merged; cancel the order that has its lines.")
    if order.state is OrderState.shipped:
        raise RuleError(f"Order {order.external_id} is shipped completely; nothing is left to cancel.")
    check_transition(order, OrderState.cancelled, actor)
    lines = lines_of_order(session, order)
    picked = {line.external_id: line.picked for line in lines if line.picked}
    free = release_allocation(session, [line.row_id for line in lines])
    for line in lines:
        session.refresh(line)
        line.cancelled = line.quantity - line.shipped
        line.limit_held_back()
        session.add(line)
    if actor is not Actor.channel and not order.trial:
        queue_outbound(session, order.account_id, OutboundKind.cancellation, [order.row_id])
    if order.state is not OrderState.pending:
        # While the checkout is not finished, the buyer gets no mails about the order.
        queue_buyer_mail(session, order, BuyerEvent.cancelled)
    change_state(order, OrderState.cancelled, actor)
    order.credited_amount = _credit_after_cancelling(session, order, lines)
    update_payment_state(order)
    session.add(order)
    close_holds(session, order, tuple(HoldReason))
    add_event(session, order, "cancelled", {"put_back": picked} if picked else None, actor=actor)
    allocate_freed(session, free)


def _credit_after_cancelling(session: Session, order: Order, lines: Sequence[OrderLine]) -> Decimal:
    """Return the order's credited amount once everything not shipped is cancelled, earlier credits included.

    If the buyer has sent everything back, all is credited except the sum of the issued documents.
    """
    shipped = sum((line.price * line.shipped for line in lines), Decimal(0))
    if not shipped:
        return max(order.credited_amount, order.total)
    extras = order.shipping_amount + order.fee_amount
    credited = min(order.total, order.credited_amount + max(Decimal(0), order.total - shipped - extras))
    if all(line.returned == line.shipped for line in lines) and order.total - credited <= extras:
        return max(credited, order.total - documents_total(session, order.row_id))
    return credited


def hold_order(
    session: Session,
    order: Order,
    reason: HoldReason,
    detail: dict[str, Any],
    *,
    field: str = "",
    line_id: int | None = None,
) -> None:
    """Hold an order; an open hold with the same reason and line gets the new detail instead."""
    row = session.exec(
        select(Hold).where(
            Hold.order_id == order.id,
            Hold.order_line_id == line_id,
            Hold.reason == reason,
            col(Hold.released_at).is_(None),
        )
    ).first()
    if row is not None and row.detail == detail:
        return
    if row is None:
        row = Hold(order_id=order.row_id, order_line_id=line_id, reason=reason, field=field)
    row.detail = detail
    session.add(row)
    if order.state is OrderState.released:
        session.flush()
        flag_orders(session, [order.row_id])
    add_event(session, order, "held", {"reason": reason, **detail})
