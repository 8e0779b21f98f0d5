"""Publishing what happened to an order here: payments, shipments, cancellations.

Every figure is absolute, so that sending it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from connectors.protocols.results import ItemResult


@dataclass(frozen=True)
class PaymentItem:
    """The amount received for one order so far, in total: never an increment."""

    key: str
    order_external_id: str
    paid_amount: Decimal
    paid_at: datetime
    method_name: str = ""
    reference: str = ""
    repeat: bool = False
    """Whether the same was published before: then the system must not mail the buyer."""


@dataclass(frozen=True)
class ParcelItem:
    """One parcel of a shipment."""

    tracking_number: str
    lines: dict[str, int]
    """Units by the external id of the order line."""
    weight_grams: int | None = None


@dataclass(frozen=True)
class ShipmentItem:
    """All parcels of one order that have left so far."""

    key: str
    order_external_id: str
    shipped_at: datetime
    carrier: str
    parcels: list[ParcelItem]
    repeat: bool = False
    """Whether the same was published before: then the system must not mail the buyer."""


@dataclass(frozen=True)
class CancellationItem:
    """What remains of an order after a cancellation here."""

    key: str
    order_external_id: str
    left: dict[str, int]
    """Units that the buyer still gets or has received, by the external id of the order line; may be zero."""
    known: dict[str, int]
    """Units that were known here when they were cancelled, by the same ids."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the order remains."""
        return not any(self.left.values())


class PublishesPayments(Protocol):
    """A system that takes what was paid for an order."""

    batch_size: int
    """The most items that one request holds."""

    def publish_payments(self, items: Sequence[PaymentItem]) -> list[ItemResult]:
        """Publish payments; return one result for each item. Safe to repeat."""


class PublishesShipments(Protocol):
    """A system that takes the parcels of an order."""

    batch_size: int
    """The most items that one request holds."""

    def publish_shipments(self, items: Sequence[ShipmentItem]) -> list[ItemResult]:
        """Publish shipments; return one result for each item. Safe to repeat."""


class PublishesCancellations(Protocol):
    """A system that takes what was cancelled of an order."""

    batch_size: int
    """The most items that one request holds."""

    def publish_cancellations(self, items: Sequence[CancellationItem]) -> list[ItemResult]:
        """Cancel orders or parts of them without booking stock; return one result for each item.

        Safe to repeat. A cancellation that the system has no call for is refused.
        """
