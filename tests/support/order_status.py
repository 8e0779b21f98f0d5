"""What a system shows of an order, as tests need it."""

from decimal import Decimal
from typing import Any

from connectors.protocols.orders import OrderStatus


def status(**fields: Any) -> OrderStatus:
    """Return what a system shows of an order."""
    values: dict[str, Any] = {
        "external_id": "7",
        "paid_amount": Decimal(0),
        "paid_at": None,
        "shipped_at": None,
        "carrier": "",
        "tracking_numbers": [],
        "cancelled": False,
        "lines": {},
    }
    return OrderStatus(**{**values, **fields})
