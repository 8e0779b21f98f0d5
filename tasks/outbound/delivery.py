"""Publish what changed here: claim rows, build messages from the database, send them, save each answer.

The claim and the values are committed before anything leaves. So a message that may have been sent is known,
whatever happens afterwards, and it is looked up before it is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefect.logging import get_run_logger

from connectors.errors import ConnectorError, RecordError, RequestRefusedError
from connectors.protocols.results import ItemResult, Outcome
from models.clock import utc_now
from models.database.session import Session, read_scope, session_scope
from models.errors import LeaseLostError
from models.sync.delivery import (
    claim_due,
    claim_unconfirmed,
    count_due,
    has_unconfirmed,
    list_due,
    lock_claimed,
    mark_failed,
    mark_not_arrived,
    mark_sent,
    mark_uncertain,
    mark_unconfirmed,
    release_claim,
)
from models.sync.outbound import (
    Keys,
    Outbound,
    OutboundState,
    list_by_keys,
    make_due_now,
    queue_outbound,
    requeue_published,
)
from models.sync.records import Counts, OutboundKind
from models.tenants.locks import lock_tenants
from models.upkeep.after_restore import clear_restored_mark, list_waiting, orders_imported_since, restored_at
from models.warehouse.sellable import queue_account_listings
from tasks.outbound.read_back import ReadBack
from tasks.outbound.subjects import SUBJECTS
from tasks.run.artifacts import show_progress, start_progress
from tasks.run.steps import step
from tasks.run.work import Work, work_of

WAITING_AT_ONCE = 1000


@dataclass(frozen=True)
class Waiting:
    """What a run finds to do before it publishes anything."""

    due: int = 0
    """Messages to send."""
    unconfirmed: bool = False
    """Whether some may have been sent without an answer."""


@dataclass(frozen=True)
class _Message:
    """A row that is being sent: its version, and what is sent for it."""

    row_id: int
    key: str
    version: int
    changed_at: datetime
    item: Any


@dataclass
class _Batch:
    messages: list[_Message] = field(default_factory=list)
    idle: int = 0
    """Rows for which there is nothing to send any more."""


def publish_all(work: Work, kind: OutboundKind, keys: Keys = None, *, again: bool = False) -> None:
    """Publish everything that waits: first look up what may have arrived, then send the rest.

    With `keys`, only these subjects. If `again` is true, a test run also shows what was published before.
    """
    waiting = find_waiting(work.run_id, kind, keys)
    done = 0
    if work.test:
        while taken := preview_batch(work.run_id, kind, done, keys, again):
            done += taken
        return
    while waiting.unconfirmed and settle_unconfirmed(work.run_id, kind, keys):
        pass
    if not waiting.due and not waiting.unconfirmed:
        return
    progress = start_progress(work.cycle, work.account.name) if waiting.due else None
    while taken := send_batch(work.run_id, kind, keys):
        done += taken
        percent = min(100.0, 100 * done / max(waiting.due, done))
        show_progress(progress, percent, f"{done} of {max(waiting.due, done)} published")


@step
def queue_all_listings(run_id: int) -> None:
    """Queue every listing with a known article: its quantity is worked out again."""
    work = work_of(run_id)
    with work.transaction() as session:
        queue_account_listings(session, work.account.id)


@step
def find_waiting(run_id: int, kind: OutboundKind, keys: Keys = None) -> Waiting:
    """Return what waits to be published; with `keys`, as in all steps below, only of these subjects.

    After a restore nothing is published until orders were read again. Then everything that may have been sent
    before is marked to be looked up. Repeating it is harmless.
    """
    work = work_of(run_id)
    if not _may_publish(work, kind):
        return Waiting()
    with read_scope() as session:
        return Waiting(
            due=count_due(session, work.account.id, kind, keys),
            unconfirmed=has_unconfirmed(session, work.account.id, kind, keys),
        )


@step
def make_due(run_id: int, kind: OutboundKind, keys: Sequence[int], *, again: bool) -> None:
    """Make pending messages of these subjects due now; if `again` is true, those sent before, too."""
    work = work_of(run_id)
    with work.transaction() as session:
        make_due_now(session, work.account.id, kind, keys)
        if again:
            requeue_published(session, work.account.id, kind, keys)


@step
def settle_unconfirmed(run_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Look up messages that may have been sent without an answer; return how many were looked up.

    A message that arrived is closed, and one that did not is due again. If the system does not know the
    subject, it is asked again later.
    """
    work, subject = work_of(run_id), SUBJECTS[kind]
    if work.test:
        return 0
    with work.transaction() as session:
        rows = claim_unconfirmed(session, work.account.id, kind, subject.batch_size(work), run_id, keys)
    if not rows:
        return 0
    why = "the channel does not know it, so whether it arrived is unknown"
    try:
        found = subject.read_back(work, rows)
    except (RequestRefusedError, RecordError) as error:
        found, why = ReadBack(unknown={row.key for row in rows}), str(error)
    with work.transaction() as session:
        for row in lock_claimed(session, [row.row_id for row in rows], run_id).values():
            if row.key in found.arrived:
                # What changed since it was sent is not what the system holds.
                sent_version = row.sent_values.get("version", 0)
                mark_sent(session, row, sent_version)
                subject.note_sent(session, row, row.sent_values if row.version == sent_version else None)
                work.counts.sent += 1
            elif row.key in found.unknown:
                mark_unconfirmed(session, row, why)
            else:
                mark_not_arrived(session, row)
            work.counts.parked += row.state is OutboundState.parked
    get_run_logger().info(
        "%d without an answer: %d had arrived, %d are not known there",
        len(rows),
        len(found.arrived),
        len(found.unknown),
    )
    return len(rows)


@step
def send_batch(run_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Send one batch of messages; return how many rows were claimed, 0 at the end.

    Raises: TransientError and AccountError, if nothing was sent; then every row is due again.
    """
    work, subject = work_of(run_id), SUBJECTS[kind]
    with work.transaction() as session:
        rows = claim_due(session, work.account.id, kind, subject.batch_size(work), run_id, keys)
        batch = _build(session, work, kind, rows)
        for message in batch.messages:
            session.get_one(Outbound, message.row_id).sent_values = {
                **subject.values(message.item),
                "version": message.version,
            }
        to_send = {message.row_id for message in batch.messages}
        for row in rows:
            if row.row_id not in to_send:
                mark_sent(session, row, row.version)
    counts = Counts(read=len(rows), unchanged=batch.idle)
    if batch.messages:
        try:
            results = subject.publish(work, [message.item for message in batch.messages])
        except ConnectorError:
            _give_back(work, batch.messages)
            raise
        finally:
            work.calls.flush()
        try:
            counts.add(_note_results(work, kind, batch.messages, results))
        except LeaseLostError:
            with session_scope() as session:
                lock_tenants(session, [work.account.tenant_id])
                _requeue_lost(session, work, kind, batch.messages)
            raise
    work.counts.add(counts)
    if rows:
        get_run_logger().info(counts.text())
    return len(rows)


@step
def preview_batch(
    run_id: int, kind: OutboundKind, offset: int, keys: Keys = None, again: bool = False
) -> int:
    """Test mode: build one batch without claiming it; the transport keeps what would have been sent.

    Subjects named by `keys` count as due at once; if `again` is true, those sent before do, too.
    """
    work, subject = work_of(run_id), SUBJECTS[kind]
    size = subject.batch_size(work)
    with read_scope() as session:
        if keys is None:
            due = list_due(session, work.account.id, kind, offset + size)
        else:
            due = _due_if_asked(session, work, kind, keys, again=again)
        rows = due[offset : offset + size]
        batch = _build(session, work, kind, rows)
    counts = Counts(read=len(rows), unchanged=batch.idle)
    if batch.messages:
        for result in subject.publish(work, [message.item for message in batch.messages]):
            counts.would_send += result.outcome is Outcome.would_send
            counts.failed += result.outcome is not Outcome.would_send
            for name, value in (result.fields or {"result": result.message}).items():
                work.would_send.append({"what": str(kind), "of": result.key, "field": name, "value": value})
    work.counts.add(counts)
    return len(rows)


def _may_publish(work: Work, kind: OutboundKind) -> bool:
    """Return whether messages of a kind may be sent; after a restore, first mark those that may have been."""
    account_id = work.account.id
    with read_scope() as session:
        since = restored_at(session, account_id, kind)
        caught_up = since is None or orders_imported_since(session, account_id, since)
    if since is None or work.test:
        return True
    if not caught_up:
        get_run_logger().warning("Restored: nothing is published until an order-import has completed")
        return False
    with work.transaction() as session:
        SUBJECTS[kind].forget_sent(session, account_id)
    last = 0
    while True:
        with work.transaction() as session:
            rows = list_waiting(session, account_id, kind, last, WAITING_AT_ONCE)
            messages = {message.row_id: message for message in _build(session, work, kind, rows).messages}
            for row in rows:
                last = row.row_id
                if last in messages:
                    values = SUBJECTS[kind].values(messages[last].item)
                    row.sent_values = {**values, "version": row.version}
                    row.attempts = 0
                    mark_uncertain(session, row, "the database was restored")
            if not rows:
                clear_restored_mark(session, account_id, kind)
                return True


def _due_if_asked(
    session: Session, work: Work, kind: OutboundKind, keys: Keys, *, again: bool
) -> list[Outbound]:
    """Return the rows that `make_due` would make due."""
    due = []
    for row in list_by_keys(session, work.account.id, kind, keys):
        if row.state in (OutboundState.sent, OutboundState.parked):
            if not again or row.sent_at is None:
                continue
            row.repeat_version = row.version
        if row.state in (OutboundState.pending, OutboundState.sent, OutboundState.parked):
            due.append(row)
    return due


def _build(session: Session, work: Work, kind: OutboundKind, rows: Sequence[Outbound]) -> _Batch:
    """Build the message of each row from the present data; a row without one counts as idle."""
    repeats = {int(row.key) for row in rows if row.repeat_version == row.version}
    items = SUBJECTS[kind].build(session, work, [int(row.key) for row in rows], repeats)
    batch = _Batch()
    for row in rows:
        item = items.get(int(row.key))
        if item is None:
            batch.idle += 1
        else:
            batch.messages.append(_Message(row.row_id, row.key, row.version, row.changed_at, item))
    return batch


def _note_results(
    work: Work, kind: OutboundKind, messages: Sequence[_Message], results: Sequence[ItemResult]
) -> Counts:
    subject = SUBJECTS[kind]
    by_key = {result.key: result for result in results}
    counts = Counts()
    with work.transaction() as session:
        held = lock_claimed(session, [message.row_id for message in messages], work.run_id)
        _requeue_lost(session, work, kind, [each for each in messages if each.row_id not in held])
        for message in messages:
            row = held.get(message.row_id)
            if row is None:
                continue
            result = by_key.get(message.key)
            if result is None or result.outcome is Outcome.uncertain:
                mark_uncertain(session, row, result.message if result else "no answer for this item")
                counts.failed += 1
            elif result.outcome is Outcome.sent:
                mark_sent(session, row, message.version)
                is_latest = row.version == message.version
                subject.note_sent(session, row, subject.values(message.item) if is_latest else None)
                work.note_age(message.changed_at, int((utc_now() - message.changed_at).total_seconds()))
                counts.sent += 1
            else:
                final = result.outcome is Outcome.refused
                mark_failed(session, row, result.message, final=final, version=message.version)
                counts.failed += 1
            counts.parked += row.state is OutboundState.parked
    return counts


def _requeue_lost(session: Session, work: Work, kind: OutboundKind, messages: Sequence[_Message]) -> None:
    """Queue again what another run took over because this run counted as dead, although it went on sending.

    If that run sent a newer version, the older one of this run may have arrived after it.
    """
    for message in messages:
        row = session.get_one(Outbound, message.row_id, populate_existing=True)
        if row.run_id == work.run_id or row.version == message.version:
            continue
        queue_outbound(session, row.account_id, kind, [row.key])
        SUBJECTS[kind].note_sent(session, row, None)


def _give_back(work: Work, messages: Sequence[_Message]) -> None:
    """Make rows due again that are known not to have been sent."""
    with work.transaction() as session:
        held = lock_claimed(session, [message.row_id for message in messages], work.run_id)
        for row in held.values():
            release_claim(session, row)
