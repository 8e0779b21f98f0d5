"""Click and collect: goods lie ready for their buyer, and are handed over against a name."""

from sqlmodel import Session

from models.account import BuyerEvent
from models.buyer_mail import tell_buyer
from models.columns import need_id, utc_now
from models.errors import RuleError
from models.order import Actor, Order, OrderState, events_of, lines_of, lock_order
from models.order_life import add_event
from models.service import ShippingMethod
from models.shipment import ParcelData, record_shipment

HANDED_OVER = "collected"
"""The carrier of goods that nobody carries, as it is told to channels."""


def make_ready(session: Session, order: Order) -> None:
    """Note that the goods lie ready and let the buyer know, once. Raises: RuleError, with what is missing."""
    lock_order(session, order)
    _check(session, order)
    if is_ready(session, order):
        raise RuleError(f"Order {order.external_id} lies ready already; the buyer was told once.")
    lines = lines_of(session, [need_id(order.id)]).get(need_id(order.id), [])
    if any(line.allocated + line.shipped + line.cancelled < line.quantity for line in lines):
        raise RuleError(f"Order {order.external_id}: not all of its goods are there.")
    add_event(session, order, "ready_to_collect", actor=Actor.person)
    tell_buyer(session, order, BuyerEvent.ready_to_collect)
    session.flush()


def hand_over(session: Session, order: Order, name: str) -> None:
    """Book the goods out against the name of who took them. Raises: RuleError."""
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise RuleError("Name who took the goods, in at most 100 characters.")
    lock_order(session, order)
    _check(session, order)
    record_shipment(session, order, HANDED_OVER, [ParcelData()], utc_now(), carried=False)
    add_event(session, order, "handed_over", {"to": name}, actor=Actor.person)
    session.flush()


def is_ready(session: Session, order: Order) -> bool:
    """Return whether the goods of an order lie ready for its buyer."""
    return any(event.kind == "ready_to_collect" for event in events_of(session, need_id(order.id)))


def _check(session: Session, order: Order) -> None:
    way = session.get(ShippingMethod, order.shipping_method_id) if order.shipping_method_id else None
    if way is None or not way.pickup:
        raise RuleError(
            f"Order {order.external_id} is not to be collected: its shipping method is "
            f"{way.name if way else 'not known'}; `warenfluss mend method` changes it."
        )
    if order.state is not OrderState.released:
        raise RuleError(f"Order {order.external_id} is {order.state}; release it first.")
