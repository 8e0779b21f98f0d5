"""What the items of a pick list ask for and count, and which of its orders stop there.

Whoever changes a list takes the tenant's lock first (`lock_open`): two scanners come one after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Insert, Select, Update, and_, bindparam, func, or_, update
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.database.bulk import insert_rows, table_of, update_rows, write_together
from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.errors import Action, Advice, NotFoundError, RuleError
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import NO_HINDRANCE, SHORTAGES, Hold
from models.orders.order import Order, OrderLine, OrderState
from models.tenants.locks import lock_of, take_lock
from models.values import MAX_COUNT
from models.warehouse.bins import bins_of
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_lists import (
    ON_LIST,
    PickItem,
    PickList,
    PickListState,
    PickOrder,
    PickOutcome,
    units_to_take,
    whole_units,
)
from models.warehouse.warehouses import Warehouse

PICKED_ALL_THE_SAME = NO_HINDRANCE | SHORTAGES
"""Holds with which what is promised to an order may be picked."""


class Refusal(StrEnum):
    """Why a scan does not count."""

    unknown = "unknown"
    ambiguous = "ambiguous"
    not_on_list = "not_on_list"
    surplus = "surplus"
    stopped = "stopped"
    """Only orders that were cancelled, held or shipped meanwhile wanted it."""
    list_ended = "list_ended"


class ScanError(RuleError):
    """A scan that does not count, in a picker's words; nothing was changed."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal

    def __reduce__(self) -> tuple[type["ScanError"], tuple[Refusal, str]]:
        return type(self), (self.refusal, str(self))


@dataclass(frozen=True)
class PutBack:
    """Units that were taken and are no longer wanted."""

    sku: str
    order: str
    box: int
    quantity: int


def get_list(session: Session, list_id: int) -> PickList:
    """Return a pick list as it is now. Raises: NotFoundError."""
    known = 0 < list_id <= MAX_COUNT
    pick_list = session.get(PickList, list_id, populate_existing=True) if known else None
    if pick_list is None:
        raise unknown_list(list_id)
    return pick_list


def unknown_list(list_id: int) -> NotFoundError:
    return NotFoundError(f"There is no pick list {list_id}.", Advice(Action.pick_list))


_LOCK_OWNER = lock_of(select(PickList.tenant_id).where(PickList.id == bindparam("list")))


def lock_owner(session: Session, list_id: int) -> None:
    """Lock the tenant of a pick list, if there is such a list."""
    session.flush()
    if 0 < list_id <= MAX_COUNT:
        take_lock(session, _LOCK_OWNER, {"list": list_id})


def check_open(list_id: int, state: PickListState) -> None:
    """Make sure that a list is still walked. Raises: ScanError."""
    if state is not PickListState.open:
        raise ScanError(
            Refusal.list_ended, f"Pick list {list_id} is {state}; nothing on it changes any more."
        )


def lock_open(session: Session, list_id: int) -> PickList:
    """Return a list with its tenant locked. Raises: ScanError, if it has ended."""
    lock_owner(session, list_id)
    pick_list = get_list(session, list_id)
    check_open(list_id, pick_list.state)
    return pick_list


def find_stops(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """Return those of the orders that must not go on to the parcel, each with why: "is cancelled" …"""
    reasons: dict[int, str] = {}
    for batch in in_batches(order_ids):
        held: dict[int, set[str]] = defaultdict(set)
        # At once: every scan asks this.
        for order_id, state, hold in session.execute(
            select(col(Order.id), col(Order.state), col(Hold.reason))
            .outerjoin(
                Hold,
                and_(
                    col(Hold.order_id) == col(Order.id),
                    col(Hold.released_at).is_(None),
                    col(Hold.reason).not_in(PICKED_ALL_THE_SAME),
                ),
            )
            .where(
                among(col(Order.id), batch),
                or_(col(Order.state) != OrderState.released, col(Hold.id).is_not(None)),
            )
        ):
            if state is not OrderState.released:
                reasons[order_id] = f"is {state}"
            else:
                held[order_id].add(hold)
        for order_id, names in held.items():
            reasons[order_id] = f"is held ({', '.join(sorted(names))})"
    return reasons


def add_items(session: Session, list_id: int, order_ids: Sequence[int]) -> dict[int, int]:
    """Let an open list ask for what is promised to its orders and it does not ask for yet.

    Returns: by article how many units more it asks for.
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
    for order_id, line_id, level_id, article_id, units in units_to_take(session, order_ids):
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
    """Number the items of a list along the walk; what lies in no bin comes last in its warehouse."""
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
        .join(PickOrder, ON_LIST)
        .join(Article, col(Article.id) == col(PickItem.article_id))
        .join(StockLevel, col(StockLevel.id) == col(PickItem.level_id))
        .join(Warehouse, col(Warehouse.id) == col(StockLevel.warehouse_id))
        .where(col(PickItem.pick_list_id) == list_id)
    ).all()
    bins = bins_of(session, [row.article_id for row in rows])

    def place(row: Any) -> tuple[Any, ...]:
        lies_in = bins.get((row[5], row.article_id))
        where = (0, lies_in.place, lies_in.name) if lies_in else (1, 0, "")
        return (row.priority, row[5], where, row.sku, row.rank, row[0])

    numbered = enumerate(sorted(rows, key=place), start=1)
    update_rows(
        session,
        PickItem,
        [{"row_id": row[0], "position": position} for position, row in numbered if row.position != position],
    )


def orders_on(session: Session, list_id: int) -> list[PickOrder]:
    """Return the orders of a list that nothing has become of yet, by rank."""
    query = (
        select(PickOrder)
        .where(PickOrder.pick_list_id == list_id, col(PickOrder.outcome).is_(None))
        .order_by(col(PickOrder.rank))
        .execution_options(populate_existing=True)
    )
    return list(session.exec(query).all())


def settle_stops(
    session: Session,
    list_id: int,
    noted: Sequence[PickOrder],
    stops: Mapping[int, str],
    *,
    brief: bool = False,
) -> list[str]:
    """Stop orders on a list, and return in words what happened to those that were noted or stopped.

    `brief` leaves out those of which nothing goes back.
    """
    by_id = {row.order_id: row for row in noted}
    for order_id in stops:
        if order_id not in by_id:
            by_id[order_id] = session.get_one(PickOrder, (list_id, order_id), populate_existing=True)
    if not by_id:
        return []
    numbers = numbers_of(session, list(by_id))
    stopping = [row for row in by_id.values() if row.order_id in stops and row.outcome is None]
    _stop(session, list_id, stopping, stops)
    back = units_to_put_back(session, list_id, by_id, PickItem.put_back)
    notices = []
    for order_id, row in sorted(by_id.items()):
        goods = ", ".join(f"{each.quantity} × {each.sku}" for each in back.get(order_id, ()))
        where = f" from box {row.box}" if row.box else ""
        if order_id in stops:
            notices.append(
                f"Order {numbers[order_id]} {stops[order_id]}: "
                + (f"put back {goods}{where}." if goods else "nothing of it is wanted any more.")
            )
        elif goods:
            notices.append(f"Order {numbers[order_id]} needs less: put back {goods}{where} in all.")
        elif row.noted_at is not None and not brief:
            notices.append(f"Order {numbers[order_id]} was changed; go on with it.")
        row.noted_at = None
        session.add(row)
    session.flush()
    return notices


def _stop(session: Session, list_id: int, rows: Sequence[PickOrder], stops: Mapping[int, str]) -> None:
    """Let orders fall off a list: what was taken for them there does not lie ready any more."""
    ids = [row.order_id for row in rows]
    items = [
        item
        for batch in in_batches(ids)
        for item in session.exec(
            select(PickItem)
            .where(PickItem.pick_list_id == list_id, among(col(PickItem.order_id), batch))
            .execution_options(populate_existing=True)
        )
    ]
    taken = {need_id(item.id): item.picked for item in items}
    count_units(
        session,
        [
            Taken(need_id(item.id), item.order_line_id, item.level_id, -item.picked)
            for item in items
            if item.picked
        ],
    )
    for item in items:
        item.put_back += taken[need_id(item.id)]
        item.quantity = 0
        session.add(item)
    for row in rows:
        row.outcome, row.reason = PickOutcome.stopped, stops[row.order_id]
        session.add(row)
    session.flush()
    insert_rows(
        session,
        OrderEvent,
        [
            pick_event(row.order_id, "picking_stopped", {"list": list_id, "reason": row.reason})
            for row in rows
        ],
    )


class Taken(NamedTuple):
    """Units of an item that are counted up, or down if below zero."""

    item_id: int
    line_id: int
    level_id: int
    units: int


_ITEMS, _PROMISES = table_of(PickItem), table_of(Allocation)
_LEVELS, _LINES = table_of(StockLevel), table_of(OrderLine)
# Made once: to put statements together takes longer than the database needs for them.
PROMISED_COLUMNS = (
    _LINES.c.id.label("line_id"),
    _LINES.c.allocated,
    _PROMISES.c.level_id.label("promised_at"),
    _LEVELS.c.article_id.label("promised_article"),
    _PROMISES.c.quantity.label("promised"),
    _PROMISES.c.picked.label("ready"),
)


def join_promises(query: Select[Any]) -> Select[Any]:
    """Join what is promised to the lines of a query, a row for each promise, with `PROMISED_COLUMNS`."""
    return (
        query.add_columns(*PROMISED_COLUMNS)
        .outerjoin(_PROMISES, _PROMISES.c.order_line_id == _LINES.c.id)
        .outerjoin(_LEVELS, _LEVELS.c.id == _PROMISES.c.level_id)
    )


_PROMISED = join_promises(sqlalchemy_select().select_from(_LINES))
COUNT = (
    update(_PROMISES)
    .where(_PROMISES.c.order_line_id == bindparam("line"), _PROMISES.c.level_id == bindparam("level"))
    .values(picked=_PROMISES.c.picked + bindparam("units")),
    update(_LINES).where(_LINES.c.id == bindparam("line")).values(picked=bindparam("ready")),
    update(_ITEMS)
    .where(_ITEMS.c.id == bindparam("item"))
    .values(picked=_ITEMS.c.picked + bindparam("units")),
)
"""Counts a unit of an item, with the parameters of `counts_of`."""


def counts_of(parts: Sequence[Taken], promised: Iterable[Any]) -> list[dict[str, int]]:
    """Return for each part what `COUNT` writes; `promised` are rows with `PROMISED_COLUMNS` of all lines."""
    counted: dict[tuple[int, int], int] = defaultdict(int)
    for part in parts:
        counted[part.line_id, part.level_id] += part.units
    allocated: dict[int, int] = {}
    rows: dict[int, dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for row in promised:
        allocated[row.line_id] = row.allocated
        if (level_id := row.promised_at) is not None:
            now = row.ready + counted.get((row.line_id, level_id), 0)
            rows[row.line_id][level_id] = row.promised_article, row.promised, now
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
    """Count units of items up or down, and with them what lies ready of their lines."""
    if not parts:
        return
    session.flush()
    promised = [
        row
        for batch in in_batches(sorted({part.line_id for part in parts}))
        for row in session.connection().execute(_PROMISED.where(among(_LINES.c.id, batch)))
    ]
    write_counts(session, COUNT, counts_of(parts, promised))


def write_counts(
    session: Session, writes: tuple[Update | Insert, ...], counts: Sequence[Mapping[str, int]]
) -> None:
    """Carry out `COUNT`, and what else goes with it."""
    write_together(session, writes, counts)
    # What the session holds of these rows was read before.
    for row in session.identity_map.values():
        if isinstance(row, (PickItem, Allocation, OrderLine)):
            session.expire(row, ["picked"])


def units_to_put_back(
    session: Session, list_id: int, order_ids: Iterable[int], units: Any
) -> dict[int, list[PutBack]]:
    """Return by order what of a column of its items is above zero, by rank and SKU."""
    found: dict[int, list[PutBack]] = {}
    for batch in in_batches(list(order_ids)):
        rows = session.execute(
            sqlalchemy_select(
                col(Order.id), col(Order.external_id), col(PickOrder.box), col(Article.sku), func.sum(units)
            )
            .join(PickOrder, col(PickOrder.order_id) == col(Order.id))
            .join(PickItem, ON_LIST)
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


def numbers_of(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    numbers: dict[int, str] = {}
    for batch in in_batches(order_ids):
        rows = session.execute(
            select(col(Order.id), col(Order.external_id)).where(among(col(Order.id), batch))
        )
        numbers.update(rows.tuples().all())
    return numbers


def pick_event(order_id: int, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    return event_values(order_id, kind, detail, actor=Actor.person)
