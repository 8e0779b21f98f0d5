"""The address and shipping method of a shipment: a partly shipped order may have been edited afterwards.

The order's history stores the old value of every change; here the changes are undone.
"""

from datetime import datetime

from sqlmodel import Session

from models.fulfilment.shipments import Shipment
from models.orders.history import events_of
from models.orders.order import AddressRole, Order, OrderAddress
from models.orders.queries import addresses_of_order
from models.orders.records import AddressData

ROLES = [str(role) for role in AddressRole]


def addresses_at(session: Session, order: Order, at: datetime) -> dict[AddressRole, OrderAddress]:
    """Return an order's addresses by role as they were at this time, as new objects outside the session."""
    addresses = {
        role: OrderAddress(**row.model_dump()) for role, row in addresses_of_order(session, order).items()
    }
    for field, before in _changes_since(session, order, at, "edited", "changed"):
        role, _, name = field.partition(".")
        if role in ROLES and name in AddressData.model_fields:
            row = addresses.setdefault(
                AddressRole(role), OrderAddress(order_id=order.row_id, role=AddressRole(role))
            )
            setattr(row, name, before)
    return {
        role: row
        for role, row in addresses.items()
        if any(getattr(row, name) for name in AddressData.model_fields)
    }


def shipped_method(session: Session, order: Order, shipment: Shipment) -> str | None:
    """Return the name of the method that a shipment was sent with; None if the order has it still."""
    names = [
        before
        for field, before in _changes_since(session, order, shipment.recorded_at, "edited")
        if field == "shipping_method"
    ]
    return names[-1] if names else None


def _changes_since(session: Session, order: Order, at: datetime, *kinds: str) -> list[tuple[str, str]]:
    """Return (field, old value) of every change of these kinds after this time, latest first."""
    return [
        (field, before)
        for event in reversed(events_of(session, order.row_id))
        if event.kind in kinds and event.at > at
        for field, (before, _) in event.detail.get("changes", {}).items()
    ]
