"""What a call to an outside system leaves: a page of records, or one result for each item, and its record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from models.sync.records import CallData, RejectedData

Record = TypeVar("Record")


@dataclass(frozen=True)
class Page(Generic[Record]):
    """One page of records; `rejected` holds the records that could not be used.

    `next_cursor` is opaque: hand it back to get the next page. None is the end.
    """

    records: list[Record]
    rejected: list[RejectedData] = field(default_factory=list)
    next_cursor: str | None = None


class Outcome(StrEnum):
    """How one item of a batch ended."""

    sent = "sent"
    would_send = "would_send"
    """Test mode: the transport kept the write here."""
    retry = "retry"
    """Refused for a reason that may pass."""
    refused = "refused"
    """Refused for good: a person decides."""
    uncertain = "uncertain"
    """It was sent and no answer came."""


@dataclass(frozen=True)
class ItemResult:
    """How one item of a batch ended; `fields` is what was sent for it, or would have been."""

    key: str
    outcome: Outcome
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WouldSend:
    """A write that test mode kept here: the call and its fields, without credentials."""

    call: str
    body: str


Recorder = Callable[[CallData], None]
"""Is called with the record of a call, and again with the same object when more is known about it."""
