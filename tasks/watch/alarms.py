"""Alarms: mails about runs that fail, crash, vanish or are overdue, and about their recovery."""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.errors import (
    AccountError,
    ConnectorError,
    RecordError,
    RequestRefusedError,
    TransientError,
    UncertainError,
)
from documents.commands import sentences_of
from documents.mails.alarm import render_alarm
from documents.mails.parked import render_parked
from models.database.session import Session, read_scope, session_scope
from models.errors import (
    DatabaseError,
    LeaseHeldError,
    LeaseLostError,
    NotFoundError,
    RuleError,
    SettingsError,
    UnexpectedError,
)
from models.mails.outbox import queue_mail
from models.settings import get_settings
from models.sync.alarms import (
    list_alarms,
    list_attempts,
    list_reminders,
    list_unreported,
    note_reminded,
    record_failure,
    record_incident,
    record_success,
)
from models.sync.cycles import has_cycle
from models.sync.delivery import has_unreported, take_unreported
from models.sync.outbound import Outbound
from models.sync.records import AlarmKind, AlarmNotice, Counts, Cycle, ParkedNotice
from models.sync.runs import Run, RunState, finish_run, last_success, list_vanished, mark_vanished
from models.sync.schedules import list_overdue
from models.tenants.account import Account, get_account
from models.tenants.account_kinds import kind_of
from models.tenants.records import Mode
from models.tenants.tenant import Tenant
from tasks.watch.mail_delivery import Delivery, deliver_due

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

logger = logging.getLogger(__name__)

MESSAGE_LIMIT = 300
OWN_ERRORS: tuple[type[Exception], ...] = (
    TransientError,
    AccountError,
    RecordError,
    UncertainError,
    RequestRefusedError,
    ConnectorError,
    NotFoundError,
    SettingsError,
    LeaseHeldError,
    RuleError,
    LeaseLostError,
    DatabaseError,
    UnexpectedError,
)
"""Our own errors: their messages contain no secret and no buyer's data. A class stands before its bases."""


@dataclass
class Watched:
    """What one call of `watch` did."""

    vanished: int = 0
    """Open runs that were found to have no living process."""
    reported: int = 0
    """Runs that had failed without an alarm."""
    overdue: int = 0
    reminders: int = 0
    parked: int = 0
    """Mails about parked changes that no run had reported."""
    mails: Delivery = field(default_factory=Delivery)


def safe_error(exception: BaseException) -> str:
    """Return what a mail, log or row may say about an error: `Class: message`, or only the class.

    Only our own error types show their message, under the class that `connectors.errors` or `models.errors`
    names. It is one line, shortened, and without anything that looks like a mail address. The advice of a
    rule follows as a command.
    """
    for own in OWN_ERRORS:
        if isinstance(exception, own):
            message = message_of(exception)
            if isinstance(exception, RuleError) and exception.advice:
                message = f"{message} {_without_addresses(sentences_of(exception.advice))}"
            return f"{own.__name__}: {message}" if message else own.__name__
    return type(exception).__name__


def message_of(exception: BaseException) -> str:
    """Return the message of one of our own errors on one line, shortened, without mail addresses."""
    return _without_addresses(str(exception))[:MESSAGE_LIMIT]


def _without_addresses(text: str) -> str:
    return re.sub(r"\S+@\S+", "…", " ".join(text.split()))


def find_exception(state: "State[Any]") -> BaseException | None:
    """Return the exception that ended a run; None if there is none, or this process does not have it.

    Prefect's own message is not used: it may quote buyers' data.
    """
    # In the run's own process the exception is wrapped in a record of results.
    data = getattr(state.data, "result", state.data)
    return data if isinstance(data, BaseException) else None


def report_failed(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]") -> None:
    """Close the runs of a failed flow run, note their failure and send the alarm. Never raises.

    A hook for `@flow(on_failure=[report_failed])`. It is no failure if another run holds the lease.
    """
    _report(flow, flow_run, state, AlarmKind.failed)


def report_crashed(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]") -> None:
    """Mark the runs of a crashed flow run as vanished, note the crash and send the alarm. Never raises.

    A hook for `@flow(on_crashed=[report_crashed])`. The lease stays until it expires, because Prefect has
    reported live runs as crashed (PrefectHQ/prefect#16459).
    """
    _report(flow, flow_run, state, AlarmKind.crashed)


def note_run_succeeded(session: Session, run: Run) -> None:
    """Close the alarm of a completed run's cycle, if there is one, and queue the mail that it works again."""
    account = session.get_one(Account, run.account_id)
    if not _is_inspection(account, run.test):
        _queue(session, record_success(session, run.account_id, run.cycle))


def note_run_failed(session: Session, run: Run, kind: AlarmKind, *, error: str = "") -> None:
    """Note the failure of a closed run and queue the mail about it, if one is due. Safe to repeat."""
    _note(
        session,
        run.account_id,
        run.cycle,
        kind,
        error=error or (run.error if kind is AlarmKind.failed else ""),
        run_id=run.row_id,
        flow_run_id=run.flow_run_id,
        since=run.finished_at,
    )


def report_parked(session: Session) -> int:
    """Queue one mail for each account about all changes that were parked. Return the number of mails.

    Called in the commit that closes a run. Changes that a run parked are mailed when that run has ended.
    """
    if not has_unreported(session):
        return 0
    parked: dict[int, list[Outbound]] = {}
    for row in take_unreported(session):
        parked.setdefault(row.account_id, []).append(row)
    settings = get_settings()
    for account_id, rows in parked.items():
        account = session.get_one(Account, account_id)
        tenant = session.get_one(Tenant, account.tenant_id)
        notice = ParkedNotice(
            account=account.name,
            tenant=tenant.title or tenant.name,
            kinds=Counter(row.kind for row in rows),
            reasons=Counter(row.error for row in rows),
        )
        logger.warning("Account %s: %d changes were parked", account.name, len(rows))
        content = render_parked(notice, language=settings.language)
        first = rows[0]
        queue_mail(session, f"parked {first.id} version {first.version} at {first.reported_at}", content)
    return len(parked)


def watch() -> Watched:
    """Report failures that have no alarm yet, send reminders that are due, and deliver the mails that wait.

    Safe in several processes at once. Writes nothing if there is nothing to report.
    """
    settings = get_settings()
    done = Watched()
    with read_scope() as session:
        vanished = [run.row_id for run in list_vanished(session)]
        unreported = [run.row_id for run in list_unreported(session)]
        known = {(alarm.account_id, alarm.cycle) for alarm in list_alarms(session)}
        overdue = [
            (schedule.account_id, schedule.cycle, since)
            for schedule, since in list_overdue(session, settings.overdue_factor)
            if (schedule.account_id, schedule.cycle) not in known
        ]
        reminders = list_reminders(session, settings.reminder_hours)
        parked = has_unreported(session)
    for run_id in vanished:
        with session_scope() as session:
            done.vanished += _close_vanished(session, run_id)
    for run_id in unreported:
        with session_scope() as session:
            _report_late(session, session.get_one(Run, run_id))
            done.reported += 1
    for account_id, cycle, since in overdue:
        with session_scope() as session:
            done.overdue += _note(session, account_id, cycle, AlarmKind.overdue, since=since)
    for alarm_id in reminders:
        with session_scope() as session:
            done.reminders += _queue(session, note_reminded(session, alarm_id, settings.reminder_hours))
    if parked:
        with session_scope() as session:
            done.parked = report_parked(session)
    done.mails = deliver_due()
    return done


def _report(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]", kind: AlarmKind) -> None:
    try:
        exception = find_exception(state)
        if isinstance(exception, LeaseHeldError):
            return
        error = safe_error(exception) if exception is not None else ""
        with session_scope() as session:
            if not _report_attempts(session, flow_run, kind, error):
                _report_unbegun(session, flow.name, flow_run, kind, error)
        deliver_due()
    except Exception as trouble:
        # The watcher finds what could not be noted here: an expired lease, or a run without an incident.
        logger.error("Flow run %s: its end could not be reported (%s)", flow_run.id, safe_error(trouble))


def _report_attempts(session: Session, flow_run: "FlowRun", kind: AlarmKind, error: str) -> bool:
    runs = list_attempts(session, str(flow_run.id))
    # A flow may serve many accounts. It may also fail after its work was done and noted.
    for run in [run for run in runs if run.state is not RunState.completed] or runs:
        run_id = run.row_id
        if run.state is RunState.running and kind is AlarmKind.failed:
            finish_run(session, run_id, RunState.failed, Counts.model_validate(run.counts), error=error)
        else:
            mark_vanished(session, run_id)
        account = session.get_one(Account, run.account_id)
        if run.test and (_is_inspection(account, run.test) or not flow_run.auto_scheduled):
            record_incident(session, run.account_id, run.cycle, kind, error=error, run_id=run_id)
        else:
            note_run_failed(session, run, kind, error=error)
    return bool(runs)


def _report_unbegun(
    session: Session, flow_name: str, flow_run: "FlowRun", kind: AlarmKind, error: str
) -> None:
    name = flow_run.parameters.get("account")
    if flow_name not in {str(cycle) for cycle in Cycle} or not isinstance(name, str):
        logger.error("Flow run %s failed before it named an account and a cycle", flow_run.id)
        return
    account = get_account(session, name)
    if account.mode is Mode.draft or not has_cycle(kind_of(account.kind), Cycle(flow_name)):
        # Nothing is expected of it, so a schedule left over does no harm.
        return
    test = account.mode is Mode.test or flow_run.parameters.get("test") is True
    if test and (_is_inspection(account, test) or not flow_run.auto_scheduled):
        return
    _note(session, account.row_id, Cycle(flow_name), kind, error=error, flow_run_id=str(flow_run.id))


def _close_vanished(session: Session, run_id: int) -> bool:
    # Looked up again in this transaction: the run may have renewed its lease.
    for run in list_vanished(session):
        if run.id == run_id and mark_vanished(session, run_id):
            _report_late(session, run, AlarmKind.vanished)
            return True
    return False


def _report_late(session: Session, run: Run, kind: AlarmKind | None = None) -> None:
    kind = kind or (AlarmKind.failed if run.state is RunState.failed else AlarmKind.vanished)
    account = session.get_one(Account, run.account_id)
    if _is_inspection(account, run.test):
        record_incident(session, run.account_id, run.cycle, kind, error=run.error, run_id=run.row_id)
        return
    note_run_failed(session, run, kind)
    success = last_success(session, run.account_id, run.cycle)
    if success and run.finished_at and success > run.finished_at:
        _queue(session, record_success(session, run.account_id, run.cycle))


def _is_inspection(account: Account, test: bool) -> bool:
    """Return whether a person only looked: a test run of a live account."""
    return test and account.mode is Mode.live


def _note(
    session: Session,
    account_id: int,
    cycle: Cycle,
    kind: AlarmKind,
    *,
    error: str = "",
    run_id: int | None = None,
    flow_run_id: str = "",
    since: datetime | None = None,
) -> bool:
    notice = record_failure(
        session,
        account_id,
        cycle,
        kind,
        reminder_hours=get_settings().reminder_hours,
        error=error,
        run_id=run_id,
        flow_run_id=flow_run_id,
        since=since,
    )
    return _queue(session, notice)


def _queue(session: Session, notice: AlarmNotice | None) -> bool:
    if notice is None:
        return False
    logger.warning(
        "Account %s, cycle %s: %s (%s)",
        notice.account,
        notice.cycle,
        notice.notice,
        notice.error or notice.kind,
    )
    settings = get_settings()
    content = render_alarm(notice, language=settings.language, public_url=str(settings.public_url))
    queue_mail(session, notice.key, content)
    return True
