"""How accounts stand: the last run, the last success, and how long news took."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import event
from sqlmodel import Session

from models.database.engine import get_engine
from models.database.session import session_scope
from models.sync.records import Counts, Cycle
from models.sync.runs import RunState, begin_run, finish_run
from models.upkeep.status import CycleStatus, status_of_accounts
from tests.support.builders import PLACED_AT, make_shop


def run(
    session: Session, account_id: int, state: RunState, seconds: int | None = None, **how: bool
) -> datetime | None:
    """Let an order import run, and end if it is not running; return when it ended."""
    opened = begin_run(session, account_id, Cycle.order_import, flow_run_id=f"run-{state}", **how)
    if state is not RunState.running:
        finish_run(session, opened.row_id, state, Counts(), slowest_seconds=seconds)
    return opened.finished_at


def imports(session: Session) -> dict[str, CycleStatus]:
    """Return by account how its order import stands."""
    return {
        status.account.name: next(item for item in status.cycles if item.cycle is Cycle.order_import)
        for status in status_of_accounts(session)
    }


def test_last_run_last_success_and_last_news_are_told_apart(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """News counts where there was some; a test run is no success; each account has its own."""
    times = (PLACED_AT + timedelta(minutes=number) for number in count())
    monkeypatch.setattr("models.sync.runs.utc_now", lambda: next(times))
    with session_scope() as session:
        north, south = (make_shop(session, name).account.id for name in ("nord", "sued"))
        run(session, north, RunState.completed, 40)
        success = run(session, north, RunState.completed)
        run(session, north, RunState.completed, 7, test=True)
        run(session, north, RunState.failed)

        found = imports(session)

        assert found["nord"] == CycleStatus(
            Cycle.order_import, success, RunState.failed, 40, f"run-{RunState.failed}"
        )
        assert found["sued"] == CycleStatus(Cycle.order_import, None, None, None, "")
        run(session, south, RunState.running)
        assert imports(session)["sued"].last_state is RunState.running


def test_many_accounts_are_no_more_questions(sqlite_database: str) -> None:
    """Whoever draws the overview of a hundred accounts asks as often as for one."""
    asked: list[str] = []
    counts = []
    with session_scope() as session:
        event.listen(get_engine(), "before_cursor_execute", lambda *told: asked.append(told[2]))
        for name in ("nord", "sued", "west"):
            run(session, make_shop(session, name).account.id, RunState.completed)
            asked.clear()
            status_of_accounts(session)
            counts.append(len(asked))
    assert len(set(counts)) == 1
