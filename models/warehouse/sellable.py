"""Stock figures of articles, and the quantities that channels may sell."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from models.catalog.article import BundlePart, parts_of
from models.catalog.listing import Listing, limits_for, sellable
from models.database.conditions import among, in_batches
from models.orders.order import LinePart, OrderLine
from models.sync.outbound import queue_outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.warehouse.levels import StockLevel
from models.warehouse.warehouses import sells


@dataclass(frozen=True)
class StockFigures:
    """Stock of one article over all warehouses that sell; a bundle's figures come from its parts."""

    on_hand: int
    allocated: int
    available: int


def stock_figures(session: Session, article_ids: Sequence[int]) -> dict[int, StockFigures]:
    """Return {article id: its stock figures}; articles that were never counted are missing.

    Their stock is unknown, which is not the same as zero. The figures of a bundle are those of its scarcest
    part; it is missing if none of its parts was counted.
    """
    parts = parts_of(session, list(article_ids))
    needed = set(article_ids) | {part_id for each in parts.values() for part_id, _ in each}
    levels: dict[int, StockFigures] = {}
    for batch in in_batches(sorted(needed)):
        rows = session.execute(
            select(
                StockLevel.article_id,
                func.sum(StockLevel.on_hand),
                func.sum(StockLevel.allocated),
            )
            .where(among(col(StockLevel.article_id), batch), sells(col(StockLevel.warehouse_id)))
            .group_by(col(StockLevel.article_id))
        )
        for article_id, on_hand, allocated in rows:
            levels[article_id] = StockFigures(int(on_hand), int(allocated), int(on_hand) - int(allocated))
    figures = {}
    for article_id in article_ids:
        if article_id in parts:
            of_parts = [(levels.get(part_id), quantity) for part_id, quantity in parts[article_id]]
            if any(level is not None for level, _ in of_parts):
                figures[article_id] = StockFigures(
                    on_hand=min(level.on_hand // quantity if level else 0 for level, quantity in of_parts),
                    allocated=0,
                    available=min(
                        level.available // quantity if level else 0 for level, quantity in of_parts
                    ),
                )
        elif article_id in levels:
            figures[article_id] = levels[article_id]
    return figures


def sellable_for(session: Session, account_id: int, article_ids: Sequence[int]) -> dict[int, int]:
    """Return {article id: quantity that this account may sell}; articles with unknown stock are missing."""
    figures = stock_figures(session, article_ids)
    limits = limits_for(session, account_id, list(figures))
    return {
        article_id: sellable(figures[article_id].available, *limits[article_id]) for article_id in figures
    }


def sellable_quantities(session: Session, account_id: int, listings: Sequence[Listing]) -> dict[int, int]:
    """Return {listing id: quantity that its channel may sell}, without unknown articles and unknown stock."""
    article_ids = sorted({row.article_id for row in listings if row.article_id is not None})
    quantities = sellable_for(session, account_id, article_ids)
    return {row.row_id: quantities[row.article_id] for row in listings if row.article_id in quantities}


def queue_listings(session: Session, article_ids: Iterable[int]) -> None:
    """Queue the listings of these articles, and of the bundles that contain them, for stock export."""
    touched = set(article_ids)
    listings: dict[tuple[int, str], list[int]] = defaultdict(list)
    for batch in in_batches(sorted(touched)):
        touched.update(
            session.exec(select(BundlePart.bundle_id).where(among(col(BundlePart.part_id), batch))).all()
        )
    for batch in in_batches(sorted(touched)):
        rows = session.execute(
            select(Listing.account_id, Account.kind, Listing.id)
            .join(Account, col(Account.id) == col(Listing.account_id))
            .where(among(col(Listing.article_id), batch))
        )
        for account_id, account_kind, listing_id in rows:
            listings[account_id, account_kind].append(listing_id)
    for (account_id, account_kind), listing_ids in sorted(listings.items()):
        queue_outbound(
            session, account_id, OutboundKind.stock, sorted(listing_ids), account_kind=account_kind
        )


def queue_sold_listings(
    session: Session, account_id: int, order_ids: Sequence[int], listings: Collection[str] = ()
) -> None:
    """Queue the articles of orders for stock export to the channel that sold them.

    The sale changed the channel's own figures. So the last published quantity is cleared, and the next one is
    published even if it is equal, e.g. because more than the maximum is available, or because stock arrived
    in the meantime. `listings` are external ids of further listings that were sold: in lines that could not
    be added to these orders.
    """
    touched: set[int] = set()
    for numbers in in_batches(sorted(listings)):
        sold = select(Listing.article_id).where(
            Listing.account_id == account_id, among(col(Listing.external_id), numbers)
        )
        touched.update(article_id for article_id in session.exec(sold) if article_id is not None)
    for batch in in_batches(order_ids):
        touched.update(
            session.exec(
                select(LinePart.article_id)
                .join(OrderLine, col(OrderLine.id) == col(LinePart.order_line_id))
                .where(among(col(OrderLine.order_id), batch))
                .distinct()
            ).all()
        )
    for parts in parts_of(session, sorted(touched)).values():
        touched.update(part_id for part_id, _ in parts)
    for batch in in_batches(sorted(touched)):
        session.execute(
            update(Listing)
            .where(col(Listing.account_id) == account_id, among(col(Listing.article_id), batch))
            .values(published_quantity=None)
        )
    queue_listings(session, touched)


def queue_account_listings(session: Session, account_id: int) -> None:
    """Queue all of an account's listings with a known article for stock export, e.g. after a limit changed.

    Takes the tenant's lock.
    """
    account = session.get_one(Account, account_id)
    lock_tenants(session, [account.tenant_id])
    ids = session.exec(
        select(Listing.id).where(Listing.account_id == account_id, col(Listing.article_id).is_not(None))
    ).all()
    for batch in in_batches([listing_id for listing_id in ids if listing_id is not None]):
        queue_outbound(session, account_id, OutboundKind.stock, batch, account_kind=account.kind)
