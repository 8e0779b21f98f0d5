"""Import and export of stock as spreadsheets."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from models.catalog.lists import list_articles
from models.database.session import in_transaction, read_scope, session_scope
from models.errors import Advice, NotFoundError, RuleError
from models.intake.sheet_results import SheetOutcome, SheetReport, SheetResult
from models.tenants.tenant import pick_tenant
from models.warehouse.ledger import set_on_hand
from models.warehouse.lists import stockable_articles
from models.warehouse.views import stock_views
from models.warehouse.warehouses import pick_warehouse
from tasks.sheets.columns import STOCK_COLUMNS, CellError, match_headings
from tasks.sheets.files import BATCH, make_report, need_columns, read_rows, read_sheet, write_sheet


def import_stock(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Set the stock on hand from a file, with ledger entries. A refused row does not stop the others.

    If `dry_run` is true, nothing is saved, and the report says what would be.
    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, STOCK_COLUMNS)
    need_columns(columns, ("sku", "on_hand"))
    read, results = read_rows(sheet, columns, _count_from)
    with session_scope() as session:
        tenant_id = pick_tenant(session, tenant).row_id
        found = stockable_articles(session, tenant_id, [count.sku for count in read])
        warehouses: dict[str, int | NotFoundError] = {}
        for name in {count.warehouse for count in read}:
            try:
                warehouses[name] = pick_warehouse(session, tenant_id, name).row_id
            except NotFoundError as error:
                warehouses[name] = error
    by_warehouse: dict[int, list[_Count]] = {}
    rows_of: dict[tuple[int, str], int] = {}
    for count in read:
        article, place = found[count.sku], warehouses[count.warehouse]
        reason = ""
        advice: tuple[Advice, ...] = ()
        if isinstance(article, str):
            reason = f"sku: {article}"
        elif isinstance(place, NotFoundError):
            reason, advice = f"warehouse: {place}", place.advice
        elif rows_of.setdefault((place, count.sku), count.row) != count.row:
            reason = f"sku: {count.sku!r} stands in row {rows_of[place, count.sku]} already"
        else:
            by_warehouse.setdefault(place, []).append(count)
        if reason:
            results.append(
                SheetResult(
                    row=count.row, sku=count.sku, outcome=SheetOutcome.refused, reason=reason, advice=advice
                )
            )
    for warehouse_id, counts in sorted(by_warehouse.items()):
        for start in range(0, len(counts), BATCH):
            batch = [(count, int(found[count.sku])) for count in counts[start : start + BATCH]]
            results += _set_batch(warehouse_id, batch, file.name, dry_run=dry_run)
    return make_report(tenant_id, results, ignored)


def export_stock(file: Path, tenant: str | None, *, german: bool = False) -> int:
    """Write the stock on hand of each article in each warehouse to a file; return the number of rows."""
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        rows = [
            {"sku": row.sku, **asdict(level)}
            for batch in list_articles(session, owner.row_id)
            for row in stock_views(session, owner, batch)
            for level in row.warehouses
        ]
    write_sheet(file, STOCK_COLUMNS, rows, german=german)
    return len(rows)


@dataclass(frozen=True)
class _Count:
    row: int
    sku: str
    warehouse: str
    on_hand: int


def _count_from(row: int, values: dict[str, Any]) -> _Count:
    if not values["sku"]:
        raise CellError("sku: it is empty")
    if values["on_hand"] is None:
        raise CellError("on_hand: it is empty; write 0 if there is none")
    if values["on_hand"] < 0:
        raise CellError(f"on_hand: {values['on_hand']} is negative")
    return _Count(row, values["sku"], values.get("warehouse", ""), values["on_hand"])


def _set_batch(
    warehouse_id: int, batch: Sequence[tuple[_Count, int]], reference: str, *, dry_run: bool
) -> list[SheetResult]:
    """Set a batch at once; if a rule refuses it, row by row, so that only the refused rows are left out."""

    def step(session: Session) -> tuple[dict[int, int], dict[int, str]]:
        try:
            with session.begin_nested():
                wanted = {article_id: count.on_hand for count, article_id in batch}
                changes = set_on_hand(session, warehouse_id, wanted, reference=reference)
            reasons: dict[int, str] = {}
        except RuleError:
            changes, reasons = {}, {}
            for count, article_id in sorted(batch, key=lambda pair: pair[1]):
                try:
                    with session.begin_nested():
                        changes |= set_on_hand(
                            session, warehouse_id, {article_id: count.on_hand}, reference=reference
                        )
                except RuleError as error:
                    reasons[article_id] = f"on_hand: {error}"
        if dry_run:
            session.rollback()
        return changes, reasons

    changes, reasons = in_transaction(step)
    return [
        SheetResult(
            row=count.row,
            sku=count.sku,
            outcome=SheetOutcome.refused
            if article_id in reasons
            else SheetOutcome.changed
            if article_id in changes
            else SheetOutcome.unchanged,
            reason=reasons.get(article_id, ""),
        )
        for count, article_id in batch
    ]
