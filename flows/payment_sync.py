"""The cycle `payment-sync`: bring payments to the side that does not know them yet."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle, OutboundKind
from models.tenants.records import Side
from tasks.intake.methods import refresh_methods
from tasks.intake.payments import import_payment_page, open_payment_window
from tasks.outbound.delivery import publish_all
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.payment_sync)
def payment_sync(account: str, test: bool = False, orders: list[str] | None = None) -> State:
    """Read payments from the channel or publish ours, as the account's setting `payments` says.

    Args:
        account: Name of the account.
        test: Change nothing on either side; the report shows what would have been sent.
        orders: Read only these orders, by the channel's numbers.
    """
    with work_on(account, Cycle.payment_sync, test=test) as work:
        refresh_methods(work.run_id)
        if work.options.payments is Side.warenfluss:
            publish_all(work, OutboundKind.payment)
        else:
            window = open_payment_window(work.run_id, orders or [])
            each_page(work, lambda page: import_payment_page(work.run_id, window, page), window.page)
    return finished(work.counts)
