"""Scanning: each scan counts units for the next order of the list, and can be undone.

An order's state and holds are read again before a unit counts for it. A refused scan changes nothing.
"""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.catalog.lists import skus_by_id
from models.database.conditions import among
from models.errors import RuleError
from models.orders.order import Order
from models.orders.scanned_codes import choose_scanned, scan_key
from models.values import MAX_COUNT
from models.warehouse._scan_statements import COUNT_SCAN, LIST_SUMS, NEXT_ITEMS, NEXT_ITEMS_WITHOUT, OPEN_LIST
from models.warehouse.pick_items import (
    Refusal,
    ScanError,
    Taken,
    check_open,
    count_units,
    counts_of,
    lock_open,
    unknown_list,
    write_counts,
)
from models.warehouse.pick_lists import PickItem, PickOrder, PickScan
from models.warehouse.scanned_articles import identify, narrow_to_list, need_articles, not_wanted
from models.warehouse.stops import find_noted, find_stops, stop_orders


@dataclass(frozen=True)
class Portion:
    """Units of an article for one order line."""

    order: str
    """The order's number."""
    box: int
    """0 if there are no boxes."""
    quantity: int


@dataclass(frozen=True)
class ScanResult:
    """What a scan counted."""

    number: int
    """The scan's number on its list, for `undo`."""
    sku: str
    portions: list[Portion]
    """Where the units go."""
    picked: int
    """Units of the article picked on this list, this scan included."""
    asked: int
    """Units of the article that the list asks for."""
    is_complete: bool
    """Whether everything on the list is picked."""
    notices: list[str]
    """What happened to orders of the list since the last scan; closing the list repeats it."""


def scan(session: Session, list_id: int, code: str, quantity: int = 1) -> ScanResult:
    """Count units of the article with this SKU or GTIN for the next order of the list.

    Takes the tenant's lock.
    Raises: ScanError, if the code is unknown or ambiguous, if its article is not on the list or fewer units
    are needed, or if the list has ended; NotFoundError, if there is no such list. Then nothing is changed.
    """
    session.flush()
    connection = session.connection()
    scanned = {"list": list_id if 0 < list_id <= MAX_COUNT else 0, "loose": scan_key(code)}
    candidates = connection.execute(OPEN_LIST, scanned).all()
    if not candidates:
        raise unknown_list(list_id)
    check_open(list_id, candidates[0].state)
    if not 1 <= quantity <= MAX_COUNT:
        raise ScanError(Refusal.surplus, f"{quantity} is not a number of units that can be picked.")
    found = need_articles(code, choose_scanned(candidates, code))
    # For a single article, the items below show whether it is on the list.
    article_id, sku = narrow_to_list(session, list_id, code, found) if len(found) > 1 else found[0][:2]
    wanted = {"list": list_id, "article": article_id, "most": quantity}
    rows = connection.execute(NEXT_ITEMS, wanted).all()
    noted, stops = find_noted(session, list_id) if not rows or rows[0].is_noted else ([], {})
    while stopped := {row.order_id for row in rows if row.stops}:
        stops |= find_stops(session, sorted(stopped))
        rows = connection.execute(NEXT_ITEMS_WITHOUT, {**wanted, "stops": list(stops)}).all()
    items = list({row.id: row for row in rows}.values())
    to_pick = sum(item.to_pick for item in items)
    if to_pick < quantity:
        narrow_to_list(session, list_id, code, found)
        raise not_wanted(session, list_id, article_id, sku, to_pick, stops)
    notices = stop_orders(session, list_id, noted, stops)
    parts: list[Taken] = []
    portions: list[Portion] = []
    rest = quantity
    for item in items:
        units = min(rest, item.to_pick)
        parts.append(Taken(item.id, item.line_id, item.level_id, units))
        portions.append(Portion(item.external_id, item.box, units))
        rest -= units
        if not rest:
            break
    number = candidates[0].scans + 1
    this_scan = {"list": list_id, "scan": number}
    write_counts(session, COUNT_SCAN, [{**count, **this_scan} for count in counts_of(parts, rows)])
    if noted or stops:
        return _result(session, list_id, number, article_id, sku, portions, notices)
    done = sum(part.units == item.to_pick for part, item in zip(parts, items, strict=False))
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
    """Undo the scan with this number; without a number, the last scan, or the last scan of `code`.

    Takes the tenant's lock.
    Raises: RuleError, if there is no such scan, or if its units already have to be put back; ScanError, if no
    article of the list has this code.
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
            article_id, _ = identify(session, pick_list, code)
            last = last.join(PickItem, col(PickItem.id) == col(PickScan.pick_item_id)).where(
                PickItem.article_id == article_id
            )
        number = session.exec(last).one()
    rows = session.exec(query.where(PickScan.number == number)).all() if number else []
    if not rows or number is None:
        raise RuleError(f"Pick list {list_id} has no scan that could be undone.")
    if any(item.picked < taken.quantity for taken, item in rows):
        raise RuleError("The units of this scan are no longer needed and already have to be put back.")
    article_id = rows[0][1].article_id
    count_units(
        session,
        [Taken(item.row_id, item.order_line_id, item.level_id, -taken.quantity) for taken, item in rows],
    )
    orders = {
        order_id: (number_of_order, box)
        for order_id, number_of_order, box in session.execute(
            select(col(Order.id), col(Order.external_id), col(PickOrder.box))
            .join(PickOrder, col(PickOrder.order_id) == col(Order.id))
            .where(
                col(PickOrder.pick_list_id) == list_id,
                among(col(Order.id), {item.order_id for _, item in rows}),
            )
        )
    }
    portions = [Portion(*orders[item.order_id], taken.quantity) for taken, item in rows]
    for taken, _ in rows:
        session.delete(taken)
    session.flush()
    sku = skus_by_id(session, [article_id])[article_id]
    return _result(session, list_id, number, article_id, sku, portions, [])


def _result(
    session: Session,
    list_id: int,
    number: int,
    article_id: int,
    sku: str,
    portions: list[Portion],
    notices: list[str],
) -> ScanResult:
    asked, picked, has_open_items = (
        session.connection().execute(LIST_SUMS, {"list": list_id, "article": article_id}).one()
    )
    return ScanResult(
        number=number,
        sku=sku,
        portions=portions,
        picked=int(picked),
        asked=int(asked),
        is_complete=not has_open_items,
        notices=notices,
    )
