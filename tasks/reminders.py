"""Remind buyers who have not paid, and cancel orders that stay unpaid, page by page."""

from prefect.logging import get_run_logger

from models.database.session import read_scope
from models.payments.reminders import list_unpaid, send_reminders
from models.sync.records import Counts
from tasks.run.steps import step
from tasks.run.work import work_of

ORDERS_AT_ONCE = 250


@step
def remind_page(run_id: int, page: str | None) -> str | None:
    """Remind the buyers of the next unpaid orders, or cancel these orders, in one commit.

    Return the next page, None at the end. A test run rolls all of it back and counts what it would have done.
    """
    work = work_of(run_id)
    with read_scope() as session:
        ids = list_unpaid(session, work.account, int(page or 0), ORDERS_AT_ONCE)
    if not ids:
        return None
    with work.transaction() as session:
        done = send_reminders(session, work.account, ids)
        if work.test:
            session.rollback()
    counts = Counts(read=len(ids), reminded=done.reminded, cancelled=done.cancelled)
    work.counts.add(counts)
    get_run_logger().info(counts.text())
    return str(ids[-1]) if len(ids) == ORDERS_AT_ONCE else None
