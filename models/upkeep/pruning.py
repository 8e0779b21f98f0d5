"""Deletion of old data: calls, runs, alarms, mails, settled records, and buyers' data after its period."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from models.mails.outbox import Mail
from models.privacy.anonymisation import (
    anonymise_erased,
    anonymise_orders,
    close_offers,
    delete_due_test_orders,
)
from models.privacy.retention import (
    clear_booking_references,
    clear_raw_rejected,
    delete_buyer_mails,
    erase_documents,
    list_due_bookings,
    list_due_buyer_mails,
    list_due_documents,
    list_due_erasures,
    list_due_offers,
    list_due_orders,
    list_due_rejected,
    list_due_test_orders,
)
from models.reconciliation.differences import Difference
from models.sync.alarms import Alarm, Incident
from models.sync.calls import Call
from models.sync.rejected import RejectedRecord
from models.sync.runs import Lease, Run, RunState
from models.tenants.tenant import Tenant

Ids = Sequence[int | None]
ROWS_AT_ONCE = 500
ORDERS_AT_ONCE = 50
"""Orders in one transaction; it holds the tenant's lock, so allocation waits meanwhile."""


@dataclass(frozen=True)
class PruneStep:
    """One kind of data to delete in small parts: `find` returns ids up to a limit, `take` deletes their data.

    Each call is a transaction of its own, and safe to repeat.
    """

    find: Callable[[Session, int], Ids]
    take: Callable[[Session, Ids], object]
    at_once: int
    """Rows per transaction, so that it takes a few milliseconds."""


@dataclass(frozen=True)
class PrunedTable:
    """A table whose old rows are deleted; `find` returns ids of its oldest deletable rows, up to a limit."""

    table: Any
    find: Callable[[Session, datetime, int], Ids]


def delete_old(session: Session, kind: PrunedTable, ids: Ids, before: datetime) -> None:
    """Delete these rows, except settled records that were found again in the meantime."""
    query = delete(kind.table).where(kind.table.id.in_(ids))
    if kind in SETTLED:
        query = query.where(kind.table.settled_at < before)
    session.execute(query)


def _calls(session: Session, before: datetime, limit: int) -> list[int | None]:
    # By id, which grows with time: an index on the time would slow down the logging of every call.
    rows = session.exec(select(Call.id, Call.started_at).order_by(col(Call.id)).limit(limit)).all()
    return [row_id for row_id, started_at in rows if started_at < before]


def _incidents(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    closed = select(Alarm.id).where(col(Alarm.closed_at).is_not(None))
    over = col(Incident.alarm_id).is_(None) | col(Incident.alarm_id).in_(closed)
    return _first(session, select(Incident.id).where(Incident.noted_at < before, over), limit)


def _alarms(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    named = select(Incident.alarm_id).where(col(Incident.alarm_id).is_not(None))
    # The last alarm stays: mail keys contain alarm ids, and SQLite would reuse the id of a deleted last row.
    last = select(func.max(Alarm.id))
    query = select(Alarm.id).where(
        col(Alarm.closed_at) < before, col(Alarm.id).not_in(named), col(Alarm.id).not_in(last)
    )
    return _first(session, query, limit)


def _runs(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    # The last run of each kind stays: it shows since when a cycle has not run, and keeps its id in use.
    last = select(func.max(Run.id)).group_by(
        col(Run.account_id), col(Run.cycle), col(Run.test), col(Run.state)
    )
    query = select(Run.id).where(
        Run.started_at < before,
        Run.state != RunState.running,
        col(Run.id).not_in(last),
        col(Run.id).not_in(select(Lease.run_id)),
    )
    return _first(session, query, limit)


def _mails(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    # Mails to buyers are business letters: `models.privacy.retention` decides about them.
    query = select(Mail.id).where(col(Mail.tenant_id).is_(None), col(Mail.sent_at) < before)
    return _first(session, query, limit)


def _given_up(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    # Two conditions, one index: nearly all mails were sent.
    query = select(Mail.id).where(col(Mail.sent_at).is_(None), col(Mail.given_up_at) < before)
    return _first(session, query, limit)


def _rejected(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    return _first(session, select(RejectedRecord.id).where(col(RejectedRecord.settled_at) < before), limit)


def _differences(session: Session, before: datetime, limit: int) -> Sequence[int | None]:
    return _first(session, select(Difference.id).where(col(Difference.settled_at) < before), limit)


def _first(session: Session, query: Any, limit: int) -> Sequence[int | None]:
    ids: Sequence[int | None] = session.exec(query.limit(limit)).all()
    return ids


CALLS = PrunedTable(Call, _calls)
"""Calls with their links to orders."""
SETTLED = (PrunedTable(RejectedRecord, _rejected), PrunedTable(Difference, _differences))
"""Rejected records that became usable, and differences that have disappeared."""
HISTORY: tuple[PrunedTable, ...] = (
    PrunedTable(Mail, _mails),
    PrunedTable(Mail, _given_up),
    PrunedTable(Incident, _incidents),
    PrunedTable(Alarm, _alarms),
    PrunedTable(Run, _runs),
    *SETTLED,
)
"""Mails to operators and mails that were given up, incidents, closed alarms, ended runs, settled records."""


def list_prune_steps(
    tenants: Sequence[Tenant], *, calls_before: datetime, history_before: datetime
) -> list[PruneStep]:
    """Return the steps that delete what is older than these times, or due by a tenant's retention periods."""
    steps = [_step(CALLS, calls_before), *(_step(kind, history_before) for kind in HISTORY)]
    for tenant in tenants:
        steps += [
            _of_tenant(tenant, list_due_erasures, anonymise_erased, ORDERS_AT_ONCE),
            _of_tenant(tenant, list_due_orders, anonymise_orders, ORDERS_AT_ONCE),
            _of_tenant(tenant, list_due_test_orders, delete_due_test_orders, ORDERS_AT_ONCE),
            _of_tenant(tenant, list_due_offers, close_offers, ORDERS_AT_ONCE),
            _of_tenant(tenant, list_due_rejected, clear_raw_rejected, ROWS_AT_ONCE),
            _of_tenant(tenant, list_due_buyer_mails, delete_buyer_mails, ROWS_AT_ONCE),
            _of_tenant(tenant, list_due_documents, erase_documents, ROWS_AT_ONCE),
            _of_tenant(tenant, list_due_bookings, clear_booking_references, ROWS_AT_ONCE),
        ]
    return steps


def _step(kind: PrunedTable, before: datetime) -> PruneStep:
    return PruneStep(
        lambda session, limit: kind.find(session, before, limit),
        lambda session, ids: delete_old(session, kind, ids, before),
        ROWS_AT_ONCE,
    )


def _of_tenant(
    tenant: Tenant,
    find: Callable[[Session, Tenant, int], Ids],
    take: Callable[[Session, Tenant, Ids], object],
    at_once: int,
) -> PruneStep:
    return PruneStep(
        lambda session, limit: find(session, tenant, limit),
        lambda session, ids: take(session, tenant, ids),
        at_once,
    )
