"""Runs, schedules, calls, queued updates and rejected records as people see them, ready for any face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from models.database.session import Session
from models.sync.calls import Call
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Counts, Cycle, OutboundKind
from models.sync.rejected import RejectedRecord
from models.sync.runs import Run, RunState, last_success
from models.sync.schedules import list_schedules
from models.tenants.account import account_names


@dataclass(frozen=True)
class RunView:
    """One run of a cycle, with what it did."""

    id: int
    account: str
    cycle: Cycle
    test: bool
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]
    """The figures of `Counts`."""
    error: str
    oldest_news_at: datetime | None
    slowest_seconds: int | None
    flow_run_id: str


@dataclass(frozen=True)
class ScheduleView:
    """How often a cycle of an account runs, as last read from Prefect."""

    account: str
    cycle: Cycle
    minutes: float
    active: bool
    last_success_at: datetime | None


@dataclass(frozen=True)
class CallView:
    """One exchange with an outside system."""

    id: int
    started_at: datetime
    account: str
    run: int | None
    call: str
    kind: Literal["read", "write"]
    ending: str
    """`ok`, `held back`, `open`, or the class of the error."""
    status: int | None
    milliseconds: int | None
    size_bytes: int | None
    orders: list[str]
    """The external ids of the orders that it named."""


@dataclass(frozen=True)
class OutboundView:
    """One update for an outside system."""

    id: int
    account: str
    kind: OutboundKind
    key: str
    state: OutboundState
    changed_at: datetime
    next_try_at: datetime
    attempts: int
    sent_at: datetime | None
    sent_values: Mapping[str, Any]
    error: str


@dataclass(frozen=True)
class RejectedSummary:
    """One rejected record as lists show it."""

    id: int
    account: str
    kind: str
    external_id: str
    reason: str
    times: int
    first_seen_at: datetime
    last_seen_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class RejectedView:
    """One rejected record with its raw form, as the channel sent it."""

    summary: RejectedSummary
    raw: str


def run_views(session: Session, runs: Sequence[Run]) -> list[RunView]:
    """Return a view of each run, in the order given."""
    accounts = account_names(session)
    return [
        RunView(
            id=run.row_id,
            account=accounts[run.account_id],
            cycle=run.cycle,
            test=run.test,
            state=run.state,
            started_at=run.started_at,
            finished_at=run.finished_at,
            counts=Counts.model_validate(run.counts).model_dump(),
            error=run.error,
            oldest_news_at=run.oldest_news_at,
            slowest_seconds=run.slowest_seconds,
            flow_run_id=run.flow_run_id,
        )
        for run in runs
    ]


def schedule_views(session: Session) -> list[ScheduleView]:
    """Return the schedules of all accounts."""
    accounts = account_names(session)
    return [
        ScheduleView(
            account=accounts[row.account_id],
            cycle=row.cycle,
            minutes=round(row.interval_seconds / 60, 2),
            active=row.active,
            last_success_at=last_success(session, row.account_id, row.cycle),
        )
        for row in list_schedules(session)
    ]


def call_views(session: Session, calls: Sequence[Call], orders: Mapping[int, list[str]]) -> list[CallView]:
    """Return a view of each call, in the order given.

    `orders` holds the external ids of the orders that a call named, by its id:
    `models.orders.queries.orders_of_calls` finds them.
    """
    accounts = account_names(session)
    return [
        CallView(
            id=call.row_id,
            started_at=call.started_at,
            account=accounts[call.account_id],
            run=call.run_id,
            call=call.call,
            kind="read" if call.reads else "write",
            ending=call.ending,
            status=call.status,
            milliseconds=call.milliseconds,
            size_bytes=call.size_bytes,
            orders=orders.get(call.row_id, []),
        )
        for call in calls
    ]


def outbound_views(session: Session, rows: Sequence[Outbound]) -> list[OutboundView]:
    """Return a view of each queued update, in the order given."""
    accounts = account_names(session)
    return [
        OutboundView(
            id=row.row_id,
            account=accounts[row.account_id],
            kind=row.kind,
            key=row.key,
            state=row.state,
            changed_at=row.changed_at,
            next_try_at=row.next_try_at,
            attempts=row.attempts,
            sent_at=row.sent_at,
            sent_values=row.sent_values,
            error=row.error,
        )
        for row in rows
    ]


def rejected_summaries(session: Session, rows: Sequence[RejectedRecord]) -> list[RejectedSummary]:
    """Return a summary of each rejected record, in the order given."""
    accounts = account_names(session)
    return [
        RejectedSummary(
            id=row.row_id,
            account=accounts[row.account_id],
            kind=row.kind,
            external_id=row.external_id,
            reason=row.reason,
            times=row.times,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            settled_at=row.settled_at,
        )
        for row in rows
    ]


def rejected_view(session: Session, row: RejectedRecord) -> RejectedView:
    """Return one rejected record with its raw form."""
    (summary,) = rejected_summaries(session, [row])
    return RejectedView(summary, row.raw)
