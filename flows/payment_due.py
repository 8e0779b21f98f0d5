"""The cycle `payment-due`: remind buyers who have not paid in time, and finally cancel their orders."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.reminders import remind_page
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.payment_due)
def payment_due(account: str, test: bool = False) -> State:
    """Remind buyers as the account's settings say, and cancel orders that stay unpaid.

    Args:
        account: Name of the account whose orders are checked.
        test: Change nothing; the figures say how many would be reminded or cancelled.
    """
    with work_on(account, Cycle.payment_due, test=test) as work:
        each_page(work, lambda page: remind_page(work.run_id, page))
    return finished(work.counts)
