"""Checks of this installation: each problem as data, which every face words for its readers."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from console.machine.open_files import find_open_files
from models.clock import utc_now
from models.database.schema import Schema, find_schema
from models.database.session import read_scope
from models.errors import Action, Advice, RuleError
from models.mails.outbox import MailState, find_backlog, list_mails, why_no_mail
from models.settings import Settings, get_settings
from models.sync.alarms import list_alarms
from models.sync.records import Cycle
from models.sync.runs import list_vanished
from models.sync.schedules import list_overdue
from models.tenants.account import account_data, account_names, account_options, list_accounts
from models.tenants.account_kinds import kind_of
from models.tenants.records import Mode
from models.upkeep.status import AccountStatus, status_of_accounts
from tasks.run import prefect_env

if TYPE_CHECKING:
    from deployments.work_pool import PoolService

MAIL_PATIENCE = timedelta(minutes=15)
"""How long a mail may wait before a person should look."""


class ProblemKind(StrEnum):
    """What is wrong; the comment says which fields of `Problem` belong to it."""

    settings = "settings"  # text: which setting, and why
    open_files = "open_files"  # count, text: the first file or folder
    database_empty = "database_empty"
    database_older = "database_older"
    database_newer = "database_newer"
    database_foreign = "database_foreign"
    mail_not_set_up = "mail_not_set_up"  # text: the setting that is missing
    mail_server = "mail_server"  # text: why the server takes no mail
    mails_given_up = "mails_given_up"  # count
    mails_waiting = "mails_waiting"  # count, at: of the oldest, text: the last error
    no_prefect = "no_prefect"
    prefect_silent = "prefect_silent"  # text: its address
    prefect_named_silent = "prefect_named_silent"  # the same of a server that PREFECT_API_URL names
    prefect_login = "prefect_login"  # count: the HTTP status
    prefect_refuses = "prefect_refuses"  # count: the HTTP status
    prefect_broken = "prefect_broken"  # text: the kind of error
    no_work_pool = "no_work_pool"
    work_pool_paused = "work_pool_paused"
    no_worker = "no_worker"  # at: the last sign of one
    no_account = "no_account"
    draft = "draft"  # account
    account_settings = "account_settings"  # account, text: which stored settings do not fit, and why
    parked = "parked"  # account, count
    differences = "differences"  # account, count
    rejected = "rejected"  # account, count
    held_orders = "held_orders"  # account, count
    failing = "failing"  # account, cycle, at: since when, count: of failures, text: the last error
    overdue = "overdue"  # account, cycle, at: the last success
    vanished = "vanished"  # account, cycle, run_id
    login = "login"  # account, text: what the system says


@dataclass(frozen=True)
class Problem:
    """One thing that needs a person; fields that do not belong to its kind are empty."""

    kind: ProblemKind
    urgent: bool
    """Whether something does not work until a person acts."""
    account: str = ""
    cycle: Cycle | None = None
    run_id: int | None = None
    count: int = 0
    at: datetime | None = None
    text: str = ""


DATABASE_PROBLEMS = {
    Schema.empty: ProblemKind.database_empty,
    Schema.older: ProblemKind.database_older,
    Schema.newer: ProblemKind.database_newer,
    Schema.foreign: ProblemKind.database_foreign,
}


def find_problems(*, logins: bool) -> Iterator[Problem]:
    """Yield what needs a person, most general first; without a usable database nothing further is checked.

    If `logins` is true, each account's login is tried at its system, too.
    """
    try:
        settings = get_settings()
        yield from check_files(settings)
        schema = find_schema()
    except RuleError as error:
        yield Problem(ProblemKind.settings, urgent=True, text=str(error))
        return
    if schema is not Schema.current:
        yield Problem(DATABASE_PROBLEMS[schema], urgent=True)
        return
    with read_scope() as session:
        modes = {account.mode for account in list_accounts(session)}
    yield from check_mails(settings, is_live=Mode.live in modes)
    yield from check_prefect(is_needed=bool(modes - {Mode.draft}))
    if not modes:
        yield Problem(ProblemKind.no_account, urgent=False)
    with read_scope() as session:
        statuses = status_of_accounts(session)
    for status in statuses:
        yield from check_account(status)
    yield from check_cycles(settings)
    if logins:
        yield from check_logins()


def check_files(settings: Settings) -> Iterator[Problem]:
    """Yield that other users of this machine can read files of this installation."""
    if found := list(find_open_files(settings, within_reach=True)):
        yield Problem(ProblemKind.open_files, urgent=True, count=len(found), text=str(found[0]))


def check_mails(settings: Settings, *, is_live: bool) -> Iterator[Problem]:
    """Yield what keeps mails from being sent; if `is_live`, an account is live, and that is urgent."""
    from tasks.watch.mail_delivery import find_trouble

    if missing := why_no_mail(settings):
        yield Problem(ProblemKind.mail_not_set_up, urgent=is_live, text=missing)
    elif trouble := find_trouble():
        yield Problem(ProblemKind.mail_server, urgent=True, text=trouble)
    with read_scope() as session:
        backlog = find_backlog(session)
        given_up = len(list_mails(session, state=MailState.given_up, to_buyers=True))
    if given_up:
        yield Problem(ProblemKind.mails_given_up, urgent=False, count=given_up)
    if backlog.oldest_at is not None and utc_now() - backlog.oldest_at > MAIL_PATIENCE:
        yield Problem(
            ProblemKind.mails_waiting,
            urgent=True,
            count=backlog.waiting,
            at=backlog.oldest_at,
            text=backlog.error,
        )


def check_prefect(*, is_needed: bool) -> Iterator[Problem]:
    """Yield what keeps cycles from running. If `is_needed`, an account has cycles that should run."""
    is_named = bool(os.environ.get("PREFECT_API_URL"))
    url = prefect_env.use_prefect()
    if not url:
        yield Problem(ProblemKind.no_prefect, urgent=is_needed)
    elif not prefect_env.is_healthy(url):
        kind = ProblemKind.prefect_named_silent if is_named else ProblemKind.prefect_silent
        yield Problem(kind, urgent=True, text=url)
    elif is_needed:
        yield from _check_work_pool()


def _check_work_pool() -> Iterator[Problem]:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from deployments.work_pool import find_service

    try:
        with get_client(sync_client=True) as client:
            service = find_service(client)
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        no_login = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        kind = ProblemKind.prefect_login if no_login else ProblemKind.prefect_refuses
        yield Problem(kind, urgent=True, count=status)
    except httpx.HTTPError as error:
        yield Problem(ProblemKind.prefect_broken, urgent=True, text=type(error).__name__)
    else:
        yield from check_service(service)


def check_service(service: "PoolService | None") -> Iterator[Problem]:
    """Yield why no worker takes runs from the work pool; `service` is None if there is no work pool."""
    if service is None:
        yield Problem(ProblemKind.no_work_pool, urgent=True)
        return
    if service.is_paused:
        yield Problem(ProblemKind.work_pool_paused, urgent=True)
    if not service.online:
        yield Problem(ProblemKind.no_worker, urgent=True, at=service.last_seen_at)


def check_account(status: AccountStatus) -> Iterator[Problem]:
    """Yield what waits for a person at one account."""
    name = status.account.name
    if status.account.mode is Mode.draft:
        yield Problem(ProblemKind.draft, urgent=False, account=name)
    try:
        account_options(status.account)
    except RuleError as error:
        yield Problem(ProblemKind.account_settings, urgent=True, account=name, text=str(error))
    for kind, count, urgent in (
        (ProblemKind.parked, status.parked, True),
        (ProblemKind.differences, status.differences, True),
        (ProblemKind.rejected, status.rejected, False),
        (ProblemKind.held_orders, status.held_orders, False),
    ):
        if count:
            yield Problem(kind, urgent=urgent, account=name, count=count)


def check_cycles(settings: Settings) -> Iterator[Problem]:
    """Yield cycles that fail or are overdue, and runs whose process died."""
    with read_scope() as session:
        names = account_names(session)
        alarms, overdue = list_alarms(session), list_overdue(session, settings.overdue_factor)
        vanished = list_vanished(session)
    for alarm in alarms:
        yield Problem(
            ProblemKind.failing,
            urgent=True,
            account=names[alarm.account_id],
            cycle=alarm.cycle,
            at=alarm.since,
            count=alarm.failures,
            text=alarm.error,
        )
    failing = {(alarm.account_id, alarm.cycle) for alarm in alarms}
    for schedule, since in overdue:
        if (schedule.account_id, schedule.cycle) not in failing:
            name = names[schedule.account_id]
            yield Problem(ProblemKind.overdue, urgent=True, account=name, cycle=schedule.cycle, at=since)
    for run in vanished:
        name = names[run.account_id]
        yield Problem(ProblemKind.vanished, urgent=True, account=name, cycle=run.cycle, run_id=run.id)


def check_logins() -> Iterator[Problem]:
    """Try the login of each account at its system; yield those that fail."""
    from connectors.errors import ConnectorError
    from connectors.registry import open_connection
    from tasks.run.call_log import CallLog
    from tasks.run.secrets import load_secrets

    with read_scope() as session:
        accounts = list_accounts(session)
    for account in accounts:
        if kind_of(account.kind).takes_manual_orders:
            continue
        try:
            secrets, data = load_secrets(account.name), account_data(account)
            with (
                CallLog(data.id) as calls,
                open_connection(data, secrets, test=True, record=calls) as connection,
            ):
                connection.clock.check()
        except (ConnectorError, RuleError) as error:
            is_used = account.mode is not Mode.draft
            yield Problem(ProblemKind.login, urgent=is_used, account=account.name, text=str(error))


def advice_on(problem: Problem) -> tuple[Advice, ...]:
    """Return what to do about a problem; nothing where it is done outside of this program."""
    name = problem.account
    match problem.kind:
        case ProblemKind.settings:
            return (Advice(Action.doctor),)
        case ProblemKind.database_empty | ProblemKind.database_older:
            return (Advice(Action.database_upgrade),)
        case ProblemKind.mails_given_up:
            return Advice(Action.mail_list, values={"state": "given_up"}), Advice(Action.mail_retry)
        case ProblemKind.no_worker:
            return Advice(Action.start), Advice(Action.worker_start)
        case ProblemKind.mails_waiting if not problem.text:
            return (Advice(Action.start),)
        case ProblemKind.open_files:
            return (Advice(Action.start),)
        case ProblemKind.no_prefect | ProblemKind.prefect_silent | ProblemKind.no_work_pool:
            return (Advice(Action.start),)
        case ProblemKind.no_account:
            return (Advice(Action.account_add),)
        case ProblemKind.draft:
            return (Advice(Action.account_mode, name, {"mode": "test"}),)
        case ProblemKind.parked:
            parked = Advice(Action.outbound_list, values={"state": "parked", "account": name})
            return parked, Advice(Action.outbound_retry)
        case ProblemKind.differences:
            return (Advice(Action.difference_list, values={"account": name}),)
        case ProblemKind.rejected:
            return Advice(Action.rejected_list, values={"account": name}), Advice(Action.rejected_retry)
        case ProblemKind.held_orders:
            held = Advice(Action.order_list, values={"held": "", "account": name})
            return held, Advice(Action.match_list, values={"account": name})
        case ProblemKind.failing:
            return Advice(Action.account_check, name), _run_again(problem)
        case ProblemKind.overdue:
            return Advice(Action.start), _run_again(problem)
        case ProblemKind.vanished:
            return (_run_again(problem) if problem.cycle is Cycle.replay else Advice(Action.start),)
        case ProblemKind.account_settings | ProblemKind.login:
            return (Advice(Action.account_set, name, {"setting": ""}),)
    return ()


def _run_again(problem: Problem) -> Advice:
    if problem.cycle is Cycle.replay:
        return Advice(Action.replay, problem.account, {"run": str(problem.run_id or "")})
    return Advice(Action.cycle_run, str(problem.cycle), {"account": problem.account})
