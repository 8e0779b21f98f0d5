"""The cycle `stock-export`: publish what a channel may sell."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle, OutboundKind
from tasks.outbound.delivery import publish_all, queue_all_listings
from tasks.run.work import work_on


@cycle_flow(Cycle.stock_export)
def stock_export(account: str, test: bool = False, full: bool = False) -> State:
    """Publish every quantity that differs from what was published last.

    Args:
        account: Name of the account to publish to.
        test: Send nothing; the report shows what would have been sent.
        full: Work out the quantity of every listing again, not only of those whose stock changed.
    """
    with work_on(account, Cycle.stock_export, test=test) as work:
        if full:
            queue_all_listings(work.run_id)
        publish_all(work, OutboundKind.stock)
    return finished(work.counts)
