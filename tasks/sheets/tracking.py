"""Import of tracking numbers, for instance a carrier's export: each row books or completes a parcel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from models.clock import LOCAL, utc_now
from models.database.conditions import in_batches
from models.database.session import Session, in_transaction, read_scope
from models.errors import Advice, RuleError
from models.fulfilment.consolidation import ship_consolidated
from models.fulfilment.dispatch import add_tracking
from models.fulfilment.shipments import ParcelData, ShipmentData, tracking_numbers
from models.intake.sheet_results import SheetOutcome, SheetReport, SheetResult
from models.orders.order import Order, OrderState
from models.orders.queries import find_orders, lock_each
from models.tenants.account import get_account
from tasks.sheets.columns import NO, TRACKING_COLUMNS, CellError, match_headings
from tasks.sheets.files import make_report, need_columns, read_rows, read_sheet

ORDERS_AT_ONCE = 100
"""Orders booked in one transaction."""
LONGEST_NUMBER = 80
LONGEST_CARRIER = 60
NOT_CANCELLED = NO | {""}
DATES = ("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d")


@dataclass(frozen=True)
class _Row:
    row: int
    order: str
    tracking_number: str
    carrier: str
    shipped_on: date | None


def import_tracking(file: Path, account: str | None, *, carrier: str = "", dry_run: bool) -> SheetReport:
    """Book the parcels of a file. A refused row does not stop the others. Safe to repeat.

    If an order has not been shipped, each of its rows is a parcel of it. If it has, its parcels without a
    number get the new numbers. A number that is known already changes nothing. `carrier` is used for rows
    that name none. If `dry_run` is true, nothing is saved, and the report says what would be.
    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, TRACKING_COLUMNS)
    need_columns(columns, ("order", "tracking_number"))
    with read_scope() as session:
        account_id = get_account(session, account).row_id if account else None

    def read(number: int, values: dict[str, Any]) -> _Row:
        return _row_from(number, values, carrier)

    rows, results = read_rows(sheet, columns, read)
    by_order: dict[str, list[_Row]] = {}
    for row in rows:
        by_order.setdefault(row.order, []).append(row)
    for numbers in in_batches(list(by_order), ORDERS_AT_ONCE):
        groups = {number: by_order[number] for number in numbers}

        def step(session: Session, groups: Mapping[str, Sequence[_Row]] = groups) -> list[SheetResult]:
            done = _book(session, groups, account_id)
            if dry_run:
                session.rollback()
            return done

        results += in_transaction(step)
    return make_report(0, results, ignored)


def _row_from(number: int, values: dict[str, Any], carrier: str) -> _Row:
    if values.get("cancelled", "").casefold() not in NOT_CANCELLED:
        raise CellError("cancelled: the carrier has cancelled this parcel")
    tracking = "".join(values["tracking_number"].split())
    if not values["order"]:
        raise CellError("order: it is empty")
    if not tracking or len(tracking) > LONGEST_NUMBER or not tracking.isprintable():
        raise CellError(f"tracking_number: it must have 1 to {LONGEST_NUMBER} characters")
    if "E+" in tracking.upper():
        raise CellError("tracking_number: it was rounded by a spreadsheet; format the column as text")
    by = values.get("carrier") or carrier
    if not by or len(by) > LONGEST_CARRIER:
        raise CellError("carrier: none is named, neither in a column nor for the whole file")
    return _Row(number, values["order"], tracking, by, _date_of(values.get("shipped_on", "")))


def _date_of(text: str) -> date | None:
    if not text:
        return None
    for form in DATES:
        try:
            return datetime.strptime(text[:10].strip(), form).date()  # noqa: DTZ007 - a calendar's day
        except ValueError:
            continue
    raise CellError(f"shipped_on: {text[:20]!r} is no date; write 2026-11-30 or 30.11.2026")


def _book(
    session: Session, groups: Mapping[str, Sequence[_Row]], account_id: int | None
) -> list[SheetResult]:
    """Book the rows of some orders, given by the order's number; return their results."""
    results: list[SheetResult] = []
    orders: dict[int, Order] = {}
    # Two numbers may mean the same order.
    rows_of: dict[int, list[_Row]] = {}
    for number, order in find_orders(session, list(groups), account_id).items():
        if isinstance(order, RuleError):
            results += _refuse(groups[number], order)
        else:
            orders[order.row_id] = order
            rows_of.setdefault(order.row_id, []).extend(groups[number])
    lock_each(session, list(orders.values()))
    known = tracking_numbers(session, list(orders))
    leaving: dict[int, list[_Row]] = {}
    for order_id, rows in rows_of.items():
        order = orders[order_id]
        unknown = [row for row in rows if row.tracking_number not in known[order_id]]
        news = list({row.tracking_number: row for row in unknown}.values())
        if news and order.state in (OrderState.open, OrderState.released) and "" not in known[order_id]:
            leaving[order_id] = news
        else:
            results += _complete(session, order, rows, news)
    wanted = [_shipment_from(orders[order_id], news) for order_id, news in leaving.items()]
    for (order_id, news), done in zip(leaving.items(), ship_consolidated(session, wanted), strict=True):
        if isinstance(done, RuleError):
            results += _refuse(rows_of[order_id], done)
        else:
            results += _accept(rows_of[order_id], news, SheetOutcome.new)
    return results


def _shipment_from(order: Order, rows: Sequence[_Row]) -> ShipmentData:
    day = rows[0].shipped_on
    at = datetime(day.year, day.month, day.day, 12, tzinfo=LOCAL) if day else utc_now()
    parcels = [ParcelData(tracking_number=row.tracking_number) for row in rows]
    return ShipmentData(order, rows[0].carrier, parcels, min(at, utc_now()))


def _complete(
    session: Session, order: Order, rows: Sequence[_Row], news: Sequence[_Row]
) -> list[SheetResult]:
    """Add new numbers to the parcels of a shipped order that have none."""
    try:
        with session.begin_nested():
            for row in news:
                add_tracking(session, order, row.tracking_number, row.carrier)
    except RuleError as error:
        return _refuse(rows, error)
    return _accept(rows, news, SheetOutcome.changed)


def _accept(rows: Sequence[_Row], news: Sequence[_Row], outcome: SheetOutcome) -> list[SheetResult]:
    return [_result(row, outcome if row in news else SheetOutcome.unchanged) for row in rows]


def _refuse(rows: Sequence[_Row], error: RuleError) -> list[SheetResult]:
    return [_result(row, SheetOutcome.refused, str(error), error.advice) for row in rows]


def _result(
    row: _Row, outcome: SheetOutcome, reason: str = "", advice: tuple[Advice, ...] = ()
) -> SheetResult:
    return SheetResult(row=row.row, order=row.order, outcome=outcome, reason=reason, advice=advice)
