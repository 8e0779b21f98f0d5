"""Tell a channel what changed here: claim, build from the truth, send, note each answer.

The claim and what is about to be sent are committed before anything leaves. So whatever happens
afterwards, a row that may have gone out is known, and is looked up at the channel before it is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from prefect.logging import get_run_logger
from sqlmodel import Session

from connectors.errors import ConnectorError, RecordError, RequestRefusedError
from connectors.protocols.order_updates import PaymentItem, ShipmentItem
from connectors.protocols.results import ItemResult, Outcome
from models.catalog.listing import Listing
from models.clock import utc_now
from models.database.columns import need_id
from models.database.session import read_scope, session_scope
from models.errors import LeaseLostError
from models.orders.queries import list_tellable
from models.sync.delivery import (
    claim_doubtful,
    claim_due,
    count_due,
    has_doubtful,
    list_due,
    lock_claimed,
    mark_failed,
    mark_missing,
    mark_sent,
    mark_uncertain,
    mark_unknown,
    release_claim,
)
from models.sync.outbound import Keys, Outbound, OutboundState, hurry, list_named, queue_again, queue_outbound
from models.sync.records import Counts, OutboundKind
from models.tenants.locks import lock_tenants
from models.upkeep.after_restore import end_doubt, forget_published, has_caught_up, list_waiting, restored_at
from models.warehouse.sellable import touch_account
from tasks.run.artifacts import show_progress, start_progress
from tasks.run.steps import step
from tasks.run.work import Work, work_of
from tasks.told import ITEMS_OF, Item, publish, stands_there, values_of

DOUBTS_AT_ONCE = 1000


@dataclass(frozen=True)
class Waiting:
    """What a run finds to do before it tells anything."""

    due: int = 0
    """Changes to be told."""
    doubtful: bool = False
    """Whether any may have gone out without an answer."""


@dataclass(frozen=True)
class _Letter:
    """A row on its way: which version of it, and what it says."""

    row_id: int
    version: int
    changed_at: datetime
    item: Item


@dataclass
class _Batch:
    letters: list[_Letter] = field(default_factory=list)
    idle: int = 0
    """Rows that had nothing to tell any more."""


def publish_all(work: Work, kind: OutboundKind, keys: Keys = None, *, again: bool = False) -> None:
    """Publish all that waits: first look up what may have arrived without an answer, then send the rest.

    With `keys`, of these subjects alone. If `again` is true, a test run also shows what was published before.
    """
    waiting = find_waiting(work.run_id, kind, keys)
    done = 0
    if work.test:
        while taken := preview_batch(work.run_id, kind, done, keys, again):
            done += taken
        return
    while waiting.doubtful and settle_doubtful(work.run_id, kind, keys):
        pass
    if not waiting.due and not waiting.doubtful:
        return
    progress = start_progress(work.cycle, work.account.name) if waiting.due else None
    while taken := send_batch(work.run_id, kind, keys):
        done += taken
        percent = min(100.0, 100 * done / max(waiting.due, done))
        show_progress(progress, percent, f"{done} of {max(waiting.due, done)} published")


@step
def queue_all_listings(run_id: int) -> None:
    """Queue every listing whose article is known, so that each is worked out again."""
    work = work_of(run_id)
    with work.transaction() as session:
        touch_account(session, work.account.id)


@step
def find_waiting(run_id: int, kind: OutboundKind, keys: Keys = None) -> Waiting:
    """Return what waits to be told; with keys, of these subjects alone, as everywhere below.

    After a restore nothing, until orders were read again; then all that the channel may have been told
    before is marked to be looked up. Repeating it is harmless.
    """
    work = work_of(run_id)
    if not _may_tell(work, kind):
        return Waiting()
    with read_scope() as session:
        return Waiting(
            due=count_due(session, work.account.id, kind, keys),
            doubtful=has_doubtful(session, work.account.id, kind, keys),
        )


@step
def make_due(run_id: int, kind: OutboundKind, keys: Sequence[int], *, again: bool) -> None:
    """Make what these subjects have to tell due at once, `again` with what the channel was told before."""
    work = work_of(run_id)
    with work.transaction() as session:
        hurry(session, work.account.id, kind, keys)
        if again:
            queue_again(session, work.account.id, kind, keys)


@step
def settle_doubtful(run_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Look up at the channel what may have gone out without an answer; return how many were looked up.

    What has arrived is closed, what has not is due again, and what the channel does not know is asked for
    again later.
    """
    work = work_of(run_id)
    if work.test:
        return 0
    with work.transaction() as session:
        rows = claim_doubtful(session, work.account.id, kind, _batch_size(work, kind), run_id, keys)
        numbers = {} if kind is OutboundKind.stock else _numbers_of(session, rows)
    if not rows:
        return 0
    why = "the channel does not know it, so that nobody can tell whether it arrived"
    try:
        arrived, unknown = _read_back(work, kind, rows, numbers)
    except (RequestRefusedError, RecordError) as error:
        arrived, unknown, why = set(), {row.key for row in rows}, str(error)
    with work.transaction() as session:
        for row in lock_claimed(session, [need_id(row.id) for row in rows], run_id).values():
            if row.key in arrived:
                # What changed since it left is not what the channel has.
                sent_version = row.sent_values.get("version", 0)
                mark_sent(session, row, sent_version)
                _note_published(session, kind, row, row.sent_values, sent_version)
                work.counts.sent += 1
            elif row.key in unknown:
                mark_unknown(session, row, why)
            else:
                mark_missing(session, row)
            work.counts.parked += row.state is OutboundState.parked
    get_run_logger().info(
        "%d without an answer: %d had arrived, %d are not known there", len(rows), len(arrived), len(unknown)
    )
    return len(rows)


@step
def send_batch(run_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Tell the channel one batch of changes; return how many rows were taken up, zero at the end.

    Raises: TransientError and AccountError, if nothing left; then every row is due again.
    """
    work = work_of(run_id)
    with work.transaction() as session:
        rows = claim_due(session, work.account.id, kind, _batch_size(work, kind), run_id, keys)
        batch = _build(session, work, kind, rows)
        for letter in batch.letters:
            session.get_one(Outbound, letter.row_id).sent_values = {
                **values_of(letter.item),
                "version": letter.version,
            }
        to_send = {letter.row_id for letter in batch.letters}
        for row in rows:
            if need_id(row.id) not in to_send:
                mark_sent(session, row, row.version)
    counts = Counts(read=len(rows), unchanged=batch.idle)
    if batch.letters:
        try:
            results = publish(work, kind, [letter.item for letter in batch.letters])
        except ConnectorError:
            _give_back(work, batch.letters)
            raise
        finally:
            work.calls.flush()
        try:
            counts.add(_note_results(work, kind, batch.letters, results))
        except LeaseLostError:
            with session_scope() as session:
                lock_tenants(session, [work.account.tenant_id])
                _tell_again(session, work, kind, batch.letters)
            raise
    work.counts.add(counts)
    if rows:
        get_run_logger().info(counts.text())
    return len(rows)


@step
def preview_batch(
    run_id: int, kind: OutboundKind, offset: int, keys: Keys = None, again: bool = False
) -> int:
    """Test mode: work out one batch without claiming it; the transport keeps what would have been sent.

    Subjects that are named count as due at once, `again` also if the channel was told before.
    """
    work = work_of(run_id)
    size = _batch_size(work, kind)
    with read_scope() as session:
        if keys is None:
            due = list_due(session, work.account.id, kind, offset + size)
        else:
            due = _due_if_asked(session, work, kind, keys, again=again)
        rows = due[offset : offset + size]
        batch = _build(session, work, kind, rows)
    counts = Counts(read=len(rows), unchanged=batch.idle)
    if batch.letters:
        for result in publish(work, kind, [letter.item for letter in batch.letters]):
            counts.would_send += result.outcome is Outcome.would_send
            counts.failed += result.outcome is not Outcome.would_send
            for name, value in (result.fields or {"result": result.message}).items():
                work.would_send.append({"what": str(kind), "of": result.key, "field": name, "value": value})
    work.counts.add(counts)
    return len(rows)


def _may_tell(work: Work, kind: OutboundKind) -> bool:
    account_id = work.account.id
    with read_scope() as session:
        since = restored_at(session, account_id, kind)
        caught_up = since is None or has_caught_up(session, account_id, since)
    if since is None or work.test:
        return True
    if not caught_up:
        get_run_logger().warning("Restored: nothing is told until an order-import has completed")
        return False
    if kind is OutboundKind.stock:
        with work.transaction() as session:
            forget_published(session, account_id)
    last = 0
    while True:
        with work.transaction() as session:
            rows = list_waiting(session, account_id, kind, last, DOUBTS_AT_ONCE)
            letters = {letter.row_id: letter for letter in _build(session, work, kind, rows).letters}
            for row in rows:
                last = need_id(row.id)
                if last in letters:
                    row.sent_values = {**values_of(letters[last].item), "version": row.version}
                    row.attempts = 0
                    mark_uncertain(session, row, "the database was restored")
            if not rows:
                end_doubt(session, account_id, kind)
                return True


def _due_if_asked(
    session: Session, work: Work, kind: OutboundKind, keys: Keys, *, again: bool
) -> list[Outbound]:
    """Return what `make_due` would make due, without making it so."""
    due = []
    for row in list_named(session, work.account.id, kind, keys):
        if row.state in (OutboundState.sent, OutboundState.parked):
            if not again or row.sent_at is None:
                continue
            row.repeat_version = row.version
        if row.state in (OutboundState.pending, OutboundState.sent, OutboundState.parked):
            due.append(row)
    return due


def _batch_size(work: Work, kind: OutboundKind) -> int:
    if kind is OutboundKind.stock:
        return work.stock.batch_size
    if kind is OutboundKind.payment:
        return work.payments.batch_size
    if kind is OutboundKind.cancellation:
        return work.cancellations.batch_size
    return work.shipments.batch_size


def _build(session: Session, work: Work, kind: OutboundKind, rows: Sequence[Outbound]) -> _Batch:
    """Work out what each row has to say now; one that has nothing to say is idle."""
    items = ITEMS_OF[kind](session, work, [int(row.key) for row in rows])
    batch = _Batch()
    for row in rows:
        item = items.get(int(row.key))
        if item is None:
            batch.idle += 1
        else:
            if isinstance(item, PaymentItem | ShipmentItem):
                item = replace(item, repeat=row.repeat_version == row.version)
            batch.letters.append(_Letter(need_id(row.id), row.version, row.changed_at, item))
    return batch


def _note_results(
    work: Work, kind: OutboundKind, letters: Sequence[_Letter], results: Sequence[ItemResult]
) -> Counts:
    by_key = {result.key: result for result in results}
    counts = Counts()
    with work.transaction() as session:
        held = lock_claimed(session, [letter.row_id for letter in letters], work.run_id)
        _tell_again(session, work, kind, [letter for letter in letters if letter.row_id not in held])
        for letter in letters:
            row = held.get(letter.row_id)
            if row is None:
                continue
            result = by_key.get(letter.item.key)
            if result is None or result.outcome is Outcome.uncertain:
                mark_uncertain(session, row, result.message if result else "no answer for this item")
                counts.failed += 1
            elif result.outcome is Outcome.sent:
                mark_sent(session, row, letter.version)
                _note_published(session, kind, row, values_of(letter.item), letter.version)
                work.note_age(letter.changed_at, int((utc_now() - letter.changed_at).total_seconds()))
                counts.sent += 1
            else:
                final = result.outcome is Outcome.refused
                mark_failed(session, row, result.message, final=final, version=letter.version)
                counts.failed += 1
            counts.parked += row.state is OutboundState.parked
    return counts


def _tell_again(session: Session, work: Work, kind: OutboundKind, letters: Sequence[_Letter]) -> None:
    """Queue what another run took over while this one, taken for dead, sent it all the same.

    Where there was newer news meanwhile, the older that this run sent may have arrived after it.
    """
    for letter in letters:
        row = session.get_one(Outbound, letter.row_id, populate_existing=True)
        if row.run_id == work.run_id or row.version == letter.version:
            continue
        queue_outbound(session, row.account_id, kind, [row.key])
        if kind is OutboundKind.stock:
            listing = session.get_one(Listing, int(row.key))
            listing.published_quantity = None
            session.add(listing)


def _note_published(
    session: Session, kind: OutboundKind, row: Outbound, values: Mapping[str, Any], version: int
) -> None:
    """Keep what a channel was told; not known if something happened meanwhile, e.g. a sale there."""
    if kind is OutboundKind.stock:
        listing = session.get_one(Listing, int(row.key))
        listing.published_quantity = int(values["quantity"]) if row.version == version else None
        listing.published_at = utc_now()
        session.add(listing)


def _give_back(work: Work, letters: Sequence[_Letter]) -> None:
    """Make rows due again of which it is known that they did not leave."""
    with work.transaction() as session:
        for row in lock_claimed(session, [letter.row_id for letter in letters], work.run_id).values():
            release_claim(session, row)


def _numbers_of(session: Session, rows: Sequence[Outbound]) -> dict[str, str]:
    """Return the number by which the channel knows the order of each row now; a merged one has none."""
    orders = list_tellable(session, [int(row.key) for row in rows])
    return {str(order.id): order.external_id for order in orders}


def _read_back(
    work: Work, kind: OutboundKind, rows: Sequence[Outbound], numbers: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """Return the keys of the rows whose values stand at the channel, and of those it does not know.

    A row never filled in did not leave. Stock of a listing that is unknown there may be sent again: the
    refusal then says so. An order may have another number by now, or be part of another, which is told.
    """
    told = {row.key: row.sent_values for row in rows if row.sent_values}
    if kind is OutboundKind.stock:
        ids = sorted({values["external_id"] for values in told.values()})
        quantities = work.stock.fetch_stock(ids) if ids else {}
        arrived = {
            key
            for key, values in told.items()
            if str(quantities.get(values["external_id"])) == values["quantity"]
        }
        return arrived, set()
    told = {key: values for key, values in told.items() if key in numbers}
    ids = sorted({number for key, values in told.items() for number in (values["external_id"], numbers[key])})
    statuses = {status.external_id: status for status in work.orders.fetch_order_statuses(ids)} if ids else {}
    found = {
        key: statuses.get(numbers[key]) or statuses.get(values["external_id"]) for key, values in told.items()
    }
    arrived = {
        key for key, status in found.items() if status is not None and stands_there(kind, told[key], status)
    }
    return arrived, {key for key, status in found.items() if status is None}
