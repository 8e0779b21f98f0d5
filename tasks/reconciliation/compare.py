"""Compare what a channel holds with what it should hold, page by page; nothing is changed there."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from connectors.protocols.orders import OrderQuery
from documents.mails.differences import render_differences
from models.clock import LOCAL
from models.database.session import read_scope
from models.mails.outbox import queue_mail
from models.orders.records import OrderData
from models.reconciliation.differences import (
    count_differences,
    list_unseen,
    save_findings,
    settle_differences,
    take_new_differences,
)
from models.reconciliation.news import lines_of_page, listings_of
from models.reconciliation.queries import list_listings_after, list_recent_orders
from models.reconciliation.records import DifferenceData, DifferenceKind
from models.settings import get_settings
from models.sync.cursors import find_cursor
from tasks.intake.orders import CURSOR
from tasks.reconciliation.looks import (
    confirm_orders,
    confirm_stock,
    fetch_named,
    is_in_test,
    look_at_orders,
    look_at_stock,
)
from tasks.run.steps import step
from tasks.run.windows import Window
from tasks.run.work import Work, work_of

ORDERS_AT_ONCE = 100
LISTINGS_AT_ONCE = 200
MAIL_ROWS = 20


@step
def open_reconcile_window(run_id: int, days: int, since: datetime | None) -> Window | None:
    """Return which orders are compared: those that changed there or here since an instant.

    None until order import has read the account whole once. A `since` without time zone is German time.
    """
    work = work_of(run_id)
    with read_scope() as session:
        value = find_cursor(session, work.account.id, work.cursor(CURSOR))
    read = Window.model_validate(value)
    if read.read_until(work.options.overlap_minutes) is None or (read.first and read.page is not None):
        return None
    if since is None:
        since = work.connection.clock.check() - timedelta(days=days)
    elif since.tzinfo is None:
        since = since.replace(tzinfo=LOCAL)
    return read.model_copy(update={"page": None, "since": since})


@step
def compare_orders_there(run_id: int, window: Window, page: str | None) -> str | None:
    """Compare one page of the orders that changed at the channel; return the next page."""
    work = work_of(run_id)
    query = OrderQuery(changed_since=window.since, include_open_checkouts=True)
    fetched = work.orders.fetch_orders(query, page)
    work.counts.read += len(fetched.records) + len(fetched.rejected)
    work.counts.rejected += len(fetched.rejected)
    _note_unfinished(work, fetched.records)
    with read_scope() as session:
        first = look_at_orders(session, work, window, fetched, [])
    _keep(work, confirm_orders(work, window, first))
    return fetched.next_cursor


@step
def compare_orders_here(run_id: int, window: Window, page: str | None) -> str | None:
    """Compare one page of the orders that something happened to here; return the next page."""
    work = work_of(run_id)
    assert window.since is not None
    after, trial = int(page or 0), is_in_test(work)
    with read_scope() as session:
        rows = list_recent_orders(session, work.account.id, window.since, after, ORDERS_AT_ONCE, trial=trial)
    numbers = [number for _, number in rows]
    fetched = fetch_named(work, numbers)
    work.counts.read += len(fetched.records) + len(fetched.rejected)
    with read_scope() as session:
        first = look_at_orders(session, work, window, fetched, numbers)
    _keep(work, confirm_orders(work, window, first))
    return str(rows[-1][0]) if len(rows) == ORDERS_AT_ONCE else None


@step
def compare_stock(run_id: int, page: str | None) -> str | None:
    """Compare the stock of one page of listings; return the next page.

    Nothing is published to an account in test, or to one that takes no quantities: nothing can be compared.
    """
    work = work_of(run_id)
    if is_in_test(work) or work.connection.stock is None:
        return None
    with read_scope() as session:
        listings = list_listings_after(session, work.account.id, int(page or 0), LISTINGS_AT_ONCE)
    work.counts.read += len(listings)
    first = look_at_stock(work, [listing.external_id for listing in listings])
    _keep(work, confirm_stock(work, first))
    return str(listings[-1].id) if len(listings) == LISTINGS_AT_ONCE else None


@step
def recheck_known(run_id: int, window: Window, page: str | None) -> str | None:
    """Look again at one page of known differences that this run has not seen, and settle those that are gone.

    Return the next page. A test run settles nothing.
    """
    work = work_of(run_id)
    if work.test:
        return None
    with read_scope() as session:
        rows = list_unseen(session, work.account.id, run_id, int(page or 0), ORDERS_AT_ONCE)
    stock = [row.subject for row in rows if row.kind is DifferenceKind.stock]
    numbers = sorted({row.subject for row in rows if row.kind is not DifferenceKind.stock})
    fetched = fetch_named(work, numbers)
    with read_scope() as session:
        first = look_at_orders(session, work, window, fetched, numbers)
    found = [*confirm_orders(work, window, first), *confirm_stock(work, look_at_stock(work, stock))]
    _keep(work, found)
    still = {finding.key for finding in found} | work.seen.on_the_way
    gone = [row.row_id for row in rows if (row.kind, row.subject, row.field) not in still]
    with work.transaction() as session:
        settle_differences(session, gone)
    return str(rows[-1].id) if len(rows) == ORDERS_AT_ONCE else None


@step
def report_differences(run_id: int) -> None:
    """Count the open differences, and queue one mail if any of them is new. A test run queues no mail."""
    work = work_of(run_id)
    work.counts.on_the_way = len(work.seen.on_the_way)
    work.counts.different = len(work.seen.findings)
    if work.test:
        return
    settings = get_settings()
    with work.transaction() as session:
        notice = take_new_differences(session, run_id, MAIL_ROWS)
        if notice is not None:
            content = render_differences(
                notice, language=settings.language, public_url=str(settings.public_url)
            )
            queue_mail(session, notice.key, content)
            work.counts.new = notice.new
        work.counts.different = count_differences(session, work.account.id)
    get_run_logger().info(work.counts.text())


def _keep(work: Work, findings: Sequence[DifferenceData]) -> None:
    """Keep findings for the report of this run and, unless it is a test run, in the database."""
    work.seen.findings.update({finding.key: finding for finding in findings})
    if findings and not work.test:
        with work.transaction() as session:
            save_findings(session, work.account.id, work.run_id, findings)


def _note_unfinished(work: Work, records: Sequence[OrderData]) -> None:
    unfinished = (data for data in records if data.checkout_at is None)
    work.seen.unfinished.update(listings_of(lines_of_page(unfinished)))
