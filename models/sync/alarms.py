"""Alarms: streaks of failures of one cycle for one account, and the notices about them."""

from datetime import datetime, timedelta

from sqlalchemy import Index, text
from sqlmodel import Field, Session, Text, col, select

from models.clock import utc_now
from models.database.columns import Numbered, code, instant
from models.sync.records import AlarmKind, AlarmNotice, Cycle, NoticeKind
from models.sync.runs import Run, RunState, last_success
from models.sync.schedules import CycleSchedule
from models.tenants.account import Account
from models.tenants.records import Mode
from models.tenants.tenant import Tenant

UNREPORTED_SECONDS = 60
"""How long a run's own hook may take to report its failure before a watcher reports it."""
UNREPORTED_DAYS = 14
"""Older failures are not reported any more: a search without limit would grow slower with time."""


class Alarm(Numbered, table=True):
    """A streak: opened by the first failure, closed by the next success."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "uq_alarm_open",
            "account_id",
            "cycle",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    account_id: int = Field(foreign_key="account.id", index=True)
    cycle: Cycle = code(Cycle)
    kind: AlarmKind = code(AlarmKind)
    """The kind of the latest failure; error and run below are of the same failure."""
    error: str = Field(default="", sa_type=Text)
    flow_run_id: str = Field(default="", max_length=40)
    failures: int = 0
    """Runs that failed; 0 while the cycle is only overdue."""
    since: datetime = instant()
    failed_at: datetime = instant()
    """When the latest failure was noted."""
    mails: int = 0
    mailed_at: datetime | None = instant(nullable=True)
    closed_at: datetime | None = instant(nullable=True)


class Incident(Numbered, table=True):
    """One run's failure, noted once: by its own process, its worker or a watcher, whichever is first."""

    __tablename__ = "incident"

    key: str = Field(unique=True, max_length=100)
    run_id: int | None = Field(default=None, foreign_key="run.id", unique=True, ondelete="SET NULL")
    alarm_id: int | None = Field(default=None, foreign_key="alarm.id", index=True)
    """None: people were not notified."""
    account_id: int = Field(foreign_key="account.id", index=True)
    cycle: Cycle = code(Cycle)
    kind: AlarmKind = code(AlarmKind)
    error: str = Field(default="", sa_type=Text)
    noted_at: datetime = instant()


def record_failure(
    session: Session,
    account_id: int,
    cycle: Cycle,
    kind: AlarmKind,
    *,
    reminder_hours: float,
    error: str = "",
    run_id: int | None = None,
    flow_run_id: str = "",
    since: datetime | None = None,
) -> AlarmNotice | None:
    """Open a streak or add to it; return the notice to mail now, None if none is due.

    A run counts once; it is known by its id, or by its flow run if it never began. An overdue cycle opens a
    streak but never adds to one. The caller queues the mail in this transaction.
    """
    _lock(session, account_id)
    now = utc_now()
    alarm = find_alarm(session, account_id, cycle)
    if kind is AlarmKind.overdue:
        if alarm is not None:
            return None
    elif is_recorded(session, account_id, run_id, flow_run_id):
        return None
    if alarm is None:
        alarm = Alarm(account_id=account_id, cycle=cycle, kind=kind, since=since or now)
    alarm.kind, alarm.error, alarm.flow_run_id, alarm.failed_at = kind, error, flow_run_id, now
    session.add(alarm)
    session.flush()
    if kind is not AlarmKind.overdue:
        alarm.failures += 1
        _add_incident(
            session,
            account_id,
            cycle,
            kind,
            error=error,
            run_id=run_id,
            flow_run_id=flow_run_id,
            alarm_id=alarm.id,
        )
    if alarm.mailed_at is None:
        return _make_notice(session, alarm, NoticeKind.failure)
    if now - alarm.mailed_at >= timedelta(hours=reminder_hours):
        return _make_notice(session, alarm, NoticeKind.reminder)
    return None


def record_incident(
    session: Session,
    account_id: int,
    cycle: Cycle,
    kind: AlarmKind,
    *,
    error: str = "",
    run_id: int | None = None,
    flow_run_id: str = "",
) -> None:
    """Note a failure without a notice, so that no watcher reports it later. Repeating it is harmless."""
    _lock(session, account_id)
    if not is_recorded(session, account_id, run_id, flow_run_id):
        _add_incident(session, account_id, cycle, kind, error=error, run_id=run_id, flow_run_id=flow_run_id)


def record_success(session: Session, account_id: int, cycle: Cycle) -> AlarmNotice | None:
    """Close the open streak; return the notice that the cycle works again, None if no failure was mailed."""
    alarm = find_alarm(session, account_id, cycle)
    if alarm is None:
        return None
    alarm.closed_at = utc_now()
    return _make_notice(session, alarm, NoticeKind.recovery) if alarm.mailed_at else None


def find_alarm(session: Session, account_id: int, cycle: Cycle) -> Alarm | None:
    """Return the open streak, locked for this transaction."""
    return session.exec(
        select(Alarm)
        .where(Alarm.account_id == account_id, Alarm.cycle == cycle, col(Alarm.closed_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def list_alarms(session: Session) -> list[Alarm]:
    """Return the open streaks, oldest first."""
    return list(
        session.exec(select(Alarm).where(col(Alarm.closed_at).is_(None)).order_by(col(Alarm.id))).all()
    )


def list_reminders(session: Session, reminder_hours: float) -> list[int]:
    """Return the ids of open streaks with a last mail at least this many hours ago.

    A cycle that was paused after the mail about its last failure needs no reminder: a person knows.
    """
    limit = utc_now() - timedelta(hours=reminder_hours)
    rows = session.exec(
        select(Alarm, CycleSchedule, Account)
        .join(Account, col(Account.id) == col(Alarm.account_id))
        .outerjoin(
            CycleSchedule,
            (col(CycleSchedule.account_id) == col(Alarm.account_id))
            & (col(CycleSchedule.cycle) == col(Alarm.cycle)),
        )
        .where(col(Alarm.closed_at).is_(None), col(Alarm.mailed_at) <= limit)
        .order_by(col(Alarm.id))
    ).all()
    return [
        alarm.row_id
        for alarm, schedule, account in rows
        if (schedule is not None and schedule.active and account.mode is not Mode.draft)
        or (alarm.mailed_at is not None and alarm.failed_at > alarm.mailed_at)
    ]


def note_reminded(session: Session, alarm_id: int, reminder_hours: float) -> AlarmNotice | None:
    """Return the reminder of an open streak, None if it was closed or mailed about meanwhile."""
    alarm = session.exec(
        select(Alarm)
        .where(Alarm.id == alarm_id, col(Alarm.closed_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if alarm is None or alarm.mailed_at is None:
        return None
    if utc_now() - alarm.mailed_at < timedelta(hours=reminder_hours):
        return None
    return _make_notice(session, alarm, NoticeKind.reminder)


def is_recorded(session: Session, account_id: int, run_id: int | None, flow_run_id: str) -> bool:
    """Return whether this run's failure has been noted."""
    key = _incident_key(account_id, run_id, flow_run_id)
    return session.exec(select(Incident.id).where(Incident.key == key)).first() is not None


def list_unreported(session: Session) -> list[Run]:
    """Return failed and vanished runs without an incident, oldest first.

    The process of such a run ended before it could report, or its successor found it dead. Of the attempts of
    a flow run only the latest counts.
    """
    now = utc_now()
    runs = session.exec(
        select(Run)
        .outerjoin(Incident, col(Incident.run_id) == col(Run.id))
        .where(
            col(Run.state).in_([RunState.failed, RunState.vanished]),
            col(Run.started_at) > now - timedelta(days=UNREPORTED_DAYS),
            col(Run.finished_at) <= now - timedelta(seconds=UNREPORTED_SECONDS),
            col(Incident.id).is_(None),
        )
        .order_by(col(Run.id))
    ).all()
    return [run for run in runs if not run.flow_run_id or run in list_attempts(session, run.flow_run_id)]


def list_attempts(session: Session, flow_run_id: str) -> list[Run]:
    """Return the runs of a flow run: the latest attempt for each account and cycle."""
    runs = session.exec(select(Run).where(Run.flow_run_id == flow_run_id).order_by(col(Run.id))).all()
    return list({(run.account_id, run.cycle): run for run in runs}.values())


def _lock(session: Session, account_id: int) -> None:
    # PostgreSQL: failures of one account are noted one after the other, while rows that refer to the account
    # can still be written. SQLite has one writer anyway.
    session.exec(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).one()


def _incident_key(account_id: int, run_id: int | None, flow_run_id: str) -> str:
    if run_id is not None:
        return f"run {run_id}"
    if not flow_run_id:
        raise ValueError("a failure needs the id of its run or of its flow run")
    return f"flow run {flow_run_id} account {account_id}"


def _add_incident(
    session: Session,
    account_id: int,
    cycle: Cycle,
    kind: AlarmKind,
    *,
    error: str,
    run_id: int | None,
    flow_run_id: str,
    alarm_id: int | None = None,
) -> None:
    session.add(
        Incident(
            key=_incident_key(account_id, run_id, flow_run_id),
            run_id=run_id,
            alarm_id=alarm_id,
            account_id=account_id,
            cycle=cycle,
            kind=kind,
            error=error,
        )
    )
    session.flush()


def _make_notice(session: Session, alarm: Alarm, notice: NoticeKind) -> AlarmNotice:
    account = session.get_one(Account, alarm.account_id)
    tenant = session.get_one(Tenant, account.tenant_id)
    alarm.mails += 1
    alarm.mailed_at = utc_now()
    session.add(alarm)
    session.flush()
    return AlarmNotice(
        key=f"alarm {alarm.id} mail {alarm.mails}",
        notice=notice,
        kind=alarm.kind,
        account=account.name,
        tenant=tenant.title or tenant.name,
        cycle=alarm.cycle,
        test=account.mode is not Mode.live,
        failures=alarm.failures,
        since=alarm.since,
        last_success_at=last_success(session, alarm.account_id, alarm.cycle),
        error=alarm.error,
        flow_run_id=alarm.flow_run_id,
        ended_at=alarm.closed_at,
    )
