"""The cycle `shipping-sync`: publish shipments, with carrier and tracking numbers, and cancellations."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle, OutboundKind
from tasks.intake.methods import refresh_methods
from tasks.outbound.delivery import publish_all
from tasks.run.work import work_on


@cycle_flow(Cycle.shipping_sync)
def shipping_sync(account: str, test: bool = False) -> State:
    """Publish every cancellation and every shipment that the channel does not know yet.

    Args:
        account: Name of the account to publish to.
        test: Send nothing; the report shows what would have been sent.
    """
    with work_on(account, Cycle.shipping_sync, test=test) as work:
        refresh_methods(work.run_id)
        publish_all(work, OutboundKind.cancellation)
        publish_all(work, OutboundKind.shipment)
    return finished(work.counts)
