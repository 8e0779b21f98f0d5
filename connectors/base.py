"""What a connector offers, in small protocols that speak only domain records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Protocol, Self, TypeVar

from models.catalog.records import ArticleData, CategoryData
from models.orders.records import OrderData
from models.sync.records import RejectedData
from models.tenants.records import ServiceData

Record = TypeVar("Record")


@dataclass(frozen=True)
class Page(Generic[Record]):
    """One page of records; those that could not be used stand in `rejected`.

    `next_cursor` is opaque text to be handed back for the next page; None is the end.
    """

    records: list[Record]
    rejected: list[RejectedData] = field(default_factory=list)
    next_cursor: str | None = None


class Outcome(StrEnum):
    """How one item of a batch ended."""

    sent = "sent"
    would_send = "would_send"
    """Test mode: the transport refused and kept it."""
    retry = "retry"
    """Refused for a reason that may pass."""
    refused = "refused"
    """Refused for good: a person decides."""
    uncertain = "uncertain"
    """It left and no answer came."""


@dataclass(frozen=True)
class ItemResult:
    """How one item of a batch ended; `fields` is what was, or would have been, sent for it."""

    key: str
    outcome: Outcome
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StockItem:
    """What a channel shall offer of one listing: an absolute quantity, never a difference."""

    key: str
    external_id: str
    quantity: int


@dataclass(frozen=True)
class PaymentItem:
    """What has been received for one order in all: an absolute amount, never an increment."""

    key: str
    order_external_id: str
    paid_amount: Decimal
    paid_at: datetime
    method_name: str = ""
    reference: str = ""
    repeat: bool = False
    """The channel was told just this before: it must not mail the buyer."""


@dataclass(frozen=True)
class ParcelItem:
    tracking_number: str
    lines: dict[str, int]
    """Quantity by the external id of the order line."""
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
    """The channel was told just this before: it must not mail the buyer."""


@dataclass(frozen=True)
class CancellationItem:
    """What is left of an order of which something was cancelled here: absolute figures, never differences."""

    key: str
    order_external_id: str
    left: dict[str, int]
    """Units that the buyer still gets or has got, by the external id of the order line; zero included."""
    known: dict[str, int]
    """Units that were known here when they were cancelled, by the same ids."""

    @property
    def is_whole(self) -> bool:
        """Return whether nothing of the order is left."""
        return not any(self.left.values())


@dataclass(frozen=True)
class OrderQuery:
    """Which orders to read: changed or paid since an instant, or from a number on, or just those named."""

    changed_since: datetime | None = None
    paid_since: datetime | None = None
    from_number: str = ""
    external_ids: tuple[str, ...] = ()
    include_open_checkouts: bool = False


@dataclass(frozen=True)
class ArticleQuery:
    """Which articles to read: changed since an instant, or just those named, or all."""

    changed_since: datetime | None = None
    external_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderStatus:
    """What the channel holds of one order, read back: payment, shipping, what is left of its lines."""

    external_id: str
    paid_amount: Decimal
    paid_at: datetime | None
    shipped_at: datetime | None
    carrier: str
    tracking_numbers: list[str]
    cancelled: bool
    lines: dict[str, int]
    """Units by the external id of the line; of an order that is cancelled what it had."""


@dataclass(frozen=True)
class WouldSend:
    """A write that test mode refused: the call and its fields, without credentials."""

    call: str
    body: str


class Connection(Protocol):
    """An open connection to one account; leaving its context closes it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def check(self) -> datetime:
        """Return the channel's clock, in UTC. Raises: AccountError naming what is wrong with the login."""


class ReadsArticles(Connection, Protocol):
    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]: ...
    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]: ...


class ReadsOrders(Connection, Protocol):
    def fetch_orders(self, query: OrderQuery, cursor: str | None) -> Page[OrderData]: ...
    def fetch_order_statuses(self, external_ids: Sequence[str]) -> list[OrderStatus]: ...

    @property
    def shows_cancellations(self) -> bool:
        """Return whether orders that are cancelled there are told as such."""

    def is_provisional(self, order_external_id: str) -> bool:
        """Return whether an order's number holds only until its checkout ends: it may be gone by itself."""


class PublishesStock(Connection, Protocol):
    stock_batch_size: int

    def publish_stock(self, items: Sequence[StockItem]) -> list[ItemResult]:
        """Set quantities; one result for each item. Never raises UncertainError: it is a result."""

    def fetch_stock(self, external_ids: Sequence[str]) -> dict[str, int]:
        """Return what the channel holds of each listing; one that it does not know is missing."""


class PublishesStatus(Connection, Protocol):
    status_batch_size: int

    def publish_payments(self, items: Sequence[PaymentItem]) -> list[ItemResult]: ...
    def publish_shipments(self, items: Sequence[ShipmentItem]) -> list[ItemResult]: ...

    def publish_cancellations(self, items: Sequence[CancellationItem]) -> list[ItemResult]:
        """Cancel orders or parts of them without booking stock; what a channel cannot do is refused."""


class ListsServices(Connection, Protocol):
    def fetch_services(self) -> list[ServiceData]: ...


class Channel(ReadsArticles, ReadsOrders, PublishesStock, PublishesStatus, ListsServices, Protocol):
    """A sales channel with all of the above."""

    would_send: list[WouldSend]
