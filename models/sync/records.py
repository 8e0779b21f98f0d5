"""Records of runs, outbound messages, rejected records, calls and alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from models.clock import utc_now


class AlarmKind(StrEnum):
    failed = "failed"
    crashed = "crashed"
    """Its process ended early, and Prefect saw it."""
    vanished = "vanished"
    """Its process ended and nobody saw it; found by its lease."""
    overdue = "overdue"
    """No run of it succeeded for too long."""


class NoticeKind(StrEnum):
    failure = "failure"
    reminder = "reminder"
    recovery = "recovery"


class Cycle(StrEnum):
    article_import = "article-import"
    stock_export = "stock-export"
    order_import = "order-import"
    payment_sync = "payment-sync"
    shipping_sync = "shipping-sync"
    reconcile = "reconcile"
    order_release = "order-release"
    payment_due = "payment-due"
    invoicing = "invoicing"
    buyer_mail = "buyer-mail"
    replay = "replay"


class AlarmNotice(BaseModel, frozen=True):
    """What people are to be told of a streak; the mail for it belongs into the same commit."""

    key: str
    """Names this notice for ever: the mail's key."""
    notice: NoticeKind
    kind: AlarmKind
    account: str
    tenant: str
    cycle: Cycle
    test: bool
    """The account is not live: nothing outside is affected."""
    failures: int
    since: datetime
    last_success_at: datetime | None
    error: str
    """As `tasks.watch.alarms.safe_error` words it: an error class, perhaps with a message."""
    flow_run_id: str
    ended_at: datetime | None = None
    """When it worked again."""


RAW_LIMIT = 1_000_000
"""Characters of a raw record that are kept."""


class RejectedData(BaseModel, frozen=True):
    """A record that a connector could not use; `raw` holds no credentials."""

    kind: str
    """What it is: order, article, category, parcel …"""
    external_id: str
    reason: str
    """For the operator: what is wrong and what to do, without a buyer's data."""
    raw: str = ""


OK = "ok"
HELD_BACK = "held back"
"""Test mode: it never left."""
OPEN = "open"
"""A write that is leaving; one that stays so was cut off, and nobody knows what came of it."""


@dataclass(eq=False)
class CallData:
    """One exchange while it goes on: the transport fills it in, and its recorder keeps it."""

    call: str
    """The connector's name of the call; never a query or a body."""
    reads: bool
    order_numbers: tuple[str, ...] = ()
    """Of a call that names orders: their numbers at the channel."""
    started_at: datetime = field(default_factory=utc_now)
    milliseconds: int | None = None
    ending: str = OPEN
    """`ok`, `held back`, `open`, or the class of the error."""
    status: int | None = None
    size_bytes: int | None = None
    row_id: int | None = None
    """Of what is saved of it already, once that is committed."""


class Counts(BaseModel):
    """What one run did with its records."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Older than the point from which the account imports, or not checked out yet; of mails, true no more."""
    held: int = 0
    set_aside: int = 0
    sent: int = 0
    would_send: int = 0
    released: int = 0
    """To the warehouse."""
    unpaid: int = 0
    """Wait for their money."""
    reminded: int = 0
    cancelled: int = 0
    issued: int = 0
    """Documents."""
    failed: int = 0
    different: int = 0
    """Differences that are open after a reconciliation."""
    on_the_way: int = 0
    """What differs because its news has not been carried over yet."""
    parked: int = 0
    """Changes that the channel refused or that were tried too often: a person decides."""

    def text(self) -> str:
        """Return the figures that are not zero, in words."""
        shown = [f"{value} {name.replace('_', ' ')}" for name, value in self.model_dump().items() if value]
        return ", ".join(shown) or "nothing new"

    def add(self, other: "Counts") -> None:
        """Add another count to this one, figure by figure."""
        for name in type(self).model_fields:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class OutboundKind(StrEnum):
    stock = "stock"
    payment = "payment"
    shipment = "shipment"
    cancellation = "cancellation"
    """What is left of an order of which something was cancelled here."""
    buyer_mail = "buyer_mail"
    """A mail to a buyer: told once, whatever comes later (`models.mails.buyer_events`)."""
    order_notice = "order_notice"
    """A new order, for the operators."""


class ParkedNotice(BaseModel, frozen=True):
    """What people are to be told of parked changes, in numbers; reasons hold no buyer's data."""

    account: str
    tenant: str
    kinds: Mapping[OutboundKind, int]
    reasons: Mapping[str, int]
