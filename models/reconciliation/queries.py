"""The data of our side that reconciliation compares."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime

from sqlalchemy import String, and_, cast, exists, or_
from sqlmodel import Session, col, select

from models.catalog.article import parts_of
from models.catalog.listing import Listing
from models.database.conditions import among
from models.fulfilment.shipments import Shipment
from models.intake.merges import is_outdated
from models.orders.history import edits_of
from models.orders.holds import CHANGED_LATE, NO_ARTICLE, Hold
from models.orders.match_rules import MatchRule
from models.orders.matching import match_lines
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of
from models.orders.records import OrderData, OrderLineData
from models.payments.payment import Payment
from models.reconciliation.comparison import OurOrder
from models.reconciliation.news import OrderNews, StockNews, Unread
from models.sync.outbound import ORDER_UPDATES, Outbound, OutboundState
from models.sync.records import OutboundKind
from models.tenants.records import AccountData


def read_orders(
    session: Session,
    account_id: int,
    reported: Mapping[str, OrderData],
    numbers: Iterable[str],
    owners: Mapping[str, Order],
    *,
    trial: bool,
) -> dict[str, OurOrder]:
    """Return our orders with these numbers, and with those of a reported page, by number.

    `owners` has our order of each line of the page by the line's id. If `trial` is true, only test orders are
    read, else only other orders.
    """
    orders = orders_by_number(session, account_id, {*reported, *numbers}, trial=trial)
    ids = [order.row_id for order in orders.values()]
    lines, holds, edits = lines_of(session, ids), _holds_over_changes(session, ids), edits_of(session, ids)
    payments: dict[int, list[Payment]] = {}
    for row in session.exec(
        select(Payment).where(among(col(Payment.order_id), ids)).order_by(col(Payment.id))
    ):
        payments.setdefault(row.order_id, []).append(row)
    return {
        number: OurOrder(
            order,
            lines=lines.get(order.row_id, ()),
            holds=holds.get(order.row_id, ()),
            edits=edits.get(order.row_id, {}),
            payments=payments.get(order.row_id, ()),
            is_outdated=order.state is OrderState.merged
            and number in reported
            and is_outdated(session, order, reported[number], owners, reported),
        )
        for number, order in orders.items()
    }


def orders_by_number(
    session: Session, account_id: int, numbers: Iterable[str], *, trial: bool
) -> dict[str, Order]:
    """Return an account's orders by the channel's number; if `trial` is true, its test orders instead."""
    rows = session.exec(
        select(Order).where(
            Order.account_id == account_id,
            among(col(Order.external_id), numbers),
            col(Order.trial).is_(trial),
        )
    ).all()
    return {order.external_id: order for order in rows}


def list_recent_orders(
    session: Session, account_id: int, since: datetime, after_id: int, limit: int, *, trial: bool
) -> list[tuple[int, str]]:
    """Return id and number of the orders that something happened to here since an instant, by id.

    A cancelled order counts only if its cancellation was published since.
    """
    rows = session.execute(
        select(col(Order.id), col(Order.external_id))
        .where(
            col(Order.account_id) == account_id,
            col(Order.id) > after_id,
            col(Order.trial).is_(trial),
            or_(
                and_(
                    col(Order.state).not_in([OrderState.merged, OrderState.cancelled]),
                    or_(
                        col(Order.changed_at) >= since,
                        exists().where(
                            col(Payment.order_id) == col(Order.id), col(Payment.recorded_at) >= since
                        ),
                        exists().where(
                            col(Shipment.order_id) == col(Order.id), col(Shipment.recorded_at) >= since
                        ),
                    ),
                ),
                and_(
                    col(Order.state) == OrderState.cancelled,
                    exists().where(
                        col(Outbound.account_id) == account_id,
                        col(Outbound.kind) == OutboundKind.cancellation,
                        col(Outbound.key) == cast(col(Order.id), String),
                        col(Outbound.sent_at) >= since,
                    ),
                ),
            ),
        )
        .order_by(col(Order.id))
        .limit(limit)
    )
    return [(int(order_id), number) for order_id, number in rows]


def _holds_over_changes(session: Session, order_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return the holds because of changes and cancellations after release, including ended ones."""
    holds: dict[int, list[Hold]] = {}
    for hold in session.exec(
        select(Hold).where(among(col(Hold.order_id), order_ids), col(Hold.reason).in_(CHANGED_LATE))
    ):
        holds.setdefault(hold.order_id, []).append(hold)
    return holds


def with_merged_into(session: Session, account_id: int, numbers: Sequence[str], *, trial: bool) -> list[str]:
    """Return the numbers, and the numbers of the orders into which some of these orders were merged."""
    orders = orders_by_number(session, account_id, numbers, trial=trial)
    ids = [order.merged_into_id for order in orders.values() if order.merged_into_id is not None]
    found = session.exec(select(Order.external_id).where(among(col(Order.id), ids))).all() if ids else []
    return list(dict.fromkeys([*numbers, *found]))


def read_order_news(
    session: Session,
    account_id: int,
    numbers: Sequence[str],
    unread: Unread,
    paid_by: Mapping[str, datetime | None],
    paid_until: datetime | None,
    *,
    trial: bool,
) -> OrderNews:
    """Return the changes of the orders with these numbers; the parameters are as in `OrderNews`."""
    orders = orders_by_number(session, account_id, numbers, trial=trial)
    names = {order.row_id: number for number, order in orders.items()}
    lines = lines_of(session, list(names))
    return OrderNews(
        unread,
        lines={number: {one.external_id for one in lines.get(row, ())} for row, number in names.items()},
        unpublished={
            kind: {names[row] for row in _unpublished(session, account_id, kind, names)}
            for kind in ORDER_UPDATES
        },
        paid_by=paid_by,
        paid_until=paid_until,
    )


def read_stock_news(
    session: Session, account_id: int, numbers: Sequence[str], unread: Unread, unfinished: Set[str]
) -> StockNews:
    """Return the changes of the listings with these numbers.

    `unfinished` are the listings sold in open checkouts, whose orders are only imported once they are done.
    """
    listings = listings_by_number(session, account_id, numbers)
    names = {listing.row_id: listing.external_id for listing in listings}
    waiting = _unpublished(session, account_id, OutboundKind.stock, names)
    return StockNews(
        unread,
        unpublished={names[row] for row in waiting},
        articles=_articles_of_listings(session, listings),
        unallocated=_listings_in_held_lines(session, account_id) | unfinished,
    )


def _unpublished(session: Session, account_id: int, kind: OutboundKind, keys: Collection[int]) -> set[int]:
    rows = session.exec(
        select(Outbound.key).where(
            Outbound.account_id == account_id,
            Outbound.kind == kind,
            among(col(Outbound.key), [str(key) for key in keys]),
            col(Outbound.state) != OutboundState.sent,
        )
    ).all()
    return {int(key) for key in rows}


def list_listings_after(session: Session, account_id: int, after_id: int, limit: int) -> list[Listing]:
    """Return listings whose article is known, by id."""
    query = (
        select(Listing)
        .where(
            Listing.account_id == account_id, col(Listing.id) > after_id, col(Listing.article_id).is_not(None)
        )
        .order_by(col(Listing.id))
    )
    return list(session.exec(query.limit(limit)).all())


def listings_by_number(session: Session, account_id: int, numbers: Sequence[str]) -> list[Listing]:
    """Return the listings with these numbers at the channel, by id."""
    query = select(Listing).where(Listing.account_id == account_id, among(col(Listing.external_id), numbers))
    return list(session.exec(query.order_by(col(Listing.id))).all())


def _listings_in_held_lines(session: Session, account_id: int) -> set[str]:
    """Return the listings sold in lines that wait for an article, and get no stock until then."""
    codes = session.exec(
        select(OrderLine.codes)
        .join(Hold, col(Hold.order_line_id) == col(OrderLine.id))
        .where(
            OrderLine.account_id == account_id,
            col(Hold.reason).in_(NO_ARTICLE),
            col(Hold.released_at).is_(None),
        )
    ).all()
    return {str(each["listing_id"]) for each in codes if each.get("listing_id")}


def articles_of_lines(
    session: Session, account: AccountData, rules: Sequence[MatchRule], lines: Sequence[OrderLineData]
) -> set[int]:
    """Return the articles that lines may stand for, and the parts of the bundles among them."""
    matches = match_lines(session, account.tenant_id, account.id, rules, lines)
    articles = {article_id for match in matches for article_id, _ in match.parts}
    articles |= {article_id for match in matches for article_id in match.candidates}
    for parts in parts_of(session, sorted(articles)).values():
        articles |= {part_id for part_id, _ in parts}
    return articles


def _articles_of_listings(session: Session, listings: Sequence[Listing]) -> dict[str, set[int]]:
    """Return the article of each listing by the channel's number, and the parts of a bundle."""
    articles = {row.external_id: row.article_id for row in listings if row.article_id is not None}
    parts = parts_of(session, sorted(set(articles.values())))
    return {
        number: {article_id, *(part_id for part_id, _ in parts.get(article_id, []))}
        for number, article_id in articles.items()
    }
