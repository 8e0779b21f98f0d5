"""Stock movements: counting, shipping and returning goods, with the ledger of all changes.

Law: the movements of a level sum to its `on_hand`. Every function here queues the listings of the articles
with changed stock, in the same transaction. Locks are taken in the order that `models.warehouse.allocation`
describes; only `set_on_hand` locks the tenant itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.clock import utc_now
from models.database.bulk import insert_returning, insert_rows
from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.errors import RuleError
from models.orders.order import Order, OrderLine
from models.tenants.locks import lock_tenants
from models.warehouse.allocation import allocate_freed, physical_demand
from models.warehouse.levels import (
    Allocation,
    MovementReason,
    StockLevel,
    StockMovement,
    level_ids_of,
    lock_levels,
    lock_levels_by_id,
)
from models.warehouse.pick_lists import limit_items
from models.warehouse.sellable import queue_listings
from models.warehouse.shrinking import lock_allocations, picked_units, reduce_line
from models.warehouse.warehouses import Warehouse


def set_on_hand(
    session: Session,
    warehouse_id: int,
    quantities: Mapping[int, int],
    reason: MovementReason = MovementReason.counted,
    reference: str = "",
) -> dict[int, int]:
    """Set the stock on hand of each article, and write the differences to the ledger.

    Takes the tenant's lock.
    Returns: {article id: difference}, without zeros.
    Raises: RuleError, naming the first article with a new figure that is negative or below its allocated
    units; then nothing is changed.
    """
    if not quantities:
        return {}
    lock_tenants(session, [session.get_one(Warehouse, warehouse_id).tenant_id])
    # A refusal must also undo the levels created here, because the caller may continue after it.
    with session.begin_nested():
        levels = lock_levels(session, list(quantities), warehouse_id, create=True)
        for level in levels:
            _check_count(session, level, quantities[level.article_id])
    changes: dict[int, int] = {}
    for level in levels:
        quantity = quantities[level.article_id]
        if quantity != level.on_hand:
            changes[level.article_id] = quantity - level.on_hand
            level.on_hand = quantity
            session.add(level)
    _write_ledger(session, levels, changes, reason, reference)
    queue_listings(session, list(changes))
    allocate_freed(session, [article_id for article_id, change in changes.items() if change > 0])
    return changes


def open_levels(session: Session, warehouse_id: int, quantities: Mapping[int, int], reference: str) -> None:
    """Create levels with their opening stock for articles without one; the caller has locked the tenant."""
    ids = insert_returning(
        session,
        StockLevel,
        [
            {"warehouse_id": warehouse_id, "article_id": article_id, "on_hand": quantity, "allocated": 0}
            for article_id, quantity in quantities.items()
        ],
    )
    by_level = dict(zip(ids, quantities.values(), strict=True))
    insert_rows(session, StockMovement, _movements(by_level, MovementReason.opening, reference))
    in_stock = [article_id for article_id, quantity in quantities.items() if quantity]
    queue_listings(session, in_stock)
    allocate_freed(session, in_stock)


def _check_count(session: Session, level: StockLevel, quantity: int) -> None:
    if quantity < level.allocated:
        article = session.get_one(Article, level.article_id)
        raise RuleError(
            f"Stock of {article.sku} cannot become {quantity}: {level.allocated} are allocated to orders."
            if quantity >= 0
            else f"Stock of {article.sku} cannot be negative."
        )


def withdraw(session: Session, quantities: Mapping[int, int], reference: str) -> None:
    """Take shipped units of order lines out of the stock; see `withdraw_each`."""
    withdraw_each(session, [(reference, quantities)])


def withdraw_each(session: Session, departures: Sequence[tuple[str, Mapping[int, int]]]) -> None:
    """Take shipped units of order lines out of the stock: first allocated units, then available ones.

    Each departure is (reference for the ledger, {line id: units}); a line is in one departure only. Picked
    units are taken first, but no unit needs to be picked. If the levels hold too few units, the ledger shows
    only those that they held: the goods are shipped whatever the figures say, and the line counts as shipped.
    Units that were allocated for an older list of a bundle's parts are freed once nothing is allocated to the
    line any more.
    """
    line_ids = sorted(line_id for _, quantities in departures for line_id in quantities)
    lines = {
        line.row_id: line
        for batch in in_batches(line_ids)
        for line in session.exec(select(OrderLine).where(among(col(OrderLine.id), batch)))
    }
    demand = physical_demand(session, line_ids)
    allocations: dict[int, list[Allocation]] = defaultdict(list)
    for batch in in_batches(line_ids):
        for row in session.exec(select(Allocation).where(among(col(Allocation.order_line_id), batch))):
            allocations[row.order_line_id].append(row)
    level_ids = set(level_ids_of(session, sorted({article for each in demand.values() for article in each})))
    level_ids.update(row.level_id for rows in allocations.values() for row in rows)
    levels = {level.row_id: level for level in lock_levels_by_id(session, sorted(level_ids))}
    places: dict[int, dict[int, StockLevel]] = defaultdict(dict)
    for level_id, level in levels.items():
        places[level.article_id][level_id] = level
    ledger: list[dict[str, object]] = []
    touched: set[int] = set()
    freed: set[int] = set()
    for reference, quantities in departures:
        moved: dict[int, int] = defaultdict(int)
        for line_id, units in sorted(quantities.items()):
            line, rows = lines[line_id], allocations[line_id]
            _withdraw_line(line, units, rows, demand.get(line_id, {}), places, moved)
            line.picked = picked_units(rows, levels, line.allocated)
            for row in rows:
                if row.quantity and line.allocated:
                    session.add(row)
                    continue
                if row.quantity:
                    levels[row.level_id].allocated -= row.quantity
                    freed.add(levels[row.level_id].article_id)
                session.delete(row)
            session.add(line)
        touched.update(levels[level_id].article_id for level_id in moved)
        ledger += _movements(dict(sorted(moved.items())), MovementReason.shipment, reference)
    session.flush()
    insert_rows(session, StockMovement, ledger)
    limit_items(session, line_ids, put_back=False)
    queue_listings(session, touched | freed)
    allocate_freed(session, freed)


def _withdraw_line(
    line: OrderLine,
    units: int,
    allocations: Sequence[Allocation],
    demand: Mapping[int, int],
    places: Mapping[int, Mapping[int, StockLevel]],
    moved: dict[int, int],
) -> None:
    """Take units of a line from `places`, {article id: {level id: level}}, and add the changes to `moved`."""
    from_allocated = min(units, line.allocated)
    for article, quantity in demand.items():
        rest = from_allocated * quantity
        of_article = [row for row in allocations if row.level_id in places[article]]
        for row, is_picked in [(row, picked) for picked in (True, False) for row in of_article]:
            part = min(rest, row.picked if is_picked else row.quantity - row.picked)
            if part:
                level = places[article][row.level_id]
                level.allocated -= part
                level.on_hand -= part
                moved[row.level_id] -= part
                row.quantity -= part
                row.picked -= part if is_picked else 0
                rest -= part
        rest += (units - from_allocated) * quantity
        for level_id, level in places[article].items():
            part = min(rest, level.on_hand - level.allocated)
            if part:
                level.on_hand -= part
                moved[level_id] -= part
                rest -= part
    line.allocated -= from_allocated
    line.shipped += units
    # Units that the channel reports as shipped are shipped, even if they were held back here.
    line.limit_held_back()


def write_off_missing(
    session: Session, level_id: int, missing: Mapping[int, int], reference: str
) -> tuple[int, set[int]]:
    """Free allocated units that a picker did not find at a level, and correct its stock on hand.

    `missing` is {line id: units of the level's article}, none of them picked. A line loses every unit that
    cannot be completed any more, with all its parts. Where units are missing, the available ones are missing
    too: on hand becomes the allocated units less the missing ones.
    Returns: the change of on hand, and the ids of articles that became available at other levels. The caller
    holds the tenant's lock and allocates stock to the orders again.
    """
    lines, allocations, levels = lock_allocations(session, sorted(missing))
    level = levels[level_id]
    change = level.allocated - sum(missing.values()) - level.on_hand
    freed: set[int] = set()
    for line in lines:
        line_id = line.row_id
        rows = allocations[line_id]
        allocated = sum(row.quantity for row in rows if levels[row.level_id].article_id == level.article_id)
        units = (allocated - missing[line_id]) * line.allocated // allocated
        freed |= reduce_line(session, line, units, rows, levels, {level_id: missing[line_id]})
    level.on_hand += change
    _write_ledger(session, [level], {level.article_id: change}, MovementReason.short_pick, reference)
    limit_items(session, sorted(missing), put_back=True)
    queue_listings(session, freed | {level.article_id})
    return change, freed


def return_to_stock(
    session: Session, warehouse_id: int, quantities: Mapping[int, int], reference: str
) -> None:
    """Put {line id: units} of order lines back into a warehouse, and allocate them to waiting orders."""
    demand = physical_demand(session, sorted(quantities))
    units: dict[int, int] = defaultdict(int)
    for line_id, parts in demand.items():
        for article_id, per_unit in parts.items():
            units[article_id] += quantities[line_id] * per_unit
    levels = lock_levels(session, sorted(units), warehouse_id, create=True)
    for level in levels:
        level.on_hand += units[level.article_id]
        session.add(level)
    _write_ledger(session, levels, units, MovementReason.returned, reference)
    queue_listings(session, units)
    allocate_freed(session, units)


def withdraw_shipped_before(session: Session, departed: Mapping[int, tuple[datetime, datetime]]) -> None:
    """Take goods out of the stock that were shipped before their order was imported.

    `departed` is {order id: (sold at, shipped at)}. Nothing is taken out if the goods were shipped before the
    article was last counted, or, if it was never counted, sold before its opening stock was taken from the
    channel: these figures no longer contain them. If the levels have too few available units, the ledger
    shows only what they had.
    """
    lines = [
        (need_id(line_id), order_id, units, number)
        for batch in in_batches(sorted(departed))
        for line_id, order_id, units, number in session.execute(
            select(col(OrderLine.id), col(OrderLine.order_id), col(OrderLine.shipped), col(Order.external_id))
            .join(Order, col(Order.id) == col(OrderLine.order_id))
            .where(col(OrderLine.order_id).in_(batch), col(OrderLine.shipped) > 0)
            .order_by(col(OrderLine.id))
        )
    ]
    demand = physical_demand(session, [line_id for line_id, _, _, _ in lines])
    known = _last_counts(session, sorted({article for each in demand.values() for article in each}))
    wanted = [
        (article, units * quantity, number)
        for line_id, order_id, units, number in lines
        for article, quantity in demand.get(line_id, {}).items()
        if article in known and departed[order_id][known[article][1]] > known[article][0]
    ]
    levels: dict[int, list[StockLevel]] = defaultdict(list)
    for level in lock_levels(session, sorted({article for article, _, _ in wanted})):
        levels[level.article_id].append(level)
    ledger: list[dict[str, object]] = []
    for article, rest, number in wanted:
        taken: dict[int, int] = {}
        for level in levels[article]:
            part = min(rest, level.on_hand - level.allocated)
            level.on_hand -= part
            rest -= part
            taken[level.row_id] = -part
        ledger += _movements(taken, MovementReason.shipment, f"order {number}")
    session.flush()
    insert_rows(session, StockMovement, ledger)
    queue_listings(session, {article for article, _, _ in wanted})


def _last_counts(session: Session, article_ids: Sequence[int]) -> dict[int, tuple[datetime, bool]]:
    """Return {article id: (last count, True)}, or (opening, False) for an article that was never counted."""
    counts: dict[int, tuple[datetime, bool]] = {}
    for batch in in_batches(article_ids):
        rows = session.execute(
            select(col(StockLevel.article_id), col(StockMovement.reason), func.max(col(StockMovement.at)))
            .join(StockMovement, col(StockMovement.level_id) == col(StockLevel.id))
            .where(
                col(StockLevel.article_id).in_(batch),
                col(StockMovement.reason).in_([MovementReason.opening, MovementReason.counted]),
            )
            .group_by(col(StockLevel.article_id), col(StockMovement.reason))
        )
        for article, reason, at in rows:
            was_counted = reason is MovementReason.counted
            if was_counted or article not in counts:
                counts[article] = (at, was_counted)
    return counts


def _write_ledger(
    session: Session,
    levels: Sequence[StockLevel],
    changes: Mapping[int, int],
    reason: MovementReason,
    reference: str,
) -> None:
    by_level = {level.row_id: changes.get(level.article_id, 0) for level in levels}
    session.flush()
    insert_rows(session, StockMovement, _movements(by_level, reason, reference))


def _movements(
    by_level: Mapping[int, int], reason: MovementReason, reference: str
) -> list[dict[str, object]]:
    """Return a `StockMovement` row for each {level id: change of on hand} that is not zero."""
    now = utc_now()
    return [
        {"level_id": level_id, "quantity": quantity, "reason": reason, "reference": reference, "at": now}
        for level_id, quantity in by_level.items()
        if quantity
    ]
