"""Read orders from a channel page by page and save each page whole."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from prefect.logging import get_run_logger

from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import Page
from models.clock import LOCAL, midnight
from models.database.session import Session
from models.intake.orders import ImportResult, save_orders
from models.orders.records import OrderData
from models.sync.rejected import save_rejected, settle_rejected
from models.sync.runs import save_window
from models.tenants.options import TakeOrders
from tasks.run.steps import step
from tasks.run.windows import Window, advance, open_window
from tasks.run.work import Work, work_of

CURSOR = "orders"


@step
def open_order_window(run_id: int, since: datetime | None, numbers: Sequence[str]) -> Window:
    """Return which orders this run reads. The account's first window begins where its settings say.

    A `since` without time zone is German time.
    """
    work = work_of(run_id)
    options = work.options
    if options.start == "new":
        # An order placed at this very moment must not look older than the start.
        now = work.orders.earliest_reading(work.connection.clock.check())
        first = Window(since=now, history_before=now)
    elif options.start_on is not None:
        begin = midnight(options.start_on)
        first = Window(since=begin, history_before=begin)
    else:
        first = Window(first_number=options.start)
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=LOCAL)
    window = open_window(work, CURSOR, since=since, numbers=numbers, start=first)
    with work.transaction() as session:
        save_window(session, run_id, window.model_dump(mode="json", exclude_none=True))
    return window


def order_query(work: Work, window: Window) -> OrderQuery:
    """Return the query for the orders of a window."""
    return OrderQuery(
        changed_since=window.since,
        from_number=window.first_number if window.first_number and not window.since else "",
        external_ids=window.numbers,
        include_open_checkouts=work.options.take_orders is TakeOrders.sold,
    )


def fetch_pages(work: Work, query: OrderQuery) -> Iterator[Page[OrderData]]:
    """Yield all pages of a query."""
    page = work.orders.fetch_orders(query, None)
    yield page
    while page.next_cursor is not None:
        page = work.orders.fetch_orders(query, page.next_cursor)
        yield page


def fetch_whole(work: Work, query: OrderQuery) -> Page[OrderData]:
    """Return all pages of a query as one; for few orders, such as named ones."""
    whole: Page[OrderData] = Page([])
    for page in fetch_pages(work, query):
        whole.records.extend(page.records)
        whole.rejected.extend(page.rejected)
    return whole


def save_page(
    session: Session, work: Work, window: Window, fetched: Page[OrderData], *, trial: bool
) -> ImportResult:
    """Save the orders of a page and its rejected records. The counts include both."""
    intake = save_orders(
        session, work.account, work.rules, fetched.records, trial=trial, is_history=history_test(work, window)
    )
    save_rejected(session, work.account.id, fetched.rejected)
    settle_rejected(session, work.account.id, "order", [data.external_id for data in fetched.records])
    intake.counts.read += len(fetched.rejected)
    intake.counts.rejected += len(fetched.rejected)
    return intake


@step
def import_order_page(run_id: int, window: Window, page: str | None) -> str | None:
    """Save one page of orders, the rejected records and the cursor in one commit; return the next page.

    Safe to repeat.
    """
    work = work_of(run_id)
    fetched = work.pages.fetch(work.orders.fetch_orders, order_query(work, window), page)
    with work.transaction() as session:
        intake = save_page(session, work, window, fetched, trial=work.test)
        advance(session, work, CURSOR, window, fetched.next_cursor)
    work.counts.add(intake.counts)
    if window.numbers:
        work.note_known(fetched.records, fetched.rejected)
    if not window.first:
        work.note_age(intake.oldest_news_at, intake.slowest_seconds)
    get_run_logger().info(intake.counts.text())
    return fetched.next_cursor


def history_test(work: Work, window: Window) -> Callable[[OrderData], bool]:
    """Return a test for unknown orders that are not saved: open checkouts, and orders older than the start.

    What counts is when the checkout was completed, not when the order was placed. Orders named by number are
    saved whatever their age.
    """
    early = work.options.take_orders is TakeOrders.sold

    def is_history(data: OrderData) -> bool:
        if data.checkout_at is None and not early:
            return True
        if window.history_before is not None and (data.checkout_at or data.placed_at) < window.history_before:
            return True
        first = window.first_number
        return first is not None and work.orders.is_before(data.external_id, first)

    return is_history
