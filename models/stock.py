"""Stock: on hand, allocated, available; what channels may sell of it, and that they hear of changes.

Levels are changed in `models.promises` and `models.stock_moves` alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    update,
)
from sqlmodel import Field, Session, SQLModel, col, select

from models.account import Account
from models.among import among, in_batches
from models.article import BundlePart, parts_of
from models.columns import code, instant, need_id
from models.listing import Listing, limits_for, sellable
from models.order import (
    LinePart,
    OrderLine,
)
from models.outbound import OutboundKind, queue_outbound
from models.tenant import lock_tenants
from models.upsert import insert_or_update


class MovementReason(StrEnum):
    opening = "opening"
    """Taken over from the channel when the article was first read."""
    counted = "counted"
    """Set by a person or a file."""
    shipment = "shipment"
    returned = "returned"
    short_pick = "short_pick"
    """A picker did not find it where it should lie."""


class Warehouse(SQLModel, table=True):
    __tablename__ = "warehouse"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id")
    name: str = Field(max_length=60)
    priority: int = 0
    """The lowest is allocated from first."""
    sellable: bool = True
    """Whether its goods are offered and promised; goods of lesser quality are kept apart."""


class StockLevel(SQLModel, table=True):
    __tablename__ = "stock_level"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "article_id"),
        CheckConstraint("allocated >= 0 AND allocated <= on_hand", name="allocated"),
    )

    id: int | None = Field(default=None, primary_key=True)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    article_id: int = Field(foreign_key="article.id", index=True)
    on_hand: int = 0
    allocated: int = 0


class StockMovement(SQLModel, table=True):
    """One change of `on_hand`; the movements of a level sum to it."""

    __tablename__ = "stock_movement"

    id: int | None = Field(default=None, primary_key=True)
    level_id: int = Field(foreign_key="stock_level.id", index=True)
    quantity: int
    reason: MovementReason = code(MovementReason)
    reference: str = ""
    at: datetime = instant()


class Allocation(SQLModel, table=True):
    """Units of one level that are promised to one order line."""

    __tablename__ = "allocation"
    __table_args__ = (
        PrimaryKeyConstraint("order_line_id", "level_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("picked >= 0 AND picked <= quantity", name="picked"),
    )

    order_line_id: int = Field(foreign_key="order_line.id")
    level_id: int = Field(foreign_key="stock_level.id", index=True)
    quantity: int
    picked: int = 0
    """Units of these that were taken from their place and lie ready for the order."""


B_STOCK = "B-Ware"


def sells(warehouse_id: Any) -> ColumnElement[bool]:
    """Return the condition that a warehouse's goods are sold."""
    apart = select(Warehouse.id).where(col(Warehouse.sellable).is_(False))
    return warehouse_id.not_in(apart)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class StockFigures:
    """Figures of one article over all warehouses; a bundle's come from its parts."""

    on_hand: int
    allocated: int
    available: int


def main_warehouse(session: Session, tenant_id: int) -> Warehouse:
    """Return the tenant's first warehouse, made on demand."""
    query = (
        select(Warehouse)
        .where(Warehouse.tenant_id == tenant_id)
        .order_by(col(Warehouse.priority), col(Warehouse.id))
    )
    warehouse = session.exec(query.limit(1)).first()
    if warehouse is None:
        insert_or_update(
            session,
            Warehouse,
            [{"tenant_id": tenant_id, "name": "main", "priority": 0}],
            key=("tenant_id", "name"),
        )
        warehouse = session.exec(query.limit(1)).one()
    return warehouse


def b_stock_warehouse(session: Session, tenant_id: int) -> Warehouse:
    """Return where a tenant keeps goods that came back and are not as good as new, made on demand."""
    insert_or_update(
        session,
        Warehouse,
        [{"tenant_id": tenant_id, "name": B_STOCK, "priority": 1000, "sellable": False}],
        key=("tenant_id", "name"),
    )
    query = select(Warehouse).where(Warehouse.tenant_id == tenant_id, Warehouse.name == B_STOCK)
    return session.exec(query).one()


def lock_levels(
    session: Session, article_ids: Sequence[int], warehouse_id: int | None = None, *, create: bool = False
) -> list[StockLevel]:
    if create and warehouse_id is not None:
        rows = [
            {"warehouse_id": warehouse_id, "article_id": article_id, "on_hand": 0, "allocated": 0}
            for article_id in sorted(article_ids)
        ]
        insert_or_update(session, StockLevel, rows, key=("warehouse_id", "article_id"))
    return lock_levels_by_id(session, sorted(level_ids_of(session, article_ids, warehouse_id)))


def level_ids_of(session: Session, article_ids: Sequence[int], warehouse_id: int | None = None) -> list[int]:
    """Return the levels of articles in one warehouse, or in all whose goods are sold."""
    ids: list[int] = []
    for batch in in_batches(article_ids):
        query = select(StockLevel.id).where(among(col(StockLevel.article_id), batch))
        query = query.where(
            StockLevel.warehouse_id == warehouse_id
            if warehouse_id is not None
            else sells(col(StockLevel.warehouse_id))
        )
        ids.extend(need_id(level_id) for level_id in session.exec(query).all())
    return ids


def lock_levels_by_id(session: Session, level_ids: Sequence[int]) -> list[StockLevel]:
    levels: list[StockLevel] = []
    for batch in in_batches(level_ids):
        levels.extend(
            session.exec(
                select(StockLevel)
                .where(among(col(StockLevel.id), batch))
                .order_by(col(StockLevel.id))
                .with_for_update()
                .execution_options(populate_existing=True)
            ).all()
        )
    return levels


def figures_of(session: Session, article_ids: Sequence[int]) -> dict[int, StockFigures]:
    """Return the figures of each article that has stock to sell, or for a bundle, whose parts have.

    A bundle is as available as its scarcest part allows. An article whose stock was never
    counted is missing: nothing is known of it, which is not the same as zero.
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
    """Return what this account may offer of each article whose stock is known."""
    figures = figures_of(session, article_ids)
    limits = limits_for(session, account_id, list(figures))
    return {
        article_id: sellable(figures[article_id].available, *limits[article_id]) for article_id in figures
    }


def offer_of(session: Session, account_id: int, listings: Sequence[Listing]) -> dict[int, int]:
    """Return by listing what its channel may sell, of those whose article and its stock are known."""
    article_ids = sorted({row.article_id for row in listings if row.article_id is not None})
    quantities = sellable_for(session, account_id, article_ids)
    return {need_id(row.id): quantities[row.article_id] for row in listings if row.article_id in quantities}


def touch_listings(session: Session, article_ids: Iterable[int]) -> None:
    """Queue the listings of these articles, and of the bundles that contain them, for stock export."""
    touched = set(article_ids)
    listings: dict[int, list[int]] = defaultdict(list)
    for batch in in_batches(sorted(touched)):
        touched.update(
            session.exec(select(BundlePart.bundle_id).where(among(col(BundlePart.part_id), batch))).all()
        )
    for batch in in_batches(sorted(touched)):
        rows = session.execute(
            select(Listing.account_id, Listing.id).where(among(col(Listing.article_id), batch))
        )
        for account_id, listing_id in rows:
            listings[account_id].append(listing_id)
    for account_id, listing_ids in sorted(listings.items()):
        queue_outbound(session, account_id, OutboundKind.stock, sorted(listing_ids))


def note_sold_there(
    session: Session, account_id: int, order_ids: Sequence[int], listings: Collection[str] = ()
) -> None:
    """Queue the articles of orders at the channel that sold them: its own figures moved with the sale.

    What it was told last is forgotten, so that it is told again even if that is the same, e.g. because
    there is more than its maximum, or because stock came in meanwhile. `listings` are the channel's
    numbers of what was sold in lines that those orders could not take in.
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
    touch_listings(session, touched)


def touch_account(session: Session, account_id: int) -> None:
    """Queue all listings of an account whose article is known, e.g. after a limit was changed."""
    lock_tenants(session, [session.get_one(Account, account_id).tenant_id])
    ids = session.exec(
        select(Listing.id).where(Listing.account_id == account_id, col(Listing.article_id).is_not(None))
    ).all()
    for batch in in_batches([listing_id for listing_id in ids if listing_id is not None]):
        queue_outbound(session, account_id, OutboundKind.stock, batch)
