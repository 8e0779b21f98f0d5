"""The cycle `invoicing`: invoice shipped goods and draw every issued document; nothing is sent outside."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.invoicing import draw_page, issue_page, open_invoicing
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.invoicing)
def invoicing(account: str, test: bool = False) -> State:
    """Issue an invoice for each order with shipped goods that are not invoiced yet.

    Args:
        account: Name of the account whose orders are invoiced.
        test: Issue nothing; the report shows which invoices would be issued.
    """
    with work_on(account, Cycle.invoicing, test=test) as work:
        run_id = work.run_id
        first = open_invoicing(run_id)
        if first is not None:
            each_page(work, lambda page: issue_page(run_id, page or first), first)
        each_page(work, lambda page: draw_page(run_id, page))
    return finished(work.counts)
