"""Runs of cycles, and their leases: they allow one run of a cycle and account at a time.

Locks: a run's leases are locked before the run itself, and several leases in the order of their cycles.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import JSON, Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.clock import utc_now
from models.database.columns import Numbered, code, instant
from models.errors import LeaseHeldError, LeaseLostError
from models.sync.cycles import leases_of
from models.sync.records import Counts, Cycle

LEASE_SECONDS = 60
"""A run that has shown no heartbeat for this long counts as dead."""


class RunState(StrEnum):
    running = "running"
    completed = "completed"
    failed = "failed"
    vanished = "vanished"
    """Its process ended without a report; found because its lease ran out."""


class Run(Numbered, table=True):
    """One run of a cycle for one account. Its state here counts, not the one in Prefect."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_last", "account_id", "cycle", "state", "finished_at"),
        Index("ix_run_latest", "account_id", "cycle", "id"),
    )

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    test: bool = False
    state: RunState = code(RunState, RunState.running, index=True)
    started_at: datetime = instant(index=True)
    finished_at: datetime | None = instant(nullable=True)
    counts: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    error: str = ""
    flow_run_id: str = Field(default="", index=True)
    oldest_news_at: datetime | None = instant(nullable=True)
    """When the oldest change that this run transferred happened, by the clock of the side that made it."""
    slowest_seconds: int | None = None
    """The longest time from a change to its arrival on the other side, among the changes of this run."""
    window: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """Which orders it set out to read, so that a run that failed can be replayed."""


class Lease(SQLModel, table=True):
    """Which run works on a cycle of an account, and until when it may do so."""

    __tablename__ = "lease"
    __table_args__ = (PrimaryKeyConstraint("account_id", "cycle"),)

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    run_id: int = Field(foreign_key="run.id")
    expires_at: datetime = instant()


def begin_run(
    session: Session, account_id: int, cycle: Cycle, *, test: bool = False, flow_run_id: str = ""
) -> Run:
    """Open a run and take its leases: of its cycle, and of the cycles that it does the work of.

    A lease that ran out is taken over, and the run that held it is marked vanished.
    Raises: LeaseHeldError, if another run holds one; nothing is saved then.
    """
    now = utc_now()
    wanted = leases_of(cycle)
    leases = {lease.cycle: lease for lease in _lock_leases(session, Lease.account_id == account_id, wanted)}
    for lease in leases.values():
        if lease.expires_at > now:
            raise LeaseHeldError(
                f"Run {lease.run_id} works on {lease.cycle} of this account; wait for it to end, or if its "
                f"process has died, until {lease.expires_at:%H:%M:%S} UTC."
            )
    for lease in leases.values():
        mark_vanished(session, lease.run_id)
    run = Run(account_id=account_id, cycle=cycle, test=test, flow_run_id=flow_run_id)
    session.add(run)
    session.flush()
    run_id, expires_at = run.row_id, now + timedelta(seconds=LEASE_SECONDS)
    for each in wanted:
        # If two first runs begin at once, the primary key accepts one; the other waits here and then fails.
        lease = leases.get(each) or Lease(account_id=account_id, cycle=each, run_id=run_id)
        lease.run_id, lease.expires_at = run_id, expires_at
        session.add(lease)
    try:
        session.flush()
    except IntegrityError:
        raise LeaseHeldError(f"Another run of {cycle} of this account began at the same moment.") from None
    return run


def finish_run(
    session: Session,
    run_id: int,
    state: RunState,
    counts: Counts,
    *,
    error: str = "",
    oldest_news_at: datetime | None = None,
    slowest_seconds: int | None = None,
) -> None:
    """Close a run with its figures, and end the leases that it still holds."""
    # Leases before the run, as in `begin_run`: locked in another order, two runs would deadlock.
    leases = _lock_leases(session, Lease.run_id == run_id)
    run = session.get_one(Run, run_id)
    run.state, run.finished_at, run.counts, run.error = state, utc_now(), counts.model_dump(), error
    run.oldest_news_at, run.slowest_seconds = oldest_news_at, slowest_seconds
    session.add(run)
    for lease in leases:
        lease.expires_at = utc_now()
        session.add(lease)
    session.flush()


def keep_lease(session: Session, run_id: int, leases: int = 1) -> None:
    """Extend the leases of a run; `leases` is their number. Raises: LeaseLostError, if another run took one.

    Each transaction that saves a page calls it. So a run that counted as dead saves nothing more once another
    run does its work.
    """
    if leases > 1:
        _lock_leases(session, Lease.run_id == run_id)
    kept = session.execute(
        update(Lease)
        .where(col(Lease.run_id) == run_id)
        .values(expires_at=utc_now() + timedelta(seconds=LEASE_SECONDS))
    )
    if kept.rowcount != leases:  # type: ignore[attr-defined]
        raise LeaseLostError(f"Run {run_id} lost its lease.")


def _lock_leases(session: Session, condition: Any, cycles: Sequence[Cycle] = tuple(Cycle)) -> list[Lease]:
    # Every run takes leases in one order; otherwise two runs could wait for each other forever.
    query = select(Lease).where(condition, col(Lease.cycle).in_(cycles)).order_by(col(Lease.cycle))
    return list(session.exec(query.with_for_update().execution_options(populate_existing=True)).all())


def mark_vanished(session: Session, run_id: int) -> bool:
    """Mark a run that is still open as vanished; return whether it was open."""
    run = session.get(Run, run_id)
    if run is None or run.state is not RunState.running:
        return False
    run.state, run.finished_at = RunState.vanished, utc_now()
    run.error = "The process ended without a report."
    session.add(run)
    return True


def list_vanished(session: Session) -> list[Run]:
    """Return open runs that hold no valid lease any more."""
    held = select(Lease.run_id).where(col(Lease.expires_at) > utc_now())
    return list(
        session.exec(
            select(Run).where(
                Run.state == RunState.running,
                col(Run.id).not_in(held),
                Run.started_at < utc_now() - timedelta(seconds=LEASE_SECONDS),
            )
        ).all()
    )


def last_success(session: Session, account_id: int, cycle: Cycle) -> datetime | None:
    """Return when this cycle last completed for this account outside test mode."""
    return session.exec(
        select(func.max(Run.finished_at)).where(
            Run.account_id == account_id,
            Run.cycle == cycle,
            Run.state == RunState.completed,
            col(Run.test).is_(False),
        )
    ).one()


def list_runs(
    session: Session, account_id: int | None = None, cycle: Cycle | None = None, limit: int | None = None
) -> list[Run]:
    """Return runs, latest first."""
    query = select(Run).order_by(col(Run.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(Run.account_id == account_id)
    if cycle is not None:
        query = query.where(Run.cycle == cycle)
    return list(session.exec(query).all())


def save_window(session: Session, run_id: int, window: dict[str, Any]) -> None:
    """Save which orders a run set out to read."""
    run = session.get_one(Run, run_id)
    run.window = window
    session.add(run)
