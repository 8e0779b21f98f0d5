"""The cycle `reconcile`: compare what a channel holds with what it should hold."""

from datetime import datetime

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.reconciliation.compare import (
    compare_orders_here,
    compare_orders_there,
    compare_stock,
    open_reconcile_window,
    recheck_known,
    report_differences,
)
from tasks.run.artifacts import publish_differences
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.reconcile)
def reconcile(account: str, test: bool = False, days: int = 7, since: datetime | None = None) -> State:
    """Read orders, payments, shipments and stock back from the channel and list what differs.

    Args:
        account: Name of the account to compare.
        test: Only show what differs; nothing is saved and no mail is sent.
        days: Compare orders that changed there or here within this number of days.
        since: Instead, compare orders that changed since this time.
    """
    with work_on(account, Cycle.reconcile, test=test) as work:
        run_id = work.run_id
        window = open_reconcile_window(run_id, days, since)
        if window is not None:
            each_page(work, lambda page: compare_orders_there(run_id, window, page))
            each_page(work, lambda page: compare_orders_here(run_id, window, page))
            each_page(work, lambda page: compare_stock(run_id, page))
            each_page(work, lambda page: recheck_known(run_id, window, page))
        report_differences(run_id)
        publish_differences(run_id, list(work.seen.findings.values()))
    return finished(work.counts)
