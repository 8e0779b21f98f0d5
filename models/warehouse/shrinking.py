"""Shrinking: order lines give back stock that was allocated to them, or units that were picked for them.

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
    back: dict[int, int] = defaultdict(int)
    for row in rows:
        back[row.level_id] += row.quantity
    touched = set()
    for level in lock_levels_by_id(session, sorted(back)):
        level.allocated -= back[level.row_id]
        session.add(level)
        touched.add(level.article_id)
    session.flush()
    session.execute(delete(Allocation).where(among(col(Allocation.order_line_id), line_ids)))
    session.execute(update(OrderLine).where(among(col(OrderLine.id), line_ids)).values(allocated=0, picked=0))
    limit_items(session, line_ids, put_back=True)
    queue_listings(session, touched)
    return touched


def reduce_allocation(session: Session, line_id: int, units: int) -> set[int]:
    """Reduce the units allocated to a line to `units`; picked units are given back last.

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
    fresh, allocations, levels = lock_allocations(session, line_ids)
    for line in fresh:
        rows = allocations[line.row_id]
        going = min(line.allocated, line.going)
        by_article: dict[int, list[Allocation]] = defaultdict(list)
        for row in rows:
            by_article[levels[row.level_id].article_id].append(row)
        for of_article in by_article.values():
            surplus = sum(row.picked for row in of_article)
            surplus -= share_of(sum(row.quantity for row in of_article), going, line.allocated)
            for row in reversed(of_article):
                gone = max(0, min(surplus, row.picked))
                row.picked -= gone
                surplus -= gone
                session.add(row)
        ready = [(levels[row.level_id].article_id, row.quantity, row.picked) for row in rows]
        line.picked = whole_units(ready, line.allocated)
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
    by_article: dict[int, list[Allocation]] = defaultdict(list)
    for row in rows:
        by_article[levels[row.level_id].article_id].append(row)
    for article, of_article in by_article.items():
        surplus = sum(row.quantity for row in of_article)
        surplus -= surplus * units // line.allocated
        for row in of_article:
            gone = missing.get(row.level_id, 0)
            row.quantity -= gone
            levels[row.level_id].allocated -= gone
            surplus -= gone
        for row, lies_ready in [(row, ready) for ready in (False, True) for row in of_article]:
            gone = min(surplus, row.picked if lies_ready else row.quantity - row.picked)
            if gone:
                row.quantity -= gone
                row.picked -= gone if lies_ready else 0
                levels[row.level_id].allocated -= gone
                surplus -= gone
                freed.add(article)
    left = [(levels[row.level_id].article_id, row.quantity, row.picked) for row in rows]
    line.allocated, line.picked = units, whole_units(left, units)
    session.add(line)
    for row in rows:
        session.add(levels[row.level_id])
        if row.quantity:
            session.add(row)
        else:
            session.delete(row)
    return freed
