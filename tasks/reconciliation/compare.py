"""Compare what a channel holds with what it should hold, page by page; nothing is changed there.

What differs is looked at twice, the channel's side first and ours after it, and counts only if both looks
see the same: whatever one side carried over in between is gone by the second.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from prefect.logging import get_run_logger
from sqlmodel import Session

from connectors.protocols.orders import OrderQuery, OrderStatus
from connectors.protocols.results import Page
from documents.mails.differences import render_differences
from models.catalog.article import parts_of
from models.catalog.listing import Listing
from models.clock import LOCAL, local_date
from models.database.columns import need_id
from models.database.session import read_scope
from models.fulfilment.shipments import shipped_by
from models.mails.outbox import queue_mail
from models.orders.holds import Hold, HoldReason
from models.orders.matching import match_lines
from models.orders.order import Order, OrderState
from models.orders.queries import lines_of
from models.orders.records import OrderData, OrderLineData
from models.orders.states import MOVABLE
from models.payments.payment import payments_of
from models.reconciliation.comparison import (
    differing_contents,
    differing_payment,
    holds_over_changes,
    is_settled_otherwise,
    list_listings_after,
    list_recent_orders,
    listings_by_number,
    listings_in_held_lines,
    orders_by_number,
    untold,
)
from models.reconciliation.differences import (
    TOLD_BY,
    count_differences,
    list_unseen,
    note_new,
    save_findings,
    settle_differences,
)
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.settings import get_settings
from models.sync.cursors import find_cursor
from models.sync.outbound import OF_ORDERS, list_named
from models.sync.records import OutboundKind
from models.sync.rejected import open_asides
from models.tenants.records import Mode, Side
from models.warehouse.sellable import offer_of
from tasks.intake.orders import CURSOR, fetch_whole, history_test
from tasks.intake.payments import CURSOR as PAYMENT_CURSOR
from tasks.run.steps import step
from tasks.run.windows import Window
from tasks.run.work import Work, work_of
from tasks.told import cancellation_items, shipment_items, stands_there, values_of

PAGE = 100
MAIL_ROWS = 20


@step
def open_reconcile_window(run_id: int, days: int, since: datetime | None) -> Window | None:
    """Return what is compared: orders that changed there or here since an instant, and all stock.

    None until order import has read the account whole once. A `since` without time zone is German time.
    """
    work = work_of(run_id)
    with read_scope() as session:
        value = find_cursor(session, work.account.id, work.cursor(CURSOR))
    read = Window.model_validate(value)
    if _end_of(work, read) is None or (read.first and read.page is not None):
        return None
    if since is None:
        since = work.connection.clock.check() - timedelta(days=days)
    elif since.tzinfo is None:
        since = since.replace(tzinfo=LOCAL)
    return read.model_copy(update={"page": None, "since": since})


@step
def compare_orders_there(run_id: int, window: Window, page: str | None) -> str | None:
    """Compare one page of orders that changed at the channel; return the next page."""
    work = work_of(run_id)
    query = OrderQuery(changed_since=window.since, include_open_checkouts=True)
    fetched = work.orders.fetch_orders(query, page)
    work.counts.read += len(fetched.records) + len(fetched.rejected)
    work.counts.set_aside += len(fetched.rejected)
    _note_unfinished(work, fetched.records)
    with read_scope() as session:
        first = _look_at_orders(session, work, window, fetched, [])
    _keep(work, _confirm_orders(work, window, first))
    return fetched.next_cursor


@step
def compare_orders_here(run_id: int, window: Window, page: str | None) -> str | None:
    """Ask the channel for one page of orders that something happened to here; return the next page."""
    work = work_of(run_id)
    assert window.since is not None
    with read_scope() as session:
        rows = list_recent_orders(
            session, work.account.id, window.since, int(page or 0), PAGE, trial=_is_trial(work)
        )
    numbers = [number for _, number in rows]
    fetched = _fetch_named(work, numbers)
    work.counts.read += len(fetched.records) + len(fetched.rejected)
    with read_scope() as session:
        first = _look_at_orders(session, work, window, fetched, numbers)
    _keep(work, _confirm_orders(work, window, first))
    return str(rows[-1][0]) if len(rows) == PAGE else None


@step
def compare_stock(run_id: int, page: str | None) -> str | None:
    """Compare the stock of one page of listings with what the channel may sell; return the next page.

    In test mode the channel is told nothing, so there is nothing to compare.
    """
    work = work_of(run_id)
    if _is_trial(work):
        return None
    with read_scope() as session:
        listings = list_listings_after(session, work.account.id, int(page or 0), 2 * PAGE)
    work.counts.read += len(listings)
    first = _look_at_stock(work, [listing.external_id for listing in listings])
    _keep(work, _confirm_stock(work, first))
    return str(listings[-1].id) if len(listings) == 2 * PAGE else None


@step
def recheck_known(run_id: int, window: Window, page: str | None) -> str | None:
    """Look again at known differences that this run has not seen; those that are gone are settled."""
    work = work_of(run_id)
    if work.test:
        return None
    with read_scope() as session:
        rows = list_unseen(session, work.account.id, run_id, int(page or 0), PAGE)
    stock = [row.subject for row in rows if row.kind is DifferenceKind.stock]
    numbers = sorted({row.subject for row in rows if row.kind is not DifferenceKind.stock})
    fetched = _fetch_named(work, numbers)
    with read_scope() as session:
        first = _look_at_orders(session, work, window, fetched, numbers)
    found = [*_confirm_orders(work, window, first), *_confirm_stock(work, _look_at_stock(work, stock))]
    _keep(work, found)
    still = {finding.key for finding in found} | work.seen.on_the_way
    gone = [need_id(row.id) for row in rows if (row.kind, row.subject, row.field) not in still]
    with work.transaction() as session:
        settle_differences(session, gone)
    return str(rows[-1].id) if len(rows) == PAGE else None


@step
def tell_differences(run_id: int) -> None:
    """Count what is open, and queue one mail if any of it is new; a test run tells nobody."""
    work = work_of(run_id)
    work.counts.on_the_way = len(work.seen.on_the_way)
    work.counts.different = len(work.seen.findings)
    if work.test:
        return
    settings = get_settings()
    with work.transaction() as session:
        notice = note_new(session, run_id, MAIL_ROWS)
        if notice is not None:
            content = render_differences(
                notice, language=settings.language, public_url=str(settings.public_url)
            )
            queue_mail(session, notice.key, content)
            work.counts.new = notice.new
        work.counts.different = count_differences(session, work.account.id)
    get_run_logger().info(work.counts.text())


def _is_trial(work: Work) -> bool:
    """Return whether the account is in test: its orders are trials, and its channel is told nothing."""
    return work.account.mode is Mode.test


def _keep(work: Work, findings: Sequence[DifferenceData]) -> None:
    work.seen.findings.update({finding.key: finding for finding in findings})
    if findings and not work.test:
        with work.transaction() as session:
            save_findings(session, work.account.id, work.run_id, findings)


def _fetch_named(work: Work, numbers: Sequence[str]) -> Page[OrderData]:
    """Return the orders with these numbers in one page."""
    return fetch_whole(work, OrderQuery(external_ids=tuple(numbers))) if numbers else Page([])


def _look_at_orders(
    session: Session, work: Work, window: Window, fetched: Page[OrderData], asked: Collection[str]
) -> list[DifferenceData]:
    """Return in what the orders of a page differ from ours; of those asked for, what is missing there."""
    told = {data.external_id: data for data in fetched.records}
    trial = _is_trial(work)
    findings = differing_contents(
        session, work.account.id, told, trial=trial, is_history=history_test(work, window)
    )
    unreadable = {rejected.external_id for rejected in fetched.rejected}
    orders = orders_by_number(session, work.account.id, [*told, *unreadable, *asked], trial=trial)
    known = open_asides(session, work.account.id, "order", unreadable)
    findings += [
        DifferenceData(DifferenceKind.order_not_here, number, "", "", "unreadable", Remedy.read)
        for number in sorted(unreadable - known - set(orders))
    ]
    holds = holds_over_changes(session, [need_id(order.id) for order in orders.values()])
    for number in asked:
        order = orders.get(number)
        if (
            order is not None
            and number not in told
            and number not in unreadable
            and order.state not in (OrderState.merged, OrderState.cancelled)
            and not work.orders.is_provisional(number)
            and not _is_held_over_change(holds.get(need_id(order.id), []))
        ):
            here = f"{order.total} {order.currency}"
            findings.append(
                DifferenceData(DifferenceKind.order_not_there, number, "", here, "", Remedy.decide)
            )
    if not trial:
        findings += _look_at_statuses(session, work, orders, told)
        if work.orders.shows_cancellations:
            findings += _look_at_cancelled(session, work, orders, told)
    return findings


def _look_at_cancelled(
    session: Session, work: Work, orders: dict[str, Order], told: dict[str, OrderData]
) -> list[DifferenceData]:
    """Return which orders are cancelled here and not there; one that is held over that is shown already."""
    cancelled = {
        need_id(order.id): number
        for number, order in orders.items()
        if order.state is OrderState.cancelled and number in told
    }
    holds = holds_over_changes(session, list(cancelled))
    rows = list_named(session, work.account.id, OutboundKind.cancellation, list(cancelled))
    ours = {int(row.key) for row in rows}
    findings = []
    for order_id, item in cancellation_items(session, work, list(cancelled)).items():
        data = told[cancelled[order_id]]
        if _is_held_over_change(each for each in holds.get(order_id, []) if each.released_at is None):
            continue
        if not stands_there(OutboundKind.cancellation, values_of(item), _status_of(data)):
            remedy = Remedy.tell if order_id in ours else Remedy.decide
            there = "shipped" if data.shipped_at else "open"
            number = cancelled[order_id]
            findings.append(
                DifferenceData(DifferenceKind.cancellation, number, "state", "cancelled", there, remedy)
            )
    return findings


def _look_at_statuses(
    session: Session, work: Work, orders: dict[str, Order], told: dict[str, OrderData]
) -> list[DifferenceData]:
    """Return what was paid or has left on one side alone, or otherwise on each."""
    findings: list[DifferenceData] = []
    alive = {
        number: order
        for number, order in orders.items()
        if number in told and order.state not in (OrderState.merged, OrderState.cancelled)
    }
    ids = [need_id(order.id) for order in alive.values()]
    shippers = shipped_by(session, ids)
    ours = [order_id for order_id in ids if Side.warenfluss in shippers.get(order_id, ())]
    items = shipment_items(session, work, ours)
    holds, lines = holds_over_changes(session, ids), lines_of(session, ids)
    for number, order in alive.items():
        data, order_id = told[number], need_id(order.id)
        if data.paid_amount != order.paid_amount and not is_settled_otherwise(
            order, data, lines.get(order_id, []), holds.get(order_id, [])
        ):
            finding = differing_payment(
                order,
                payments_of(session, order_id),
                data.paid_amount,
                ours_lead=work.options.payments is Side.warenfluss,
            )
            findings += [finding] if finding else []
        if order_id in items:
            values = values_of(items[order_id])
            if not stands_there(OutboundKind.shipment, values, _status_of(data)):
                left_at = datetime.fromisoformat(values["shipped_at"])
                here = _shipped(left_at, len(values["tracking"].split("\n")) if values["tracking"] else 0)
                findings.append(_shipment(number, here, data, Remedy.tell))
        elif data.shipped_at and not data.cancelled and order.state in (*MOVABLE, OrderState.released):
            findings.append(_shipment(number, "", data, Remedy.read))
        elif order.state is OrderState.shipped and data.shipped_at is None:
            findings.append(_shipment(number, "shipped", data, Remedy.decide))
    return findings


def _shipment(number: str, here: str, data: OrderData, remedy: Remedy) -> DifferenceData:
    there = _shipped(data.shipped_at, len(data.tracking_numbers))
    return DifferenceData(DifferenceKind.shipment, number, "shipped", here, there, remedy)


def _shipped(at: datetime | None, parcels: int) -> str:
    """Say when something left; the numbers by which a buyer's parcels are found are only counted."""
    left = f"{at.astimezone(LOCAL):%Y-%m-%d}" if at else "not shipped"
    return f"{left}, tracking numbers: {parcels}"


def _status_of(data: OrderData) -> OrderStatus:
    return OrderStatus(
        external_id=data.external_id,
        paid_amount=data.paid_amount,
        paid_at=data.paid_at,
        shipped_at=data.shipped_at,
        carrier=data.carrier,
        tracking_numbers=data.tracking_numbers,
        cancelled=data.cancelled,
        lines={line.external_id: line.quantity for line in data.lines},
    )


def _is_held_over_change(holds: Iterable[Hold]) -> bool:
    return any(hold.reason is HoldReason.changed_after_release for hold in holds)


def _confirm_orders(work: Work, window: Window, first: Sequence[DifferenceData]) -> list[DifferenceData]:
    """Return those findings that a second look sees the same, less those whose news is on its way."""
    if not first:
        return []
    numbers = sorted({finding.subject for finding in first})
    read_until = _read_until(work)
    with read_scope() as session:
        wanted = _with_heirs(session, work, numbers)
    fetched = _fetch_named(work, wanted)
    fresh = _read_unread(work, read_until)
    with read_scope() as session:
        second = _look_at_orders(session, work, window, fetched, numbers)
        both = [finding for finding in second if finding in first]
        orders = orders_by_number(session, work.account.id, numbers, trial=_is_trial(work))
        lines = lines_of(session, [need_id(order.id) for order in orders.values()])
        moved = {
            number
            for number, order in orders.items()
            if any(line.external_id in fresh.lines for line in lines.get(need_id(order.id), []))
        }
        waiting = {
            kind: untold(session, work.account.id, kind, [need_id(order.id) for order in orders.values()])
            for kind in OF_ORDERS
        }
    paid_until = _paid_until(work)
    paid_at = {data.external_id: data.paid_at for data in fetched.records}
    real = []
    for finding in both:
        order = orders.get(finding.subject)
        kind = TOLD_BY.get(finding.kind)
        if (
            finding.subject in fresh.numbers
            or finding.subject in moved
            or (order is not None and kind is not None and order.id in waiting[kind])
            or (
                finding.kind is DifferenceKind.payment and _is_after(paid_at.get(finding.subject), paid_until)
            )
        ):
            work.seen.on_the_way.add(finding.key)
        else:
            real.append(finding)
    return real


def _look_at_stock(work: Work, numbers: Sequence[str]) -> list[DifferenceData]:
    there = work.stock.fetch_stock(numbers) if numbers else {}
    with read_scope() as session:
        listings = listings_by_number(session, work.account.id, numbers)
        offer = offer_of(session, work.account.id, listings)
    return [
        _stock(listing.external_id, offer[need_id(listing.id)], there[listing.external_id])
        for listing in sorted(listings, key=lambda row: need_id(row.id))
        if listing.external_id in there
        and listing.id in offer
        and there[listing.external_id] != offer[listing.id]
    ]


def _stock(number: str, here: int, there: int) -> DifferenceData:
    return DifferenceData(DifferenceKind.stock, number, "quantity", str(here), str(there), Remedy.tell)


def _confirm_stock(work: Work, first: Sequence[DifferenceData]) -> list[DifferenceData]:
    """Return as `_confirm_orders`; of a listing sold there in an order not read yet nothing is known."""
    if not first:
        return []
    read_until = _read_until(work)
    # In this order: a sale that the second look shows stands in the orders that are read after it.
    second = _look_at_stock(work, [finding.subject for finding in first])
    fresh = _read_unread(work, read_until)
    both = [finding for finding in second if finding in first]
    with read_scope() as session:
        listings = listings_by_number(session, work.account.id, [finding.subject for finding in both])
        waiting = untold(
            session, work.account.id, OutboundKind.stock, [need_id(listing.id) for listing in listings]
        )
        held = listings_in_held_lines(session, work.account.id)
        parts = _with_parts(session, listings)
    by_number = {listing.external_id: listing for listing in listings}
    real = []
    for finding in both:
        listing = by_number[finding.subject]
        less_there = int(finding.there) < int(finding.here)
        if (
            listing.id in waiting
            or finding.subject in fresh.listings
            or parts[finding.subject] & fresh.articles
            or (less_there and finding.subject in (held | work.seen.unfinished))
        ):
            work.seen.on_the_way.add(finding.key)
        else:
            real.append(finding)
    return real


class _Unread:
    """What happened at the channel after order import last read it, by numbers, lines, listings, articles."""

    def __init__(self) -> None:
        self.numbers: set[str] = set()
        self.lines: set[str] = set()
        self.listings: set[str] = set()
        self.articles: set[int] = set()


def _read_unread(work: Work, read_until: datetime | None) -> _Unread:
    unread = _Unread()
    cursor: str | None = None
    while True:
        query = OrderQuery(changed_since=read_until, include_open_checkouts=True)
        page = work.orders.fetch_orders(query, cursor)
        lines = [line for data in page.records for line in data.lines]
        unread.numbers.update(data.external_id for data in page.records)
        unread.numbers.update(rejected.external_id for rejected in page.rejected)
        unread.lines.update(line.external_id for line in lines)
        unread.listings.update(_listings_of(lines))
        unread.articles.update(_articles_of(work, lines))
        cursor = page.next_cursor
        if cursor is None:
            return unread


def _note_unfinished(work: Work, records: Sequence[OrderData]) -> None:
    lines = [line for data in records if data.checkout_at is None for line in data.lines]
    work.seen.unfinished.update(_listings_of(lines))


def _listings_of(lines: Iterable[OrderLineData]) -> set[str]:
    found = {line.listing_id for line in lines if line.listing_id}
    return found | {part.external_id for line in lines for part in line.components if part.external_id}


def _articles_of(work: Work, lines: Sequence[OrderLineData]) -> set[int]:
    """Return the articles that lines stand for, and the parts of those that are bundles."""
    with read_scope() as session:
        matches = match_lines(session, work.account.tenant_id, work.account.id, work.rules, lines)
        articles = {article_id for match in matches for article_id, _ in match.parts}
        articles |= {article_id for match in matches for article_id in match.candidates}
        for each in parts_of(session, sorted(articles)).values():
            articles |= {part_id for part_id, _ in each}
    return articles


def _with_parts(session: Session, listings: Sequence[Listing]) -> dict[str, set[int]]:
    """Return by listing its article, and if that is a bundle, what it is made of."""
    own = {row.external_id: row.article_id for row in listings if row.article_id is not None}
    parts = parts_of(session, sorted(set(own.values())))
    return {
        number: {article_id, *(part_id for part_id, _ in parts.get(article_id, []))}
        for number, article_id in own.items()
    }


def _with_heirs(session: Session, work: Work, numbers: Sequence[str]) -> list[str]:
    """Return the numbers and those of the orders into which some of them were merged."""
    orders = orders_by_number(session, work.account.id, numbers, trial=_is_trial(work))
    heirs = [order.merged_into_id for order in orders.values() if order.merged_into_id is not None]
    found = [session.get_one(Order, heir_id).external_id for heir_id in heirs]
    return list(dict.fromkeys([*numbers, *found]))


def _read_until(work: Work) -> datetime | None:
    """Return up to when order import has read the channel whole, by its clock; None if it has not.

    What changed within the overlap before is read once more, so it is not missed yet.
    """
    with read_scope() as session:
        value = find_cursor(session, work.account.id, work.cursor(CURSOR))
    return _end_of(work, Window.model_validate(value))


def _paid_until(work: Work) -> datetime | None:
    """Return the same of the payments that are read by their own date; None if they are not."""
    if work.options.payments is Side.warenfluss:
        return None
    with read_scope() as session:
        value = find_cursor(session, work.account.id, work.cursor(PAYMENT_CURSOR))
    return _end_of(work, Window.model_validate(value)) if value else None


def _end_of(work: Work, window: Window) -> datetime | None:
    if window.page is not None:
        return window.since
    if window.until is None:
        return None
    return window.until - timedelta(minutes=work.options.overlap_minutes)


def _is_after(at: datetime | None, end: datetime | None) -> bool:
    """Return whether something is later than an instant; a day without time counts until it is over."""
    if at is None or end is None:
        return False
    wall = at.astimezone(LOCAL)
    if (wall.hour, wall.minute, wall.second) == (0, 0, 0):
        return wall.date() >= local_date(end)
    return at >= end
