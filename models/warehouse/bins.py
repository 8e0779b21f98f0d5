"""Bins (Lagerplätze): places in a warehouse where articles are stored, in the order of a picker's walk.

An article has one main bin in each warehouse; further bins are not recorded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint, delete, func
from sqlmodel import Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.catalog.article  # noqa: F401
from models.database.bulk import insert_or_update
from models.database.columns import Numbered
from models.database.conditions import among, in_batches
from models.errors import Action, Advice, NotFoundError, RuleError
from models.tenants.locks import lock_tenants
from models.values import MAX_COUNT
from models.warehouse.warehouses import Warehouse, pick_warehouse

PLACE_STEP = 10
"""Distance between the places of bins that are added one after the other, so that others fit in between."""


class Bin(Numbered, table=True):
    __tablename__ = "bin"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "name"),
        CheckConstraint("place >= 0", name="place"),
    )

    warehouse_id: int = Field(foreign_key="warehouse.id")
    name: str = Field(max_length=60)
    place: int
    """Position in the walk; the lowest comes first."""


class ArticleBin(SQLModel, table=True):
    """The main bin of an article in a warehouse."""

    __tablename__ = "article_bin"
    __table_args__ = (PrimaryKeyConstraint("warehouse_id", "article_id"),)

    warehouse_id: int = Field(foreign_key="warehouse.id")
    article_id: int = Field(foreign_key="article.id", index=True)
    bin_id: int = Field(foreign_key="bin.id", index=True)


@dataclass(frozen=True)
class BinPlace:
    """A bin's name and its position in the walk."""

    name: str
    place: int


def save_bin(session: Session, warehouse: Warehouse, name: str, place: int | None = None) -> bool | None:
    """Add a bin, or change the place of an existing one. A new bin without a place comes last in the walk.

    Takes the tenant's lock.
    Returns: True if the bin is new, False if its place changed, None if nothing changed.
    Raises: RuleError, for an invalid name or place.
    """
    _check_name(name)
    if place is not None and not 0 <= place <= MAX_COUNT:
        raise RuleError(f"The place of a bin is a whole number from 0 to {MAX_COUNT}.")
    lock_tenants(session, [warehouse.tenant_id])
    row = _find_bin(session, warehouse, name)
    if row is not None and place in (None, row.place):
        return None
    is_new = row is None
    if place is None:
        place = _next_place(session, warehouse.row_id)
    row = row or Bin(warehouse_id=warehouse.row_id, name=name, place=place)
    row.place = place
    session.add(row)
    session.flush()
    return is_new


def _check_name(name: str) -> None:
    if not name or name != name.strip() or len(name) > 60 or not name.isprintable():
        raise RuleError("A bin's name has 1 to 60 characters and no blank at either end.")


def _next_place(session: Session, warehouse_id: int) -> int:
    last = session.exec(select(func.max(Bin.place)).where(Bin.warehouse_id == warehouse_id)).one()
    return min(MAX_COUNT, 0 if last is None else last + PLACE_STEP)


def _find_bin(session: Session, warehouse: Warehouse, name: str) -> Bin | None:
    return session.exec(select(Bin).where(Bin.warehouse_id == warehouse.id, Bin.name == name)).first()


def get_bin(session: Session, warehouse: Warehouse, name: str) -> Bin:
    """Return the bin with this name. Raises: NotFoundError."""
    row = _find_bin(session, warehouse, name)
    if row is None:
        raise NotFoundError(
            f"Warehouse {warehouse.name!r} has no bin {name!r}.",
            Advice(Action.bin_add, name, {"warehouse": warehouse.name}),
        )
    return row


def rename_bin(session: Session, warehouse: Warehouse, row: Bin, name: str) -> None:
    """Rename a bin. Takes the tenant's lock. Raises: RuleError, if the name is invalid or taken."""
    _check_name(name)
    lock_tenants(session, [warehouse.tenant_id])
    if _find_bin(session, warehouse, name) is not None:
        raise RuleError(f"Warehouse {warehouse.name!r} has a bin {name!r} already.")
    row.name = name
    session.add(row)
    session.flush()


def place_articles(session: Session, warehouse: Warehouse, row: Bin, article_ids: Sequence[int]) -> set[int]:
    """Store articles in a bin, instead of another bin of the same warehouse; return the ids that moved.

    Takes the tenant's lock.
    """
    lock_tenants(session, [warehouse.tenant_id])
    wanted = set(article_ids)
    stored = session.exec(
        select(ArticleBin.article_id).where(
            ArticleBin.bin_id == row.id, among(col(ArticleBin.article_id), sorted(wanted))
        )
    ).all()
    moved = wanted - set(stored)
    insert_or_update(
        session,
        ArticleBin,
        [
            {"warehouse_id": warehouse.row_id, "article_id": article_id, "bin_id": row.row_id}
            for article_id in sorted(moved)
        ],
        key=("warehouse_id", "article_id"),
        update=("bin_id",),
    )
    return moved


def remove_articles(session: Session, warehouse: Warehouse, row: Bin, article_ids: Iterable[int]) -> None:
    """Remove articles from a bin. In a walk, articles without a bin come last. Takes the tenant's lock."""
    lock_tenants(session, [warehouse.tenant_id])
    session.execute(
        delete(ArticleBin).where(
            col(ArticleBin.bin_id) == row.id, among(col(ArticleBin.article_id), article_ids)
        )
    )


def list_bins(
    session: Session, tenant_id: int, warehouse: str | None = None
) -> list[tuple[Warehouse, Bin, list[int]]]:
    """Return (warehouse, bin, ids of its articles) in walking order, of one warehouse if it is named.

    Raises: NotFoundError, if there is no such warehouse.
    """
    query = select(Warehouse, Bin).join(Bin, col(Bin.warehouse_id) == col(Warehouse.id))
    if warehouse:
        query = query.where(Warehouse.id == pick_warehouse(session, tenant_id, warehouse).id)
    query = query.where(Warehouse.tenant_id == tenant_id).order_by(
        col(Warehouse.priority), col(Warehouse.id), col(Bin.place), col(Bin.name)
    )
    rows = session.exec(query).all()
    articles: dict[int, list[int]] = {}
    for batch in in_batches([row.row_id for _, row in rows]):
        for bin_id, article_id in session.execute(
            select(col(ArticleBin.bin_id), col(ArticleBin.article_id))
            .where(among(col(ArticleBin.bin_id), batch))
            .order_by(col(ArticleBin.article_id))
        ):
            articles.setdefault(bin_id, []).append(article_id)
    return [(place, row, articles.get(row.row_id, [])) for place, row in rows]


def bins_of(session: Session, article_ids: Sequence[int]) -> dict[tuple[int, int], BinPlace]:
    """Return {(warehouse id, article id): bin}; articles without a bin are missing."""
    found: dict[tuple[int, int], BinPlace] = {}
    for batch in in_batches(sorted(set(article_ids))):
        for warehouse_id, article_id, name, place in session.execute(
            select(col(ArticleBin.warehouse_id), col(ArticleBin.article_id), col(Bin.name), col(Bin.place))
            .join(Bin, col(Bin.id) == col(ArticleBin.bin_id))
            .where(among(col(ArticleBin.article_id), batch))
        ):
            found[warehouse_id, article_id] = BinPlace(name, place)
    return found
