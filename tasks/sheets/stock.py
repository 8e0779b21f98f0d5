"""Import and export of stock as spreadsheets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.catalog.lists import list_articles
from models.database.conditions import in_batches
from models.database.session import Session, in_transaction, read_scope, session_scope
from models.errors import Advice, NotFoundError, RuleError
from models.intake.sheet_results import SheetOutcome, SheetReport, SheetResult
from models.tenants.tenant import pick_tenant
from models.warehouse.ledger import set_on_hand
from models.warehouse.lists import stockable_articles
from models.warehouse.views import stock_views
from models.warehouse.warehouses import pick_warehouse
from tasks.sheets.columns import STOCK_COLUMNS, CellError, match_headings
from tasks.sheets.files import BATCH, make_report, need_columns, read_rows, read_sheet, write_sheet


@dataclass(frozen=True)
class _Count:
    row: int
    sku: str
    warehouse: str
    on_hand: int


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
        wanted, refused = _sort_out(session, tenant_id, read)
    results += refused
    for warehouse_id, counts in sorted(wanted.items()):
        for ids in in_batches(list(counts), BATCH):
            batch = {article_id: counts[article_id] for article_id in ids}
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


def _sort_out(
    session: Session, tenant_id: int, read: Sequence[_Count]
) -> tuple[dict[int, dict[int, _Count]], list[SheetResult]]:
    """Return the counts to set, by warehouse id and article id, and the refusals of the other rows."""
    articles = stockable_articles(session, tenant_id, [count.sku for count in read])
    warehouses: dict[str, int | NotFoundError] = {}
    for name in {count.warehouse for count in read}:
        try:
            warehouses[name] = pick_warehouse(session, tenant_id, name).row_id
        except NotFoundError as error:
            warehouses[name] = error
    wanted: dict[int, dict[int, _Count]] = {}
    refused = []
    for count in read:
        article, warehouse = articles[count.sku], warehouses[count.warehouse]
        advice: tuple[Advice, ...] = ()
        if isinstance(article, str):
            reason = f"sku: {article}"
        elif isinstance(warehouse, NotFoundError):
            reason, advice = f"warehouse: {warehouse}", warehouse.advice
        elif (first := wanted.setdefault(warehouse, {}).setdefault(article, count)) is not count:
            reason = f"sku: {count.sku!r} stands in row {first.row} already"
        else:
            continue
        refused.append(
            SheetResult(
                row=count.row, sku=count.sku, outcome=SheetOutcome.refused, reason=reason, advice=advice
            )
        )
    return wanted, refused


def _count_from(row: int, values: dict[str, Any]) -> _Count:
    if not values["sku"]:
        raise CellError("sku: it is empty")
    if values["on_hand"] is None:
        raise CellError("on_hand: it is empty; write 0 if there is none")
    if values["on_hand"] < 0:
        raise CellError(f"on_hand: {values['on_hand']} is negative")
    return _Count(row, values["sku"], values.get("warehouse", ""), values["on_hand"])


def _set_batch(
    warehouse_id: int, batch: Mapping[int, _Count], reference: str, *, dry_run: bool
) -> list[SheetResult]:
    """Set the counts of articles at once; if a rule refuses that, one by one, so that the others are set."""
    wanted = {article_id: count.on_hand for article_id, count in batch.items()}

    def step(session: Session) -> tuple[dict[int, int], dict[int, str]]:
        try:
            with session.begin_nested():
                changes = set_on_hand(session, warehouse_id, wanted, reference=reference)
            reasons: dict[int, str] = {}
        except RuleError:
            changes, reasons = {}, {}
            for article_id in sorted(batch):
                try:
                    with session.begin_nested():
                        changes |= set_on_hand(
                            session, warehouse_id, {article_id: wanted[article_id]}, reference=reference
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
        for article_id, count in batch.items()
    ]
