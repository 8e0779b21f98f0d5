"""Import of bins from spreadsheets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.database.session import Session, in_transaction, read_scope
from models.errors import Advice, RuleError
from models.intake.sheet_results import SheetOutcome, SheetReport, SheetResult
from models.tenants.tenant import pick_tenant
from models.warehouse.bins import get_bin, place_articles, save_bin
from models.warehouse.lists import stockable_articles
from models.warehouse.warehouses import pick_warehouse
from tasks.sheets.columns import BIN_COLUMNS, CellError, match_headings
from tasks.sheets.files import make_report, need_columns, read_rows, read_sheet


@dataclass(frozen=True)
class _BinRow:
    row: int
    warehouse: str
    bin: str
    place: int | None
    sku: str


def import_bins(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Save bins, their places on the way and their articles. A refused row does not stop the others.

    A row without a SKU sets only the bin; a row without a place keeps the bin's place. Safe to repeat. If
    `dry_run` is true, nothing is saved, and the report says what would be.
    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, BIN_COLUMNS)
    need_columns(columns, ("bin",))
    read, refused = read_rows(sheet, columns, _bin_from)
    with read_scope() as session:
        tenant_id = pick_tenant(session, tenant).row_id
        found = stockable_articles(session, tenant_id, [row.sku for row in read if row.sku])
    rows, conflicts = _without_conflicts(read, found)
    step = partial(_save_bins, tenant_id=tenant_id, rows=rows, articles=found, dry_run=dry_run)
    return make_report(tenant_id, [*refused, *conflicts, *in_transaction(step)], ignored)


def _without_conflicts(
    read: Sequence[_BinRow], articles: Mapping[str, int | str]
) -> tuple[list[_BinRow], list[SheetResult]]:
    """Return the rows that agree with the rows before them, and the refusals of the others."""
    rows, refused = [], []
    first_of_bin: dict[tuple[str, str], _BinRow] = {}
    first_of_sku: dict[tuple[str, str], _BinRow] = {}
    for row in read:
        placed = first_of_bin.setdefault((row.warehouse, row.bin), row) if row.place is not None else row
        lying = first_of_sku.setdefault((row.warehouse, row.sku), row) if row.sku else row
        if row.sku and isinstance(articles[row.sku], str):
            reason = f"sku: {articles[row.sku]}"
        elif placed.place != row.place:
            reason = f"place: {row.bin!r} has place {placed.place} in row {placed.row}"
        elif lying.bin != row.bin:
            reason = f"bin: {row.sku!r} lies in {lying.bin!r} by row {lying.row}"
        else:
            rows.append(row)
            continue
        refused.append(SheetResult(row=row.row, sku=row.sku, outcome=SheetOutcome.refused, reason=reason))
    return rows, refused


def _bin_from(row: int, values: dict[str, Any]) -> _BinRow:
    if not values["bin"]:
        raise CellError("bin: it is empty")
    return _BinRow(
        row, values.get("warehouse", ""), values["bin"], values.get("place"), values.get("sku", "")
    )


def _save_bins(
    session: Session,
    *,
    tenant_id: int,
    rows: Sequence[_BinRow],
    articles: Mapping[str, int | str],
    dry_run: bool,
) -> list[SheetResult]:
    """Save rows one by one, so that a refused row does not stop the others."""
    results = []
    for row in rows:
        outcome, reason = SheetOutcome.unchanged, ""
        advice: tuple[Advice, ...] = ()
        try:
            with session.begin_nested():
                warehouse = pick_warehouse(session, tenant_id, row.warehouse)
                is_new = save_bin(session, warehouse, row.bin, row.place)
                lies_in = get_bin(session, warehouse, row.bin)
                moved = row.sku and place_articles(session, warehouse, lies_in, [int(articles[row.sku])])
            if is_new:
                outcome = SheetOutcome.new
            elif moved or is_new is not None:
                outcome = SheetOutcome.changed
        except RuleError as error:
            outcome, reason, advice = SheetOutcome.refused, str(error), error.advice
        results.append(SheetResult(row=row.row, sku=row.sku, outcome=outcome, reason=reason, advice=advice))
    if dry_run:
        session.rollback()
    return results
