"""The record of calls outlives what is rolled back, and a write leaves only with its run's lease."""

from contextlib import suppress

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

import tasks.run.call_log
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.errors import LeaseLostError
from models.sync.calls import Call, save_calls
from models.sync.records import OPEN, CallData, Cycle
from models.sync.runs import Lease, begin_run
from tasks.run.call_log import KEPT_CALLS, CallLog
from tests.support.alarm_steps import begin, make_account


def shown() -> list[tuple[str, str, int | None]]:
    with read_scope() as session:
        return [(row.call, row.ending, row.run_id) for row in session.exec(select(Call).order_by(Call.id))]  # type: ignore[arg-type]


def ended(call: str, ending: str = "ok", *, reads: bool = True) -> CallData:
    return CallData(call=call, reads=reads, ending=ending, milliseconds=3)


def test_reads_wait_and_a_write_is_saved_before_it_leaves(database: str) -> None:
    """With it go the reads before it; its end is added to the same row."""
    run_id = begin(make_account())
    with CallLog(1, run_id) as log:
        log(ended("Look"))
        assert shown() == []
        write = CallData(call="Change", reads=False)
        log(write)
        assert shown() == [("Look", "ok", run_id), ("Change", OPEN, run_id)]
        write.ending = "ok"
        log(write)
        log(ended("Look again"))

    assert [row[:2] for row in shown()] == [("Look", "ok"), ("Change", "ok"), ("Look again", "ok")]


def test_the_record_outlives_a_step_that_is_rolled_back(database: str) -> None:
    """It is written in a transaction of its own."""
    run_id = begin(make_account())
    with suppress(ValueError), CallLog(1, run_id) as log, session_scope():
        log(ended("Look"))
        raise ValueError("a bug")

    assert shown() == [("Look", "ok", run_id)]


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "given back by nobody"])
def test_a_run_that_lost_its_lease_sends_nothing(database: str, taken: bool) -> None:
    """A write of a run whose lease is another's by now is stopped, and recorded as that; reads are kept."""
    account_id = make_account()
    run_id = begin(account_id)
    with session_scope() as session:
        lease = session.get_one(Lease, (account_id, Cycle.order_import))
        lease.expires_at = utc_now()
        session.add(lease)
    if taken:
        with session_scope() as session:
            begin_run(session, account_id, Cycle.order_import)
    write = CallData(call="Change", reads=False)
    with CallLog(account_id, run_id) as log:
        log(ended("Look"))
        if taken:
            with pytest.raises(LeaseLostError):
                log(write)
            write.ending = "LeaseLostError"
        else:
            # Nobody else works, so the run goes on with its lease renewed.
            log(write)
            write.ending = "ok"
        log(write)

    assert shown() == [("Look", "ok", run_id), ("Change", write.ending, run_id)]


def test_a_database_that_is_away_keeps_nobody_from_reading(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be saved waits, within bounds, and is saved once later."""
    account_id = make_account()
    real, away = save_calls, True

    def save(*arguments: object) -> object:
        if away:
            raise OperationalError("INSERT", {}, Exception("locked"))
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks.run.call_log, "save_calls", save)
    with CallLog(account_id) as log:
        for number in range(KEPT_CALLS + 5):
            log(ended(f"Look {number}"))
        log.flush()
        with pytest.raises(OperationalError):
            log(CallData(call="Change", reads=False))
        away = False

    assert len(shown()) == KEPT_CALLS
    assert shown()[0] == ("Look 6", "ok", None)
