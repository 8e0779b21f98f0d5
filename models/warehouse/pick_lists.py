"""Pick lists: which units are picked at which place for which order, and what was picked.

Lists are made in `models.warehouse.picking` and scanned in `models.warehouse.scanning`. This module has the
tables, computes what is to be picked, and updates open lists when an order changes: `flag_orders` marks it
for another check, `limit_items` reduces its items when less is allocated or to ship.
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
from models.database.columns import Code, Numbered, code, instant
from models.database.conditions import among, in_batches
from models.orders.holds import NOT_BLOCKING, SHORTAGES
from models.orders.order import UNITS_TO_SHIP, OrderLine
from models.warehouse.levels import Allocation, StockLevel

PICKABLE_HOLDS = NOT_BLOCKING | SHORTAGES
"""Holds that do not keep an order's allocated units from being picked."""


class PickMode(StrEnum):
    single = "single"
    """One order."""
    batch = "batch"
    """All units of an article are picked together, and sorted into the orders after the walk."""
    boxes = "boxes"
    """Several orders in one walk, each in the box with its number."""


class PickListState(StrEnum):
    open = "open"
    closed = "closed"
    cancelled = "cancelled"


class PickOutcome(StrEnum):
    """The result for an order on a list; an order without one is still being picked."""

    ready = "ready"
    """Everything in its next shipment is picked."""
    partly = "partly"
    """Some units are picked, some are missing."""
    unpicked = "unpicked"
    stopped = "stopped"
    """Cancelled, held or shipped in the meantime, or the list was cancelled; picked units are put back."""


class PickList(Numbered, table=True):
    __tablename__ = "pick_list"
    __table_args__ = (Index("ix_pick_list_tenant_state", "tenant_id", "state"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    mode: PickMode = code(PickMode)
    state: PickListState = code(PickListState, PickListState.open)
    created_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
    scans: int = 0
    """Number of the last scan that counted."""


class PickOrder(SQLModel, table=True):
    """An order on a list; an order is on one open list at most."""

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
    """From 1; the lowest rank gets picked units first."""
    box: int = 0
    """Number of its box in mode `boxes`, else 0."""
    outcome: PickOutcome | None = Field(default=None, sa_type=Code(PickOutcome), nullable=True)
    reason: str = ""
    """Why it was stopped."""
    noted_at: datetime | None = instant(nullable=True)
    """When something happened to the order that the list has not checked yet."""


class PickItem(Numbered, table=True):
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

    pick_list_id: int
    order_id: int
    # No foreign keys here: a migration may lock only one table in use, and referenced rows are never deleted.
    order_line_id: int
    level_id: int
    article_id: int
    position: int = 0
    """Position in the walk."""
    quantity: int
    picked: int = 0
    put_back: int = 0
    """Units that were picked but are no longer needed."""


class PickScan(SQLModel, table=True):
    """Units that a scan counted for an item of an open list, kept so that the scan can be undone."""

    __tablename__ = "pick_scan"
    __table_args__ = (
        PrimaryKeyConstraint("pick_list_id", "number", "pick_item_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    pick_list_id: int = Field(foreign_key="pick_list.id")
    number: int
    pick_item_id: int = Field(foreign_key="pick_item.id")
    quantity: int


ITEM_IS_OF_ORDER = and_(
    col(PickOrder.pick_list_id) == col(PickItem.pick_list_id),
    col(PickOrder.order_id) == col(PickItem.order_id),
)
"""Join condition of items and orders on the same list."""


def whole_units(parts: Iterable[tuple[int, int, int]], allocated: int) -> int:
    """Return how many units of a line are picked with all their parts.

    `parts` has (article id, units allocated, units picked) of every level; `allocated` is the number of units
    allocated to the line. The scarcest part decides.
    """
    sums: dict[int, tuple[int, int]] = {}
    for article_id, quantity, picked in parts:
        before = sums.get(article_id, (0, 0))
        sums[article_id] = before[0] + quantity, before[1] + picked
    return min((picked * allocated // quantity for quantity, picked in sums.values() if quantity), default=0)


def share_of(part_units: int, units: int, allocated: int) -> int:
    """Return how many of the units allocated of a part are needed for `units` of a line.

    `allocated` is the number of units allocated to the line. Example: of 10 screws for 5 allocated tables, 3
    tables need 6.
    """
    return -(-part_units * units // allocated)


def units_to_pick(session: Session, order_ids: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
    """Return the units to pick for orders: (order id, line id, level id, article id, units).

    These are the allocated units of the next shipment that are not picked yet.
    """
    return [
        row
        for batch in in_batches(order_ids)
        for row in _units_to_pick(session, among(col(OrderLine.order_id), batch))
    ]


def _units_to_pick(session: Session, condition: Any) -> list[tuple[int, int, int, int, int]]:
    rows: list[tuple[int, int, int, int, int]] = []
    split: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for row in session.execute(
        sqlalchemy_select(
            col(OrderLine.order_id),
            col(OrderLine.id).label("line_id"),
            col(OrderLine.allocated),
            col(OrderLine.kept_back),
            UNITS_TO_SHIP.label("to_ship"),
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
        line = of_article[0]
        to_ship = min(line.allocated, line.to_ship)
        to_pick = share_of(sum(row.quantity for row in of_article), to_ship, line.allocated)
        to_pick -= sum(row.picked for row in of_article)
        for row in of_article:
            units = min(to_pick, row.quantity - row.picked)
            if units > 0:
                rows.append((row.order_id, row.line_id, row.level_id, row.article_id, units))
                to_pick -= units
    return rows


def flag_orders(session: Session, order_ids: Iterable[int]) -> None:
    """Mark orders on open lists, so that they are checked again before the next unit is picked."""
    for batch in in_batches(sorted(order_ids)):
        session.execute(
            update(PickOrder)
            .where(among(col(PickOrder.order_id), batch), col(PickOrder.outcome).is_(None))
            .values(noted_at=utc_now())
        )


def limit_items(session: Session, line_ids: Iterable[int], *, put_back: bool) -> None:
    """Reduce the items of these lines on open lists to what is still allocated and to ship next.

    If `put_back` is true, picked units that are no longer needed are still in the warehouse, and the items
    note that they have to be put back.
    """
    changed: set[int] = set()
    for batch in in_batches(sorted(line_ids)):
        rows = session.execute(
            select(PickItem, col(Allocation.quantity), col(Allocation.picked), col(OrderLine.kept_back))
            .join(PickOrder, ITEM_IS_OF_ORDER)
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
        to_pick = {
            (line_id, level_id): units
            for _, line_id, level_id, _, units in (
                _units_to_pick(session, among(col(OrderLine.id), split)) if split else ()
            )
        }
        for item, allocated, allocated_picked, kept_back in rows:
            picked = min(item.picked, allocated_picked or 0)
            needed = (allocated or 0) - (allocated_picked or 0)
            if kept_back:
                needed = to_pick.get((item.order_line_id, item.level_id), 0)
            quantity = picked + min(item.quantity - item.picked, needed)
            if (picked, quantity) == (item.picked, item.quantity):
                continue
            if put_back:
                item.put_back += item.picked - picked
            item.picked, item.quantity = picked, quantity
            session.add(item)
            changed.add(item.order_id)
    if changed:
        session.flush()
        flag_orders(session, changed)
