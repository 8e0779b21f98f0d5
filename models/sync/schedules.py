"""How often cycles run, and which are overdue."""

from datetime import datetime, timedelta

from sqlalchemy import PrimaryKeyConstraint, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.clock import utc_now
from models.database.columns import code, instant
from models.sync.records import Cycle
from models.sync.runs import Run, last_success
from models.tenants.account import Account
from models.tenants.records import Mode


class CycleSchedule(SQLModel, table=True):
    """How often a cycle is due for an account, as last read from Prefect, where the schedules are.

    Saved here so that a cycle that has stopped is noticed even while Prefect is away.
    """

    __tablename__ = "rhythm"
    __table_args__ = (PrimaryKeyConstraint("account_id", "cycle"),)

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    interval_seconds: int
    active: bool = True
    since: datetime = instant()
    """The time from which it is expected: a cycle that was just switched on is not overdue at once."""


def save_schedule(
    session: Session, account_id: int, cycle: Cycle, interval_seconds: int, *, active: bool
) -> None:
    """Save a schedule. If it was switched on or its interval changed, overdue time counts from now."""
    row = session.get(CycleSchedule, (account_id, cycle))
    if row is None:
        row = CycleSchedule(
            account_id=account_id, cycle=cycle, interval_seconds=interval_seconds, active=active
        )
    elif (active and not row.active) or interval_seconds != row.interval_seconds:
        row.since = utc_now()
    row.interval_seconds, row.active = interval_seconds, active
    session.add(row)
    session.flush()


def restart_overdue_clocks(session: Session) -> None:
    """Restart the overdue clocks after a shutdown, when no cycle could run.

    The clock of a cycle that has not begun since its last restart goes on. Otherwise a cycle that never
    begins would not become overdue while the program is restarted again and again.
    """
    begun = (
        select(Run.id)
        .where(
            Run.account_id == CycleSchedule.account_id,
            Run.cycle == CycleSchedule.cycle,
            Run.started_at > CycleSchedule.since,
        )
        .exists()
    )
    session.execute(update(CycleSchedule).where(begun).values(since=utc_now()))


def list_overdue(session: Session, factor: float) -> list[tuple[CycleSchedule, datetime]]:
    """Return cycles of live accounts without success for `factor` intervals, each with its last success.

    For a cycle that never succeeded, the instant is the time from which it was expected.
    """
    now = utc_now()
    overdue = []
    for schedule in session.exec(
        select(CycleSchedule)
        .join(Account, col(Account.id) == col(CycleSchedule.account_id))
        .where(col(CycleSchedule.active).is_(True), Account.mode == Mode.live)
    ):
        success = last_success(session, schedule.account_id, schedule.cycle)
        since = max(success, schedule.since) if success else schedule.since
        if now - since > timedelta(seconds=factor * schedule.interval_seconds):
            overdue.append((schedule, success or schedule.since))
    return overdue


def list_schedules(session: Session) -> list[CycleSchedule]:
    """Return how often each cycle is due, as last read from Prefect."""
    return list(
        session.exec(
            select(CycleSchedule).order_by(col(CycleSchedule.account_id), col(CycleSchedule.cycle))
        ).all()
    )
