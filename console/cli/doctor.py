"""`warenfluss doctor`: what needs a person, and what to do about it."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.frame import new_command
from console.cli.options import AsJson
from console.cli.output import counted, print_json_list, say, show_cell
from models.clock import utc_now
from models.database.schema import Schema, find_schema
from models.database.session import read_scope
from models.errors import RuleError
from models.mails.outbox import MailState, explain_silence, find_backlog, list_mails
from models.settings import Settings, get_settings
from models.sync.alarms import list_alarms
from models.sync.records import Cycle
from models.sync.runs import list_vanished
from models.sync.schedules import list_overdue
from models.tenants.account import account_data, list_accounts
from models.tenants.records import OWN, Mode
from models.upkeep.status import status_of_accounts

if TYPE_CHECKING:
    from deployments.work_pool import PoolService

MAIL_PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True)
class Finding:
    """One thing found; an `urgent` one makes the command end with exit code 1."""

    urgent: bool
    subject: str
    message: str
    advice: str


def doctor(
    logins: Annotated[bool, typer.Option("--logins", help="Try the login of every account, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what needs a person, and what to do about it; exit code 1 if anything does."""
    findings = list(_examine(logins=logins))
    if as_json:
        print_json_list(asdict(finding) for finding in findings)
    else:
        for finding in findings:
            typer.echo(f"{'PROBLEM' if finding.urgent else 'note'}  {finding.subject}: {finding.message}")
            typer.echo(f"         {finding.advice}")
        if not any(finding.urgent for finding in findings):
            say("Nothing needs a person.")
    if any(finding.urgent for finding in findings):
        raise typer.Exit(1)


def _examine(*, logins: bool) -> Iterator[Finding]:
    try:
        settings = get_settings()
        schema = find_schema()
    except RuleError as error:
        yield Finding(True, "settings", str(error), "Correct it and run `warenfluss doctor` again.")
        return
    if schema is not Schema.current:
        reason = {
            Schema.empty: ("It has no tables yet.", "Run `warenfluss db upgrade`."),
            Schema.older: ("It is of an older version.", "Run `warenfluss db upgrade`."),
            Schema.newer: ("It was made by a newer version.", "Update the program."),
            Schema.foreign: ("It holds another program's tables.", "Set WARENFLUSS_DATABASE_URL."),
        }
        yield Finding(True, "database", *reason[schema])
        return
    with read_scope() as session:
        modes = {account.mode for account in list_accounts(session)}
    yield from _examine_mail(settings, is_live=Mode.live in modes)
    yield from _examine_prefect(is_needed=bool(modes - {Mode.draft}))
    if not modes:
        yield Finding(False, "accounts", "There is none.", "`warenfluss account add` connects a channel.")
    yield from _examine_accounts()
    yield from _examine_cycles(settings)
    if logins:
        yield from _examine_logins()


def _examine_mail(settings: Settings, *, is_live: bool) -> Iterator[Finding]:
    from tasks.watch.mail_delivery import find_trouble

    silence = explain_silence(settings)
    if silence:
        yield Finding(is_live, "mail", "Nobody is told of failed runs.", silence)
    elif trouble := find_trouble():
        yield Finding(
            True,
            "mail",
            f"The mail server takes no mail: {trouble}.",
            "Check WARENFLUSS_SMTP_HOST, _PORT, _SECURITY, _USER and _PASSWORD, and the server itself.",
        )
    with read_scope() as session:
        backlog = find_backlog(session)
        given_up = len(list_mails(session, state=MailState.given_up, to_buyers=True))
    if given_up:
        yield Finding(
            False,
            "mail",
            f"{counted(given_up, 'mail')} to buyers given up.",
            "`warenfluss mail list --state given_up` says why; `warenfluss mail retry` tries them again.",
        )
    if backlog.oldest_at is not None and utc_now() - backlog.oldest_at > MAIL_PATIENCE:
        yield Finding(
            True,
            "mail",
            f"{counted(backlog.waiting, 'mail')} waiting, the oldest since {show_cell(backlog.oldest_at)}.",
            backlog.error or "`warenfluss up` delivers them while it runs.",
        )


def _examine_prefect(*, is_needed: bool) -> Iterator[Finding]:
    from console.machine import prefect_env

    named = os.environ.get("PREFECT_API_URL", "")
    url = prefect_env.use_prefect()
    if not url:
        yield Finding(
            is_needed,
            "Prefect",
            "No server runs, so no cycle runs by itself.",
            "Start `warenfluss up`, or set PREFECT_API_URL to a server's address.",
        )
    elif not prefect_env.is_healthy(url):
        advice = "Start it, or correct PREFECT_API_URL." if named else "Start `warenfluss up` again."
        yield Finding(True, "Prefect", f"The server at {url} does not answer.", advice)
    elif is_needed:
        yield from _examine_workers()


def _examine_workers() -> Iterator[Finding]:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from deployments.work_pool import find_service

    try:
        with get_client(sync_client=True) as client:
            service = find_service(client)
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        advice = "Check PREFECT_API_AUTH_STRING or PREFECT_API_KEY."
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            advice = "See the server's own log."
        yield Finding(True, "Prefect", f"The server refuses to tell of its workers ({status}).", advice)
    except httpx.HTTPError as error:
        message = f"The server does not tell of its workers ({type(error).__name__})."
        yield Finding(True, "Prefect", message, "Try again; then see the server's own log.")
    else:
        yield from explain_service(service)


def explain_service(service: "PoolService | None") -> Iterator[Finding]:
    """Yield what keeps runs from being taken."""
    if service is None:
        yield Finding(
            True,
            "workers",
            "Prefect knows no work pool of Warenfluss, so no cycle runs by itself.",
            "`warenfluss up` makes it with the deployments and serves it.",
        )
        return
    if service.is_paused:
        yield Finding(
            True,
            "workers",
            "The work pool is paused, so no cycle begins.",
            "Resume it on the page Work Pools in the Prefect UI.",
        )
    if not service.online:
        seen = show_cell(service.last_seen_at) if service.last_seen_at else "never"
        yield Finding(
            True,
            "workers",
            f"No worker takes runs; the last sign of one: {seen}.",
            "Start `warenfluss up`, or `warenfluss worker` on any machine that reaches both servers.",
        )


def _examine_accounts() -> Iterator[Finding]:
    with read_scope() as session:
        statuses = status_of_accounts(session)
    for status in statuses:
        name = status.account.name
        if status.account.mode is Mode.draft:
            yield Finding(
                False,
                name,
                "It is a draft: no cycle runs.",
                f"`warenfluss account mode {name} test` ends that.",
            )
        if status.parked:
            yield Finding(
                True,
                name,
                f"{counted(status.parked, 'change')} refused by the channel, or tried too often.",
                "`warenfluss outbound list --state parked` says why; then `warenfluss outbound retry`.",
            )
        if status.differences:
            yield Finding(
                True,
                name,
                f"{counted(status.differences, 'difference')} between the channel and this database.",
                f"`warenfluss reconcile list --account {name}` shows them, each with what mends it.",
            )
        if status.set_aside:
            yield Finding(
                False,
                name,
                f"{counted(status.set_aside, 'record')} set aside.",
                "`warenfluss aside list` says why; `warenfluss aside retry` fetches one again.",
            )
        if status.held_orders:
            yield Finding(
                False,
                name,
                f"{counted(status.held_orders, 'order')} held.",
                "`warenfluss order list --held` shows them, `warenfluss match list` those without article.",
            )


def _examine_cycles(settings: Settings) -> Iterator[Finding]:
    with read_scope() as session:
        names = {account.id: account.name for account in list_accounts(session)}
        alarms, overdue = list_alarms(session), list_overdue(session, settings.overdue_factor)
        vanished = list_vanished(session)
    told = {(alarm.account_id, alarm.cycle) for alarm in alarms}
    for alarm in alarms:
        name = names[alarm.account_id]
        error = f" ({alarm.error})" if alarm.error else ""
        yield Finding(
            True,
            name,
            f"{alarm.cycle} fails since {show_cell(alarm.since)}, {alarm.failures} times{error}.",
            f"`warenfluss account check {name}` tries the login; {_how_to_run(alarm.cycle, name)}",
        )
    for rhythm, since in overdue:
        if (rhythm.account_id, rhythm.cycle) not in told:
            name = names[rhythm.account_id]
            yield Finding(
                True,
                name,
                f"{rhythm.cycle} has not succeeded since {show_cell(since)}.",
                f"Is `warenfluss up` running? `warenfluss sync {rhythm.cycle} --account {name}` runs it now.",
            )
    for run in vanished:
        yield Finding(
            True,
            names[run.account_id],
            f"Run {run.id} of {run.cycle} ended without a word.",
            _how_to_run(run.cycle, names[run.account_id], run.id)
            if run.cycle is Cycle.replay
            else "Nothing is lost: the next run goes on where it stopped. See that `warenfluss up` runs.",
        )


def _how_to_run(cycle: Cycle, account: str, run_id: int | None = None) -> str:
    if cycle is Cycle.replay:
        return f"`warenfluss replay --account {account} --run {run_id or 'ID'}` starts it again."
    return f"`warenfluss sync {cycle} --account {account}` tries the cycle."


def _examine_logins() -> Iterator[Finding]:
    from connectors.errors import ConnectorError
    from connectors.registry import open_connection
    from tasks.run.call_log import CallLog
    from tasks.run.secrets import load_secrets

    with read_scope() as session:
        accounts = [account_data(account) for account in list_accounts(session) if account.kind != OWN]
    for account in accounts:
        try:
            secrets = load_secrets(account.name)
            with (
                CallLog(account.id) as calls,
                open_connection(account, secrets, test=True, record=calls) as connection,
            ):
                connection.clock.check()
        except ConnectorError as error:
            yield Finding(
                account.mode is not Mode.draft,
                account.name,
                str(error),
                f"`warenfluss account set {account.name}` changes settings and secrets.",
            )


apps = {"doctor": new_command(doctor)}
