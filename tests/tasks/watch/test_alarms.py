"""Failures, crashes, vanished and overdue runs send one mail, reminders and one recovery."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Crashed, Failed

from connectors.errors import AccountError, RecordError, RequestRefusedError, TransientError
from models.clock import utc_now
from models.database.session import session_scope
from models.errors import Action, Advice, LeaseHeldError, NotFoundError, RuleError
from models.sync.records import AlarmKind, Cycle
from models.sync.runs import Run, RunState, mark_vanished
from models.sync.schedules import CycleSchedule, save_schedule
from models.tenants.records import Mode
from tasks.watch.alarms import OWN_ERRORS, Watched, report_crashed, report_failed, safe_error, watch
from tasks.watch.mail_delivery import Delivery, deliver_due
from tests.support.alarm_steps import (
    begin,
    count_incidents,
    fail,
    let_alarms_age,
    lose,
    make_account,
    make_mails_due,
    read_alarms,
    read_mails,
    subjects,
    succeed,
    use_mail_server,
)
from tests.support.races import run_at_once
from tests.support.smtp import SmtpServer

ACCOUNT = "muellers-shop"
BUYER = "Erika Mustermann, erika@buyer.example.test, Heidestraße 17"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails in English, unless a test says otherwise."""
    monkeypatch.setenv("WARENFLUSS_LANGUAGE", "en")


@flow(name="order-import", on_failure=[report_failed], on_crashed=[report_crashed])
def import_orders(account: str, *, test: bool = False) -> None:
    raise AssertionError("only its name and hooks matter here")


def make_flow_run(flow_run_id: str = "", *, auto_scheduled: bool = True, **parameters: Any) -> FlowRun:
    values = {"id": flow_run_id or str(uuid4()), "flow_id": str(uuid4()), "auto_scheduled": auto_scheduled}
    return FlowRun.model_validate({**values, "parameters": {"account": ACCOUNT, **parameters}})


def failed(error: BaseException) -> State[Any]:
    return Failed(data=error, message=f"Flow run encountered an exception: {error}")


def read_run(run_id: int) -> Run:
    with session_scope() as session:
        return session.get_one(Run, run_id)


def make_late(account_id: int, cycle: Cycle = Cycle.order_import) -> None:
    with session_scope() as session:
        save_schedule(session, account_id, cycle, 300, active=True)
        rhythm = session.get_one(CycleSchedule, (account_id, cycle))
        rhythm.since = utc_now() - timedelta(hours=2)
        session.add(rhythm)


class LoginError(AccountError):
    """A connector's own kind of a known error."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AccountError("afterbuy: code 7"), "AccountError: afterbuy: code 7"),
        (LoginError("wrong\n  password field"), "AccountError: wrong password field"),
        (RecordError("4711", "unknown state"), "RecordError: 4711: unknown state"),
        (NotFoundError("There is no account 'x'."), "NotFoundError: There is no account 'x'."),
        (
            RuleError("All of order 7 is held back.", Advice(Action.order_unsplit, "7")),
            "RuleError: All of order 7 is held back. `warenfluss order unsplit 7` releases what is held "
            "back.",
        ),
        (
            RuleError("No.", Advice(Action.order_unsplit, "a@b")),
            "RuleError: No. `warenfluss order unsplit … releases what is held back.",
        ),
        (TransientError(f"for {BUYER}"), "TransientError: for Erika Mustermann, … Heidestraße 17"),
        (RequestRefusedError(""), "RequestRefusedError"),
        (ValueError(BUYER), "ValueError"),
        (KeyboardInterrupt(BUYER), "KeyboardInterrupt"),
    ],
)
def test_safe_error(error: BaseException, expected: str) -> None:
    """Messages of our own errors, on one line; of any other error the class alone."""
    assert safe_error(error) == expected


def test_safe_error_is_short() -> None:
    """Three hundred signs of the message are enough."""
    assert safe_error(AccountError("x" * 5000)) == f"AccountError: {'x' * 300}"


def test_own_errors_name_the_closest_class() -> None:
    """No class stands behind one of its bases, where it would never be found."""
    for position, error in enumerate(OWN_ERRORS):
        assert not any(issubclass(error, earlier) for earlier in OWN_ERRORS[:position])


def test_five_failures_send_one_mail_and_a_recovery_another(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further success is silent; the next failure is a new streak."""
    use_mail_server(monkeypatch, smtp_server)
    account_id = make_account()
    for _ in range(5):
        fail(account_id)
    for _ in range(2):
        succeed(account_id)
    fail(account_id)
    deliver_due()

    assert [message["Subject"] for message in smtp_server.messages] == [
        "[Warenfluss] muellers-shop: order import failed",
        "[Warenfluss] muellers-shop: order import works again",
        "[Warenfluss] muellers-shop: order import failed",
    ]
    assert "Failed runs in this streak: 5" in read_mails()[1].text


def test_reminders_come_after_their_time(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the watcher, once for each wait, with the count and since when."""
    use_mail_server(monkeypatch, smtp_server, reminder_hours="6", language="de")
    account_id = make_account()
    fail(account_id)
    fail(account_id)
    let_alarms_age(hours=5)
    fail(account_id)
    assert watch().reminders == 0
    let_alarms_age(hours=2)
    fail(account_id)
    assert watch().reminders == 0, "the failure itself was told as a reminder"
    fail(account_id)
    let_alarms_age(hours=7)
    with session_scope() as session:
        save_schedule(session, account_id, Cycle.order_import, 300, active=True)
    assert watch().reminders == 1
    assert watch().reminders == 0

    assert subjects() == [
        "[Warenfluss] muellers-shop: Auftragsimport fehlgeschlagen",
        "[Warenfluss] muellers-shop: Auftragsimport weiterhin gestört",
        "[Warenfluss] muellers-shop: Auftragsimport weiterhin gestört",
    ]
    assert "Fehlgeschlagene Läufe in Folge: 4" in read_mails()[1].text
    assert "Fehlgeschlagene Läufe in Folge: 5" in read_mails()[2].text


def test_an_outage_delays_the_mails_of_a_streak(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failure and recovery arrive in order once the mail server is back."""
    use_mail_server(monkeypatch, smtp_server)
    account_id = make_account()
    smtp_server.stop()
    fail(account_id)
    assert watch().mails.delayed == 1
    succeed(account_id)
    watch()

    smtp_server.start()
    make_mails_due()
    assert watch().mails == Delivery(sent=2)
    assert [message["Subject"] for message in smtp_server.messages] == subjects()


def test_a_failed_run_is_closed_and_told(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail goes out at once, with the link to the run and without anybody's data."""
    use_mail_server(monkeypatch, smtp_server)
    flow_run = make_flow_run()
    run_id = begin(make_account(), flow_run_id=str(flow_run.id))

    report_failed(flow=import_orders, flow_run=flow_run, state=failed(KeyError(BUYER)))

    run = read_run(run_id)
    assert (run.state, run.error) == (RunState.failed, "KeyError")
    (message,) = smtp_server.messages
    assert "order import failed" in message["Subject"]
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        assert f"https://prefect.example.test/runs/flow-run/{flow_run.id}" in text
        assert "KeyError" in text
        assert not [word for word in ("Mustermann", "erika", "Heidestraße") if word in text]


def test_a_run_closed_by_its_flow_keeps_its_error(sqlite_database: str) -> None:
    """The hook adds the alarm alone."""
    flow_run_id = str(uuid4())
    run_id = fail(make_account(), error="TransientError: 503", flow_run_id=flow_run_id)
    report_failed(import_orders, make_flow_run(flow_run_id), failed(TransientError("504")))
    assert read_run(run_id).error == "TransientError: 503"
    assert len(read_mails()) == 1


def test_three_reporters_of_one_run_send_one_mail(database: str) -> None:
    """Its own process, its worker and the watcher."""
    account_id = make_account()
    flow_run = make_flow_run()
    run_id = begin(account_id, flow_run_id=str(flow_run.id))
    lose(run_id)

    assert watch().vanished == 1
    report_failed(import_orders, flow_run, failed(AccountError("x")))
    report_crashed(flow=import_orders, flow_run=flow_run, state=Crashed(message="exit code -9"))
    assert watch() == Watched(mails=deliver_due())

    assert [alarm.failures for alarm in read_alarms()] == [1]
    assert subjects() == ["[Warenfluss] muellers-shop: order import vanished"]


def test_a_crash_keeps_the_lease(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is marked vanished; one that lives after all can still end well."""
    use_mail_server(monkeypatch, smtp_server)
    account_id = make_account()
    flow_run = make_flow_run()
    run_id = begin(account_id, flow_run_id=str(flow_run.id))
    report_crashed(flow=import_orders, flow_run=flow_run, state=Crashed(message=f"exit code -9 {BUYER}"))

    assert read_run(run_id).state is RunState.vanished
    with pytest.raises(LeaseHeldError):
        begin(account_id)
    assert subjects() == ["[Warenfluss] muellers-shop: order import crashed"]
    assert "Check whether the machine is running" in read_mails()[0].text
    assert len(smtp_server.messages) == 1


def test_a_run_that_never_began_is_told(database: str) -> None:
    """Account and cycle come from the flow run; a second report of it changes nothing."""
    make_account()
    flow_run = make_flow_run()
    for _ in range(2):
        report_failed(import_orders, flow_run, failed(AccountError("the secret block is missing")))

    (alarm,) = read_alarms()
    assert (alarm.cycle, alarm.failures) == (Cycle.order_import, 1)
    assert alarm.error == "AccountError: the secret block is missing"
    assert alarm.flow_run_id == str(flow_run.id)
    assert len(read_mails()) == 1


def test_waiting_for_another_run_is_no_failure(database: str) -> None:
    """Somebody else does the work already."""
    make_account()
    report_failed(import_orders, make_flow_run(), failed(LeaseHeldError("Run 1 works on it")))
    assert (read_alarms(), read_mails()) == ([], [])


def test_a_test_run_by_hand_raises_no_alarm(database: str) -> None:
    """Neither through its hook nor later through the watcher."""
    account_id = make_account(mode=Mode.test)
    flow_run = make_flow_run(auto_scheduled=False)
    run_id = begin(account_id, flow_run_id=str(flow_run.id), test=True)
    report_failed(import_orders, flow_run, failed(AccountError("x")))
    report_failed(import_orders, make_flow_run(auto_scheduled=False), failed(AccountError("x")))

    assert read_run(run_id).state is RunState.failed
    assert (read_alarms(), read_mails(), count_incidents()) == ([], [], 1)


def test_a_draft_alarms_nobody(sqlite_database: str) -> None:
    """A schedule that was left over fails in silence."""
    make_account(mode=Mode.draft)
    report_failed(import_orders, make_flow_run(), failed(NotFoundError("x")))
    assert (read_alarms(), read_mails()) == ([], [])


def test_a_scheduled_run_of_a_test_account_is_told(database: str) -> None:
    """Its mail says that nothing outside is affected."""
    account_id = make_account(mode=Mode.test)
    flow_run = make_flow_run()
    begin(account_id, flow_run_id=str(flow_run.id), test=True)
    report_failed(import_orders, flow_run, failed(AccountError("x")))
    assert "nothing outside is affected" in read_mails()[0].text
    succeed(account_id, test=True)
    assert [alarm.closed_at is None for alarm in read_alarms()] == [False]


def test_test_runs_of_a_live_account_say_nothing_of_it(database: str) -> None:
    """A vanished one raises no alarm, and a good one ends no streak."""
    account_id = make_account()
    fail(account_id)
    succeed(account_id, test=True)
    lose(begin(account_id, test=True))
    assert watch().vanished == 1
    assert [(alarm.closed_at, alarm.failures) for alarm in read_alarms()] == [(None, 1)]


def test_hooks_never_raise(sqlite_database: str, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown accounts, flows and broken databases end in the log, without anybody's data."""
    report_failed(import_orders, make_flow_run(account="nobody"), failed(ValueError(BUYER)))
    report_crashed(import_orders, make_flow_run(account=7), Crashed(message=BUYER))
    other: Flow[..., Any] = import_orders.with_options(name="something-else")
    report_failed(other, make_flow_run(), Failed(message=BUYER))
    with session_scope() as session:
        session.connection().exec_driver_sql("DROP TABLE incident")
    make_account()
    report_failed(import_orders, make_flow_run(), failed(ValueError(BUYER)))

    assert len(caplog.records) == 4
    assert "Mustermann" not in caplog.text
    # A missing table is the one at SQLite and the other at PostgreSQL.
    assert "OperationalError" in caplog.text or "ProgrammingError" in caplog.text
    assert read_mails() == []


def test_a_vanished_run_is_told_once(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look closes it and sends the mail, further ones do nothing."""
    use_mail_server(monkeypatch, smtp_server)
    flow_run_id = str(uuid4())
    run_id = begin(make_account(), flow_run_id=flow_run_id)
    assert watch() == Watched()
    lose(run_id)

    assert watch() == Watched(vanished=1, mails=Delivery(sent=1))
    assert watch() == Watched()
    assert read_run(run_id).state is RunState.vanished
    assert f"/runs/flow-run/{flow_run_id}" in read_mails()[0].text
    assert subjects() == ["[Warenfluss] muellers-shop: order import vanished"]


def test_a_dead_run_that_its_successor_found_is_told(database: str) -> None:
    """With its recovery, because the successor did well before anybody looked."""
    account_id = make_account()
    run_id = begin(account_id)
    lose(run_id)
    succeed(account_id)
    assert read_run(run_id).state is RunState.vanished
    assert watch().reported == 0, "its own hook may still come"
    with session_scope() as session:
        run = session.get_one(Run, run_id)
        assert run.finished_at is not None
        run.finished_at -= timedelta(minutes=2)
        session.add(run)

    assert [watch().reported, watch().reported] == [1, 0]
    assert subjects() == [
        "[Warenfluss] muellers-shop: order import vanished",
        "[Warenfluss] muellers-shop: order import works again",
    ]
    assert [alarm.closed_at is None for alarm in read_alarms()] == [False]


def test_an_overdue_cycle_is_told_once(database: str) -> None:
    """Not before its time, not while its streak is open, and its next success ends it."""
    account_id = make_account()
    with session_scope() as session:
        save_schedule(session, account_id, Cycle.order_import, 300, active=True)
    assert watch().overdue == 0
    make_late(account_id)
    assert [watch().overdue, watch().overdue] == [1, 0]
    fail(account_id)
    succeed(account_id)

    assert subjects() == [
        "[Warenfluss] muellers-shop: order import is overdue",
        "[Warenfluss] muellers-shop: order import works again",
    ]
    (alarm,) = read_alarms()
    assert (alarm.kind, alarm.failures) == (AlarmKind.failed, 1)


def test_a_failing_cycle_is_not_told_as_overdue_too(database: str) -> None:
    """Its streak is open already: only reminders follow."""
    account_id = make_account()
    fail(account_id)
    make_late(account_id)
    assert watch().overdue == 0
    let_alarms_age(hours=25)
    assert watch() == Watched(reminders=1, mails=deliver_due())
    assert subjects()[1] == "[Warenfluss] muellers-shop: order import still fails"


def test_watchers_at_once_tell_everything_once(database: str) -> None:
    """Two processes look at the same moment at a vanished run, an overdue cycle and a due reminder."""
    account_id = make_account()
    fail(account_id, Cycle.stock_export)
    let_alarms_age(hours=25)
    with session_scope() as session:
        save_schedule(session, account_id, Cycle.stock_export, 300, active=True)
    lose(begin(account_id))
    make_late(account_id, Cycle.payment_sync)
    found = run_at_once(database, watch, [()] * 2)
    assert all(isinstance(each, Watched) for each in found), found
    assert sorted(subject.rpartition(": ")[2] for subject in subjects()) == [
        *("order import vanished", "payment sync is overdue", "stock export failed"),
        "stock export still fails",
    ]


def test_a_run_without_hooks_is_told_late(database: str) -> None:
    """A process that closed its run and died before its hook leaves it to the watcher."""
    account_id = make_account()
    run_id = begin(account_id)
    with session_scope() as session:
        mark_vanished(session, run_id)
        run = session.get_one(Run, run_id)
        assert run.finished_at is not None
        run.finished_at -= timedelta(minutes=2)
        session.add(run)
    assert watch().reported == 1
    assert len(read_mails()) == 1


def test_watching_needs_no_prefect() -> None:
    """The supervisor's look costs no import of Prefect."""
    script = "import sys, tasks.watch.alarms; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_prefect_calls_the_hook_in_the_runs_process(
    sqlite_database: str, prefect_api: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flow that raises is reported with the class of its error, and its link is the run's."""
    use_mail_server(monkeypatch, smtp_server)
    make_account()

    @flow(name="order-import", on_failure=[report_failed], on_crashed=[report_crashed])
    def break_down(account: str) -> None:
        raise AccountError("afterbuy: code 7")

    state: State[Any] = break_down(ACCOUNT, return_state=True)

    (message,) = smtp_server.messages
    body = message.get_body(("plain",))
    assert body is not None
    with get_client(sync_client=True) as client:
        flow_run_id = state.state_details.flow_run_id
        assert flow_run_id is not None
        assert client.read_flow_run(flow_run_id).state_name == "Failed"
    assert f"/runs/flow-run/{flow_run_id}" in body.get_content()
    assert "AccountError: afterbuy: code 7" in body.get_content()
    assert f"warenfluss account check {ACCOUNT}" in body.get_content()


def test_the_worker_reports_a_run_that_was_killed(
    sqlite_database: str, prefect_api: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a SIGKILL in the middle of the work, the worker calls the hook and the mail goes out."""
    use_mail_server(monkeypatch, smtp_server)
    make_account()
    worker = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_worker", f"killed-{uuid4().hex}", ACCOUNT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )

    flow_run_id = worker.stdout.splitlines()[0]
    assert subjects() == ["[Warenfluss] muellers-shop: order import crashed"]
    assert f"/runs/flow-run/{flow_run_id}" in read_mails()[0].text
    assert len(smtp_server.messages) == 1
    assert read_run(1).state is RunState.vanished
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(UUID(flow_run_id)).state_name == "Crashed"
