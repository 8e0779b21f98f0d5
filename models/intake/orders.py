"""Order intake: a page of orders from a channel becomes rows, each order exactly once.

New orders are inserted with multi-row statements (`models.intake.new_orders`). Orders with unchanged content
are recognised by a hash and stay as they are; changed ones are compared field by field
(`models.intake.order_changes`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.conditions import among
from models.intake.line_matching import Matcher
from models.intake.merges import KnownOrders, foreign_owners, is_outdated, owners_of_lines
from models.intake.new_orders import insert_orders, insert_without_lines
from models.intake.order_changes import PageContext, apply_changes
from models.intake.order_deletion import delete_test_orders
from models.orders.checks import recheck
from models.orders.holds import Hold
from models.orders.match_rules import MatchRule
from models.orders.order import Order, OrderState
from models.orders.queries import lock_orders
from models.orders.records import OrderData
from models.orders.row_values import imported_state, order_hash, without_erased
from models.orders.states import NOT_RELEASED
from models.payments.reminders import queue_payment_requests
from models.sync.records import Counts
from models.tenants.account import options_as
from models.tenants.locks import lock_tenants
from models.tenants.methods import Methods
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, Mode
from models.warehouse.allocation import allocate_unqueued
from models.warehouse.ledger import withdraw_shipped_before
from models.warehouse.sellable import queue_sold_listings


@dataclass
class ImportResult:
    """The result of saving a page."""

    counts: Counts = field(default_factory=Counts)
    oldest_news_at: datetime | None = None
    """When the oldest new order was bought; None if no order is new."""
    slowest_seconds: int | None = None
    """Seconds from then until now."""


@dataclass
class _Page:
    """The orders of a page, sorted by what must be done with them."""

    new: list[OrderData] = field(default_factory=list)
    changed: list[tuple[Order, OrderData]] = field(default_factory=list)
    unchanged: int = 0
    skipped: int = 0


def save_orders(
    session: Session,
    account: AccountData,
    rules: Sequence[MatchRule],
    records: Sequence[OrderData],
    *,
    trial: bool = False,
    is_history: Callable[[OrderData], bool] = lambda _: False,
) -> ImportResult:
    """Save one page of orders; safe to repeat.

    If `trial` is true, new orders are test orders, and orders that are no test orders stay as they are. An
    unknown order for which `is_history` returns True is skipped: it is recorded elsewhere, or not due yet.
    Locks: the tenant, then the known orders.
    """
    lock_tenants(session, [account.tenant_id])
    page = _sort(session, account, records, trial=trial, is_history=is_history)
    matcher = Matcher(session, account, rules)
    matcher.add([line for data in page.new for line in data.lines])
    methods = Methods(session, account.id, account.tenant_id)
    if not trial or account.mode is Mode.test:
        methods.note([*page.new, *(data for _, data in page.changed)])
    new_ids = insert_orders(session, account, page.new, matcher, methods, trial=trial)
    _apply_all_changes(session, account, page.changed, matcher, methods)
    order_ids = [*new_ids, *(order.row_id for order, _ in page.changed)]
    if not trial:
        _book_stock(session, account, new_ids, page)
        queue_payment_requests(session, account, order_ids)
    counts = Counts(
        read=len(records),
        new=len(page.new),
        changed=len(page.changed),
        unchanged=page.unchanged,
        skipped=page.skipped,
        held=_count_held(session, order_ids),
    )
    if not page.new:
        return ImportResult(counts)
    oldest = min(data.bought_at for data in page.new)
    return ImportResult(counts, oldest, max(0, int((utc_now() - oldest).total_seconds())))


def _sort(
    session: Session,
    account: AccountData,
    records: Sequence[OrderData],
    *,
    trial: bool,
    is_history: Callable[[OrderData], bool],
) -> _Page:
    """Compare a page with the known orders, and lock these.

    Deletes test orders that are replaced, and inserts orders without lines where known lines appear under an
    unknown order number.
    """
    reported = {record.external_id: record for record in records}
    known = {order.external_id: order for order in lock_orders(session, account.id, reported)}
    reported |= {
        number: without_erased(order, reported[number])
        for number, order in known.items()
        if order.anonymised_at
    }
    owners = owners_of_lines(session, account.id, reported.values(), trial=trial)
    known = _without_replaced(session, known, reported, trial=trial)
    page = _Page()
    new_lines: set[str] = set()
    for external_id, data in reported.items():
        order = known.get(external_id)
        line_ids = {line.external_id for line in data.lines}
        elsewhere = bool(foreign_owners(owners, data)) or not new_lines.isdisjoint(line_ids)
        if order is None and not elsewhere:
            if is_history(data):
                page.skipped += 1
            else:
                page.new.append(data)
                new_lines |= line_ids
        elif trial:
            page.unchanged += 1
        elif order is None:
            page.changed.append((insert_without_lines(session, account, data), data))
        elif (
            is_outdated(session, order, data, owners, reported)
            if order.state is OrderState.merged
            else order.content_hash == order_hash(data)
        ):
            page.unchanged += 1
        else:
            page.changed.append((order, data))
    return page


def _without_replaced(
    session: Session, known: Mapping[str, Order], reported: Mapping[str, OrderData], *, trial: bool
) -> dict[str, Order]:
    """Delete test orders that this page replaces, and return the other known orders by number.

    A test order is replaced if the order arrives outside test mode, or with other content.
    """
    replaced = {
        number: order
        for number, order in known.items()
        if order.trial and not (trial and order.content_hash == order_hash(reported[number]))
    }
    if replaced:
        delete_test_orders(session, [order.row_id for order in replaced.values()])
    return {number: order for number, order in known.items() if number not in replaced}


def _apply_all_changes(
    session: Session,
    account: AccountData,
    changed: Sequence[tuple[Order, OrderData]],
    matcher: Matcher,
    methods: Methods,
) -> None:
    """Apply the changes of a page, and check the changed orders again."""
    if not changed:
        return
    # Read again, because a new order of this page may have lines of a changed order.
    owners = owners_of_lines(session, account.id, [data for _, data in changed], trial=False)
    known = KnownOrders(session, owners, [order for order, _ in changed])
    page = PageContext(account, options_as(account, ChannelOptions), matcher, methods, known)
    for order, data in changed:
        apply_changes(session, page, order, data)
    recheck(session, account, [order.row_id for order, _ in changed])


def _book_stock(session: Session, account: AccountData, new_ids: Sequence[int], page: _Page) -> None:
    """Allocate stock to orders to ship, take shipped goods out of stock, and queue the listings of both."""
    withdraw_shipped_before(session, _already_shipped(new_ids, page.new))
    waiting = [order_id for order_id, data in zip(new_ids, page.new, strict=True) if not data.shipped_at]
    waiting += [order.row_id for order, _ in page.changed if order.state in NOT_RELEASED]
    # Goods that are allocated here were sold here, so their listings are queued below.
    allocate_unqueued(session, waiting)
    fixed = [data for order, data in page.changed if order.state not in NOT_RELEASED]
    queue_sold_listings(
        session,
        account.id,
        [*new_ids, *(order.row_id for order, _ in page.changed)],
        {line.listing_id for data in fixed for line in data.lines},
    )


def _already_shipped(
    order_ids: Sequence[int], new: Sequence[OrderData]
) -> dict[int, tuple[datetime, datetime]]:
    """Return {order id: (sold at, shipped at the earliest)} of new orders that are already shipped.

    A channel may report only the day of shipping; no order ships before it is sold.
    """
    departed = {}
    for order_id, data in zip(order_ids, new, strict=True):
        if data.shipped_at is not None and imported_state(data) is OrderState.shipped:
            departed[order_id] = (data.bought_at, max(data.bought_at, data.shipped_at))
    return departed


def _count_held(session: Session, order_ids: Sequence[int]) -> int:
    held = session.exec(
        select(Hold.order_id)
        .where(among(col(Hold.order_id), order_ids), col(Hold.released_at).is_(None))
        .distinct()
    ).all()
    return len(held)
