"""The cycle `stock-export`: a channel hears what it may sell."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.cycle import declared, finished, nothing_done
from models.errors import LeaseHeldError
from models.sync.records import Cycle, OutboundKind
from tasks.outbound.delivery import publish_all, queue_all_listings
from tasks.run.work import work_on


@flow(**declared(Cycle.stock_export))
def stock_export(account: str, test: bool = False, full: bool = False) -> State:
    """Tell the channel each stock that differs from what it was last told.

    Args:
        account: Name of the account to tell.
        test: Send nothing; the report shows what would have been sent.
        full: Work out all listings again, not only those whose stock changed.
    """
    try:
        with work_on(account, Cycle.stock_export, test=test) as work:
            if full:
                queue_all_listings(work.run_id)
            publish_all(work, OutboundKind.stock)
    except LeaseHeldError as error:
        return nothing_done(str(error))
    return finished(work.counts)
