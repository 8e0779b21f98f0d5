"""The cycle `order-release`: release orders that are paid and in stock; nothing is sent outside."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.fulfilment import release_page
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.order_release)
def order_release(account: str, test: bool = False) -> State:
    """Release the open orders whose payment, stock and checks allow it.

    Args:
        account: Name of the account whose orders are released.
        test: Release nothing; the figures say how many orders would be released.
    """
    with work_on(account, Cycle.order_release, test=test) as work:
        each_page(work, lambda page: release_page(work.run_id, page))
    return finished(work.counts)
