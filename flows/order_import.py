"""The cycle `order-import`: read orders from a channel, match their articles and allocate stock."""

from datetime import datetime

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.intake.orders import import_order_page, open_order_window
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.order_import)
def order_import(
    account: str, test: bool = False, since: datetime | None = None, orders: list[str] | None = None
) -> State:
    """Save new orders, and the changes of known ones.

    Args:
        account: Name of the account to read from.
        test: Read only to look; new orders are saved as test orders and allocate no stock.
        since: Read again what changed since this time; the next run continues where the cycle was.
        orders: Read only these orders, by the channel's numbers, whatever their age.
    """
    with work_on(account, Cycle.order_import, test=test) as work:
        window = open_order_window(work.run_id, since, orders or [])
        each_page(work, lambda page: import_order_page(work.run_id, window, page), window.page)
    return finished(work.counts)
