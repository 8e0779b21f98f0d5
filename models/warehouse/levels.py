"""Stock levels: on hand and allocated, their movements, and the locks on them.

Only `models.warehouse.allocation`, `models.warehouse.shrinking` and `models.warehouse.ledger` change levels.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.catalog.article
import models.orders.order  # noqa: F401
from models.database.bulk import insert_or_update
from models.database.columns import Numbered, code, instant, need_id
from models.database.conditions import among, in_batches
from models.warehouse.warehouses import sells


class MovementReason(StrEnum):
    opening = "opening"
    """Taken from the channel when the article was first imported."""
    counted = "counted"
    """Set by a person or a file."""
    shipment = "shipment"
    returned = "returned"
    short_pick = "short_pick"
    """A picker did not find the units at their place."""


class StockLevel(Numbered, table=True):
    __tablename__ = "stock_level"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "article_id"),
        CheckConstraint("allocated >= 0 AND allocated <= on_hand", name="allocated"),
    )

    warehouse_id: int = Field(foreign_key="warehouse.id")
    article_id: int = Field(foreign_key="article.id", index=True)
    on_hand: int = 0
    allocated: int = 0


class StockMovement(Numbered, table=True):
    """One change of `on_hand`; the movements of a level sum to it."""

    __tablename__ = "stock_movement"

    level_id: int = Field(foreign_key="stock_level.id", index=True)
    quantity: int
    reason: MovementReason = code(MovementReason)
    reference: str = ""
    at: datetime = instant()


class Allocation(SQLModel, table=True):
    """Units of one level that are allocated to one order line."""

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
    """The units of these that are picked and ready for the order."""


def lock_levels(
    session: Session, article_ids: Sequence[int], warehouse_id: int | None = None, *, create: bool = False
) -> list[StockLevel]:
    """Lock and return the levels of articles in one warehouse, or in all that sell.

    If `create` is true, articles without a level in this warehouse get one.
    """
    if create and warehouse_id is not None:
        rows = [
            {"warehouse_id": warehouse_id, "article_id": article_id, "on_hand": 0, "allocated": 0}
            for article_id in sorted(article_ids)
        ]
        insert_or_update(session, StockLevel, rows, key=("warehouse_id", "article_id"))
    return lock_levels_by_id(session, sorted(level_ids_of(session, article_ids, warehouse_id)))


def level_ids_of(session: Session, article_ids: Sequence[int], warehouse_id: int | None = None) -> list[int]:
    """Return ids of the levels of articles in one warehouse, or in all that sell."""
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
    """Lock and return the levels with these ids, in the order of the ids."""
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
