"""The delivery of outbound messages: claim, send, retry, park."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, update
from sqlmodel import Session, col, select

from models.clock import utc_now
from models.sync.outbound import Keys, Outbound, OutboundState, conditions_for_keys, requeued_values
from models.sync.records import OutboundKind
from models.sync.runs import Lease
from models.tenants.account import Account
from models.tenants.locks import lock_tenants

MAX_ATTEMPTS = 8
ATTEMPTS_IN_BATCH = 6
"""After this number of attempts a row is sent alone: perhaps it fails because of another row."""

RETRY_SECONDS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)

UNCONFIRMED = (OutboundState.sending, OutboundState.uncertain)
"""States in which a row may have arrived at the channel."""


def list_due(
    session: Session, account_id: int, kind: OutboundKind, limit: int, keys: Keys = None
) -> list[Outbound]:
    """Return rows that may be sent now, oldest change first; with keys, only rows of these subjects."""
    return list(
        session.exec(
            select(Outbound)
            .where(*_due(account_id, kind, keys))
            .order_by(col(Outbound.changed_at), col(Outbound.id))
            .limit(limit)
        ).all()
    )


def count_due(session: Session, account_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Return how many rows may be sent now."""
    return session.exec(select(func.count()).where(*_due(account_id, kind, keys))).one()


def _due(account_id: int, kind: OutboundKind, keys: Keys) -> list[ColumnElement[bool]]:
    return [
        *conditions_for_keys(account_id, kind, keys),
        col(Outbound.state) == OutboundState.pending,
        col(Outbound.next_try_at) <= utc_now(),
    ]


def has_unconfirmed(session: Session, account_id: int, kind: OutboundKind, keys: Keys = None) -> bool:
    """Return whether any row may have been sent without an answer, due to be looked up or not."""
    query = select(Outbound.id).where(
        *conditions_for_keys(account_id, kind, keys), col(Outbound.state).in_(UNCONFIRMED)
    )
    return session.exec(query.limit(1)).first() is not None


def claim_due(
    session: Session, account_id: int, kind: OutboundKind, limit: int, run_id: int, keys: Keys = None
) -> list[Outbound]:
    """Claim rows that may be sent now for a run, except rows that another run has claimed; return them.

    A row that failed often is returned alone.
    """
    due = [*conditions_for_keys(account_id, kind, keys), col(Outbound.state) == OutboundState.pending]
    rows = _lock_unclaimed(session, due, col(Outbound.changed_at), limit, run_id)
    # Rows that failed often wait until no other row is due; then they are sent one by one.
    rows = [row for row in rows if row.attempts < ATTEMPTS_IN_BATCH] or rows[:1]
    for row in rows:
        row.state, row.run_id = OutboundState.sending, run_id
        session.add(row)
    session.flush()
    return rows


def claim_unconfirmed(
    session: Session, account_id: int, kind: OutboundKind, limit: int, run_id: int, keys: Keys = None
) -> list[Outbound]:
    """Claim rows that may have been sent without an answer, and return them to be looked up.

    A row that is being sent is among them if its run holds no valid lease any more, or is this run after a
    step of it broke off. That counts as a further attempt.
    """
    unconfirmed = [*conditions_for_keys(account_id, kind, keys), col(Outbound.state).in_(UNCONFIRMED)]
    rows = _lock_unclaimed(session, unconfirmed, col(Outbound.id), limit, run_id)
    for row in rows:
        if row.state is OutboundState.sending:
            row.attempts += 1
            row.error = row.error or "its run broke off"
        row.state, row.run_id = OutboundState.uncertain, run_id
        session.add(row)
    session.flush()
    return rows


def _lock_unclaimed(
    session: Session, conditions: Sequence[ColumnElement[bool]], order: Any, limit: int, run_id: int
) -> list[Outbound]:
    """Return rows whose next try is due and that no other active run claims; skip rows that others lock."""
    active = select(Lease.run_id).where(Lease.expires_at > utc_now())
    claim = col(Outbound.run_id)
    return list(
        session.exec(
            select(Outbound)
            .where(
                *conditions,
                Outbound.next_try_at <= utc_now(),
                or_(claim.is_(None), claim == run_id, claim.not_in(active)),
            )
            .order_by(order, col(Outbound.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        ).all()
    )


def lock_claimed(session: Session, ids: Sequence[int], run_id: int) -> dict[int, Outbound]:
    """Lock the rows that this run still claims, and return them by id.

    Another run has claimed the other rows since: the results that this run has for them do not count.
    """
    rows = session.exec(
        select(Outbound)
        .where(
            col(Outbound.id).in_(ids),
            Outbound.run_id == run_id,
            col(Outbound.state).in_(UNCONFIRMED),
        )
        .order_by(col(Outbound.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return {row.row_id: row for row in rows}


def mark_sent(session: Session, row: Outbound, version: int) -> None:
    """Close a row that is published or needs no publishing; if it changed meanwhile, it is due again."""
    # Locked: otherwise a change between this read and the commit would be closed without being sent.
    session.refresh(row, with_for_update=True)
    now = utc_now()
    row.sent_at, row.error, row.attempts, row.run_id = now, "", 0, None
    if row.version == version:
        row.state = OutboundState.sent
    else:
        row.state, row.changed_at, row.next_try_at = OutboundState.pending, now, now
    session.add(row)


def mark_failed(
    session: Session, row: Outbound, error: str, *, final: bool = False, version: int | None = None
) -> None:
    """Note a failed try. The next one waits longer; after the last one, or if `final` is true, it is parked.

    If the row changed since the `version` that was refused for good, it is due at once: the change was not
    published yet.
    """
    if version is not None:
        session.refresh(row, with_for_update=True)
    row.error = error
    session.add(row)
    if version is not None and row.version != version and final:
        release_claim(session, row)
        row.attempts, row.next_try_at = 0, utc_now()
        return
    row.attempts += 1
    if final or row.attempts >= MAX_ATTEMPTS:
        _park(row)
    else:
        release_claim(session, row)
        row.next_try_at = utc_now() + _wait(row.attempts)


def mark_uncertain(session: Session, row: Outbound, error: str) -> None:
    """Note that a row was sent and no answer came; the next run of its cycle looks it up."""
    row.state, row.error, row.run_id = OutboundState.uncertain, error, None
    row.attempts += 1
    row.next_try_at = utc_now()
    session.add(row)


def mark_not_arrived(session: Session, row: Outbound) -> None:
    """Note that a row that may have arrived did not.

    After its first attempt it is due at once, later after longer waits. After the last it is parked.
    """
    if row.attempts >= MAX_ATTEMPTS:
        _park(row)
        session.add(row)
        return
    release_claim(session, row)
    row.next_try_at = utc_now() + (_wait(row.attempts - 1) if row.attempts > 1 else timedelta())


def mark_unconfirmed(session: Session, row: Outbound, error: str) -> None:
    """Note that the channel could not say whether a row arrived; it is asked again after a longer wait.

    After the last attempt the row is parked; if a person retries it, the channel is asked first, too.
    """
    row.error = error
    row.attempts += 1
    if row.attempts >= MAX_ATTEMPTS:
        _park(row, in_doubt=True)
    else:
        row.state, row.run_id, row.next_try_at = (
            OutboundState.uncertain,
            None,
            utc_now() + _wait(row.attempts),
        )
    session.add(row)


def release_claim(session: Session, row: Outbound) -> None:
    """Make a row due again that was not sent."""
    row.state, row.run_id = OutboundState.pending, None
    session.add(row)


def _park(row: Outbound, *, in_doubt: bool = False) -> None:
    row.state, row.in_doubt, row.reported_at = OutboundState.parked, in_doubt, None


def _wait(attempts: int) -> timedelta:
    return timedelta(seconds=RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1])


def take_unreported(session: Session) -> list[Outbound]:
    """Return parked rows without a notification, and mark them as notified in this transaction.

    Rows of a run that is still at work wait, so that one mail lists everything that it parked.
    """
    claim = col(Outbound.run_id)
    active = select(Lease.run_id).where(Lease.expires_at > utc_now())
    rows = session.exec(
        select(Outbound)
        .where(*_unreported(), or_(claim.is_(None), claim.not_in(active)))
        .order_by(col(Outbound.id))
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.reported_at = utc_now()
        session.add(row)
    session.flush()
    return list(rows)


def has_unreported(session: Session) -> bool:
    """Return whether `take_unreported` may find something; it locks nothing."""
    return session.exec(select(Outbound.id).where(*_unreported()).limit(1)).first() is not None


def _unreported() -> tuple[ColumnElement[bool], ...]:
    return (
        # The index begins with account and kind; without them every row would be read.
        col(Outbound.account_id).in_(select(Account.id)),
        col(Outbound.kind).in_(list(OutboundKind)),
        col(Outbound.state) == OutboundState.parked,
        col(Outbound.reported_at).is_(None),
    )


def retry_parked(session: Session, ids: Sequence[int]) -> int:
    """Make parked rows due again, all of them if `ids` is empty; return how many.

    A row that may have arrived is looked up before it is sent again.
    """
    parked = [col(Outbound.state) == OutboundState.parked, *([col(Outbound.id).in_(ids)] if ids else [])]
    accounts = select(Outbound.account_id).where(*parked)
    lock_tenants(session, session.exec(select(Account.tenant_id).where(col(Account.id).in_(accounts))).all())
    done = session.execute(update(Outbound).where(*parked).values(**requeued_values(utc_now())))
    return int(done.rowcount)  # type: ignore[attr-defined]


def list_outbound(session: Session, states: Sequence[OutboundState]) -> list[Outbound]:
    """Return rows in these states, oldest change first."""
    return list(
        session.exec(
            select(Outbound)
            .where(col(Outbound.state).in_(states))
            .order_by(col(Outbound.changed_at), col(Outbound.id))
        ).all()
    )
