"""Click and collect: goods are made ready for the buyer, and handed over to a person who gives a name."""

from sqlmodel import Session

from models.clock import utc_now
from models.errors import Action, Advice, RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.mails.buyer_events import queue_buyer_mail
from models.orders.history import Actor, add_event, events_of
from models.orders.order import Order, OrderState
from models.orders.queries import lines_of_order, lock_order
from models.tenants.methods import find_shipping_method
from models.tenants.records import BuyerEvent

HANDED_OVER = "collected"
"""The carrier that channels get for goods that the buyer collects."""
READY, COLLECTED = "ready_to_collect", "handed_over"
"""Kinds of events in an order's history; a split order has them once per part."""


def mark_ready(session: Session, order: Order) -> None:
    """Note that the goods are ready and mail the buyer, once. Raises: RuleError, if units are missing."""
    lock_order(session, order)
    _check(session, order)
    if is_ready(session, order):
        raise RuleError(f"Order {order.external_id} is ready already; the buyer was notified.")
    lines = lines_of_order(session, order)
    if not any(line.to_ship for line in lines) or any(line.allocated < line.to_ship for line in lines):
        raise RuleError(f"Order {order.external_id} lacks stock for some of its goods.")
    earlier = _steps(session, order).count(COLLECTED)
    add_event(session, order, READY, actor=Actor.person)
    queue_buyer_mail(session, order, BuyerEvent.ready_to_collect, earlier or "")
    session.flush()


def hand_over(session: Session, order: Order, name: str) -> None:
    """Record the goods as shipped, with the name of the person who took them. Raises: RuleError."""
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise RuleError("State the name of the person who collected the goods, in at most 100 characters.")
    lock_order(session, order)
    _check(session, order)
    record_shipment(session, order, HANDED_OVER, [ParcelData()], utc_now(), carried=False)
    add_event(session, order, COLLECTED, {"to": name}, actor=Actor.person)
    session.flush()


def is_ready(session: Session, order: Order) -> bool:
    """Return whether an order has goods ready that are not collected yet."""
    return _steps(session, order)[-1:] == [READY]


def _steps(session: Session, order: Order) -> list[str]:
    kinds = [event.kind for event in events_of(session, order.row_id)]
    return [kind for kind in kinds if kind in (READY, COLLECTED)]


def _check(session: Session, order: Order) -> None:
    method = find_shipping_method(session, order.shipping_method_id)
    if method is None or not method.pickup:
        raise RuleError(
            f"Order {order.external_id} is not to be collected: its shipping method is "
            f"{method.name if method else 'not known'}.",
            Advice(Action.order_method, order.external_id, {"shipping": ""}),
        )
    if order.state is not OrderState.released:
        raise RuleError(f"Order {order.external_id} is {order.state}; release it first.")
