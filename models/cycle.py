"""Cycle: a kind of sync; its runs, the lease that lets one work at a time, and cursors."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Index, PrimaryKeyConstraint, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import JSON, Field, Session, SQLModel, col, select

from models.account import OWN, Account, ChannelOptions, Mode, Release, makes_invoices, sends_mails
from models.columns import code, instant, need_id, utc_now
from models.errors import LeaseHeldError, LeaseLostError, RuleError
from models.upsert import insert_or_update

TEST_SUFFIX = ":test"
LEASE_SECONDS = 60
"""A run that has not shown a heartbeat for this long is taken for dead."""


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


DOES_WORK_OF: dict[Cycle, tuple[Cycle, ...]] = {
    Cycle.replay: (Cycle.order_import, Cycle.payment_sync, Cycle.shipping_sync),
}
"""Cycles that do the work of others: they hold the leases of those, too."""


CYCLES_OF_OWN_ORDERS = (Cycle.order_release, Cycle.payment_due, Cycle.invoicing, Cycle.buyer_mail)
"""Cycles that ask no channel: all that an account of the kind `OWN` has."""


def has_cycle(kind: str, cycle: Cycle) -> bool:
    """Return whether a kind of account can have a cycle."""
    return kind != OWN or cycle in CYCLES_OF_OWN_ORDERS


def runs_for(account: Account, cycle: Cycle) -> bool:
    """Return whether an account has this cycle: some only where settings ask for them, or with a channel."""
    if not has_cycle(account.kind, cycle):
        return False
    options = ChannelOptions.model_validate(account.settings)
    match cycle:
        case Cycle.invoicing:
            return makes_invoices(account)
        case Cycle.buyer_mail:
            return sends_mails(account)
        case Cycle.order_release:
            return options.release is Release.automatic
        case Cycle.payment_due:
            return options.remind_after_days is not None
    return True


def check_has_cycle(name: str, kind: str, cycle: Cycle) -> None:
    """Make sure that a kind of account can have a cycle. Raises: RuleError."""
    if not has_cycle(kind, cycle):
        raise RuleError(
            f"Account {name!r} takes orders by hand and has no channel: there is no {cycle} of it, only "
            f"{', '.join(CYCLES_OF_OWN_ORDERS)}."
        )


class RunState(StrEnum):
    running = "running"
    completed = "completed"
    failed = "failed"
    vanished = "vanished"
    """Its process ended without a word; found by its lease."""


class Counts(BaseModel):
    """What one run did with its records."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Older than the point from which the account imports, or not checked out yet; of mails, true no more."""
    held: int = 0
    set_aside: int = 0
    sent: int = 0
    would_send: int = 0
    released: int = 0
    """To the warehouse."""
    unpaid: int = 0
    """Wait for their money."""
    reminded: int = 0
    cancelled: int = 0
    issued: int = 0
    """Documents."""
    failed: int = 0
    different: int = 0
    """Differences that are open after a reconciliation."""
    on_the_way: int = 0
    """What differs because its news has not been carried over yet."""
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


class Run(SQLModel, table=True):
    """One run of a cycle for one account, as this database knows it, whatever Prefect believes."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_last", "account_id", "cycle", "state", "finished_at"),
        Index("ix_run_latest", "account_id", "cycle", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
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
    """When the oldest thing that this run moved had happened, by the clock of the side it came from."""
    slowest_seconds: int | None = None
    """The longest time from a change to its arrival on the other side, of what this run moved."""
    window: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """Which orders it set out to read, so that a run that failed can be replayed."""


class Lease(SQLModel, table=True):
    __tablename__ = "lease"
    __table_args__ = (PrimaryKeyConstraint("account_id", "cycle"),)

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    run_id: int = Field(foreign_key="run.id")
    expires_at: datetime = instant()


class Cursor(SQLModel, table=True):
    """How far a cycle has read an account, saved in the commit of what it read."""

    __tablename__ = "cursor"
    __table_args__ = (PrimaryKeyConstraint("account_id", "name"),)

    account_id: int = Field(foreign_key="account.id")
    name: str = Field(max_length=60)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    updated_at: datetime = instant()


class Rhythm(SQLModel, table=True):
    """How often a cycle is due for an account, as last read from Prefect, which holds the schedules.

    Kept here so that a cycle that stands still is noticed even while Prefect is gone.
    """

    __tablename__ = "rhythm"
    __table_args__ = (PrimaryKeyConstraint("account_id", "cycle"),)

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    interval_seconds: int
    active: bool = True
    since: datetime = instant()
    """From when on it is expected: a cycle just switched on is not overdue at once."""


def begin_run(
    session: Session, account_id: int, cycle: Cycle, *, test: bool = False, flow_run_id: str = ""
) -> Run:
    """Open a run and take the lease of its account and cycle, and those of the cycles whose work it does.

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
    run_id, expires_at = need_id(run.id), now + timedelta(seconds=LEASE_SECONDS)
    for each in wanted:
        # Two first runs at once: the primary key lets one in, the other waits here and then fails.
        lease = leases.get(each) or Lease(account_id=account_id, cycle=each, run_id=run_id)
        lease.run_id, lease.expires_at = run_id, expires_at
        session.add(lease)
    try:
        session.flush()
    except IntegrityError:
        raise LeaseHeldError(f"Another run of {cycle} of this account began at the same moment.") from None
    return run


def leases_of(cycle: Cycle) -> list[Cycle]:
    """Return the cycles whose leases a run of this one holds, in the order in which they are taken."""
    return sorted({cycle, *DOES_WORK_OF.get(cycle, ())})


def keep_lease(session: Session, run_id: int, leases: int = 1) -> None:
    """Extend the leases of a run. Raises: LeaseLostError, if one of so many is another's by now.

    Called in each transaction that saves a page, so that what a dead-believed run
    still does cannot mix with the work of its successor.
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
    # One order for everyone, or two that lock each other's leases wait for ever.
    query = select(Lease).where(condition, col(Lease.cycle).in_(cycles)).order_by(col(Lease.cycle))
    return list(session.exec(query.with_for_update().execution_options(populate_existing=True)).all())


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
    """Close a run with its figures and give its leases back, those that it still holds."""
    # Leases before the run, as in `begin_run`: two that lock them the other way round wait for ever.
    leases = _lock_leases(session, Lease.run_id == run_id)
    run = session.get_one(Run, run_id)
    run.state, run.finished_at, run.counts, run.error = state, utc_now(), counts.model_dump(), error
    run.oldest_news_at, run.slowest_seconds = oldest_news_at, slowest_seconds
    session.add(run)
    for lease in leases:
        lease.expires_at = utc_now()
        session.add(lease)
    session.flush()


def mark_vanished(session: Session, run_id: int) -> bool:
    """Mark a run that is still open as vanished; return whether it was open."""
    run = session.get(Run, run_id)
    if run is None or run.state is not RunState.running:
        return False
    run.state, run.finished_at = RunState.vanished, utc_now()
    run.error = "The process ended without a word."
    session.add(run)
    return True


def list_vanished(session: Session) -> list[Run]:
    """Return open runs whose lease has run out or is another's."""
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


def save_rhythm(
    session: Session, account_id: int, cycle: Cycle, interval_seconds: int, *, active: bool
) -> None:
    """Note a schedule; when it was switched on or slowed down, what is overdue counts from now."""
    row = session.get(Rhythm, (account_id, cycle))
    if row is None:
        row = Rhythm(account_id=account_id, cycle=cycle, interval_seconds=interval_seconds, active=active)
    elif (active and not row.active) or interval_seconds != row.interval_seconds:
        row.since = utc_now()
    row.interval_seconds, row.active = interval_seconds, active
    session.add(row)
    session.flush()


def restart_rhythms(session: Session) -> None:
    """Let what is overdue count from now, because nothing ran while everything was switched off.

    A cycle that has not begun since it last counted anew goes on counting, or one that never begins would be
    missed by nobody while the program is started again and again.
    """
    begun = (
        select(Run.id)
        .where(
            Run.account_id == Rhythm.account_id,
            Run.cycle == Rhythm.cycle,
            Run.started_at > Rhythm.since,
        )
        .exists()
    )
    session.execute(update(Rhythm).where(begun).values(since=utc_now()))


def list_overdue(session: Session, factor: float) -> list[tuple[Rhythm, datetime]]:
    """Return live cycles without success for `factor` intervals, each with the instant of the last one.

    The instant is that since which the cycle is expected, if it never succeeded.
    """
    now = utc_now()
    overdue = []
    for rhythm in session.exec(
        select(Rhythm)
        .join(Account, col(Account.id) == col(Rhythm.account_id))
        .where(col(Rhythm.active).is_(True), Account.mode == Mode.live)
    ):
        success = last_success(session, rhythm.account_id, rhythm.cycle)
        since = max(success, rhythm.since) if success else rhythm.since
        if now - since > timedelta(seconds=factor * rhythm.interval_seconds):
            overdue.append((rhythm, success or rhythm.since))
    return overdue


def last_success(session: Session, account_id: int, cycle: Cycle) -> datetime | None:
    """Return when this cycle last completed in earnest for this account."""
    return session.exec(
        select(func.max(Run.finished_at)).where(
            Run.account_id == account_id,
            Run.cycle == cycle,
            Run.state == RunState.completed,
            col(Run.test).is_(False),
        )
    ).one()


def cursor_in_test(name: str) -> str:
    """Return the name of the cursor that stands for another while its account is in test."""
    return f"{name}{TEST_SUFFIX}"


def find_cursor(session: Session, account_id: int, name: str) -> dict[str, Any]:
    """Return a cursor's value, empty if there is none yet."""
    row = session.get(Cursor, (account_id, name))
    return dict(row.value) if row else {}


def save_cursor(session: Session, account_id: int, name: str, value: dict[str, Any]) -> None:
    """Set a cursor."""
    insert_or_update(
        session,
        Cursor,
        [{"account_id": account_id, "name": name, "value": value, "updated_at": utc_now()}],
        key=("account_id", "name"),
        update=("value", "updated_at"),
    )


def list_runs(
    session: Session, account_id: int | None = None, cycle: Cycle | None = None, limit: int | None = None
) -> list[Run]:
    """Return runs, the latest first."""
    query = select(Run).order_by(col(Run.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(Run.account_id == account_id)
    if cycle is not None:
        query = query.where(Run.cycle == cycle)
    return list(session.exec(query).all())


def note_window(session: Session, run_id: int, window: dict[str, Any]) -> None:
    """Keep which orders a run set out to read."""
    run = session.get_one(Run, run_id)
    run.window = window
    session.add(run)


def list_rhythms(session: Session) -> list[Rhythm]:
    """Return how often each cycle is due, as last read from Prefect."""
    return list(session.exec(select(Rhythm).order_by(col(Rhythm.account_id), col(Rhythm.cycle))).all())
