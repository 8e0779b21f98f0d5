"""The items of a pick list: what it asks for, and how picked units are counted.

Every change of a list locks its tenant first (`lock_open`), so that two scanners take turns.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Insert, Update, func
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.database.bulk import execute_together, insert_rows, update_rows
from models.database.conditions import among, in_batches
from models.errors import Action, Advice, NotFoundError, RuleError
from models.orders.history import Actor, event_values
from models.orders.order import Order, OrderLine
from models.tenants.locks import run_lock
from models.values import MAX_COUNT
from models.warehouse._scan_statements import ALLOCATED, COUNT_UNITS, LINES, LOCK_OWNER
from models.warehouse.bins import bins_of
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_lists import (
    ITEM_IS_OF_ORDER,
    PickItem,
    PickList,
    PickListState,
    PickOrder,
    units_to_pick,
    whole_units,
)
from models.warehouse.warehouses import Warehouse


class Refusal(StrEnum):
    """Why a scan does not count."""

    unknown = "unknown"
    ambiguous = "ambiguous"
    not_on_list = "not_on_list"
    surplus = "surplus"
    stopped = "stopped"
    """The orders that needed it were cancelled, held or shipped in the meantime."""
    list_ended = "list_ended"


class ScanError(RuleError):
    """A scan that does not count, with the reason for the picker; nothing is changed."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal

    def __reduce__(self) -> tuple[type["ScanError"], tuple[Refusal, str]]:
        return type(self), (self.refusal, str(self))


@dataclass(frozen=True)
class PutBack:
    """Units that were picked and are no longer needed."""

    sku: str
    order: str
    box: int
    quantity: int


def get_list(session: Session, list_id: int) -> PickList:
    """Return a pick list, read from the database again. Raises: NotFoundError."""
    known = 0 < list_id <= MAX_COUNT
    pick_list = session.get(PickList, list_id, populate_existing=True) if known else None
    if pick_list is None:
        raise unknown_list(list_id)
    return pick_list


def unknown_list(list_id: int) -> NotFoundError:
    """Return the error for a list that does not exist."""
    return NotFoundError(f"There is no pick list {list_id}.", Advice(Action.pick_list))


def lock_list_tenant(session: Session, list_id: int) -> None:
    """Lock the tenant of a pick list, if the list exists."""
    session.flush()
    if 0 < list_id <= MAX_COUNT:
        run_lock(session, LOCK_OWNER, {"list": list_id})


def check_open(list_id: int, state: PickListState) -> None:
    """Raises: ScanError, if the list has ended."""
    if state is not PickListState.open:
        raise ScanError(
            Refusal.list_ended, f"Pick list {list_id} is {state}; nothing on it changes any more."
        )


def lock_open(session: Session, list_id: int) -> PickList:
    """Lock a list's tenant and return the list. Raises: NotFoundError; ScanError, if the list has ended."""
    lock_list_tenant(session, list_id)
    pick_list = get_list(session, list_id)
    check_open(list_id, pick_list.state)
    return pick_list


def add_items(session: Session, list_id: int, order_ids: Sequence[int]) -> dict[int, int]:
    """Add units to an open list that were allocated to its orders since, and renumber the items of the walk.

    Returns: {article id: units that the list now asks for in addition}.
    """
    items = {
        (item.order_line_id, item.level_id): item
        for batch in in_batches(order_ids)
        for item in session.exec(
            select(PickItem)
            .where(PickItem.pick_list_id == list_id, among(col(PickItem.order_id), batch))
            .execution_options(populate_existing=True)
        )
    }
    new: list[dict[str, int]] = []
    added: dict[int, int] = defaultdict(int)
    for order_id, line_id, level_id, article_id, units in units_to_pick(session, order_ids):
        item = items.get((line_id, level_id))
        more = units - (item.quantity - item.picked if item else 0)
        added[article_id] += max(0, more)
        if item is None:
            new.append(
                {
                    "pick_list_id": list_id,
                    "order_id": order_id,
                    "order_line_id": line_id,
                    "level_id": level_id,
                    "article_id": article_id,
                    "quantity": units,
                }
            )
        elif more > 0:
            item.quantity += more
            session.add(item)
    session.flush()
    insert_rows(session, PickItem, new)
    if new:
        _put_in_order(session, list_id)
    return added


def _put_in_order(session: Session, list_id: int) -> None:
    """Number the items of a list in walking order; articles without a bin come last in their warehouse."""
    rows = session.execute(
        sqlalchemy_select(
            col(PickItem.id),
            col(PickItem.position),
            col(PickItem.article_id),
            col(PickOrder.rank),
            col(Article.sku),
            col(Warehouse.id),
            col(Warehouse.priority),
        )
        .join(PickOrder, ITEM_IS_OF_ORDER)
        .join(Article, col(Article.id) == col(PickItem.article_id))
        .join(StockLevel, col(StockLevel.id) == col(PickItem.level_id))
        .join(Warehouse, col(Warehouse.id) == col(StockLevel.warehouse_id))
        .where(col(PickItem.pick_list_id) == list_id)
    ).all()
    bins = bins_of(session, [row.article_id for row in rows])

    def place(row: Any) -> tuple[Any, ...]:
        stored_in = bins.get((row[5], row.article_id))
        bin_place = (0, stored_in.place, stored_in.name) if stored_in else (1, 0, "")
        return (row.priority, row[5], bin_place, row.sku, row.rank, row[0])

    numbered = enumerate(sorted(rows, key=place), start=1)
    update_rows(
        session,
        PickItem,
        [{"row_id": row[0], "position": position} for position, row in numbered if row.position != position],
    )


def orders_on(session: Session, list_id: int) -> list[PickOrder]:
    """Return the orders of a list without an outcome, by rank."""
    query = (
        select(PickOrder)
        .where(PickOrder.pick_list_id == list_id, col(PickOrder.outcome).is_(None))
        .order_by(col(PickOrder.rank))
        .execution_options(populate_existing=True)
    )
    return list(session.exec(query).all())


class Taken(NamedTuple):
    """Units of an item to count up; negative units are counted down."""

    item_id: int
    line_id: int
    level_id: int
    units: int


def counts_of(parts: Sequence[Taken], allocations: Iterable[Any]) -> list[dict[str, int]]:
    """Return the parameters of `COUNT_UNITS` for each part.

    `allocations` are rows of `ALLOCATED`: all allocations of the lines concerned.
    """
    counted: dict[tuple[int, int], int] = defaultdict(int)
    for part in parts:
        counted[part.line_id, part.level_id] += part.units
    allocated: dict[int, int] = {}
    rows: dict[int, dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for row in allocations:
        allocated[row.line_id] = row.allocated
        if (level_id := row.allocation_level_id) is not None:
            now = row.allocation_picked + counted.get((row.line_id, level_id), 0)
            rows[row.line_id][level_id] = row.allocation_article_id, row.allocation_quantity, now
    ready = {line_id: whole_units(rows[line_id].values(), units) for line_id, units in allocated.items()}
    return [
        {
            "item": part.item_id,
            "line": part.line_id,
            "level": part.level_id,
            "units": part.units,
            "ready": ready[part.line_id],
        }
        for part in parts
    ]


def count_units(session: Session, parts: Sequence[Taken]) -> None:
    """Count units of items up or down, and update the picked units of their lines and allocations."""
    if not parts:
        return
    session.flush()
    allocations = [
        row
        for batch in in_batches(sorted({part.line_id for part in parts}))
        for row in session.connection().execute(ALLOCATED.where(among(LINES.c.id, batch)))
    ]
    write_counts(session, COUNT_UNITS, counts_of(parts, allocations))


def write_counts(
    session: Session, writes: tuple[Update | Insert, ...], counts: Sequence[Mapping[str, int]]
) -> None:
    """Execute `COUNT_UNITS`, or `COUNT_SCAN`, with the parameters that `counts_of` returns."""
    execute_together(session, writes, counts)
    # The session's copies of these rows are outdated.
    for row in session.identity_map.values():
        if isinstance(row, (PickItem, Allocation, OrderLine)):
            session.expire(row, ["picked"])


def units_to_put_back(
    session: Session, list_id: int, order_ids: Iterable[int], units: Any
) -> dict[int, list[PutBack]]:
    """Return {order id: units to put back, by SKU}, ordered by rank.

    `units` is the column of `PickItem` that has them: `put_back`, or `picked` for a list that is still open.
    """
    found: dict[int, list[PutBack]] = {}
    for batch in in_batches(list(order_ids)):
        rows = session.execute(
            sqlalchemy_select(
                col(Order.id), col(Order.external_id), col(PickOrder.box), col(Article.sku), func.sum(units)
            )
            .join(PickOrder, col(PickOrder.order_id) == col(Order.id))
            .join(PickItem, ITEM_IS_OF_ORDER)
            .join(Article, col(Article.id) == col(PickItem.article_id))
            .where(col(PickItem.pick_list_id) == list_id, among(col(PickItem.order_id), batch), units > 0)
            .group_by(
                col(Order.id),
                col(Order.external_id),
                col(PickOrder.box),
                col(PickOrder.rank),
                col(Article.sku),
            )
            .order_by(col(PickOrder.rank), col(Article.sku))
        )
        for order_id, number, box, sku, quantity in rows:
            found.setdefault(order_id, []).append(PutBack(sku, number, box, int(quantity)))
    return found


def pick_event(order_id: int, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an `OrderEvent` row for a step of a picker."""
    return event_values(order_id, kind, detail, actor=Actor.person)
