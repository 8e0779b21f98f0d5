"""Look at orders and stock on both sides, and look a second time at what differs.

The channel's side is read first, then ours. A difference counts only if both looks find it: what a cycle
imported or published between the two is gone by the second.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from connectors.protocols.orders import OrderQuery, OrderStatus
from connectors.protocols.results import Page
from models.database.session import Session, read_scope
from models.fulfilment.shipments import shipment_sources
from models.intake.merges import owners_of_lines
from models.orders.order import OrderState
from models.orders.records import OrderData
from models.reconciliation.comparison import (
    NOT_COMPARED,
    OurCancellation,
    OurOrder,
    OurShipment,
    compare_cancellation,
    compare_content,
    compare_payment,
    compare_shipment,
    compare_stock,
    missing_here,
    missing_there,
    unreadable_here,
)
from models.reconciliation.news import News, Unread, confirm, lines_of_page
from models.reconciliation.queries import (
    articles_of_lines,
    listings_by_number,
    read_order_news,
    read_orders,
    read_stock_news,
    with_merged_into,
)
from models.reconciliation.records import DifferenceData
from models.sync.cursors import find_cursor
from models.sync.outbound import list_by_keys
from models.sync.records import OutboundKind
from models.sync.rejected import find_open_rejected
from models.tenants.records import Mode, Side
from models.warehouse.sellable import sellable_quantities
from tasks.intake.orders import CURSOR as ORDER_CURSOR
from tasks.intake.orders import fetch_pages, fetch_whole, history_test
from tasks.intake.payments import CURSOR as PAYMENT_CURSOR
from tasks.outbound import cancellations, shipments
from tasks.run.windows import Window
from tasks.run.work import Work


def is_in_test(work: Work) -> bool:
    """Return whether the account is in test: its orders are test orders, and nothing is published to it."""
    return work.account.mode is Mode.test


def fetch_named(work: Work, numbers: Sequence[str]) -> Page[OrderData]:
    """Return the orders with these numbers in one page; no numbers, no call."""
    return fetch_whole(work, OrderQuery(external_ids=tuple(numbers))) if numbers else Page([])


def look_at_orders(
    session: Session, work: Work, window: Window, fetched: Page[OrderData], asked: Collection[str]
) -> list[DifferenceData]:
    """Return how the orders of a page differ from ours, and which of the `asked` orders are missing there."""
    account_id, trial = work.account.id, is_in_test(work)
    reported = {data.external_id: data for data in fetched.records}
    unreadable = {rejected.external_id for rejected in fetched.rejected}
    owners = owners_of_lines(session, account_id, fetched.records, trial=trial)
    ours = read_orders(session, account_id, reported, {*unreadable, *asked}, owners, trial=trial)
    rejected_before = find_open_rejected(session, account_id, "order", unreadable)
    is_history = history_test(work, window)

    def look() -> Iterator[DifferenceData | None]:
        for number, data in reported.items():
            if number in ours:
                yield from compare_content(ours[number], data)
            else:
                yield missing_here(data, owners, is_history=is_history(data))
        for number in sorted(unreadable - rejected_before - set(ours)):
            yield unreadable_here(number)
        for number in asked:
            is_expected = number in ours and not work.orders.is_provisional(number)
            if is_expected and number not in reported and number not in unreadable:
                yield missing_there(ours[number])
        if not trial:
            yield from _look_at_updates(session, work, ours, reported)

    return [finding for finding in look() if finding is not None]


def _look_at_updates(
    session: Session, work: Work, ours: Mapping[str, OurOrder], reported: Mapping[str, OrderData]
) -> Iterator[DifferenceData | None]:
    """Compare payments, shipments and cancellations of the orders that both sides have."""
    both = {number: ours[number] for number in reported if number in ours}
    ours_lead = work.options.payments is Side.warenfluss
    shipped = _our_shipments(session, work, both, reported)
    cancelled = _our_cancellations(session, work, both, reported)
    for number, order in both.items():
        data = reported[number]
        yield compare_payment(order, data, ours_lead=ours_lead)
        yield compare_shipment(order, data, shipped.get(number))
        if number in cancelled:
            yield compare_cancellation(order, data, cancelled[number])


def _our_shipments(
    session: Session, work: Work, ours: Mapping[str, OurOrder], reported: Mapping[str, OrderData]
) -> dict[str, OurShipment]:
    """Return by number what is published of the orders that were shipped from here."""
    ids = {one.order.row_id: number for number, one in ours.items() if one.order.state not in NOT_COMPARED}
    shippers = shipment_sources(session, list(ids))
    from_here = [order_id for order_id in ids if Side.warenfluss in shippers.get(order_id, ())]
    return {
        ids[order_id]: OurShipment(
            item.shipped_at,
            len(shipments.tracking_numbers(item)),
            shipments.is_there(work, shipments.values(item), _status_of(reported[ids[order_id]])),
        )
        for order_id, item in shipments.build(session, work, from_here).items()
    }


def _our_cancellations(
    session: Session, work: Work, ours: Mapping[str, OurOrder], reported: Mapping[str, OrderData]
) -> dict[str, OurCancellation]:
    """Return by number what is published of cancelled orders; nothing if the channel does not show them."""
    if not work.orders.shows_cancellations:
        return {}
    ids = {
        one.order.row_id: number for number, one in ours.items() if one.order.state is OrderState.cancelled
    }
    queued = {
        int(row.key) for row in list_by_keys(session, work.account.id, OutboundKind.cancellation, list(ids))
    }
    return {
        ids[order_id]: OurCancellation(
            order_id in queued,
            cancellations.is_there(cancellations.values(item), _status_of(reported[ids[order_id]])),
        )
        for order_id, item in cancellations.build(session, work, list(ids)).items()
    }


def _status_of(data: OrderData) -> OrderStatus:
    return OrderStatus(
        external_id=data.external_id,
        paid_amount=data.paid_amount,
        paid_at=data.paid_at,
        shipped_at=data.shipped_at,
        shipped_on=data.shipped_on,
        carrier=data.carrier,
        tracking_numbers=data.tracking_numbers,
        cancelled=data.cancelled,
        lines={line.external_id: line.quantity for line in data.lines},
    )


def confirm_orders(work: Work, window: Window, first: Sequence[DifferenceData]) -> list[DifferenceData]:
    """Return the differences of a first look that a second look sees too, without news on its way."""
    if not first:
        return []
    account_id, trial = work.account.id, is_in_test(work)
    numbers = sorted({finding.subject for finding in first})
    with read_scope() as session:
        read_until = _read_until(session, work, ORDER_CURSOR)
        wanted = with_merged_into(session, account_id, numbers, trial=trial)
    fetched = fetch_named(work, wanted)
    unread = _fetch_unread(work, read_until)
    paid_by = {data.external_id: data.paid_by for data in fetched.records}
    with read_scope() as session:
        paid_until = _paid_until(session, work)
        second = look_at_orders(session, work, window, fetched, numbers)
        news = read_order_news(session, account_id, numbers, unread, paid_by, paid_until, trial=trial)
    return _confirm(work, first, second, news)


def look_at_stock(work: Work, numbers: Sequence[str]) -> list[DifferenceData]:
    """Return the listings for which the channel offers another quantity than may be sold."""
    there = work.stock.fetch_stock(numbers) if numbers else {}
    with read_scope() as session:
        listings = listings_by_number(session, work.account.id, numbers)
        here = sellable_quantities(session, work.account.id, listings)
    compared = (
        compare_stock(row.external_id, here.get(row.row_id), there.get(row.external_id)) for row in listings
    )
    return [finding for finding in compared if finding is not None]


def confirm_stock(work: Work, first: Sequence[DifferenceData]) -> list[DifferenceData]:
    """Return the differences of a first look that a second look sees too, without news on its way."""
    if not first:
        return []
    with read_scope() as session:
        read_until = _read_until(session, work, ORDER_CURSOR)
    subjects = [finding.subject for finding in first]
    # In this order: a sale that the second look shows stands in the orders that are read after it.
    second = look_at_stock(work, subjects)
    unread = _fetch_unread(work, read_until)
    with read_scope() as session:
        news = read_stock_news(session, work.account.id, subjects, unread, work.seen.unfinished)
    return _confirm(work, first, second, news)


def _confirm(
    work: Work, first: Sequence[DifferenceData], second: Sequence[DifferenceData], news: News
) -> list[DifferenceData]:
    """Return what both looks see and no news explains; note which differences are only on their way."""
    real, on_the_way = confirm(first, second, news)
    work.seen.on_the_way.update(finding.key for finding in on_the_way)
    return real


def _fetch_unread(work: Work, read_until: datetime | None) -> Unread:
    """Read what changed at the channel since order import read it last."""
    unread = Unread()
    query = OrderQuery(changed_since=read_until, include_open_checkouts=True)
    for page in fetch_pages(work, query):
        with read_scope() as session:
            lines = lines_of_page(page.records)
            articles = articles_of_lines(session, work.account, work.rules, lines)
        unread.add(page.records, page.rejected, articles)
    return unread


def _read_until(session: Session, work: Work, cursor: str) -> datetime | None:
    """Return up to when a cycle has read the channel for good, by its clock; None if it has not."""
    window = Window.model_validate(find_cursor(session, work.account.id, work.cursor(cursor)))
    return window.read_until(work.options.overlap_minutes)


def _paid_until(session: Session, work: Work) -> datetime | None:
    """Return up to when payments were read by their own date; None if they are not read so."""
    if work.options.payments is Side.warenfluss:
        return None
    return _read_until(session, work, PAYMENT_CURSOR)
