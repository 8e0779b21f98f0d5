"""Tracking numbers from a file, such as a carrier's export: each row books a parcel or completes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from models.account import get_account
from models.columns import need_id, utc_now
from models.db import in_transaction, read_scope
from models.errors import NotFoundError, RuleError
from models.order import OrderState, find_order
from models.sheet import SheetOutcome, SheetReport, SheetResult
from models.shipment import ParcelData, add_tracking, record_shipment, shipments_of
from tasks.sheet_cells import LOCAL, NO, TRACKING_COLUMNS, CellError, match_headings
from tasks.spreadsheets import need_columns, read_rows, read_sheet

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
    """Book the parcels that a file names; rows that are refused do not stop the others.

    Rows of one order that has not left are its parcels. One that has left gets the numbers that its parcels
    lack; a number that is known changes nothing. `carrier` is for rows that name none.
    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, TRACKING_COLUMNS)
    need_columns(columns, ("order", "tracking_number"))
    with read_scope() as session:
        account_id = need_id(get_account(session, account).id) if account else None

    def read(number: int, values: dict[str, Any]) -> _Row:
        return _row_from(number, values, carrier)

    rows, results = read_rows(sheet, columns, read)
    by_order: dict[str, list[_Row]] = {}
    for row in rows:
        by_order.setdefault(row.order, []).append(row)
    for number, group in by_order.items():
        results += _book(number, group, account_id, dry_run=dry_run)
    return SheetReport(tenant_id=0, rows=sorted(results, key=lambda result: result.row), ignored=ignored)


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
        raise CellError("carrier: none is named; give the column, or --carrier")
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


def _book(number: str, rows: Sequence[_Row], account_id: int | None, *, dry_run: bool) -> list[SheetResult]:
    def step(session: Session) -> list[SheetResult]:
        done = _book_one(session, number, rows, account_id)
        if dry_run:
            session.rollback()
        return done

    try:
        return in_transaction(step)
    except (RuleError, NotFoundError) as error:
        return [_result(row, SheetOutcome.refused, str(error)) for row in rows]


def _book_one(
    session: Session, number: str, rows: Sequence[_Row], account_id: int | None
) -> list[SheetResult]:
    order = find_order(session, number, account_id)
    known = {
        parcel.tracking_number
        for _, parcels in shipments_of(session, need_id(order.id))
        for parcel in parcels
    }
    news = list({row.tracking_number: row for row in rows if row.tracking_number not in known}.values())
    if news and order.state in (OrderState.open, OrderState.released) and "" not in known:
        day = news[0].shipped_on
        at = datetime(day.year, day.month, day.day, 12, tzinfo=LOCAL) if day else utc_now()
        parcels = [ParcelData(tracking_number=row.tracking_number) for row in news]
        record_shipment(session, order, news[0].carrier, parcels, min(at, utc_now()))
        return [_result(row, SheetOutcome.new if row in news else SheetOutcome.unchanged) for row in rows]
    for row in news:
        add_tracking(session, order, row.tracking_number, row.carrier)
    return [_result(row, SheetOutcome.changed if row in news else SheetOutcome.unchanged) for row in rows]


def _result(row: _Row, outcome: SheetOutcome, reason: str = "") -> SheetResult:
    return SheetResult(row=row.row, order=row.order, outcome=outcome, reason=reason)
