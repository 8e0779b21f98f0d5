"""Read payments from a channel page by page and save each page whole."""

from collections.abc import Sequence

from prefect.logging import get_run_logger

from connectors.protocols.orders import OrderQuery
from models.database.session import read_scope
from models.payments.payment import apply_channel_totals
from models.sync.cursors import find_cursor
from models.sync.records import Counts
from tasks.intake.orders import CURSOR as ORDER_CURSOR
from tasks.run.steps import step
from tasks.run.windows import Window, advance, open_window
from tasks.run.work import work_of

CURSOR = "payments"


@step
def open_payment_window(run_id: int, numbers: Sequence[str]) -> Window:
    """Return which payments this run reads. The first window begins where the first order window began."""
    work = work_of(run_id)
    with read_scope() as session:
        orders = find_cursor(session, work.account.id, work.cursor(ORDER_CURSOR))
    begin = Window.model_validate(orders).history_before or work.connection.clock.check()
    return open_window(work, CURSOR, numbers=numbers, start=Window(since=begin))


@step
def import_payment_page(run_id: int, window: Window, page: str | None) -> str | None:
    """Save one page of payments and the cursor in one commit; return the next page.

    Only orders that are known here take payments. Safe to repeat.
    """
    work = work_of(run_id)
    query = OrderQuery(paid_since=window.since, external_ids=window.numbers)
    fetched = work.pages.fetch(work.orders.fetch_orders, query, page)
    counts = Counts(read=len(fetched.records))
    with work.transaction() as session:
        done = apply_channel_totals(
            session, work.account.id, fetched.records, handled_by=work.options.payments, test=work.test
        )
        advance(session, work, CURSOR, window, fetched.next_cursor)
    counts.add(done)
    counts.skipped = counts.read - counts.changed - counts.unchanged
    work.counts.add(counts)
    get_run_logger().info(counts.text())
    return fetched.next_cursor
