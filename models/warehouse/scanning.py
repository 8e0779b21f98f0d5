"""The scans of a walk: what counts for which order, taking a scan back, and what is not in its place.

Each order is looked at once more before a unit counts for it. A scan that is refused changes nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, insert, or_, update
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.catalog.article import Article, ArticleNumber
from models.catalog.lists import skus_by_id
from models.catalog.records import ArticleKind
from models.database.bulk import insert_rows, table_of
from models.database.columns import need_id
from models.database.conditions import among
from models.errors import RuleError
from models.orders.history import OrderEvent
from models.orders.holds import SHORTAGES, Hold
from models.orders.order import Order, OrderLine, OrderState
from models.orders.scanned_codes import (
    LONGEST_SCAN,
    SCANNED_ARTICLE,
    SCANNED_COLUMNS,
    SCANNED_NUMBER,
    Scanned,
    choose_scanned,
    find_scanned,
    scan_key,
)
from models.tenants.locks import locking
from models.tenants.tenant import Tenant
from models.values import MAX_COUNT
from models.warehouse.allocation import allocate, serve_waiting
from models.warehouse.ledger import write_off_missing
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_items import (
    COUNT,
    PICKED_ALL_THE_SAME,
    PutBack,
    Refusal,
    ScanError,
    Taken,
    add_items,
    check_open,
    count_units,
    counts_of,
    find_stops,
    join_promises,
    lock_open,
    numbers_of,
    pick_event,
    settle_stops,
    unknown_list,
    write_counts,
)
from models.warehouse.pick_lists import ON_LIST, PickItem, PickList, PickOrder, PickScan

SHOWN = 40
"""Characters of a code that a message quotes."""


@dataclass(frozen=True)
class Portion:
    """Units of an article for one order line."""

    order: str
    """The order's number."""
    box: int
    """0 where there are no boxes."""
    quantity: int


@dataclass(frozen=True)
class ScanResult:
    """What a scan counted."""

    number: int
    """By which it is undone."""
    sku: str
    portions: list[Portion]
    """Where the units go."""
    picked: int
    """Of the article on this list, this scan included."""
    asked: int
    is_complete: bool
    """Whether nothing is left to take on this list."""
    notices: list[str]
    """What happened to orders of the list meanwhile, each told once, and at the list's end again."""


@dataclass(frozen=True)
class ShortResult:
    """What became of units that were not in their place."""

    sku: str
    missing: int
    written_off: int
    """By how much stock on hand was corrected: what is missing, and what nobody had been promised."""
    elsewhere: int
    """Units that the list asks for at other places now."""
    orders: list[str]
    """Those concerned."""
    short: list[str]
    """Those of them that wait for stock now."""
    put_back: list[PutBack]
    """Parts of sets that lay ready for them from an earlier list, of no use without what is missing."""
    notices: list[str]
    """As a scan has them."""


def scan(session: Session, list_id: int, code: str, quantity: int = 1) -> ScanResult:
    """Count units of an article up, given by its SKU or GTIN, for the order that comes first.

    Raises: ScanError, if the code is unknown, ambiguous or of no article here, if so many are not wanted any
    more, or if the list has ended; then nothing is changed.
    """
    session.flush()
    connection = session.connection()
    asked = {"list": list_id if 0 < list_id <= MAX_COUNT else 0, "loose": scan_key(code)}
    meant = connection.execute(_OPEN, asked).all()
    if not meant:
        raise unknown_list(list_id)
    check_open(list_id, meant[0].state)
    if not 1 <= quantity <= MAX_COUNT:
        raise ScanError(Refusal.surplus, f"{quantity} is no number of units.")
    found = _need(code, choose_scanned(meant, code))
    # Of one alone its items say whether it is on the list.
    article_id, sku = _narrow(session, list_id, code, found) if len(found) > 1 else found[0][:2]
    wanted = {"list": list_id, "article": article_id, "most": quantity}
    rows = connection.execute(_NEXT, wanted).all()
    noted, stops = _noted(session, list_id) if not rows or rows[0].is_noted else ([], {})
    while stopped := {row.order_id for row in rows if row.stops}:
        stops |= find_stops(session, sorted(stopped))
        rows = connection.execute(_NEXT_BESIDE, {**wanted, "stops": list(stops)}).all()
    items = list({row.id: row for row in rows}.values())
    there = sum(item.left for item in items)
    if there < quantity:
        _narrow(session, list_id, code, found)
        raise _not_wanted(session, list_id, article_id, sku, there, stops)
    notices = settle_stops(session, list_id, noted, stops)
    parts: list[Taken] = []
    portions: list[Portion] = []
    rest = quantity
    for item in items:
        units = min(rest, item.left)
        parts.append(Taken(item.id, item.line_id, item.level_id, units))
        portions.append(Portion(item.external_id, item.box, units))
        rest -= units
        if not rest:
            break
    number = meant[0].scans + 1
    scanned = {"list": list_id, "scan": number}
    write_counts(session, _COUNT_SCAN, [{**count, **scanned} for count in counts_of(parts, rows)])
    if noted or stops:
        return _result(session, list_id, number, article_id, sku, portions, notices)
    done = sum(part.units == item.left for part, item in zip(parts, items, strict=False))
    return ScanResult(
        number=number,
        sku=sku,
        portions=portions,
        picked=int(items[0].picked) + quantity,
        asked=int(items[0].asked),
        is_complete=items[0].open == done,
        notices=notices,
    )


def undo(session: Session, list_id: int, *, number: int | None = None, code: str = "") -> ScanResult:
    """Take a scan back: the one of this number, or the last one, of an article if its code is given.

    Raises: ScanError, RuleError, if there is none, or what it counted is to be put back already.
    """
    pick_list = lock_open(session, list_id)
    query = (
        select(PickScan, PickItem)
        .join(PickItem, col(PickItem.id) == col(PickScan.pick_item_id))
        .where(PickScan.pick_list_id == list_id)
        .execution_options(populate_existing=True)
    )
    if number is None:
        last = select(func.max(PickScan.number)).where(PickScan.pick_list_id == list_id)
        if code:
            article_id, _ = _identify(session, pick_list, code)
            last = last.join(PickItem, col(PickItem.id) == col(PickScan.pick_item_id)).where(
                PickItem.article_id == article_id
            )
        number = session.exec(last).one()
    rows = session.exec(query.where(PickScan.number == number)).all() if number else []
    if not rows or number is None:
        raise RuleError(f"Pick list {list_id} has no such scan that could be undone.")
    if any(item.picked < taken.quantity for taken, item in rows):
        raise RuleError("What this scan counted is no longer wanted and is to be put back already.")
    article_id = rows[0][1].article_id
    count_units(
        session,
        [Taken(need_id(item.id), item.order_line_id, item.level_id, -taken.quantity) for taken, item in rows],
    )
    where = {
        order_id: (name, box)
        for order_id, name, box in session.execute(
            select(col(Order.id), col(Order.external_id), col(PickOrder.box))
            .join(PickOrder, col(PickOrder.order_id) == col(Order.id))
            .where(
                col(PickOrder.pick_list_id) == list_id,
                among(col(Order.id), {item.order_id for _, item in rows}),
            )
        )
    }
    portions = [Portion(*where[item.order_id], taken.quantity) for taken, item in rows]
    for taken, _ in rows:
        session.delete(taken)
    session.flush()
    sku = skus_by_id(session, [article_id])[article_id]
    return _result(session, list_id, number, article_id, sku, portions, [])


def report_short(session: Session, list_id: int, code: str, missing: int | None = None) -> ShortResult:
    """Note that units of an article are not in their place, by default all that are still to be taken there.

    The place is the next one of the walk. Orders that come last on the list lose them first; they are
    promised other stock if there is any, and the list asks for it; the others wait, held as short of stock.
    Raises: ScanError, as `scan` does; then nothing is changed.
    """
    pick_list = lock_open(session, list_id)
    article_id, sku = _identify(session, pick_list, code)
    noted, stops = _noted(session, list_id)
    stops |= find_stops(session, _orders_of(session, list_id, article_id))
    items = _open_items(session, list_id, article_id, stops)
    items = [item for item in items if item.level_id == items[0].level_id]
    there = sum(item.quantity - item.picked for item in items)
    if not there:
        raise _not_wanted(session, list_id, article_id, sku, 0, stops)
    missing = there if missing is None else missing
    if not 1 <= missing <= there:
        raise ScanError(Refusal.surplus, f"{there} of {sku} are still to be taken there, not {missing}.")
    notices = settle_stops(session, list_id, noted, stops)
    lost: dict[int, int] = {}
    orders: list[int] = []
    rest = missing
    for item in reversed(items):
        part = min(rest, item.quantity - item.picked)
        if part:
            lost[item.order_line_id] = part
            orders.append(item.order_id)
            rest -= part
    orders = list(dict.fromkeys(reversed(orders)))
    ready = _count_ready(session, list_id, lost)
    change, freed = write_off_missing(session, items[0].level_id, lost, f"pick list {list_id}")
    allocate(session, orders)
    elsewhere = add_items(session, list_id, orders).get(article_id, 0)
    serve_waiting(session, freed)
    notices += settle_stops(session, list_id, _noted(session, list_id)[0], {}, brief=True)
    idle = ready - _count_ready(session, list_id, lost)
    short = session.exec(
        select(Hold.order_id).where(
            among(col(Hold.order_id), orders),
            col(Hold.reason).in_(SHORTAGES),
            col(Hold.released_at).is_(None),
            among(col(Hold.order_line_id), lost),
        )
    ).all()
    numbers = numbers_of(session, orders)
    skus = skus_by_id(session, sorted({part_id for _, part_id in idle}))
    events: dict[int, dict[str, Any]] = {
        order_id: {"list": list_id, "sku": sku, "waits": order_id in short} for order_id in orders
    }
    put_back: list[PutBack] = []
    for (order_id, part_id), units in sorted(idle.items()):
        put_back.append(PutBack(skus[part_id], numbers[order_id], 0, units))
        events[order_id].setdefault("put_back", {})[skus[part_id]] = units
        notices.append(
            f"Order {numbers[order_id]}: put back {units} × {skus[part_id]}, which lay ready from an earlier "
            "list."
        )
    insert_rows(
        session, OrderEvent, [pick_event(order_id, "short_pick", each) for order_id, each in events.items()]
    )
    return ShortResult(
        sku=sku,
        missing=missing,
        written_off=-change,
        elsewhere=elsewhere,
        orders=[numbers[order_id] for order_id in orders],
        short=[numbers[order_id] for order_id in orders if order_id in short],
        put_back=put_back,
        notices=notices,
    )


def _count_ready(session: Session, list_id: int, line_ids: Collection[int]) -> Counter[tuple[int, int]]:
    """Return by order and article what lies ready of lines, with what this list says is to be put back."""
    units: Counter[tuple[int, int]] = Counter()
    for query in (
        sqlalchemy_select(
            col(OrderLine.order_id), col(StockLevel.article_id), func.sum(col(Allocation.picked))
        )
        .join(Allocation, col(Allocation.order_line_id) == col(OrderLine.id))
        .join(StockLevel, col(StockLevel.id) == col(Allocation.level_id))
        .where(among(col(OrderLine.id), line_ids))
        .group_by(col(OrderLine.order_id), col(StockLevel.article_id)),
        sqlalchemy_select(col(PickItem.order_id), col(PickItem.article_id), func.sum(PickItem.put_back))
        .where(col(PickItem.pick_list_id) == list_id, among(col(PickItem.order_line_id), line_ids))
        .group_by(col(PickItem.order_id), col(PickItem.article_id)),
    ):
        for order_id, article_id, count in session.execute(query):
            units[order_id, article_id] += int(count)
    return units


def _identify(session: Session, pick_list: PickList, code: str) -> tuple[int, str]:
    """Return the article of a list that a code means, and its SKU. Raises: ScanError."""
    found = _need(code, find_scanned(session, pick_list.tenant_id, code))
    return _narrow(session, need_id(pick_list.id), code, found)


def _show(code: str) -> str:
    shown = "".join(sign for sign in code[: SHOWN + 1] if sign.isprintable())
    return f"{shown[:SHOWN]}…" if len(code) > SHOWN else shown


def _need(code: str, found: list[Scanned]) -> list[Scanned]:
    """Return the articles that a code may mean. Raises: ScanError, if there are none."""
    if len(code) > LONGEST_SCAN:
        raise ScanError(Refusal.unknown, f"{_show(code)!r} is too long for a SKU or GTIN.")
    if not found:
        raise ScanError(Refusal.unknown, f"{_show(code)!r} is no SKU or GTIN of an article.")
    return found


def _narrow(session: Session, list_id: int, code: str, found: Sequence[Scanned]) -> tuple[int, str]:
    """Return the one article that is on a list, and its SKU. Raises: ScanError, if there is not just one."""
    on_list = session.exec(
        select(PickItem.article_id)
        .where(
            PickItem.pick_list_id == list_id,
            among(col(PickItem.article_id), [each.article_id for each in found]),
        )
        .distinct()
    ).all()
    here = [each for each in found if each.article_id in on_list]
    if len(here) > 1:
        skus = ", ".join(sorted(each.sku for each in here))
        raise ScanError(Refusal.ambiguous, f"{_show(code)!r} may be any of {skus}; scan or type the SKU.")
    if not here:
        advice = "it is a set: scan its parts" if found[0].kind is ArticleKind.bundle else "put it back"
        raise ScanError(Refusal.not_on_list, f"{found[0].sku} is not on pick list {list_id}; {advice}.")
    return here[0].article_id, here[0].sku


_LISTS, _ON, _ITEMS = table_of(PickList), table_of(PickOrder), table_of(PickItem)
_ORDERS, _HOLDS, _LINES = table_of(Order), table_of(Hold), table_of(OrderLine)
_NUMBERS, _ARTICLES, _TENANTS = table_of(ArticleNumber), table_of(Article), table_of(Tenant)
# Made once, as every scan asks these: to put them together takes longer than the database needs for them. And
# few, as each is a way to the server and back: the list with what the code may mean, then all that decides.
_OPEN = locking(
    sqlalchemy_select(_LISTS.c.state, _LISTS.c.scans, *SCANNED_COLUMNS)
    .join_from(_LISTS, _TENANTS, _TENANTS.c.id == _LISTS.c.tenant_id)
    .outerjoin(_NUMBERS, and_(_NUMBERS.c.tenant_id == _LISTS.c.tenant_id, SCANNED_NUMBER))
    .outerjoin(_ARTICLES, SCANNED_ARTICLE)
    .where(_LISTS.c.id == bindparam("list")),
    PickList,
)
_OF_LIST = _ITEMS.c.pick_list_id == bindparam("list")
_OF_ARTICLE = and_(_OF_LIST, _ITEMS.c.article_id == bindparam("article"))


def _next(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the question for the next items of an article, with what is promised to their lines."""
    to_take = (
        sqlalchemy_select(
            _ITEMS.c.id,
            _ITEMS.c.position,
            _ITEMS.c.order_id,
            _ITEMS.c.order_line_id,
            _ITEMS.c.level_id,
            (_ITEMS.c.quantity - _ITEMS.c.picked).label("left"),
            _ON.c.box,
            _ORDERS.c.external_id,
            or_(
                _ORDERS.c.state != OrderState.released,
                exists().where(
                    _HOLDS.c.order_id == _ORDERS.c.id,
                    _HOLDS.c.released_at.is_(None),
                    *(_HOLDS.c.reason != reason for reason in sorted(PICKED_ALL_THE_SAME)),
                ),
            ).label("stops"),
        )
        .join_from(
            _ITEMS,
            _ON,
            and_(_ON.c.pick_list_id == _ITEMS.c.pick_list_id, _ON.c.order_id == _ITEMS.c.order_id),
        )
        .join(_ORDERS, _ORDERS.c.id == _ITEMS.c.order_id)
        .where(_OF_ARTICLE, _ITEMS.c.picked < _ITEMS.c.quantity, *conditions)
        .order_by(_ITEMS.c.position, _ITEMS.c.id)
        # Each has one unit at least.
        .limit(bindparam("most"))
        .subquery("to_take")
    )
    # No more than decides whether any is left beside those that a scan completes.
    still_open = (
        sqlalchemy_select(_ITEMS.c.id)
        .where(_OF_LIST, _ITEMS.c.picked < _ITEMS.c.quantity)
        .limit(bindparam("most") + 1)
        .subquery("still_open")
    )
    is_noted = exists().where(
        _ON.c.pick_list_id == bindparam("list"), _ON.c.noted_at.is_not(None), _ON.c.outcome.is_(None)
    )
    asked, picked = func.sum(_ITEMS.c.quantity), func.sum(_ITEMS.c.picked)
    return join_promises(
        sqlalchemy_select(
            *(column for column in to_take.c if column.name not in ("position", "order_line_id")),
            sqlalchemy_select(is_noted).scalar_subquery().label("is_noted"),
            sqlalchemy_select(asked).where(_OF_ARTICLE).scalar_subquery().label("asked"),
            sqlalchemy_select(picked).where(_OF_ARTICLE).scalar_subquery().label("picked"),
            sqlalchemy_select(func.count()).select_from(still_open).scalar_subquery().label("open"),
        ).join_from(to_take, _LINES, _LINES.c.id == to_take.c.order_line_id)
    ).order_by(to_take.c.position, to_take.c.id)


_NEXT = _next()
_NEXT_BESIDE = _next(_ITEMS.c.order_id.not_in(bindparam("stops", expanding=True)))
_COUNT_SCAN = (
    *COUNT,
    update(_LISTS).where(_LISTS.c.id == bindparam("list")).values(scans=bindparam("scan")),
    insert(table_of(PickScan)).values(
        pick_list_id=bindparam("list"),
        number=bindparam("scan"),
        pick_item_id=bindparam("item"),
        quantity=bindparam("units"),
    ),
)
_OTHERS = _ITEMS.alias()
_SUMS = sqlalchemy_select(
    func.sum(_ITEMS.c.quantity),
    func.sum(_ITEMS.c.picked),
    sqlalchemy_select(
        exists().where(_OTHERS.c.pick_list_id == bindparam("list"), _OTHERS.c.picked < _OTHERS.c.quantity)
    ).scalar_subquery(),
).where(_ITEMS.c.pick_list_id == bindparam("list"), _ITEMS.c.article_id == bindparam("article"))


def _open_items(
    session: Session, list_id: int, article_id: int, stops: Mapping[int, str], limit: int | None = None
) -> list[PickItem]:
    """Return what is still to be taken of an article, in the order of the walk."""
    query = (
        select(PickItem)
        .where(
            PickItem.pick_list_id == list_id,
            PickItem.article_id == article_id,
            col(PickItem.picked) < col(PickItem.quantity),
            col(PickItem.order_id).not_in(list(stops)),
        )
        .order_by(col(PickItem.position), col(PickItem.id))
        # Each has one unit at least.
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return list(session.exec(query).all())


def _orders_of(session: Session, list_id: int, article_id: int) -> list[int]:
    query = select(PickItem.order_id).where(
        PickItem.pick_list_id == list_id,
        PickItem.article_id == article_id,
        col(PickItem.picked) < col(PickItem.quantity),
    )
    return list(session.exec(query.distinct()).all())


def _not_wanted(
    session: Session, list_id: int, article_id: int, sku: str, there: int, stops: Mapping[int, str]
) -> ScanError:
    """Say why so many units are not taken."""
    if there:
        return ScanError(Refusal.surplus, f"Only {there} more of {sku} are wanted.")
    rows = session.execute(
        select(col(PickItem.order_id), col(PickItem.quantity), col(PickOrder.reason))
        .join(PickOrder, ON_LIST)
        .where(col(PickItem.pick_list_id) == list_id, col(PickItem.article_id) == article_id)
    ).all()
    reasons = {order_id: reason for order_id, _, reason in rows if reason} | {
        order_id: stops[order_id] for order_id, _, _ in rows if order_id in stops
    }
    taken = sum(quantity for order_id, quantity, _ in rows if order_id not in reasons)
    if taken or not reasons:
        return ScanError(Refusal.surplus, f"No more of {sku} is wanted: all {taken} are taken.")
    numbers = numbers_of(session, list(reasons))
    told = ", ".join(f"order {numbers[order_id]} {reason}" for order_id, reason in sorted(reasons.items()))
    return ScanError(Refusal.stopped, f"{sku} is no longer wanted: {told}. Put it back.")


def _noted(session: Session, list_id: int) -> tuple[list[PickOrder], dict[int, str]]:
    """Return the orders of a list to which something happened, and those of them that stop here."""
    rows = session.exec(
        select(PickOrder)
        .where(
            PickOrder.pick_list_id == list_id,
            col(PickOrder.noted_at).is_not(None),
            col(PickOrder.outcome).is_(None),
        )
        .execution_options(populate_existing=True)
    ).all()
    return list(rows), find_stops(session, [row.order_id for row in rows]) if rows else {}


def _result(
    session: Session,
    list_id: int,
    number: int,
    article_id: int,
    sku: str,
    portions: list[Portion],
    notices: list[str],
) -> ScanResult:
    asked, picked, is_left = (
        session.connection().execute(_SUMS, {"list": list_id, "article": article_id}).one()
    )
    return ScanResult(
        number=number,
        sku=sku,
        portions=portions,
        picked=int(picked),
        asked=int(asked),
        is_complete=not is_left,
        notices=notices,
    )
