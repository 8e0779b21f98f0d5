"""Schedules: which cycles are overdue."""

from datetime import timedelta

from models.clock import utc_now
from models.database.session import session_scope
from models.sync.records import Cycle
from models.sync.runs import begin_run
from models.sync.schedules import CycleSchedule, list_overdue, restart_overdue_clocks, save_schedule
from tests.support.builders import make_shop


def test_rhythms_count_anew_after_a_long_pause(database: str) -> None:
    """Nothing is overdue that could not run; but what has not begun since then goes on being missed."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        for cycle in (Cycle.order_import, Cycle.stock_export):
            save_schedule(session, account_id, cycle, 300, active=True)
            session.get_one(CycleSchedule, (account_id, cycle)).since = utc_now() - timedelta(days=9)
        ran = begin_run(session, account_id, Cycle.order_import)
        ran.started_at = utc_now() - timedelta(days=2)
        session.flush()
        assert len(list_overdue(session, 3)) == 2

        restart_overdue_clocks(session)
        session.expire_all()
        assert [rhythm.cycle for rhythm, _ in list_overdue(session, 3)] == [Cycle.stock_export]

        since = utc_now() - timedelta(hours=1)
        session.get_one(CycleSchedule, (account_id, Cycle.order_import)).since = since
        session.flush()
        restart_overdue_clocks(session)
        session.expire_all()
        assert len(list_overdue(session, 3)) == 2, "it never began since"
