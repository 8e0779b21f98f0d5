"""Records of runs, outbound messages, rejected records, calls and alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import AliasChoices, BaseModel, Field

from models.clock import utc_now


class AlarmKind(StrEnum):
    failed = "failed"
    crashed = "crashed"
    """Its process ended early, and Prefect noticed it."""
    vanished = "vanished"
    """Its process ended without a report; found because its lease ran out."""
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
    """A notification about a streak of failures; its mail is queued in the same commit."""

    key: str
    """The mail's key: no other notice ever has it."""
    notice: NoticeKind
    kind: AlarmKind
    account: str
    tenant: str
    cycle: Cycle
    test: bool
    """Whether the account is not live: then nothing outside is affected."""
    failures: int
    since: datetime
    last_success_at: datetime | None
    error: str
    """From `tasks.watch.alarms.safe_error`: the class of an error, perhaps with a message."""
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
"""It was not sent, because the account is in test mode."""
OPEN = "open"
"""A write that is being sent. If it stays open, it was cut off and may or may not have arrived."""


@dataclass(eq=False)
class CallData:
    """One exchange while it lasts: the transport fills it in, and its recorder saves it."""

    call: str
    """The connector's name of the call; never a query or a body."""
    reads: bool
    order_numbers: tuple[str, ...] = ()
    """The channel's numbers of the orders that the call names."""
    started_at: datetime = field(default_factory=utc_now)
    milliseconds: int | None = None
    ending: str = OPEN
    """`ok`, `held back`, `open`, or the class of the error."""
    status: int | None = None
    size_bytes: int | None = None
    row_id: int | None = None
    """The id of its saved row, once that is committed."""


class Counts(BaseModel):
    """What one run did with its records."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Orders before the account's start or before their checkout; mails that are no longer true."""
    held: int = 0
    rejected: int = Field(default=0, validation_alias=AliasChoices("rejected", "set_aside"))
    """Records that cannot be used; runs of older versions saved them as `set_aside`."""
    sent: int = 0
    would_send: int = 0
    released: int = 0
    """Orders handed to the warehouse."""
    unpaid: int = 0
    """Orders that wait for their payment."""
    reminded: int = 0
    cancelled: int = 0
    issued: int = 0
    """Documents that were issued."""
    failed: int = 0
    different: int = 0
    """Differences that are open after a reconciliation."""
    on_the_way: int = 0
    """Differences that the next import or publication removes."""
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
    """What remains of an order after a cancellation here."""
    buyer_mail = "buyer_mail"
    """A mail to a buyer: sent once, whatever changes later (`models.mails.buyer_events`)."""
    order_notice = "order_notice"
    """A mail to operators about a new order."""


class ParkedNotice(BaseModel, frozen=True):
    """A notification about parked changes: how many, by kind and by reason. It holds no buyer's data."""

    account: str
    tenant: str
    kinds: Mapping[OutboundKind, int]
    reasons: Mapping[str, int]
