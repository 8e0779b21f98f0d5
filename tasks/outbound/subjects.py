"""What is published to outside systems: one module for each kind of message, and the table of them.

A new kind is a module of this package that has the members of `Subject`, and its name in `SUBJECTS`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from connectors.protocols.results import ItemResult
from models.database.session import Session
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
        """Return what to send now, by subject id; a subject with nothing to send is left out.

        `repeats` are subjects that are sent again although nothing changed: no buyer is mailed about them.
        """

    def values(self, item: Item, /) -> dict[str, str]:
        """Return what is saved before a message leaves, to recognise it later; it holds no buyer's data."""

    def publish(self, work: Work, items: Sequence[Item], /) -> list[ItemResult]:
        """Send messages; return one result for each, by its key. Raises: ConnectorError, if nothing left."""

    def read_back(self, work: Work, rows: Sequence[Outbound], /) -> ReadBack:
        """Look up messages that may have arrived without an answer. Raises: ConnectorError."""

    def note_sent(self, session: Session, row: Outbound, values: Mapping[str, Any] | None, /) -> None:
        """Save what the system holds now. None: unknown, e.g. because the subject changed meanwhile."""

    def forget_sent(self, session: Session, account_id: int, /) -> None:
        """After a restore: forget what `note_sent` saved, and queue all that has to be compared anew."""


_ALL: tuple[Subject[Any], ...] = (stock, payments, shipments, cancellations)
SUBJECTS: Mapping[OutboundKind, Subject[Any]] = {subject.KIND: subject for subject in _ALL}
