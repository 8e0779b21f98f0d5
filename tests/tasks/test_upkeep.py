"""What is over is forgotten after its days; what is open, last or still needed stays."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import SQLModel, col, func, select

from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.mails.outbox import Mail
from models.orders.order import Order
from models.orders.queries import ids_by_number
from models.reconciliation.differences import Difference, list_differences, save_findings, settle_differences
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.settings import get_settings
from models.sync.alarms import Alarm, Incident
from models.sync.calls import Call, CallOrder, save_calls
from models.sync.records import CallData, Cycle, RejectedData
from models.sync.rejected import RejectedRecord, save_rejected, settle_rejected
from models.sync.runs import Run, last_success
from models.upkeep.pruning import SETTLED, delete_old
from tasks.upkeep import prune
from tests.support.alarm_steps import fail, make_account, succeed
from tests.support.builders import make_line, make_order, make_shop, take_in

OLD = timedelta(days=100)


def count(table: type[SQLModel]) -> int:
    with read_scope() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def age(**columns: Any) -> None:
    """Let all rows of tables be a hundred days older: TABLE_COLUMN=table."""
    with session_scope() as session:
        for name, table in columns.items():
            column = getattr(table, name.partition("__")[2])
            rows = session.execute(select(table.id, column).where(column.is_not(None))).all()
            for row_id, value in rows:
                session.execute(update(table).where(table.id == row_id).values({column: value - OLD}))


def missing(number: str) -> DifferenceData:
    return DifferenceData(DifferenceKind.order_not_here, number, "", "", "1.00 EUR", Remedy.read)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.upkeep.pruning.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("tasks.upkeep.PAUSE_SECONDS", 0.0)


def test_old_calls_go_with_their_links(database: str, small_batches: None) -> None:
    """In batches, and no further than their days; the orders stay."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        for days in (40, 35, 31, 31, 31, 29, 0):
            call = CallData("Change", reads=False, ending="ok", order_numbers=("1",))
            call.started_at = utc_now() - timedelta(days=days)
            save_calls(session, shop.account.id, None, [call], ids_by_number(session, shop.account.id, ["1"]))

    assert prune() == 5
    assert (count(Call), count(CallOrder), count(Order)) == (2, 2, 1)
    assert prune() == 0


def test_history_goes_and_what_is_last_or_open_stays(database: str, small_batches: None) -> None:
    """The last success of a cycle is known for ever; an open alarm keeps its incidents."""
    account_id = make_account()
    for _ in range(3):
        fail(account_id)
        succeed(account_id)
    fail(account_id, Cycle.stock_export)
    with session_scope() as session:
        session.execute(update(Mail).where(col(Mail.id) < 3).values(sent_at=utc_now()))
        rejected = [RejectedData(kind="order", external_id=one, reason="?") for one in ("1", "2")]
        save_rejected(session, account_id, rejected)
        settle_rejected(session, account_id, "order", ["1"])
        save_findings(session, account_id, 1, [missing("1"), missing("2")])
        settle_differences(session, [1])
    age(
        run__started_at=Run,
        run__finished_at=Run,
        alarm__closed_at=Alarm,
        incident__noted_at=Incident,
        mail__sent_at=Mail,
        aside__settled_at=RejectedRecord,
        difference__settled_at=Difference,
        difference__first_seen_at=Difference,
    )

    prune()

    with read_scope() as session:
        kept = [(str(run.cycle), str(run.state)) for run in session.exec(select(Run).order_by(col(Run.id)))]
        assert kept == [
            ("order-import", "failed"),
            ("order-import", "completed"),
            ("stock-export", "failed"),
        ]
        assert last_success(session, account_id, Cycle.order_import) is not None
        (alarm,) = session.exec(select(Alarm)).all()
        assert (alarm.cycle, alarm.closed_at) == (Cycle.stock_export, None)
        assert session.exec(select(Incident.alarm_id)).all() == [alarm.row_id]
        assert [row.subject for row in session.exec(select(Difference)).all()] == ["2"]
    assert (count(Mail), count(RejectedRecord)) == (5, 1)


def test_what_comes_again_before_it_is_forgotten_stays(database: str) -> None:
    """A difference that was settled long ago, and that a run finds again while old ones are looked for."""
    account_id = make_account()
    with session_scope() as session:
        save_findings(session, account_id, 1, [missing("1"), missing("2")])
        settle_differences(session, [1, 2])
    age(difference__settled_at=Difference)
    (kind,) = [one for one in SETTLED if one.table is Difference]
    with session_scope() as session:
        found = kind.find(session, utc_now(), 10)
        save_findings(session, account_id, 2, [missing("1")])
        delete_old(session, kind, found, utc_now())

    assert len(found) == 2
    with read_scope() as session:
        assert [row.subject for row in list_differences(session)] == ["1"]
    assert count(Difference) == 1


def test_a_fresh_alarm_never_takes_the_number_of_a_forgotten_one(database: str) -> None:
    """Keys of mails name alarms: one whose number came again would be told to nobody."""
    account_id = make_account()
    fail(account_id)
    succeed(account_id)
    age(alarm__closed_at=Alarm, incident__noted_at=Incident)
    prune()
    mails = count(Mail)

    fail(account_id)

    assert count(Mail) == mails + 1


def test_settings_say_how_long(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both kinds."""
    account_id = make_account()
    for _ in range(2):
        succeed(account_id)
    age(run__started_at=Run)
    monkeypatch.setenv("WARENFLUSS_KEEP_HISTORY_DAYS", "200")
    get_settings.cache_clear()
    assert prune() == 0
    monkeypatch.setenv("WARENFLUSS_KEEP_HISTORY_DAYS", "20")
    get_settings.cache_clear()
    assert prune() == 1


def test_each_pruning_empties_the_log(sqlite_file: str) -> None:
    """What was erased before, while others kept it in use, leaves it as well."""
    with session_scope() as session:
        make_shop(session)
    log = Path(f"{sqlite_file.removeprefix('sqlite:///')}-wal")
    assert log.stat().st_size > 0

    assert prune() == 0

    assert log.stat().st_size == 0
