"""Spreadsheets that merchants begin with: articles, stock and orders as CSV or XLSX.

Everything is read as text, so that leading zeros stay; numbers may have a decimal comma or point.
"""

import csv
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError
from sqlmodel import Session

from models.article_list import list_articles
from models.article_sheet import (
    ArticleState,
    SheetArticle,
    link_sheet_articles,
    plan_articles,
    read_states,
    save_sheet_articles,
)
from models.bin import get_bin, put_articles, save_bin
from models.columns import need_id
from models.db import in_transaction, read_scope, session_scope
from models.errors import NotFoundError, RuleError
from models.sheet import SheetOutcome, SheetReport, SheetResult
from models.stock_list import countable, describe_stock, list_warehouses, pick_warehouse
from models.stock_moves import set_on_hand
from models.tenant import pick_tenant
from tasks.sheet_cells import (
    ARTICLE_COLUMNS,
    BIN_COLUMNS,
    FORMULA_SIGNS,
    STOCK_COLUMNS,
    TRACKING_COLUMNS,
    WEIGHT_KG,
    CellError,
    Column,
    match_headings,
    read_cell,
    write_cell,
)

BATCH = 500
LARGEST_FILE = 500_000_000
MOST_COLUMNS = 1000
SEPARATORS = ";,\t"


@dataclass(frozen=True)
class Sheet:
    """A file as text: headings, and the cells of each row that is not blank by its number."""

    headings: list[str]
    rows: list[tuple[int, list[str]]]


def import_articles(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Save the articles of a file; rows that are refused do not stop the others. Repeating is harmless.

    Raises: RuleError, if the file as a whole cannot be read or has no column for the SKU.
    """
    sheet = read_sheet(file)
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        tenant_id, currency, language = need_id(owner.id), owner.currency, owner.language
    columns, ignored = match_headings(sheet.headings, (*ARTICLE_COLUMNS, WEIGHT_KG), title_language=language)
    need_columns(columns, ("sku",))
    read, refused = read_rows(sheet, columns, _article_from)
    with read_scope() as session:
        plan = plan_articles(session, tenant_id, currency, read)
    if not dry_run:
        batches = [plan.rows[start : start + BATCH] for start in range(0, len(plan.rows), BATCH)]
        for batch in batches:
            in_transaction(partial(save_sheet_articles, tenant_id=tenant_id, currency=currency, rows=batch))
        # Only now every parent and part is there.
        for batch in batches:
            in_transaction(partial(link_sheet_articles, tenant_id=tenant_id, rows=batch))
    return _report(tenant_id, [*plan.results, *refused], ignored)


def import_stock(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Set what is on hand by a file, through the ledger; rows that are refused do not stop the others.

    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, STOCK_COLUMNS)
    need_columns(columns, ("sku", "on_hand"))
    read, results = read_rows(sheet, columns, _count_from)
    with session_scope() as session:
        tenant_id = need_id(pick_tenant(session, tenant).id)
        found = countable(session, tenant_id, [count.sku for count in read])
        warehouses: dict[str, int | str] = {}
        for name in {count.warehouse for count in read}:
            try:
                warehouses[name] = need_id(pick_warehouse(session, tenant_id, name).id)
            except NotFoundError as error:
                warehouses[name] = f"warehouse: {error}"
    by_warehouse: dict[int, list[_Count]] = {}
    rows_of: dict[tuple[int, str], int] = {}
    for count in read:
        article, place = found[count.sku], warehouses[count.warehouse]
        reason = ""
        if isinstance(article, str):
            reason = f"sku: {article}"
        elif isinstance(place, str):
            reason = place
        elif rows_of.setdefault((place, count.sku), count.row) != count.row:
            reason = f"sku: {count.sku!r} stands in row {rows_of[place, count.sku]} already"
        else:
            by_warehouse.setdefault(place, []).append(count)
        if reason:
            results.append(
                SheetResult(row=count.row, sku=count.sku, outcome=SheetOutcome.refused, reason=reason)
            )
    for warehouse_id, counts in sorted(by_warehouse.items()):
        for start in range(0, len(counts), BATCH):
            batch = [(count, int(found[count.sku])) for count in counts[start : start + BATCH]]
            results += _set_batch(warehouse_id, batch, file.name, dry_run=dry_run)
    return _report(tenant_id, results, ignored)


def import_bins(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Add bins, set their places and what lies in them by a file; refused rows do not stop the others.

    A row without a SKU is of the bin alone, one without a place leaves the bin's as it is. Repeating it is
    harmless. Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = match_headings(sheet.headings, BIN_COLUMNS)
    need_columns(columns, ("bin",))
    read, results = read_rows(sheet, columns, _bin_from)
    with read_scope() as session:
        tenant_id = need_id(pick_tenant(session, tenant).id)
        found = countable(session, tenant_id, [row.sku for row in read if row.sku])
    first: dict[tuple[str, ...], _BinRow] = {}
    rows = []
    for row in read:
        reason = ""
        placed = first.setdefault((row.warehouse, row.bin), row) if row.place is not None else row
        lying = first.setdefault((row.warehouse, "", row.sku), row) if row.sku else row
        if row.sku and isinstance(found[row.sku], str):
            reason = f"sku: {found[row.sku]}"
        elif placed.place != row.place:
            reason = f"place: {row.bin!r} has place {placed.place} in row {placed.row}"
        elif lying.bin != row.bin:
            reason = f"bin: {row.sku!r} lies in {lying.bin!r} by row {lying.row}"
        if reason:
            results.append(SheetResult(row=row.row, sku=row.sku, outcome=SheetOutcome.refused, reason=reason))
        else:
            rows.append(row)
    step = partial(_save_bins, tenant_id=tenant_id, rows=rows, articles=found, dry_run=dry_run)
    return _report(tenant_id, results + in_transaction(step), ignored)


def export_articles(file: Path, tenant: str | None, *, german: bool = False) -> int:
    """Write a tenant's articles so that `import_articles` finds nothing to change; return how many."""
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        rows = [
            _article_row(state, owner.currency)
            for batch in list_articles(session, need_id(owner.id))
            for _, state in sorted(
                read_states(session, need_id(owner.id), [article.sku for article in batch]).items()
            )
        ]
    write_sheet(file, ARTICLE_COLUMNS, rows, german=german)
    return len(rows)


def export_stock(file: Path, tenant: str | None, *, german: bool = False) -> int:
    """Write what is on hand of each article in each warehouse; return how many rows."""
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        names = {need_id(row.id): row.name for row in list_warehouses(session, need_id(owner.id))}
        rows = [
            {"sku": row["sku"], **level}
            for batch in list_articles(session, need_id(owner.id))
            for row in describe_stock(session, batch, names, owner.language)
            for level in row["warehouses"]
        ]
    write_sheet(file, STOCK_COLUMNS, rows, german=german)
    return len(rows)


def write_sheet(
    file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, german: bool = False
) -> None:
    """Write a CSV or XLSX file, by its name; it appears whole or not at all.

    German means German headings, and in CSV semicolons, decimal commas and a mark for Excel.
    Raises: RuleError, if the name ends otherwise or the place cannot be written.
    """
    ending = file.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise RuleError(f"{file.name}: the name must end in .csv or .xlsx.")
    is_text = ending == ".csv"
    frame = pd.DataFrame(
        [
            [
                write_cell(row.get(column.name), column.kind, is_text=is_text, german=german)
                for column in columns
            ]
            for row in rows
        ],
        columns=[column.german if german else column.name for column in columns],
        dtype=object,
    )
    draft = file.with_name(f".{file.stem}.{os.getpid()}{ending}")
    try:
        if is_text:
            frame.to_csv(
                draft, index=False, sep=";" if german else ",", encoding="utf-8-sig" if german else "utf-8"
            )
        else:
            frame.to_excel(draft, index=False, engine="openpyxl")
        draft.replace(file)
    except OSError as error:
        raise RuleError(f"{file.name} cannot be written: {error.strerror or type(error).__name__}.") from None
    finally:
        draft.unlink(missing_ok=True)


def read_sheet(file: Path) -> Sheet:
    """Read a CSV or XLSX file, known by its content. Raises: RuleError, naming what is wrong with it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RuleError(f"{file.name} cannot be read: {error.strerror or type(error).__name__}.") from None
    if content.startswith(b"PK\x03\x04"):
        frame = _read_xlsx(file.name, content)
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        raise RuleError(f"{file.name} is an old Excel file; save it as .xlsx or CSV.")
    else:
        frame = _read_csv(file.name, content)
    cells = [[_as_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    numbered = [(number, row) for number, row in enumerate(cells, start=1) if any(row)]
    if numbered and len(numbered[0][1]) and numbered[0][1][0].startswith("sep="):
        numbered = numbered[1:]
    if not numbered:
        raise RuleError(f"{file.name} is empty.")
    return Sheet(headings=numbered[0][1], rows=numbered[1:])


def _read_xlsx(name: str, content: bytes) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST_FILE:
                raise RuleError(f"{name} is too large.")
        return pd.read_excel(
            io.BytesIO(content), header=None, dtype=object, na_filter=False, engine="openpyxl"
        )
    except RuleError:
        raise
    except Exception:
        # What a damaged file raises is as manifold as damage is.
        raise RuleError(f"{name} is damaged, or no Excel file; save it anew as .xlsx or CSV.") from None


def _read_csv(name: str, content: bytes) -> pd.DataFrame:
    text = _decode(name, content)
    lines = text.splitlines()
    if lines and lines[0].startswith("sep="):
        # The line number stays: a blank one takes its place.
        text = "\n" + text.partition("\n")[2]
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise RuleError(f"{name} is empty.")
    separator = max(SEPARATORS, key=first.count)
    width = max(line.count(separator) for line in lines) + 1
    if width > MOST_COLUMNS:
        raise RuleError(f"{name} has more than {MOST_COLUMNS} columns.")
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=list(range(width)),
            dtype=object,
            na_filter=False,
            skip_blank_lines=False,
            index_col=False,
        ).fillna("")
    except (ValueError, csv.Error):
        raise RuleError(f"{name} is no proper CSV file: a quotation mark may be missing.") from None


def _decode(name: str, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content:
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not any(sign < " " and sign not in "\t\r\n\f\v" for sign in text):
            return text
    raise RuleError(f"{name} is neither a CSV nor an XLSX file.")


def _as_text(value: object) -> str:
    """Return a cell as text; a fraction gets a decimal comma and never exactly three places."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        whole, _, places = f"{value:.6f}".rstrip("0").partition(".")
        return f"{whole},{places.ljust(4, '0') if len(places) == 3 else places}"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    text = str(value).strip()
    # The guard that `write_sheet` puts before what would be a formula.
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text


def need_columns(columns: Mapping[int, Column], names: Sequence[str]) -> None:
    """Make sure that a sheet has these columns. Raises: RuleError, naming those that are missing."""
    found = {column.name for column in columns.values()}
    missing = [name for name in names if name not in found]
    if missing:
        german = {column.name: column.german for column in (*STOCK_COLUMNS, *BIN_COLUMNS, *TRACKING_COLUMNS)}
        wanted = " and ".join(f"{name!r} or {german[name]!r}" for name in missing)
        raise RuleError(f"The first row must name the columns; {wanted} is missing.")


def read_rows(
    sheet: Sheet, columns: Mapping[int, Column], read: Callable[[int, dict[str, Any]], Any]
) -> tuple[list[Any], list[SheetResult]]:
    """Return what could be read of the rows, and the results of those that were refused."""
    rows, refused = [], []
    named = {column.name: position for position, column in columns.items() if column.name in ("sku", "order")}
    for number, cells in sheet.rows:
        try:
            if any(cell and not heading for cell, heading in _beside(cells, sheet.headings)):
                raise CellError("there are more cells than headings; quote texts that hold the separator")
            values = {column.name: read_cell(column, cells[position]) for position, column in columns.items()}
            rows.append(read(number, values))
        except CellError as error:
            reason = str(error)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        else:
            continue
        of = {name: cells[position][:120] for name, position in named.items()}
        refused.append(SheetResult(row=number, outcome=SheetOutcome.refused, reason=reason, **of))
    return rows, refused


def _beside(cells: Sequence[str], headings: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((cell, headings[at] if at < len(headings) else "") for at, cell in enumerate(cells))


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


@dataclass(frozen=True)
class _BinRow:
    row: int
    warehouse: str
    bin: str
    place: int | None
    sku: str


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
    """Save rows one by one, so that what a rule refuses does not stop the others."""
    results = []
    for row in rows:
        outcome, reason = SheetOutcome.unchanged, ""
        try:
            with session.begin_nested():
                warehouse = pick_warehouse(session, tenant_id, row.warehouse)
                is_new = save_bin(session, warehouse, row.bin, row.place)
                lies_in = get_bin(session, warehouse, row.bin)
                moved = row.sku and put_articles(session, warehouse, lies_in, [int(articles[row.sku])])
            if is_new:
                outcome = SheetOutcome.new
            elif moved or is_new is not None:
                outcome = SheetOutcome.changed
        except RuleError as error:
            outcome, reason = SheetOutcome.refused, str(error)
        results.append(SheetResult(row=row.row, sku=row.sku, outcome=outcome, reason=reason))
    if dry_run:
        session.rollback()
    return results


def _article_from(row: int, values: dict[str, Any]) -> SheetArticle:
    if not values["sku"]:
        raise CellError("sku: it is empty")
    for name in ("sku", "gtin"):
        if re.fullmatch(r"\d[.,]\d+E\+?\d+", values.get(name) or "", re.IGNORECASE):
            raise CellError(
                f"{name}: {values[name]!r} was rounded by a spreadsheet; format the column as text"
            )
    titles = {name[6:]: values.pop(name) for name in list(values) if name.startswith("title_")}
    kilograms = values.pop("weight_kg", None)
    if kilograms is not None:
        if "weight_grams" in values:
            raise CellError("weight_kg: the weight stands in grams, too; remove one of the columns")
        values["weight_grams"] = round(kilograms * 1000)
    if values.get("active", True) is None:
        del values["active"]
    if "currency" in values:
        values["currency"] = values["currency"].upper()
    if "country_of_origin" in values:
        values["country_of_origin"] = values["country_of_origin"].upper()
    return SheetArticle.model_validate({"row": row, "titles": titles, **values})


def _set_batch(
    warehouse_id: int, batch: Sequence[tuple[_Count, int]], reference: str, *, dry_run: bool
) -> list[SheetResult]:
    """Set a batch at once; if a rule refuses it, row by row, so that the others are taken."""

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


def _article_row(state: ArticleState, currency: str) -> dict[str, Any]:
    article = state.article
    priced = currency if currency in state.prices else next(iter(sorted(state.prices)), "")
    return {
        **article.model_dump(
            include={
                "sku",
                "gtin",
                "tax_rate",
                "weight_grams",
                "unit",
                "manufacturer",
                "manufacturer_number",
                "supplier",
                "supplier_number",
                "country_of_origin",
                "active",
                "variant_values",
            }
        ),
        "title_de": state.titles.get("de", ""),
        "title_en": state.titles.get("en", ""),
        "price": state.prices.get(priced),
        "currency": priced,
        "parent_sku": state.parent_sku,
        "parts": state.parts,
    }


def _report(tenant_id: int, results: Sequence[SheetResult], ignored: list[str]) -> SheetReport:
    return SheetReport(
        tenant_id=tenant_id, rows=sorted(results, key=lambda result: result.row), ignored=ignored
    )
