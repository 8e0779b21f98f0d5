"""Shrinking: order lines lose stock that was allocated to them, or units that were picked for them.

Locks: callers lock the tenant; locks are taken in the order of `models.warehouse.allocation`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from models.database.conditions import among
from models.orders.order import OrderLine
from models.warehouse.levels import Allocation, StockLevel, lock_levels_by_id
from models.warehouse.pick_lists import limit_items, share_of, whole_units
from models.warehouse.sellable import queue_listings


def release_allocation(session: Session, line_ids: Sequence[int]) -> set[int]:
    """Free all stock allocated to these lines; return the ids of the articles that became available.

    Picked units are noted as "put back" on open pick lists. The caller allocates the articles to waiting
    orders.
    """
    rows = session.exec(select(Allocation).where(among(col(Allocation.order_line_id), line_ids))).all()
    freed: dict[int, int] = defaultdict(int)
    for row in rows:
        freed[row.level_id] += row.quantity
    touched = set()
    for level in lock_levels_by_id(session, sorted(freed)):
        level.allocated -= freed[level.row_id]
        session.add(level)
        touched.add(level.article_id)
    session.flush()
    session.execute(delete(Allocation).where(among(col(Allocation.order_line_id), line_ids)))
    session.execute(update(OrderLine).where(among(col(OrderLine.id), line_ids)).values(allocated=0, picked=0))
    limit_items(session, line_ids, put_back=True)
    queue_listings(session, touched)
    return touched


def reduce_allocation(session: Session, line_id: int, units: int) -> set[int]:
    """Reduce the units allocated to a line to `units`; picked units are freed last.

    Returns: ids of the articles that became available. The caller allocates them to waiting orders.
    """
    (line,), allocations, levels = lock_allocations(session, [line_id])
    if units >= line.allocated:
        return set()
    freed = reduce_line(session, line, units, allocations[line_id], levels, {})
    session.flush()
    limit_items(session, [line_id], put_back=True)
    queue_listings(session, freed)
    return freed


def limit_picked(session: Session, lines: Sequence[OrderLine]) -> None:
    """Reduce the picked units of each line to what its next shipment needs.

    The other units stay allocated, and open pick lists note them as "put back".
    """
    line_ids = [line.row_id for line in lines]
    session.flush()
    locked, allocations, levels = lock_allocations(session, line_ids)
    for line in locked:
        rows = allocations[line.row_id]
        to_ship = min(line.allocated, line.to_ship)
        for of_article in _by_article(rows, levels).values():
            surplus = sum(row.picked for row in of_article)
            surplus -= share_of(sum(row.quantity for row in of_article), to_ship, line.allocated)
            for row in reversed(of_article):
                less = max(0, min(surplus, row.picked))
                row.picked -= less
                surplus -= less
                session.add(row)
        line.picked = picked_units(rows, levels, line.allocated)
        session.add(line)
    session.flush()
    limit_items(session, line_ids, put_back=True)


def lock_allocations(
    session: Session, line_ids: Sequence[int]
) -> tuple[Sequence[OrderLine], dict[int, list[Allocation]], dict[int, StockLevel]]:
    """Lock the levels of lines; return the lines, {line id: allocations} and {level id: level}."""
    lines = session.exec(
        select(OrderLine)
        .where(among(col(OrderLine.id), line_ids))
        .order_by(col(OrderLine.id))
        .execution_options(populate_existing=True)
    ).all()
    allocations: dict[int, list[Allocation]] = defaultdict(list)
    for row in session.exec(
        select(Allocation)
        .where(among(col(Allocation.order_line_id), line_ids))
        .order_by(col(Allocation.level_id))
        .execution_options(populate_existing=True)
    ):
        allocations[row.order_line_id].append(row)
    level_ids = {row.level_id for rows in allocations.values() for row in rows}
    levels = lock_levels_by_id(session, sorted(level_ids))
    return lines, allocations, {level.row_id: level for level in levels}


def reduce_line(
    session: Session,
    line: OrderLine,
    units: int,
    rows: Sequence[Allocation],
    levels: Mapping[int, StockLevel],
    missing: Mapping[int, int],
) -> set[int]:
    """Reduce the units allocated to a line to `units`: missing units first, then unpicked, then picked ones.

    `missing` is {level id: units}, over all parts of the line. Returns: ids of the articles that became
    available.
    """
    freed: set[int] = set()
    for article, of_article in _by_article(rows, levels).items():
        surplus = sum(row.quantity for row in of_article)
        surplus -= surplus * units // line.allocated
        for row in of_article:
            less = missing.get(row.level_id, 0)
            row.quantity -= less
            levels[row.level_id].allocated -= less
            surplus -= less
        for row, is_picked in [(row, picked) for picked in (False, True) for row in of_article]:
            less = min(surplus, row.picked if is_picked else row.quantity - row.picked)
            if less:
                row.quantity -= less
                row.picked -= less if is_picked else 0
                levels[row.level_id].allocated -= less
                surplus -= less
                freed.add(article)
    line.allocated, line.picked = units, picked_units(rows, levels, units)
    session.add(line)
    for row in rows:
        session.add(levels[row.level_id])
        if row.quantity:
            session.add(row)
        else:
            session.delete(row)
    return freed


def picked_units(rows: Sequence[Allocation], levels: Mapping[int, StockLevel], allocated: int) -> int:
    """Return how many units of a line are picked with all their parts, from all its allocations."""
    return whole_units(
        ((levels[row.level_id].article_id, row.quantity, row.picked) for row in rows), allocated
    )


def _by_article(rows: Sequence[Allocation], levels: Mapping[int, StockLevel]) -> dict[int, list[Allocation]]:
    by_article: dict[int, list[Allocation]] = defaultdict(list)
    for row in rows:
        by_article[levels[row.level_id].article_id].append(row)
    return by_article
