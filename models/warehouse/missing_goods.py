"""Missing goods: units on a pick list that a picker does not find at their bin."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.catalog.lists import skus_by_id
from models.database.bulk import insert_rows
from models.database.conditions import among
from models.orders.history import OrderEvent
from models.orders.holds import SHORTAGES, Hold
from models.orders.order import OrderLine
from models.orders.queries import order_numbers
from models.warehouse.allocation import allocate, allocate_freed
from models.warehouse.ledger import write_off_missing
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_items import (
    PutBack,
    Refusal,
    ScanError,
    add_items,
    lock_open,
    pick_event,
)
from models.warehouse.pick_lists import PickItem
from models.warehouse.scanned_articles import identify, not_wanted
from models.warehouse.stops import find_noted, find_stops, stop_orders


@dataclass(frozen=True)
class ShortResult:
    """The result of reporting missing units."""

    sku: str
    missing: int
    written_off: int
    """By how much stock on hand fell: the missing units, and units there that were not allocated."""
    elsewhere: int
    """Units that the list now asks for at other bins."""
    orders: list[str]
    """Numbers of the orders that lost units."""
    short: list[str]
    """Numbers of those orders that now wait for stock."""
    put_back: list[PutBack]
    """Parts of sets, picked on an earlier list, that are useless without the missing units."""
    notices: list[str]
    """As in `ScanResult`."""


def report_short(session: Session, list_id: int, code: str, missing: int | None = None) -> ShortResult:
    """Write off units that are missing at an article's next bin; by default all units still to pick there.

    The last orders of the list lose their units first. Other stock is allocated to them and added to the
    list; if there is none, they are held as short of stock. Takes the tenant's lock.
    Raises: ScanError, as `scan` does; then nothing is changed.
    """
    pick_list = lock_open(session, list_id)
    article_id, sku = identify(session, pick_list, code)
    noted, stops = find_noted(session, list_id)
    stops |= find_stops(session, _orders_of(session, list_id, article_id))
    items = _open_items(session, list_id, article_id, stops)
    items = [item for item in items if item.level_id == items[0].level_id]
    to_pick = sum(item.quantity - item.picked for item in items)
    if not to_pick:
        raise not_wanted(session, list_id, article_id, sku, 0, stops)
    missing = to_pick if missing is None else missing
    if not 1 <= missing <= to_pick:
        raise ScanError(Refusal.surplus, f"{to_pick} of {sku} are still to be picked there, not {missing}.")
    notices = stop_orders(session, list_id, noted, stops)
    lost, orders = _distribute_loss(items, missing)
    picked = _count_picked(session, list_id, lost)
    change, freed = write_off_missing(session, items[0].level_id, lost, f"pick list {list_id}")
    allocate(session, orders)
    elsewhere = add_items(session, list_id, orders).get(article_id, 0)
    allocate_freed(session, freed)
    notices += stop_orders(session, list_id, find_noted(session, list_id)[0], {}, brief=True)
    useless = picked - _count_picked(session, list_id, lost)
    short = _short_orders(session, orders, lost)
    numbers = order_numbers(session, orders)
    skus = skus_by_id(session, sorted({part_id for _, part_id in useless}))
    events: dict[int, dict[str, Any]] = {
        order_id: {"list": list_id, "sku": sku, "waits": order_id in short} for order_id in orders
    }
    put_back: list[PutBack] = []
    for (order_id, part_id), units in sorted(useless.items()):
        put_back.append(PutBack(skus[part_id], numbers[order_id], 0, units))
        events[order_id].setdefault("put_back", {})[skus[part_id]] = units
        notices.append(
            f"Order {numbers[order_id]}: put back {units} × {skus[part_id]}, picked on an earlier list."
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


def _distribute_loss(items: Sequence[PickItem], missing: int) -> tuple[dict[int, int], list[int]]:
    """Return {line id: lost units}, and the ids of the orders that lose them, in the order of the list."""
    lost: dict[int, int] = {}
    orders: list[int] = []
    rest = missing
    for item in reversed(items):
        part = min(rest, item.quantity - item.picked)
        if part:
            lost[item.order_line_id] = part
            orders.append(item.order_id)
            rest -= part
    return lost, list(dict.fromkeys(reversed(orders)))


def _short_orders(session: Session, order_ids: Sequence[int], line_ids: Collection[int]) -> set[int]:
    """Return ids of the orders that wait for stock for one of these lines."""
    query = select(Hold.order_id).where(
        among(col(Hold.order_id), order_ids),
        col(Hold.reason).in_(SHORTAGES),
        col(Hold.released_at).is_(None),
        among(col(Hold.order_line_id), line_ids),
    )
    return set(session.exec(query).all())


def _count_picked(session: Session, list_id: int, line_ids: Collection[int]) -> Counter[tuple[int, int]]:
    """Return {(order id, article id): picked units of these lines}, plus those this list asks to put back."""
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


def _open_items(session: Session, list_id: int, article_id: int, stops: Mapping[int, str]) -> list[PickItem]:
    """Return an article's items with units still to pick, in walking order, without stopped orders."""
    query = (
        select(PickItem)
        .where(
            PickItem.pick_list_id == list_id,
            PickItem.article_id == article_id,
            col(PickItem.picked) < col(PickItem.quantity),
            col(PickItem.order_id).not_in(list(stops)),
        )
        .order_by(col(PickItem.position), col(PickItem.id))
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
