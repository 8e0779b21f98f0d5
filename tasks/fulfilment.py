"""Release orders to the warehouse, page by page."""

from prefect.logging import get_run_logger

from models.database.session import read_scope
from models.fulfilment.release import list_open_orders, release_ready
from models.fulfilment.splitting import list_due_splits, release_due
from models.sync.records import Counts
from tasks.run.steps import step
from tasks.run.work import work_of

ORDERS_AT_ONCE = 250


@step
def release_page(run_id: int, page: str | None) -> str | None:
    """Release the next open orders that are ready, in one commit. Return the next page, None at the end.

    Units that were held back until today, or an earlier day, are released first. A test run rolls all of it
    back, and counts what it would have released.
    """
    work = work_of(run_id)
    with read_scope() as session:
        ids = list_open_orders(session, work.account.id, int(page or 0), ORDERS_AT_ONCE)
        due = list_due_splits(session, work.account.id, ORDERS_AT_ONCE)
    if not ids and not due:
        return None
    with work.transaction() as session:
        release_due(session, due)
        done = release_ready(session, work.account, ids)
        if work.test:
            session.rollback()
    counts = Counts(read=len(ids), released=len(done.released), held=done.held, unpaid=done.unpaid)
    work.counts.add(counts)
    get_run_logger().info(counts.text())
    return str(ids[-1]) if len(ids) == ORDERS_AT_ONCE else None
