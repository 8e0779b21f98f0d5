"""Records of differences between both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel

from models.errors import Advice
from models.sync.records import OutboundKind


class DifferenceKind(StrEnum):
    order_not_here = "order_not_here"
    order_not_there = "order_not_there"
    order_differs = "order_differs"
    """Its amounts, lines or state."""
    payment = "payment"
    shipment = "shipment"
    cancellation = "cancellation"
    stock = "stock"


PUBLISHED_BY: Mapping[DifferenceKind, OutboundKind] = {
    DifferenceKind.payment: OutboundKind.payment,
    DifferenceKind.shipment: OutboundKind.shipment,
    DifferenceKind.cancellation: OutboundKind.cancellation,
    DifferenceKind.stock: OutboundKind.stock,
}
"""The outbound message that brings our side of a difference to the channel."""


class Remedy(StrEnum):
    """What mends a difference without harm."""

    read = "read"
    """The order is read again."""
    tell = "tell"
    """The channel is told again; what it is told is absolute."""
    decide = "decide"
    """Only a person knows which side is right."""


@dataclass(frozen=True)
class DifferenceData:
    """A difference between both sides as one comparison found it."""

    kind: DifferenceKind
    subject: str
    field: str
    here: str
    there: str
    remedy: Remedy

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells it from others of the account."""
        return self.kind, self.subject, self.field


@dataclass
class Seen:
    """What a run of the cycle keeps in mind from one page to the next."""

    findings: dict[tuple[str, str, str], DifferenceData] = field(default_factory=dict)
    on_the_way: set[tuple[str, str, str]] = field(default_factory=set)
    """What differs because its news has not been carried over yet."""
    unfinished: set[str] = field(default_factory=set)
    """Listings sold there in checkouts that are not taken in before they are done."""


class DifferenceNotice(BaseModel, frozen=True):
    """New differences of one account, as people are told of them."""

    key: str
    account: str
    tenant: str
    shown: list[tuple[dict[str, str], Advice]]
    """The first of them: kind, subject, field, here and there, with what to do."""
    new: int
    open: int
    """All that are open, those known before included."""
    flow_run_id: str
