"""Read and write CSV and XLSX files.

Every cell is read as text, so that leading zeros stay. Numbers may have a decimal comma or point.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from models.errors import RuleError
from models.files import write_whole
from models.intake.sheet_results import SheetOutcome, SheetReport, SheetResult
from tasks.sheets.columns import (
    BIN_COLUMNS,
    FORMULA_SIGNS,
    STOCK_COLUMNS,
    TRACKING_COLUMNS,
    CellError,
    Column,
    read_cell,
    write_cell,
)

BATCH = 500
LARGEST_FILE = 500_000_000
MOST_COLUMNS = 1000
SEPARATORS = ";,\t"


@dataclass(frozen=True)
class Sheet:
    """A file as text: headings, and the cells of each row that is not blank, with the row's number."""

    headings: list[str]
    rows: list[tuple[int, list[str]]]


def write_sheet(
    file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, german: bool = False
) -> None:
    """Write a CSV or XLSX file, depending on its name. It appears whole or not at all.

    If `german` is true, headings are German, and CSV has semicolons, decimal commas and a mark for Excel.
    Raises: RuleError, if the name has another ending or the file cannot be written.
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
    with write_whole(file) as part:
        if is_text:
            encoding = "utf-8-sig" if german else "utf-8"
            frame.to_csv(part, index=False, sep=";" if german else ",", encoding=encoding)
        else:
            with part.open("wb") as output:
                frame.to_excel(output, index=False, engine="openpyxl")


def read_sheet(file: Path) -> Sheet:
    """Read a CSV or XLSX file, recognised by its content. Raises: RuleError, saying what is wrong with it."""
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
        # A damaged file can raise anything.
        raise RuleError(f"{name} is damaged, or no Excel file; save it anew as .xlsx or CSV.") from None


def _read_csv(name: str, content: bytes) -> pd.DataFrame:
    text = _decode(name, content)
    lines = text.splitlines()
    if lines and lines[0].startswith("sep="):
        # A blank line takes its place, so that the numbers of the rows stay right.
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
    """Return a cell as text. A fraction gets a decimal comma and never exactly three places."""
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
    # `write_sheet` puts this mark before a text that would be run as a formula.
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text


def need_columns(columns: Mapping[int, Column], names: Sequence[str]) -> None:
    """Check that a sheet has these columns. Raises: RuleError, naming the missing ones."""
    found = {column.name for column in columns.values()}
    missing = [name for name in names if name not in found]
    if missing:
        german = {column.name: column.german for column in (*STOCK_COLUMNS, *BIN_COLUMNS, *TRACKING_COLUMNS)}
        wanted = " and ".join(f"{name!r} or {german[name]!r}" for name in missing)
        raise RuleError(f"The first row must name the columns; {wanted} is missing.")


def read_rows(
    sheet: Sheet, columns: Mapping[int, Column], read: Callable[[int, dict[str, Any]], Any]
) -> tuple[list[Any], list[SheetResult]]:
    """Read each row with `read`. Return what was read, and the results of the refused rows."""
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


def make_report(tenant_id: int, results: Sequence[SheetResult], ignored: list[str]) -> SheetReport:
    """Return the report of an import, its results by row."""
    return SheetReport(
        tenant_id=tenant_id, rows=sorted(results, key=lambda result: result.row), ignored=ignored
    )
