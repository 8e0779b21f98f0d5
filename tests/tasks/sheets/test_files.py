"""Files that are no spreadsheets, or odd ones: rubbish, old formats, blank rows."""

from pathlib import Path

import pytest

from models.database.session import session_scope
from models.errors import RuleError
from models.tenants.tenant import add_tenant
from tasks.sheets.articles import import_articles
from tasks.sheets.files import read_sheet


@pytest.fixture
def tenant(database: str) -> None:
    """The tenant `acme` without an account."""
    with session_scope() as session:
        add_tenant(session, "acme")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a.csv is empty."),
        (b"\n\n ; \n", "a.csv is empty."),
        (b"\x00\x01\x02\xff" * 50, "a.csv is neither a CSV nor an XLSX file."),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a.csv is neither a CSV nor an XLSX file."),
        (b"PK\x03\x04rubbish", "a.csv is damaged, or no Excel file; save it anew as .xlsx or CSV."),
        (b"\xd0\xcf\x11\xe0rest", "a.csv is an old Excel file; save it as .xlsx or CSV."),
        (b"Farbe;Form\nrot;rund\n", "The first row must name the columns; 'sku' or 'SKU' is missing."),
        (b"sku;SKU\nA;B\n", "The column 'SKU' stands twice for sku; remove one."),
        (b'sku;title\nA;"open\nB;C\n', "a.csv is no proper CSV file: a quotation mark may be missing."),
        (b";" * 2000, "a.csv has more than 1000 columns."),
    ],
)
def test_rubbish_is_refused_as_a_whole(tenant: None, tmp_path: Path, content: bytes, sentence: str) -> None:
    """One sentence says what is wrong with the file."""
    file = tmp_path / "a.csv"
    file.write_bytes(content)

    with pytest.raises(RuleError) as caught:
        import_articles(file, None, dry_run=False)
    assert str(caught.value) == sentence


def test_a_file_that_is_not_there(tenant: None, tmp_path: Path) -> None:
    """The sentence names the file without its folder."""
    with pytest.raises(RuleError, match=r"^nix\.csv cannot be read: No such file or directory\.$"):
        import_articles(tmp_path / "nix.csv", None, dry_run=False)


def test_more_cells_than_headings(tenant: None, tmp_path: Path) -> None:
    """A decimal comma that splits a cell is noticed instead of shifting the row."""
    file = tmp_path / "a.csv"
    file.write_text("sku,price\nA,9,90\nB,9.90\n", "utf-8")

    report = import_articles(file, None, dry_run=False)

    assert [(row.row, row.sku, row.outcome) for row in report.rows] == [
        (2, "A", "refused"),
        (3, "B", "new"),
    ]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tenant: None, tmp_path: Path) -> None:
    """Blank rows, the separator line of Excel and line breaks within a cell do not shift the count."""
    file = tmp_path / "a.csv"
    file.write_text('sep=;\nsku;title\n\nA;"zwei\nZeilen"\n\nB;x\n', "utf-8")

    sheet = read_sheet(file)

    assert [(number, cells) for number, cells in sheet.rows] == [(4, ["A", "zwei\nZeilen"]), (6, ["B", "x"])]
