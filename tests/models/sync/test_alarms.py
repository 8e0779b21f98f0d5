"""A streak of failures is opened once, counted exactly, told of rarely and closed by a success."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from models.database.session import session_scope
from models.sync.alarms import (
    Alarm,
    find_alarm,
    is_recorded,
    list_alarms,
    list_reminders,
    list_unreported,
    note_reminded,
    record_failure,
    record_incident,
    record_success,
)
from models.sync.records import AlarmKind, AlarmNotice, Cycle, NoticeKind
from models.sync.runs import Run, mark_vanished
from models.sync.schedules import save_schedule
from models.tenants.records import Mode
from tests.support.alarm_steps import begin, count_incidents, let_alarms_age, lose, make_account, read_alarms

CYCLE = Cycle.order_import


def note(
    account_id: int, run_id: int | None = None, *, flow_run_id: str = "", error: str = ""
) -> AlarmNotice | None:
    with session_scope() as session:
        return record_failure(
            session,
            account_id,
            CYCLE,
            AlarmKind.failed,
            reminder_hours=24,
            error=error,
            run_id=run_id,
            flow_run_id=flow_run_id,
        )


def note_overdue(account_id: int) -> AlarmNotice | None:
    with session_scope() as session:
        return record_failure(session, account_id, CYCLE, AlarmKind.overdue, reminder_hours=24)


def notices(*told: AlarmNotice | None) -> list[NoticeKind | None]:
    return [notice.notice if notice else None for notice in told]


def test_the_first_failure_is_told(database: str) -> None:
    """The notice names account, tenant, cycle, error and run."""
    account_id = make_account()

    told = note(account_id, flow_run_id="f-1", error="AccountError: wrong password")

    (alarm,) = read_alarms()
    assert told == AlarmNotice(
        key=f"alarm {alarm.id} mail 1",
        notice=NoticeKind.failure,
        kind=AlarmKind.failed,
        account="muellers-shop",
        tenant="Müllers Töpferei",
        cycle=CYCLE,
        test=False,
        failures=1,
        since=alarm.since,
        last_success_at=None,
        error="AccountError: wrong password",
        flow_run_id="f-1",
    )


def test_further_failures_are_counted_and_not_told(database: str) -> None:
    """Five failures are one streak and one notice."""
    account_id = make_account()
    told = [note(account_id, flow_run_id=f"f-{number}") for number in range(5)]

    assert notices(*told) == [NoticeKind.failure, None, None, None, None]
    assert [(alarm.failures, alarm.flow_run_id) for alarm in read_alarms()] == [(5, "f-4")]


def test_a_failure_after_the_wait_is_a_reminder(database: str) -> None:
    """It counts the streak and tells since when; then silence begins anew."""
    account_id = make_account()
    first = note(account_id, flow_run_id="f-1")
    let_alarms_age(hours=25)
    second, third = note(account_id, flow_run_id="f-2"), note(account_id, flow_run_id="f-3")

    assert notices(first, second, third) == [NoticeKind.failure, NoticeKind.reminder, None]
    assert first is not None
    assert second is not None
    assert second.failures == 2
    assert (first.since - second.since).total_seconds() == 25 * 3600
    assert second.key != first.key


def test_one_run_counts_once(database: str) -> None:
    """Its process, its worker and the watcher may all report it."""
    account_id = make_account()
    run_id = begin(account_id, flow_run_id="f-1")

    told = [note(account_id, run_id, flow_run_id="f-1") for _ in range(3)]

    assert notices(*told) == [NoticeKind.failure, None, None]
    assert [alarm.failures for alarm in read_alarms()] == [1]
    assert count_incidents() == 1


def test_reporters_at_the_same_moment_open_one_streak(database: str) -> None:
    """Eight threads with four runs, each reported twice."""
    account_id = make_account()

    def report(number: int) -> AlarmNotice | None:
        return note(account_id, flow_run_id=f"f-{number % 4}")

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(report, range(8)))

    assert sorted(notices(*told), key=str) == [None] * 7 + [NoticeKind.failure]
    assert [alarm.failures for alarm in read_alarms()] == [4]


def test_the_database_refuses_a_second_open_streak(database: str) -> None:
    """One open alarm for each account and cycle, whatever the code does; closed ones may be many."""
    account_id = make_account()
    for number in range(2):
        note(account_id, flow_run_id=f"f-{number}")
        with session_scope() as session:
            record_success(session, account_id, CYCLE)
    note(account_id, flow_run_id="f-9")

    def open_second() -> None:
        with session_scope() as session:
            session.add(Alarm(account_id=account_id, cycle=CYCLE, kind=AlarmKind.failed))

    with pytest.raises(IntegrityError):
        open_second()
    assert [alarm.closed_at is None for alarm in read_alarms()] == [False, False, True]


def test_a_failure_without_a_name_is_a_bug(database: str) -> None:
    """Without run and flow run nothing could be told apart."""
    account_id = make_account()
    with pytest.raises(ValueError, match="id of its run"):
        note(account_id)


def test_success_closes_and_is_told_once(database: str) -> None:
    """The recovery carries the streak's count and its end; a second success is silent."""
    account_id = make_account()
    note(account_id, flow_run_id="f-1")
    note(account_id, flow_run_id="f-2")
    with session_scope() as session:
        told = record_success(session, account_id, CYCLE)
        again = record_success(session, account_id, CYCLE)

    assert notices(told, again) == [NoticeKind.recovery, None]
    assert told is not None
    assert (told.failures, told.ended_at) == (2, read_alarms()[0].closed_at)


def test_cycles_and_accounts_are_apart(database: str) -> None:
    """A success of one ends no streak of another."""
    first, second = make_account("first"), make_account("second")
    note(first, flow_run_id="f-1")
    note(second, flow_run_id="f-1")
    with session_scope() as session:
        assert record_success(session, first, Cycle.stock_export) is None
        record_success(session, first, CYCLE)
        assert [alarm.account_id for alarm in list_alarms(session)] == [second]


def test_an_overdue_cycle_opens_a_streak_and_adds_to_none(database: str) -> None:
    """It is told once; failures that follow belong to the same streak."""
    account_id = make_account()
    first, second = note_overdue(account_id), note_overdue(account_id)
    third = note(account_id, flow_run_id="f-1")

    assert notices(first, second, third) == [NoticeKind.failure, None, None]
    assert [(alarm.kind, alarm.failures) for alarm in read_alarms()] == [(AlarmKind.failed, 1)]
    assert note_overdue(account_id) is None


def test_a_quiet_failure_is_noted_without_a_streak(database: str) -> None:
    """Later reports of the same run find it noted."""
    account_id = make_account()
    run_id = begin(account_id, flow_run_id="f-1")
    for _ in range(2):
        with session_scope() as session:
            record_incident(session, account_id, CYCLE, AlarmKind.failed, run_id=run_id)

    assert note(account_id, run_id) is None
    assert read_alarms() == []
    with session_scope() as session:
        assert is_recorded(session, account_id, run_id, "")


def test_a_failing_test_account_is_marked(database: str) -> None:
    """The notice tells that nothing outside is affected."""
    told = note(make_account(mode=Mode.test), flow_run_id="f-1")
    assert told is not None
    assert told.test


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda account_id: None, 0),
        (lambda account_id: _pause(account_id, active=True), 1),
        (lambda account_id: _pause(account_id, active=False), 0),
    ],
    ids=["no schedule", "scheduled", "paused"],
)
def test_who_paused_a_cycle_is_not_reminded(
    database: str, prepare: Callable[[int], None], expected: int
) -> None:
    """A streak whose last failure was told is repeated only while the cycle is expected to run."""
    account_id = make_account()
    note(account_id, flow_run_id="f-1")
    prepare(account_id)
    with session_scope() as session:
        assert list_reminders(session, 24) == []
    let_alarms_age(hours=25)
    with session_scope() as session:
        assert len(list_reminders(session, 24)) == expected


def _pause(account_id: int, *, active: bool) -> None:
    with session_scope() as session:
        save_schedule(session, account_id, CYCLE, 300, active=active)


def test_a_reminder_is_given_once(database: str) -> None:
    """Two watchers that saw the same need give one reminder."""
    account_id = make_account()
    note(account_id, flow_run_id="f-1")
    let_alarms_age(hours=25)
    (alarm,) = read_alarms()
    assert alarm.id is not None
    told = []
    for _ in range(2):
        with session_scope() as session:
            told.append(note_reminded(session, alarm.id, 24))
    assert notices(*told) == [NoticeKind.reminder, None]


def test_unreported_runs_are_found(database: str) -> None:
    """A run that its successor found dead is told of; a later attempt stands for the earlier ones."""
    account_id = make_account()
    dead = []
    for number, cycle in enumerate([Cycle.order_import, Cycle.stock_export, Cycle.payment_sync]):
        run_id = begin(account_id, cycle, flow_run_id=f"f-{number}")
        lose(run_id)
        with session_scope() as session:
            assert mark_vanished(session, run_id)
            run = session.get_one(Run, run_id)
            assert run.finished_at is not None
            run.finished_at -= timedelta(minutes=5)
            session.add(run)
        dead.append(run_id)
    begin(account_id, Cycle.stock_export, flow_run_id="f-1")
    note(account_id, dead[0])

    with session_scope() as session:
        assert [run.id for run in list_unreported(session)] == [dead[2]]


def test_an_open_streak_is_found(database: str) -> None:
    """None before, the row while it lasts."""
    account_id = make_account()
    with session_scope() as session:
        assert find_alarm(session, account_id, CYCLE) is None
    note(account_id, flow_run_id="f-1")
    with session_scope() as session:
        assert find_alarm(session, account_id, CYCLE) is not None
