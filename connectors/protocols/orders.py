"""Reading the orders of a system."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from connectors.protocols.results import Page
from models.orders.records import OrderData


@dataclass(frozen=True)
class OrderQuery:
    """Which orders to read: all, changed or paid since an instant, from a number on, or only named ones."""

    changed_since: datetime | None = None
    paid_since: datetime | None = None
    from_number: str = ""
    """An order number as the system spells it; only its connector knows which orders follow."""
    external_ids: tuple[str, ...] = ()
    include_open_checkouts: bool = False
    """Whether orders are read before their checkout has ended."""


@dataclass(frozen=True)
class OrderStatus:
    """What a system holds of one order: payment, shipment, and the units of its lines."""

    external_id: str
    paid_amount: Decimal
    paid_at: datetime | None
    shipped_at: datetime | None
    """Where the system knows only the day: its beginning."""
    carrier: str
    tracking_numbers: list[str]
    cancelled: bool
    lines: dict[str, int]
    """Units by the external id of the line. A cancelled order keeps the units it had."""
    shipped_on: date | None = None
    """The day, where the system knows no time."""


class ReadsOrders(Protocol):
    """A system that shows its orders."""

    def fetch_orders(self, query: OrderQuery, cursor: str | None) -> Page[OrderData]:
        """Return one page of orders."""

    def fetch_order_statuses(self, external_ids: Sequence[str]) -> list[OrderStatus]:
        """Return the status of each order; an order that the system does not know is missing."""

    @property
    def shows_cancellations(self) -> bool:
        """Whether an order that was cancelled there is read as cancelled."""

    def earliest_reading(self, at: datetime) -> datetime:
        """Return the earliest instant that the system may report for something that happens at `at`.

        Afterbuy reports whole seconds of a German wall clock, which shows one hour in autumn twice.
        """

    def is_before(self, number: str, other: str) -> bool:
        """Whether an order number was given before another one; False where that cannot be known."""

    def is_provisional(self, order_external_id: str) -> bool:
        """Whether this number is temporary.

        The system replaces it when the checkout completes, so a missing order is no error.
        """
