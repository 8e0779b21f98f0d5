"""Records of differences between both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel

from models.errors import Advice
from models.sync.records import OutboundKind


class DifferenceKind(StrEnum):
    """What differs between the channel and this database."""

    order_not_here = "order_not_here"
    order_not_there = "order_not_there"
    order_differs = "order_differs"
    """Amounts, lines or state."""
    payment = "payment"
    shipment = "shipment"
    cancellation = "cancellation"
    stock = "stock"


OUTBOUND_FOR: Mapping[DifferenceKind, OutboundKind] = {
    DifferenceKind.payment: OutboundKind.payment,
    DifferenceKind.shipment: OutboundKind.shipment,
    DifferenceKind.cancellation: OutboundKind.cancellation,
    DifferenceKind.stock: OutboundKind.stock,
}
"""The outbound message that brings our side of a difference to the channel."""


class Remedy(StrEnum):
    """What removes a difference without doing harm."""

    read = "read"
    """Read the order again."""
    tell = "tell"
    """Publish our side again, in absolute figures."""
    decide = "decide"
    """Let a person decide which side is right."""


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
        """Return what identifies it within its account."""
        return self.kind, self.subject, self.field


@dataclass
class RunFindings:
    """What a run of `reconcile` remembers from one page to the next."""

    findings: dict[tuple[str, str, str], DifferenceData] = field(default_factory=dict)
    on_the_way: set[tuple[str, str, str]] = field(default_factory=set)
    """Keys of differences that the next import or publication removes."""
    unfinished: set[str] = field(default_factory=set)
    """Listings sold in checkouts that are open: order import reads these orders once they are complete."""


class DifferenceNotice(BaseModel, frozen=True):
    """The new differences of one account, for the mail about them."""

    key: str
    account: str
    tenant: str
    shown: list[tuple[dict[str, str], Advice]]
    """The first of them: kind, subject, field, here and there, with what to do."""
    new: int
    open: int
    """All open differences, new and known."""
    flow_run_id: str
