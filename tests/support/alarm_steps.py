"""Steps shared by the tests of status mails: accounts, runs that end, and the mail server."""

from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlmodel import select

from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.mails.outbox import Mail
from models.settings import get_settings
from models.sync.alarms import Alarm, Incident
from models.sync.records import AlarmKind, Counts, Cycle
from models.sync.runs import Lease, Run, RunState, begin_run, finish_run
from models.tenants.account import add_account
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant
from tasks.watch.alarms import note_run_failed, note_run_succeeded
from tests.support.smtp import SmtpServer

OPERATORS = ["lager@example.test", "technik@example.test"]


class PickyServer(SmtpServer):
    """A mail server that refuses single recipients."""

    def __init__(self, replies: dict[str, str]) -> None:
        super().__init__()
        self.replies = replies

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept or refuse one recipient; aiosmtpd calls it."""
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"


def use_mail_server(monkeypatch: pytest.MonkeyPatch, server: SmtpServer, **settings: str) -> None:
    """Set the mail server, two operators and English in the settings; `settings` overrides them."""
    values = {
        "SMTP_HOST": server.host,
        "SMTP_PORT": str(server.port),
        "MAIL_TO": ", ".join(OPERATORS),
        "MAIL_FROM": "warenfluss@shop.example.test",
        "LANGUAGE": "en",
        "PUBLIC_URL": "https://prefect.example.test",
        **{name.upper(): value for name, value in settings.items()},
    }
    for name, value in values.items():
        monkeypatch.setenv(f"WARENFLUSS_{name}", value)
    get_settings.cache_clear()


def make_account(name: str = "muellers-shop", mode: Mode = Mode.live) -> int:
    """Add an account and, once, its tenant; return the account's id."""
    with session_scope() as session:
        tenant = add_tenant(session, f"tenant-{name}", "Müllers Töpferei")
        account = add_account(session, tenant.row_id, name, "afterbuy", {})
        account.mode = mode
        session.add(account)
    return account.row_id


def begin(
    account_id: int, cycle: Cycle = Cycle.order_import, *, flow_run_id: str = "", test: bool = False
) -> int:
    """Begin a run; return its id."""
    with session_scope() as session:
        return begin_run(session, account_id, cycle, flow_run_id=flow_run_id, test=test).row_id


def fail(
    account_id: int, cycle: Cycle = Cycle.order_import, *, error: str = "", flow_run_id: str = ""
) -> int:
    """Record a run that failed; return its id."""
    run_id = begin(account_id, cycle, flow_run_id=flow_run_id)
    with session_scope() as session:
        finish_run(session, run_id, RunState.failed, Counts(), error=error)
        note_run_failed(session, session.get_one(Run, run_id), AlarmKind.failed)
    return run_id


def succeed(account_id: int, cycle: Cycle = Cycle.order_import, *, test: bool = False) -> int:
    """Record a run that succeeded; return its id."""
    run_id = begin(account_id, cycle, test=test)
    with session_scope() as session:
        finish_run(session, run_id, RunState.completed, Counts())
        note_run_succeeded(session, session.get_one(Run, run_id))
    return run_id


def lose(run_id: int) -> None:
    """Make a run look as if its process had died silently some minutes ago."""
    past = utc_now() - timedelta(minutes=5)
    with session_scope() as session:
        run = session.get_one(Run, run_id)
        run.started_at = past
        session.add(run)
        lease = session.exec(select(Lease).where(Lease.run_id == run_id)).one()
        lease.expires_at = past
        session.add(lease)


def let_alarms_age(hours: float) -> None:
    """Move all times stored in alarms into the past."""
    with session_scope() as session:
        for alarm in session.exec(select(Alarm)):
            alarm.since -= timedelta(hours=hours)
            alarm.failed_at -= timedelta(hours=hours)
            if alarm.mailed_at is not None:
                alarm.mailed_at -= timedelta(hours=hours)
            session.add(alarm)


def make_mails_due() -> None:
    """Make every waiting mail due now."""
    with session_scope() as session:
        for mail in session.exec(select(Mail)):
            mail.next_try_at = utc_now() - timedelta(seconds=1)
            session.add(mail)


def read_mails() -> list[Mail]:
    """Return all mails, oldest first."""
    with session_scope() as session:
        return list(session.exec(select(Mail).order_by("id")).all())


def subjects() -> list[str]:
    """Return the subjects of all mails, oldest first."""
    return [mail.subject for mail in read_mails()]


def read_alarms() -> list[Alarm]:
    """Return all alarms, oldest first."""
    with session_scope() as session:
        return list(session.exec(select(Alarm).order_by("id")).all())


def count_incidents() -> int:
    """Return how many incidents have been noted."""
    with read_scope() as session:
        return len(session.exec(select(Incident)).all())
