"""Allocation: stock is allocated to order lines, first come first served.

Law: 0 <= allocated <= on_hand, even if several processes allocate at the same moment. Every function here
except `allocate_unqueued` queues the listings whose available quantity changes, in the same transaction.

Locks: callers lock the tenant (`models.tenants.locks.lock_tenants`). All code takes locks in this order: the
lease of a run, the tenant, then orders, then levels, each by id.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from models.catalog.article import Article, BundlePart, parts_of
from models.clock import utc_now
from models.database.bulk import insert_or_update, insert_rows, table_of
from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.orders.history import OrderEvent, event_values
from models.orders.holds import SHORTAGES, Hold, HoldReason, hold_values
from models.orders.order import REMAINING_UNITS, LinePart, Order, OrderLine
from models.orders.queries import line_parts_of
from models.orders.states import ACTIVE
from models.warehouse.levels import Allocation, StockLevel, lock_levels
from models.warehouse.sellable import queue_listings
from models.warehouse.warehouses import Warehouse


def allocate(session: Session, order_ids: Sequence[int]) -> None:
    """Allocate available stock to the lines of pending, open and released orders; hold lines that lack stock.

    The first of the given orders gets stock first, and of an order's lines the first one. Repeating it only
    adds what became available. A released order may lack stock, too: it ships in parts, or a shelf was empty.
    """
    queue_listings(session, allocate_unqueued(session, order_ids))


def allocate_unqueued(session: Session, order_ids: Sequence[int]) -> set[int]:
    """Do the same as `allocate`, but return the ids of the articles whose listings the caller must queue."""
    lines = _lock_lines(session, order_ids)
    demand = physical_demand(session, [line.id for line in lines if line.missing > 0])
    levels = lock_levels(session, sorted({article for each in demand.values() for article in each}))
    ranks = _warehouse_ranks(session)
    places: dict[int, list[StockLevel]] = defaultdict(list)
    for level in sorted(levels, key=lambda level: ranks[level.warehouse_id]):
        places[level.article_id].append(level)
    free = {level.row_id: level.on_hand - level.allocated for level in levels}

    taken: dict[tuple[int, int], int] = {}
    for line in lines:
        per_unit = demand.get(line.id) if line.missing > 0 else None
        if not per_unit:
            continue
        units = min(
            line.missing,
            *(
                sum(free[level.row_id] for level in places[article]) // quantity
                for article, quantity in per_unit.items()
            ),
        )
        if units <= 0:
            continue
        line.allocated = units
        for article, quantity in per_unit.items():
            rest = units * quantity
            for level in places[article]:
                level_id = level.row_id
                part = min(rest, free[level_id])
                if part > 0:
                    free[level_id] -= part
                    taken[line.id, level_id] = part
                    rest -= part
    changed = {level_id for _, level_id in taken}
    touched = {level.article_id for level in levels if level.id in changed}
    _save_allocations(session, lines, taken)
    _hold_shortages(session, lines, demand)
    return touched


@dataclass
class _LineNeed:
    """What an order line needs, in its own units."""

    id: int
    order_id: int
    quantity: int
    missing: int
    """Remaining units without allocated stock; negative if too much is allocated."""
    allocated: int = 0
    """Units of the missing ones that get stock now."""


def _lock_lines(session: Session, order_ids: Sequence[int]) -> list[_LineNeed]:
    """Lock the orders that may get stock; return their lines, in the given order of the orders."""
    lines: dict[int, list[_LineNeed]] = {}
    for batch in in_batches(sorted(set(order_ids))):
        locked = session.exec(
            select(Order.id)
            .where(
                among(col(Order.id), batch),
                col(Order.state).in_(ACTIVE),
                col(Order.trial).is_(False),
            )
            .order_by(col(Order.id))
            .with_for_update()
        ).all()
        lines.update({need_id(order_id): [] for order_id in locked})
        rows = session.execute(
            select(
                col(OrderLine.id),
                col(OrderLine.order_id),
                col(OrderLine.quantity),
                REMAINING_UNITS - OrderLine.allocated,
            )
            .where(among(col(OrderLine.order_id), locked))
            .order_by(col(OrderLine.position), col(OrderLine.id))
        )
        for line_id, order_id, quantity, missing in rows:
            lines[order_id].append(_LineNeed(need_id(line_id), order_id, quantity, missing))
    return [line for order_id in dict.fromkeys(order_ids) for line in lines.get(order_id, ())]


def _save_allocations(
    session: Session, lines: Sequence[_LineNeed], taken: Mapping[tuple[int, int], int]
) -> None:
    """Save the new allocations with one statement for each table."""
    if not taken:
        return
    by_level: dict[int, int] = defaultdict(int)
    for (_, level_id), quantity in taken.items():
        by_level[level_id] += quantity
    levels, order_lines = table_of(StockLevel), table_of(OrderLine)
    session.connection().execute(
        update(levels)
        .where(levels.c.id == bindparam("level"))
        .values(allocated=levels.c.allocated + bindparam("more")),
        [{"level": level_id, "more": quantity} for level_id, quantity in sorted(by_level.items())],
    )
    session.connection().execute(
        update(order_lines)
        .where(order_lines.c.id == bindparam("line"))
        .values(allocated=order_lines.c.allocated + bindparam("more")),
        [{"line": line.id, "more": line.allocated} for line in lines if line.allocated],
    )
    insert_or_update(
        session,
        Allocation,
        [
            {"order_line_id": line_id, "level_id": level_id, "quantity": quantity}
            for (line_id, level_id), quantity in sorted(taken.items())
        ],
        key=("order_line_id", "level_id"),
        add=("quantity",),
    )
    # The session's copies of these rows are outdated.
    for row in session.identity_map.values():
        if isinstance(row, (StockLevel, OrderLine, Allocation)):
            session.expire(row)


def _hold_shortages(
    session: Session, lines: Sequence[_LineNeed], demand: Mapping[int, Mapping[int, int]]
) -> None:
    """Hold each line that still lacks stock, and release the holds of lines that have it now."""
    now = utc_now()
    held: dict[int | None, Hold] = {}
    for batch in in_batches(sorted({line.order_id for line in lines})):
        rows = session.exec(
            select(Hold).where(
                among(col(Hold.order_id), batch),
                col(Hold.reason).in_(SHORTAGES),
                col(Hold.released_at).is_(None),
            )
        )
        held.update({hold.order_line_id: hold for hold in rows})
    short = {
        line.id: demand[line.id] for line in lines if line.missing > line.allocated and demand.get(line.id)
    }
    ended = _discontinued(session, {article for wanted in short.values() for article in wanted})
    new: list[dict[str, object]] = []
    events: list[dict[str, object]] = []
    for line in lines:
        hold = held.get(line.id)
        reason = HoldReason.stock_short
        if line.id in short and not ended.isdisjoint(short[line.id]):
            reason = HoldReason.article_discontinued
        if hold is not None and (
            line.missing <= line.allocated or (line.id in short and hold.reason is not reason)
        ):
            hold.released_at = now
            session.add(hold)
            events.append(event_values(line.order_id, "hold_released", {"reason": hold.reason}))
            hold = None
        if line.id not in short:
            continue
        detail = {"missing": line.missing - line.allocated, "quantity": line.quantity}
        if hold is None:
            new.append(hold_values(line.order_id, reason, "quantity", detail, line.id))
            events.append(event_values(line.order_id, "held", {"reason": reason, **detail}))
        elif hold.detail != detail:
            hold.detail = detail
            session.add(hold)
    session.flush()
    insert_rows(session, Hold, new)
    insert_rows(session, OrderEvent, events)


def _discontinued(session: Session, article_ids: Collection[int]) -> set[int]:
    if not article_ids:
        return set()
    query = select(Article.id).where(among(col(Article.id), article_ids), col(Article.active).is_(False))
    return {need_id(article_id) for article_id in session.exec(query)}


def _warehouse_ranks(session: Session) -> dict[int, tuple[int, int]]:
    rows = session.exec(select(Warehouse)).all()
    return {row.row_id: (row.priority, row.row_id) for row in rows}


def allocate_freed(session: Session, article_ids: Iterable[int]) -> None:
    """Allocate available stock of these articles to orders that lack it: express first, then oldest first."""
    free = set(article_ids)
    if not free:
        return
    free.update(session.exec(select(BundlePart.bundle_id).where(among(col(BundlePart.part_id), free))).all())
    waiting = session.exec(
        select(Order.id, Order.express, Order.placed_at)
        .join(Hold, col(Hold.order_id) == col(Order.id))
        .join(LinePart, col(LinePart.order_line_id) == col(Hold.order_line_id))
        .where(
            col(Hold.reason).in_(SHORTAGES),
            col(Hold.released_at).is_(None),
            among(col(LinePart.article_id), free),
            col(Order.state).in_(ACTIVE),
        )
        .order_by(col(Order.express).desc(), col(Order.placed_at), col(Order.id))
        .distinct()
    ).all()
    # Orders are locked after levels here, against the order of locks. That is safe: every transaction that
    # locks one of these has locked the tenant first.
    allocate(session, [need_id(order_id) for order_id, _, _ in waiting])


def physical_demand(session: Session, line_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return {matched line id: {article id: units per unit of the line}}; bundles are resolved into parts."""
    wanted = line_parts_of(session, line_ids)
    parts: dict[int, list[tuple[int, int]]] = {}
    for batch in in_batches(sorted({article for each in wanted.values() for article, _ in each})):
        parts.update(parts_of(session, batch))
    demand: dict[int, dict[int, int]] = {}
    for line_id, articles in wanted.items():
        units: dict[int, int] = defaultdict(int)
        for article_id, quantity in articles:
            for part_id, per_bundle in parts.get(article_id, [(article_id, 1)]):
                units[part_id] += quantity * per_bundle
        demand[line_id] = dict(units)
    return demand
