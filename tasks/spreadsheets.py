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
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import ValidationError

from models.article_list import list_articles
from models.article_sheet import (
    ArticleState,
    SheetArticle,
    link_sheet_articles,
    plan_articles,
    read_states,
    save_sheet_articles,
)
from models.columns import MAX_COUNT, need_id
from models.db import read_scope, session_scope
from models.errors import NotFoundError, RuleError
from models.sheet import SheetOutcome, SheetReport, SheetResult
from models.stock import set_on_hand
from models.stock_list import countable, describe_stock, list_warehouses, pick_warehouse
from models.tenant import pick_tenant

LOCAL = ZoneInfo("Europe/Berlin")
BATCH = 500
SHOWN = 40
"""Characters of a cell that a message quotes."""
LARGEST_FILE = 500_000_000
MOST_COLUMNS = 1000
SEPARATORS = ";,\t"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A text beginning with one of these is run as a formula by a spreadsheet program."""
PLAIN = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
GROUPED = (
    re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"),
    re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"),
)
AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
"""One thousand two hundred and thirty-four, or little more than one?"""
YES = frozenset({"1", "ja", "j", "yes", "y", "true", "wahr", "x", "aktiv", "active"})
NO = frozenset({"0", "nein", "n", "no", "false", "falsch", "inaktiv", "inactive"})


class Kind(StrEnum):
    """What a column holds."""

    text = "text"
    decimal = "decimal"
    whole = "whole"
    yes_no = "yes_no"
    parts = "parts"
    """SKU=2;SKU=1"""
    values = "values"
    """Farbe=rot;Größe=L"""
    time = "time"


@dataclass(frozen=True)
class Column:
    """A column by its name in English and German, and others by which it is known."""

    name: str
    german: str
    kind: Kind = Kind.text
    others: tuple[str, ...] = ()


ARTICLE_COLUMNS = (
    Column("sku", "SKU", others=("Artikelnummer", "Artikel-Nr", "Art.-Nr.", "ArtNr", "Article number")),
    Column("gtin", "GTIN", others=("EAN", "EAN-Code", "Barcode")),
    Column("title_de", "Titel (de)"),
    Column("title_en", "Titel (en)"),
    Column(
        "price", "Preis", Kind.decimal, ("Bruttopreis", "Verkaufspreis", "VK", "VK brutto", "Gross price")
    ),
    Column("currency", "Währung", others=("Waehrung",)),
    Column(
        "tax_rate",
        "Steuersatz",
        Kind.decimal,
        ("MwSt", "MwSt-Satz", "USt", "Mehrwertsteuer", "Umsatzsteuer", "Steuer", "VAT", "Tax"),
    ),
    Column("weight_grams", "Gewicht (g)", Kind.whole, ("Weight (g)", "Gewicht in g", "Gewicht in Gramm")),
    Column("unit", "Einheit", others=("Mengeneinheit",)),
    Column("manufacturer", "Hersteller", others=("Brand", "Marke")),
    Column(
        "manufacturer_number",
        "Herstellernummer",
        others=("Hersteller-Nr", "Herstellerartikelnummer", "MPN"),
    ),
    Column("supplier", "Lieferant"),
    Column("supplier_number", "Lieferantennummer", others=("Lieferanten-Nr", "Lieferantenartikelnummer")),
    Column("country_of_origin", "Herkunftsland", others=("Ursprungsland",)),
    Column("active", "Aktiv", Kind.yes_no),
    Column("parent_sku", "Vater-SKU", others=("Parent", "Vaterartikel", "Hauptartikel")),
    Column("variant_values", "Variante", Kind.values, ("Varianten", "Variation", "Variants", "Merkmale")),
    Column("parts", "Stückliste", Kind.parts, ("Stueckliste", "Bestandteile", "Bundle", "Bundle parts")),
)
WEIGHT_KG = Column("weight_kg", "Gewicht (kg)", Kind.decimal, ("Weight (kg)", "Gewicht in kg"))
"""Read only: grams are written."""
STOCK_COLUMNS = (
    ARTICLE_COLUMNS[0],
    Column("warehouse", "Lager", others=("Lagerort", "Lagername")),
    Column(
        "on_hand",
        "Bestand",
        Kind.whole,
        ("Lagerbestand", "Menge", "Anzahl", "Stock", "Quantity", "Qty", "Physischer Bestand"),
    ),
)
ORDER_COLUMNS = (
    Column("account", "Anbindung"),
    Column("external_id", "Bestellung"),
    Column("channel_number", "Bestellnummer"),
    Column("platform", "Plattform"),
    Column("state", "Status"),
    Column("payment_state", "Zahlungsstatus"),
    Column("holds", "Prüfung"),
    Column("placed_at", "Bestellt am", Kind.time),
    Column("currency", "Währung"),
    Column("total", "Gesamtbetrag", Kind.decimal),
    Column("paid", "Bezahlt", Kind.decimal),
    Column("shipping", "Versandkosten", Kind.decimal),
    Column("line_external_id", "Position"),
    Column("line_sku", "SKU"),
    Column("line_title", "Titel"),
    Column("line_quantity", "Menge", Kind.whole),
    Column("line_allocated", "Reserviert", Kind.whole),
    Column("line_shipped", "Versandt", Kind.whole),
    Column("line_cancelled", "Storniert", Kind.whole),
    Column("line_price", "Einzelpreis", Kind.decimal),
    Column("line_tax_rate", "Steuersatz", Kind.decimal),
)
ORDER_ADDRESS_COLUMNS = (
    Column("company", "Firma"),
    Column("first_name", "Vorname"),
    Column("last_name", "Nachname"),
    Column("street", "Straße"),
    Column("street2", "Adresszusatz"),
    Column("postcode", "PLZ"),
    Column("city", "Ort"),
    Column("country", "Land"),
    Column("phone", "Telefon"),
    Column("email", "E-Mail"),
)


@dataclass(frozen=True)
class Sheet:
    """A file as text: headings, and the cells of each row that is not blank by its number."""

    headings: list[str]
    rows: list[tuple[int, list[str]]]


class _CellError(Exception):
    """A cell that does not hold what its column says; the message names the column."""


def import_articles(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Save the articles of a file; rows that are refused do not stop the others. Repeating is harmless.

    Raises: RuleError, if the file as a whole cannot be read or has no column for the SKU.
    """
    sheet = read_sheet(file)
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        tenant_id, currency, language = need_id(owner.id), owner.currency, owner.language
    columns, ignored = _match_headings(sheet.headings, (*ARTICLE_COLUMNS, WEIGHT_KG), title_language=language)
    _need(columns, ("sku",))
    read, refused = _read_rows(sheet, columns, _article_from)
    with read_scope() as session:
        plan = plan_articles(session, tenant_id, currency, read)
    if not dry_run:
        batches = [plan.rows[start : start + BATCH] for start in range(0, len(plan.rows), BATCH)]
        for batch in batches:
            with session_scope() as session:
                save_sheet_articles(session, tenant_id, currency, batch)
        # Only now every parent and part is there.
        for batch in batches:
            with session_scope() as session:
                link_sheet_articles(session, tenant_id, batch)
    return _report(tenant_id, [*plan.results, *refused], ignored)


def import_stock(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Set what is on hand by a file, through the ledger; rows that are refused do not stop the others.

    Raises: RuleError, if the file as a whole cannot be read or lacks a column.
    """
    sheet = read_sheet(file)
    columns, ignored = _match_headings(sheet.headings, STOCK_COLUMNS)
    _need(columns, ("sku", "on_hand"))
    read, results = _read_rows(sheet, columns, _count_from)
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
            [_written(row.get(column.name), column.kind, is_text, german) for column in columns]
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


def _match_headings(
    headings: Sequence[str], known: Sequence[Column], *, title_language: str = ""
) -> tuple[dict[int, Column], list[str]]:
    """Return the columns by position, and the headings that name none of them."""
    names = {_bare(name): column for column in known for name in (column.name, column.german, *column.others)}
    columns: dict[int, Column] = {}
    ignored = []
    for position, heading in enumerate(headings):
        bare = _bare(heading)
        column = names.get(bare)
        if title_language:
            title = re.fullmatch(
                r"(?:title|titel|name|bezeichnung|artikelname|artikelbezeichnung)([a-z]{2})?", bare
            )
            if title:
                column = Column(f"title_{title.group(1) or title_language}", heading)
        if column is None:
            if heading:
                ignored.append(heading)
        elif column.name in [each.name for each in columns.values()]:
            raise RuleError(f"The column {heading!r} stands twice for {column.name}; remove one.")
        else:
            columns[position] = column
    return columns, ignored


def _bare(heading: str) -> str:
    return "".join(sign for sign in heading.casefold() if sign.isalnum())


def _need(columns: Mapping[int, Column], names: Sequence[str]) -> None:
    found = {column.name for column in columns.values()}
    missing = [name for name in names if name not in found]
    if missing:
        german = {column.name: column.german for column in STOCK_COLUMNS}
        wanted = " and ".join(f"{name!r} or {german[name]!r}" for name in missing)
        raise RuleError(f"The first row must name the columns; {wanted} is missing.")


def _read_rows(
    sheet: Sheet, columns: Mapping[int, Column], read: Callable[[int, dict[str, Any]], Any]
) -> tuple[list[Any], list[SheetResult]]:
    """Return what could be read of the rows, and the results of those that were refused."""
    rows, refused = [], []
    sku_at = next(position for position, column in columns.items() if column.name == "sku")
    for number, cells in sheet.rows:
        try:
            if any(cell and not heading for cell, heading in _beside(cells, sheet.headings)):
                raise _CellError("there are more cells than headings; quote texts that hold the separator")
            values = {
                column.name: _read_cell(column, cells[position]) for position, column in columns.items()
            }
            rows.append(read(number, values))
        except _CellError as error:
            reason = str(error)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        else:
            continue
        refused.append(
            SheetResult(row=number, sku=cells[sku_at][:120], outcome=SheetOutcome.refused, reason=reason)
        )
    return rows, refused


def _beside(cells: Sequence[str], headings: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((cell, headings[at] if at < len(headings) else "") for at, cell in enumerate(cells))


def _read_cell(column: Column, cell: str) -> Any:
    if column.kind is Kind.decimal:
        return read_number(column.name, cell) if cell else None
    if column.kind is Kind.whole:
        if not cell:
            return None
        number = read_number(column.name, cell)
        if number != number.to_integral_value() or abs(number) > MAX_COUNT:
            raise _CellError(f"{column.name}: {cell[:SHOWN]!r} is no whole number up to {MAX_COUNT}")
        return int(number)
    if column.kind is Kind.yes_no:
        if cell and cell.casefold() not in YES | NO:
            raise _CellError(f"{column.name}: {cell[:SHOWN]!r} is neither yes nor no")
        return cell.casefold() in YES if cell else None
    if column.kind in (Kind.parts, Kind.values):
        return _read_pairs(column, cell)
    return cell


def read_number(name: str, cell: str) -> Decimal:
    """Return a number with decimal comma or point, perhaps with groups of thousands.

    Raises: _CellError, naming the column; also for 1.234 and 1,234, which mean two things.
    """
    text = cell.strip().removesuffix("%").removesuffix("€").removesuffix("EUR")
    text = "".join(sign for sign in text if not sign.isspace() and sign != "'")
    if len(text) > SHOWN or not (PLAIN.fullmatch(text) or any(form.fullmatch(text) for form in GROUPED)):
        raise _CellError(f"{name}: {cell[:SHOWN]!r} is no number")
    if AMBIGUOUS.fullmatch(text):
        raise _CellError(f"{name}: {cell!r} can be read in two ways; write it without groups of thousands")
    if PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    grouping = next(sign for sign in text if sign in ",.")
    return Decimal(text.replace(grouping, "").replace(",", "."))


def _read_pairs(column: Column, cell: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for part in re.split(r"[;\n|]", cell):
        if not part.strip():
            continue
        if column.kind is Kind.values:
            name, sign, value = part.partition("=")
            if not sign or not name.strip() or not value.strip():
                raise _CellError(f"{column.name}: {part[:SHOWN]!r} needs the form Farbe=rot;Größe=L")
            pairs[name.strip()] = value.strip()
            continue
        name, sign, count = part.rpartition("=")
        name, count = (name, count.strip()) if sign else (part, "1")
        if (
            not name.strip()
            or not count.isascii()
            or not count.isdigit()
            or not 1 <= int(count[:12]) <= MAX_COUNT
        ):
            raise _CellError(f"{column.name}: {part[:SHOWN]!r} needs the form SKU=2;SKU=1")
        pairs[name.strip()] = pairs.get(name.strip(), 0) + int(count)
    return pairs


@dataclass(frozen=True)
class _Count:
    row: int
    sku: str
    warehouse: str
    on_hand: int


def _count_from(row: int, values: dict[str, Any]) -> _Count:
    if not values["sku"]:
        raise _CellError("sku: it is empty")
    if values["on_hand"] is None:
        raise _CellError("on_hand: it is empty; write 0 if there is none")
    if values["on_hand"] < 0:
        raise _CellError(f"on_hand: {values['on_hand']} is negative")
    return _Count(row, values["sku"], values.get("warehouse", ""), values["on_hand"])


def _article_from(row: int, values: dict[str, Any]) -> SheetArticle:
    if not values["sku"]:
        raise _CellError("sku: it is empty")
    for name in ("sku", "gtin"):
        if re.fullmatch(r"\d[.,]\d+E\+?\d+", values.get(name) or "", re.IGNORECASE):
            raise _CellError(
                f"{name}: {values[name]!r} was rounded by a spreadsheet; format the column as text"
            )
    titles = {name[6:]: values.pop(name) for name in list(values) if name.startswith("title_")}
    kilograms = values.pop("weight_kg", None)
    if kilograms is not None:
        if "weight_grams" in values:
            raise _CellError("weight_kg: the weight stands in grams, too; remove one of the columns")
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
    with session_scope() as session:
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


def _written(value: Any, kind: Kind, is_text: bool, german: bool) -> Any:
    if value is None or value == "":
        return ""
    if kind is Kind.decimal:
        text = format(value, "f")
        if not is_text:
            return float(value)
        return text.replace(".", ",") if german else text
    if kind is Kind.whole:
        return int(value)
    if kind is Kind.yes_no:
        return ("ja" if value else "nein") if german else ("yes" if value else "no")
    if kind is Kind.time:
        return value.astimezone(LOCAL).isoformat(timespec="seconds")
    if isinstance(value, dict):
        text = ";".join(f"{name}={item}" for name, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(value)
    else:
        text = str(value)
    # Excel takes no control characters, and what it would take for a formula is marked as text.
    text = "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def _report(tenant_id: int, results: Sequence[SheetResult], ignored: list[str]) -> SheetReport:
    return SheetReport(
        tenant_id=tenant_id, rows=sorted(results, key=lambda result: result.row), ignored=ignored
    )
