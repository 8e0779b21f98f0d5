"""Every change of a stock level: counting, promising to order lines, giving back, taking out.

Law: 0 <= allocated <= on_hand, whoever allocates at the same moment, and the ledger sums to the level.
Every function here but `promise` queues the listings whose stock it changed in the same transaction.

Locks are taken in one order by everyone: the lease of a run, the tenant (`models.tenant.lock_tenants`), then
orders, then levels, each by id. Only `set_on_hand` locks the tenant itself; the others are called by
those who have an order locked, and the tenant before it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, update
from sqlmodel import Session, col, select

from models.among import among, in_batches
from models.article import Article, BundlePart, parts_of
from models.columns import need_id, utc_now
from models.errors import RuleError
from models.order import (
    SHORTAGES,
    Hold,
    HoldReason,
    LinePart,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    event_values,
    hold_values,
)
from models.pick_list import fit_items, whole_units
from models.stock import (
    Allocation,
    MovementReason,
    StockLevel,
    StockMovement,
    Warehouse,
    sells,
    touch_listings,
)
from models.tenant import lock_tenants
from models.upsert import insert_or_update, insert_returning, insert_rows, table_of

SERVED = (OrderState.pending, OrderState.open, OrderState.released)
"""Orders that are promised stock; a released one is short of it if it went in part or a shelf was empty."""


def set_on_hand(
    session: Session,
    warehouse_id: int,
    quantities: Mapping[int, int],
    reason: MovementReason = MovementReason.counted,
    reference: str = "",
) -> dict[int, int]:
    """Set what is on hand of each article and write the difference into the ledger.

    Returns: the differences by article id, without those that are zero.
    Raises: RuleError, naming the first article whose new figure is negative or below what is allocated;
    then nothing is changed.
    """
    if not quantities:
        return {}
    lock_tenants(session, [session.get_one(Warehouse, warehouse_id).tenant_id])
    # A refusal takes back the levels made on the way, also for a caller who goes on after it.
    with session.begin_nested():
        levels = _lock_levels(session, list(quantities), warehouse_id, create=True)
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
    touch_listings(session, list(changes))
    serve_waiting(session, [article_id for article_id, change in changes.items() if change > 0])
    return changes


def open_levels(session: Session, warehouse_id: int, quantities: Mapping[int, int], reference: str) -> None:
    """Take over what is on hand of articles that have no level yet; the caller has the tenant locked."""
    ids = insert_returning(
        session,
        StockLevel,
        [
            {"warehouse_id": warehouse_id, "article_id": article_id, "on_hand": quantity, "allocated": 0}
            for article_id, quantity in quantities.items()
        ],
    )
    now = utc_now()
    insert_rows(
        session,
        StockMovement,
        [
            {
                "level_id": level_id,
                "quantity": quantity,
                "reason": MovementReason.opening,
                "reference": reference,
                "at": now,
            }
            for level_id, quantity in zip(ids, quantities.values(), strict=True)
            if quantity
        ],
    )
    there = [article_id for article_id, quantity in quantities.items() if quantity]
    touch_listings(session, there)
    serve_waiting(session, there)


def _check_count(session: Session, level: StockLevel, quantity: int) -> None:
    if quantity < level.allocated:
        article = session.get_one(Article, level.article_id)
        raise RuleError(
            f"Stock of {article.sku} cannot become {quantity}: {level.allocated} are promised to orders."
            if quantity >= 0
            else f"Stock of {article.sku} cannot be negative."
        )


def allocate(session: Session, order_ids: Sequence[int]) -> None:
    """Promise stock to the lines of open and released orders, as far as it reaches; hold what is short.

    Orders are served in the order given. Demand of lines that share an article is taken from the
    same figure, one after the other. Repeating it only adds what became available.
    """
    touch_listings(session, promise(session, order_ids))


def promise(session: Session, order_ids: Sequence[int]) -> set[int]:
    """Do what `allocate` does, and return the articles concerned: the caller queues their listings."""
    lines = _lock_lines(session, order_ids)
    demand = _physical_demand(session, [line.id for line in lines if line.missing > 0])
    levels = _lock_levels(session, sorted({article for each in demand.values() for article in each}))
    ranks = _warehouse_ranks(session)
    places: dict[int, list[StockLevel]] = defaultdict(list)
    for level in sorted(levels, key=lambda level: ranks[level.warehouse_id]):
        places[level.article_id].append(level)
    free = {need_id(level.id): level.on_hand - level.allocated for level in levels}

    taken: dict[tuple[int, int], int] = {}
    for line in lines:
        per_unit = demand.get(line.id) if line.missing > 0 else None
        if not per_unit:
            continue
        units = min(
            line.missing,
            *(
                sum(free[need_id(level.id)] for level in places[article]) // quantity
                for article, quantity in per_unit.items()
            ),
        )
        if units <= 0:
            continue
        line.promised = units
        for article, quantity in per_unit.items():
            rest = units * quantity
            for level in places[article]:
                level_id = need_id(level.id)
                part = min(rest, free[level_id])
                if part > 0:
                    free[level_id] -= part
                    taken[line.id, level_id] = part
                    rest -= part
    changed = {level_id for _, level_id in taken}
    touched = {level.article_id for level in levels if level.id in changed}
    _save_promises(session, lines, taken)
    _hold_shortages(session, lines, demand)
    return touched


@dataclass
class _LineNeed:
    """What an order line still needs, in units of the line; negative if more is promised than it asks for."""

    id: int
    order_id: int
    quantity: int
    missing: int
    promised: int = 0


def _lock_lines(session: Session, order_ids: Sequence[int]) -> list[_LineNeed]:
    """Lock those of the orders that are served and return their lines, in the order of the orders given."""
    lines: dict[int, list[_LineNeed]] = {}
    for batch in in_batches(sorted(set(order_ids))):
        locked = session.exec(
            select(Order.id)
            .where(
                among(col(Order.id), batch),
                col(Order.state).in_(SERVED),
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
                col(OrderLine.quantity) - OrderLine.cancelled - OrderLine.shipped - OrderLine.allocated,
            )
            .where(among(col(OrderLine.order_id), locked))
            .order_by(col(OrderLine.position), col(OrderLine.id))
        )
        for line_id, order_id, quantity, missing in rows:
            lines[order_id].append(_LineNeed(need_id(line_id), order_id, quantity, missing))
    return [line for order_id in dict.fromkeys(order_ids) for line in lines.get(order_id, ())]


def _save_promises(
    session: Session, lines: Sequence[_LineNeed], taken: Mapping[tuple[int, int], int]
) -> None:
    """Write what was promised with one statement for each table."""
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
        [{"line": line.id, "more": line.promised} for line in lines if line.promised],
    )
    insert_or_update(
        session,
        Allocation,
        [
            {"order_line_id": line_id, "level_id": level_id, "quantity": quantity}
            for (line_id, level_id), quantity in sorted(taken.items())
        ],
        key=("order_line_id", "level_id"),
        update=lambda new: {"quantity": Allocation.quantity + new.quantity},
    )
    # What the session holds of these rows was read before.
    for row in session.identity_map.values():
        if isinstance(row, (StockLevel, OrderLine, Allocation)):
            session.expire(row)


def release_allocation(session: Session, line_ids: Sequence[int]) -> set[int]:
    """Give back what is promised to these lines, whole; return the articles of which there is more now.

    What lay ready for them is to be put back; an open pick list says so.
    """
    rows = session.exec(select(Allocation).where(among(col(Allocation.order_line_id), line_ids))).all()
    back: dict[int, int] = defaultdict(int)
    for row in rows:
        back[row.level_id] += row.quantity
    touched = set()
    for level in _lock_levels_by_id(session, sorted(back)):
        level.allocated -= back[need_id(level.id)]
        session.add(level)
        touched.add(level.article_id)
    session.flush()
    session.execute(delete(Allocation).where(among(col(Allocation.order_line_id), line_ids)))
    session.execute(update(OrderLine).where(among(col(OrderLine.id), line_ids)).values(allocated=0, picked=0))
    fit_items(session, line_ids, put_back=True)
    touch_listings(session, touched)
    return touched


def take_out(session: Session, quantities: Mapping[int, int], reference: str) -> None:
    """Book goods of order lines out of the house: from what is promised to them, then from what is free.

    What lies ready for a line leaves first; nothing needs to have been picked.
    `quantities` are units by line id. Units that no level holds are left out of the ledger, because the
    goods have gone whatever the figures say; the line counts as shipped all the same. What was promised
    by an older list of parts of a bundle is given back once nothing is promised to the line any more.
    """
    line_ids = sorted(quantities)
    lines = session.exec(select(OrderLine).where(among(col(OrderLine.id), line_ids))).all()
    demand = _physical_demand(session, line_ids)
    allocations: dict[int, list[Allocation]] = defaultdict(list)
    for row in session.exec(select(Allocation).where(among(col(Allocation.order_line_id), line_ids))):
        allocations[row.order_line_id].append(row)
    level_ids = set(_level_ids(session, sorted({article for each in demand.values() for article in each})))
    level_ids.update(row.level_id for rows in allocations.values() for row in rows)
    levels = {need_id(level.id): level for level in _lock_levels_by_id(session, sorted(level_ids))}
    by_article: dict[int, list[StockLevel]] = defaultdict(list)
    for level in levels.values():
        by_article[level.article_id].append(level)
    moved: dict[int, int] = defaultdict(int)
    given_back: set[int] = set()
    for line in lines:
        line_id = need_id(line.id)
        units = quantities[line_id]
        promised = allocations[line_id]
        from_promised = min(units, line.allocated)
        for article, quantity in demand.get(line_id, {}).items():
            rest = from_promised * quantity
            of_article = [row for row in promised if levels[row.level_id].article_id == article]
            for row, lies_ready in [(row, ready) for ready in (True, False) for row in of_article]:
                part = min(rest, row.picked if lies_ready else row.quantity - row.picked)
                if part:
                    level = levels[row.level_id]
                    level.allocated -= part
                    level.on_hand -= part
                    moved[row.level_id] -= part
                    row.quantity -= part
                    row.picked -= part if lies_ready else 0
                    rest -= part
            rest += (units - from_promised) * quantity
            for level in by_article[article]:
                part = min(rest, level.on_hand - level.allocated)
                if part:
                    level.on_hand -= part
                    moved[need_id(level.id)] -= part
                    rest -= part
        line.allocated -= from_promised
        left = [(levels[row.level_id].article_id, row.quantity, row.picked) for row in promised]
        line.picked = whole_units(left, line.allocated)
        for row in promised:
            if row.quantity and line.allocated:
                session.add(row)
                continue
            if row.quantity:
                levels[row.level_id].allocated -= row.quantity
                given_back.add(levels[row.level_id].article_id)
            session.delete(row)
        line.shipped += units
        session.add(line)
    session.flush()
    insert_rows(
        session,
        StockMovement,
        [
            {
                "level_id": level_id,
                "quantity": quantity,
                "reason": MovementReason.shipment,
                "reference": reference,
                "at": utc_now(),
            }
            for level_id, quantity in sorted(moved.items())
        ],
    )
    fit_items(session, line_ids, put_back=False)
    touch_listings(session, {levels[level_id].article_id for level_id in moved} | given_back)
    serve_waiting(session, given_back)


def shrink_promise(session: Session, line_id: int, units: int) -> set[int]:
    """Promise at most so many of a line and give the rest back, what lies ready last.

    Returns: the articles of which there is more now; the caller serves who waits for them.
    """
    (line,), allocations, levels = _lock_promises(session, [line_id])
    if units >= line.allocated:
        return set()
    freed = _shrink(session, line, units, allocations[line_id], levels, {})
    session.flush()
    fit_items(session, [line_id], put_back=True)
    touch_listings(session, freed)
    return freed


def write_off_missing(
    session: Session, level_id: int, missing: Mapping[int, int], reference: str
) -> tuple[int, set[int]]:
    """Give back what was promised to order lines at a level and is not there, and correct what is on hand.

    `missing` are units of the level's article by line id, none of which lies ready. A line loses as many
    units as cannot be made whole any more, with all their parts. Where too little is found, nothing was free:
    on hand becomes what was promised there, less what is missing.

    Returns: the change of on hand, and the articles of which there is more to promise elsewhere. The caller
    has the tenant locked, and lets the orders be served again.
    """
    lines, allocations, levels = _lock_promises(session, sorted(missing))
    level = levels[level_id]
    change = level.allocated - sum(missing.values()) - level.on_hand
    freed: set[int] = set()
    for line in lines:
        line_id = need_id(line.id)
        rows = allocations[line_id]
        promised = sum(row.quantity for row in rows if levels[row.level_id].article_id == level.article_id)
        units = (promised - missing[line_id]) * line.allocated // promised
        freed |= _shrink(session, line, units, rows, levels, {level_id: missing[line_id]})
    level.on_hand += change
    _write_ledger(session, [level], {level.article_id: change}, MovementReason.short_pick, reference)
    fit_items(session, sorted(missing), put_back=True)
    touch_listings(session, freed | {level.article_id})
    return change, freed


def _lock_promises(
    session: Session, line_ids: Sequence[int]
) -> tuple[Sequence[OrderLine], dict[int, list[Allocation]], dict[int, StockLevel]]:
    """Return lines, what is promised to each, and the levels of that, locked, by id."""
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
    levels = _lock_levels_by_id(session, sorted(level_ids))
    return lines, allocations, {need_id(level.id): level for level in levels}


def _shrink(
    session: Session,
    line: OrderLine,
    units: int,
    rows: Sequence[Allocation],
    levels: Mapping[int, StockLevel],
    missing: Mapping[int, int],
) -> set[int]:
    """Leave so many of a line promised: of all its parts what is missing at a level goes first.

    Then goes what still lies in its place, then what lies ready. Returns: articles of which there is more.
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


def put_back(session: Session, warehouse_id: int, quantities: Mapping[int, int], reference: str) -> None:
    """Book units of order lines by line id into a warehouse again, and promise them to those who wait."""
    demand = _physical_demand(session, sorted(quantities))
    units: dict[int, int] = defaultdict(int)
    for line_id, parts in demand.items():
        for article_id, of_one in parts.items():
            units[article_id] += quantities[line_id] * of_one
    levels = _lock_levels(session, sorted(units), warehouse_id, create=True)
    for level in levels:
        level.on_hand += units[level.article_id]
        session.add(level)
    _write_ledger(session, levels, units, MovementReason.returned, reference)
    touch_listings(session, units)
    serve_waiting(session, units)


def take_out_departed(session: Session, departed: Mapping[int, tuple[datetime, datetime]]) -> None:
    """Book goods out of the house that left before their order was known here.

    `departed` has for each order when it was sold and when it left. What left before its article was last
    counted is missing in that count already; an opening figure of the channel is short of all that was sold
    by then. Units that no level has free are left out of the ledger.
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
    demand = _physical_demand(session, [line_id for line_id, _, _, _ in lines])
    known = _last_counts(session, sorted({article for each in demand.values() for article in each}))
    wanted = [
        (article, units * quantity, number)
        for line_id, order_id, units, number in lines
        for article, quantity in demand.get(line_id, {}).items()
        if article in known and departed[order_id][known[article][1]] > known[article][0]
    ]
    levels: dict[int, list[StockLevel]] = defaultdict(list)
    for level in _lock_levels(session, sorted({article for article, _, _ in wanted})):
        levels[level.article_id].append(level)
    rows: list[dict[str, object]] = []
    for article, rest, number in wanted:
        for level in levels[article]:
            part = min(rest, level.on_hand - level.allocated)
            if part:
                level.on_hand -= part
                rest -= part
                rows.append(
                    {
                        "level_id": need_id(level.id),
                        "quantity": -part,
                        "reason": MovementReason.shipment,
                        "reference": f"order {number}",
                        "at": utc_now(),
                    }
                )
    session.flush()
    insert_rows(session, StockMovement, rows)
    touch_listings(session, {article for article, _, _ in wanted})


def _last_counts(session: Session, article_ids: Sequence[int]) -> dict[int, tuple[datetime, bool]]:
    """Return by article when it was last counted, and True; or when its opening was taken, and False."""
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
            by_us = reason is MovementReason.counted
            if by_us or article not in counts:
                counts[article] = (at, by_us)
    return counts


def serve_waiting(session: Session, article_ids: Iterable[int]) -> None:
    """Promise what came free of these articles to orders that are short of it: express first, then by age."""
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
            col(Order.state).in_(SERVED),
        )
        .order_by(col(Order.express).desc(), col(Order.placed_at), col(Order.id))
        .distinct()
    ).all()
    # Levels are locked by now and orders come before them; but who has one of these has the tenant first.
    allocate(session, [need_id(order_id) for order_id, _, _ in waiting])


def _physical_demand(session: Session, line_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return for each matched line the articles with stock of their own and how many one unit takes."""
    wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for batch in in_batches(line_ids):
        rows = session.execute(
            select(col(LinePart.order_line_id), col(LinePart.article_id), col(LinePart.quantity)).where(
                among(col(LinePart.order_line_id), batch)
            )
        )
        for line_id, article_id, quantity in rows:
            wanted[line_id].append((article_id, quantity))
    parts: dict[int, list[tuple[int, int]]] = {}
    for batch in in_batches(sorted({article for each in wanted.values() for article, _ in each})):
        parts.update(parts_of(session, batch))
    demand: dict[int, dict[int, int]] = {}
    for line_id, articles in wanted.items():
        units: dict[int, int] = defaultdict(int)
        for article_id, quantity in articles:
            for part_id, of_part in parts.get(article_id, [(article_id, 1)]):
                units[part_id] += quantity * of_part
        demand[line_id] = dict(units)
    return demand


def _lock_levels(
    session: Session, article_ids: Sequence[int], warehouse_id: int | None = None, *, create: bool = False
) -> list[StockLevel]:
    if create and warehouse_id is not None:
        rows = [
            {"warehouse_id": warehouse_id, "article_id": article_id, "on_hand": 0, "allocated": 0}
            for article_id in sorted(article_ids)
        ]
        insert_or_update(session, StockLevel, rows, key=("warehouse_id", "article_id"))
    return _lock_levels_by_id(session, sorted(_level_ids(session, article_ids, warehouse_id)))


def _level_ids(session: Session, article_ids: Sequence[int], warehouse_id: int | None = None) -> list[int]:
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


def _lock_levels_by_id(session: Session, level_ids: Sequence[int]) -> list[StockLevel]:
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


def _write_ledger(
    session: Session,
    levels: Sequence[StockLevel],
    changes: Mapping[int, int],
    reason: MovementReason,
    reference: str,
) -> None:
    rows = [
        {
            "level_id": need_id(level.id),
            "quantity": changes[level.article_id],
            "reason": reason,
            "reference": reference,
            "at": utc_now(),
        }
        for level in levels
        if changes.get(level.article_id)
    ]
    session.flush()
    insert_rows(session, StockMovement, rows)


def _hold_shortages(
    session: Session, lines: Sequence[_LineNeed], demand: Mapping[int, Mapping[int, int]]
) -> None:
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
        line.id: demand[line.id] for line in lines if line.missing > line.promised and demand.get(line.id)
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
            line.missing <= line.promised or (line.id in short and hold.reason is not reason)
        ):
            hold.released_at = now
            session.add(hold)
            events.append(event_values(line.order_id, "hold_released", {"reason": hold.reason}))
            hold = None
        if line.id not in short:
            continue
        detail = {"missing": line.missing - line.promised, "quantity": line.quantity}
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
    return {need_id(row.id): (row.priority, need_id(row.id)) for row in rows}
