"""Pick list: which units are taken from which places for which orders, and what was taken.

Lists are made in `models.warehouse.picking` and walked in `models.warehouse.scanning`. Here are the tables,
what is to be taken for orders, and what other steps of an order's life tell its open list: that something
happened to the order (`note_orders`), or that less is promised to it or goes (`fit_items`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    and_,
    or_,
    text,
    update,
)
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.tenant  # noqa: F401
from models.clock import utc_now
from models.database.columns import Code, code, instant
from models.database.conditions import among, in_batches
from models.orders.holds import NO_HINDRANCE, SHORTAGES
from models.orders.order import OrderLine
from models.warehouse.levels import Allocation, StockLevel

PICKED_ALL_THE_SAME = NO_HINDRANCE | SHORTAGES
"""Holds that do not keep an order's allocated units from being picked."""


class PickMode(StrEnum):
    single = "single"
    """One order."""
    batch = "batch"
    """All units of an article together, sorted to their orders after the walk."""
    boxes = "boxes"
    """Several orders in one walk, each into the box with its number."""


class PickListState(StrEnum):
    open = "open"
    closed = "closed"
    cancelled = "cancelled"


class PickOutcome(StrEnum):
    """What became of an order on a list; none yet while it is open."""

    ready = "ready"
    """All that leaves of it next lies ready."""
    partly = "partly"
    """Something lies ready, and something is missing."""
    unpicked = "unpicked"
    stopped = "stopped"
    """Cancelled, held or shipped meanwhile, or the list was given up; what was taken goes back."""


class PickList(SQLModel, table=True):
    __tablename__ = "pick_list"
    __table_args__ = (Index("ix_pick_list_tenant_state", "tenant_id", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id")
    mode: PickMode = code(PickMode)
    state: PickListState = code(PickListState, PickListState.open)
    created_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
    scans: int = 0
    """The number of the last scan that counted."""


class PickOrder(SQLModel, table=True):
    """An order on a list; it is on one open list at most."""

    __tablename__ = "pick_order"
    __table_args__ = (
        PrimaryKeyConstraint("pick_list_id", "order_id"),
        CheckConstraint("box >= 0", name="box"),
        Index(
            "uq_pick_order_open",
            "order_id",
            unique=True,
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index(
            "ix_pick_order_noted",
            "pick_list_id",
            sqlite_where=text("noted_at IS NOT NULL"),
            postgresql_where=text("noted_at IS NOT NULL"),
        ),
    )

    pick_list_id: int = Field(foreign_key="pick_list.id")
    order_id: int = Field(foreign_key="sales_order.id")
    rank: int
    """From 1: who comes first gets what there is."""
    box: int = 0
    """Its number in a walk with boxes, else 0."""
    outcome: PickOutcome | None = Field(default=None, sa_type=Code(PickOutcome), nullable=True)
    reason: str = ""
    """Why it was stopped."""
    noted_at: datetime | None = instant(nullable=True)
    """When something happened to it that its list has not told a picker yet."""


class PickItem(SQLModel, table=True):
    """Units of one article at one level for one order line."""

    __tablename__ = "pick_item"
    __table_args__ = (
        ForeignKeyConstraint(
            ["pick_list_id", "order_id"], ["pick_order.pick_list_id", "pick_order.order_id"]
        ),
        UniqueConstraint("order_line_id", "level_id", "pick_list_id"),
        CheckConstraint("picked >= 0 AND picked <= quantity", name="picked"),
        CheckConstraint("put_back >= 0", name="put_back"),
        Index("ix_pick_item_order", "pick_list_id", "order_id"),
        Index("ix_pick_item_article", "pick_list_id", "article_id"),
        Index(
            "ix_pick_item_open",
            "pick_list_id",
            "article_id",
            "position",
            sqlite_where=text("picked < quantity"),
            postgresql_where=text("picked < quantity"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    pick_list_id: int
    order_id: int
    # No foreign keys here: a migration may lock one table in use, and such rows are never deleted.
    order_line_id: int
    level_id: int
    article_id: int
    position: int = 0
    """In the walk."""
    quantity: int
    picked: int = 0
    put_back: int = 0
    """Taken, and then no longer wanted."""


class PickScan(SQLModel, table=True):
    """What a scan of an open list counted for an item, so that it can be undone."""

    __tablename__ = "pick_scan"
    __table_args__ = (
        PrimaryKeyConstraint("pick_list_id", "number", "pick_item_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    pick_list_id: int = Field(foreign_key="pick_list.id")
    number: int
    pick_item_id: int = Field(foreign_key="pick_item.id")
    quantity: int


ON_LIST = and_(
    col(PickOrder.pick_list_id) == col(PickItem.pick_list_id),
    col(PickOrder.order_id) == col(PickItem.order_id),
)
"""Joins the items and orders of lists."""


def whole_units(promised: Iterable[tuple[int, int, int]], allocated: int) -> int:
    """Return how many of a line lie ready whole.

    `promised` has (article id, units promised, units that lie ready) of every level, `allocated` is what is
    promised to the line; the scarcest of its parts decides.
    """
    sums: dict[int, tuple[int, int]] = {}
    for article_id, quantity, picked in promised:
        before = sums.get(article_id, (0, 0))
        sums[article_id] = before[0] + quantity, before[1] + picked
    return min((picked * allocated // quantity for quantity, picked in sums.values() if quantity), default=0)


def share_of(promised: int, units: int, allocated: int) -> int:
    """Return how many of the units that are promised of one part it takes for so many of a line."""
    return -(-promised * units // allocated)


def units_to_take(session: Session, order_ids: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
    """Return what is to be taken for orders: order, line, level, article and units.

    That is what is promised to what goes next, and does not lie ready.
    """
    return [
        row
        for batch in in_batches(order_ids)
        for row in _units_to_take(session, among(col(OrderLine.order_id), batch))
    ]


def _units_to_take(session: Session, condition: Any) -> list[tuple[int, int, int, int, int]]:
    rows: list[tuple[int, int, int, int, int]] = []
    split: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for row in session.execute(
        sqlalchemy_select(
            col(OrderLine.order_id),
            col(OrderLine.id).label("line_id"),
            col(OrderLine.allocated),
            col(OrderLine.kept_back),
            (col(OrderLine.quantity) - OrderLine.cancelled - OrderLine.shipped).label("left"),
            col(StockLevel.id).label("level_id"),
            col(StockLevel.article_id),
            col(Allocation.quantity),
            col(Allocation.picked),
        )
        .join(Allocation, col(Allocation.order_line_id) == col(OrderLine.id))
        .join(StockLevel, col(StockLevel.id) == col(Allocation.level_id))
        .where(
            condition, or_(col(Allocation.quantity) > col(Allocation.picked), col(OrderLine.kept_back) > 0)
        )
        .order_by(col(OrderLine.id), col(StockLevel.id))
    ):
        if row.kept_back:
            split[row.line_id, row.article_id].append(row)
        else:
            units = row.quantity - row.picked
            rows.append((row.order_id, row.line_id, row.level_id, row.article_id, units))
    for of_article in split.values():
        first = of_article[0]
        going = min(first.allocated, first.left - first.kept_back)
        wanted = share_of(sum(row.quantity for row in of_article), going, first.allocated)
        wanted -= sum(row.picked for row in of_article)
        for row in of_article:
            units = min(wanted, row.quantity - row.picked)
            if units > 0:
                rows.append((row.order_id, row.line_id, row.level_id, row.article_id, units))
                wanted -= units
    return rows


def note_orders(session: Session, order_ids: Iterable[int]) -> None:
    """Let the open lists of these orders look at them again before the next unit is taken."""
    for batch in in_batches(sorted(order_ids)):
        session.execute(
            update(PickOrder)
            .where(among(col(PickOrder.order_id), batch), col(PickOrder.outcome).is_(None))
            .values(noted_at=utc_now())
        )


def fit_items(session: Session, line_ids: Iterable[int], *, put_back: bool) -> None:
    """Let open lists ask for no more of these lines than is still promised to them, and goes.

    `put_back` says that what was taken in vain is still in the house, and goes back to its place.
    """
    changed: set[int] = set()
    for batch in in_batches(sorted(line_ids)):
        rows = session.execute(
            select(PickItem, col(Allocation.quantity), col(Allocation.picked), col(OrderLine.kept_back))
            .join(PickOrder, ON_LIST)
            .join(OrderLine, col(OrderLine.id) == col(PickItem.order_line_id))
            .outerjoin(
                Allocation,
                and_(
                    col(Allocation.order_line_id) == col(PickItem.order_line_id),
                    col(Allocation.level_id) == col(PickItem.level_id),
                ),
            )
            .where(among(col(PickItem.order_line_id), batch), col(PickOrder.outcome).is_(None))
            .execution_options(populate_existing=True)
        ).all()
        split = {item.order_line_id for item, _, _, kept_back in rows if kept_back}
        going = {
            (line_id, level_id): units
            for _, line_id, level_id, _, units in (
                _units_to_take(session, among(col(OrderLine.id), split)) if split else ()
            )
        }
        for item, promised, lying, kept_back in rows:
            picked = min(item.picked, lying or 0)
            there = (promised or 0) - (lying or 0)
            if kept_back:
                there = going.get((item.order_line_id, item.level_id), 0)
            left = min(item.quantity - item.picked, there)
            if (picked, picked + left) == (item.picked, item.quantity):
                continue
            if put_back:
                item.put_back += item.picked - picked
            item.picked, item.quantity = picked, picked + left
            session.add(item)
            changed.add(item.order_id)
    if changed:
        session.flush()
        note_orders(session, changed)
