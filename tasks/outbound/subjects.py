"""What is published to outside systems: one module for each kind of message, and the table of them.

A new kind is a module of this package that has the members of `Subject`, and its name in `SUBJECTS`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlmodel import Session

from connectors.protocols.results import ItemResult
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tasks.outbound import cancellations, payments, shipments, stock
from tasks.outbound.read_back import ReadBack
from tasks.run.work import Work

Item = TypeVar("Item")


class Subject(Protocol[Item]):
    """How one kind of message is worked out, sent and looked up. A module is an instance of it."""

    KIND: OutboundKind

    def batch_size(self, work: Work, /) -> int:
        """Return how many messages one request takes."""

    def build(
        self, session: Session, work: Work, ids: Sequence[int], repeats: Collection[int] = (), /
    ) -> dict[int, Item]:
        """Return by id what each subject has to say now; a subject with nothing to say is missing.

        `repeats` are the subjects that say what they said before: no buyer is mailed of it.
        """

    def values(self, item: Item, /) -> dict[str, str]:
        """Return what is saved of a message before it leaves, to recognise it there; no buyer's data."""

    def publish(self, work: Work, items: Sequence[Item], /) -> list[ItemResult]:
        """Send messages; return one result for each, by its key. Raises: ConnectorError, if nothing left."""

    def read_back(self, work: Work, rows: Sequence[Outbound], /) -> ReadBack:
        """Look up messages that may have arrived without an answer. Raises: ConnectorError."""

    def note_sent(self, session: Session, row: Outbound, values: Mapping[str, Any] | None, /) -> None:
        """Save what the system holds now. None: not known, for instance as the subject changed meanwhile."""

    def forget_sent(self, session: Session, account_id: int, /) -> None:
        """After a restore: forget what `note_sent` saved, and queue all that has to be compared anew."""


_ALL: tuple[Subject[Any], ...] = (stock, payments, shipments, cancellations)
SUBJECTS: Mapping[OutboundKind, Subject[Any]] = {subject.KIND: subject for subject in _ALL}
