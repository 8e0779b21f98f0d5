"""Spreadsheets of articles and stock: every way in which merchants save them, and rubbish."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from models.catalog.article import Article, get_article, parts_of
from models.catalog.lists import list_articles
from models.database.columns import need_id
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.intake.article_sheets import read_states
from models.intake.sheet_results import SheetOutcome
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState
from models.tenants.tenant import add_tenant, pick_tenant
from models.warehouse.levels import StockMovement
from tasks.sheets.articles import export_articles, import_articles
from tasks.sheets.columns import CellError, read_number
from tasks.sheets.files import read_sheet
from tasks.sheets.stock import export_stock, import_stock
from tests.support.cli_steps import article, line, open_shop, order, take_articles, take_orders


@pytest.fixture
def tenant(database: str) -> None:
    """The tenant `acme` without an account."""
    with session_scope() as session:
        add_tenant(session, "acme")


def outcomes(file: Path, *, dry_run: bool = False) -> list[tuple[int, str, str]]:
    """Import articles; return row, SKU and outcome of each row."""
    report = import_articles(file, None, dry_run=dry_run)
    return [(row.row, row.sku, row.outcome) for row in report.rows]


def reasons(file: Path) -> list[str]:
    """Import articles; return why rows were refused."""
    return [row.reason for row in import_articles(file, None, dry_run=False).rows if row.reason]


def stored(sku: str) -> Article:
    """Return an article."""
    with read_scope() as session:
        return get_article(session, need_id(pick_tenant(session, None).id), sku)


GERMAN = (
    "Artikelnummer;EAN;Titel;Titel (en);Preis;MwSt;Gewicht (g);"
    "Hersteller;Aktiv;Vater-SKU;Variante;Stückliste\n"
    "007;0400638133393;Übertöpfe, groß;Pots;1.234,50 €;19 %;1200;Töpferei;ja;;;\n"
    "T-SHIRT;;T-Shirt;;;19;;;ja;;;\n"
    "T-ROT;;T-Shirt rot;;19,90;19;180;;ja;T-SHIRT;Farbe=rot,Größe=L;\n"
    'SET;;Set;;25;19;;;nein;;;"007=2;T-ROT"\n'
)


@pytest.mark.parametrize(
    ("encoding", "separator", "ending"),
    [
        ("utf-8", ";", "\n"),
        ("utf-8-sig", ";", "\r\n"),
        ("cp1252", ";", "\r\n"),
        ("utf-16", "\t", "\r\n"),
    ],
)
def test_a_german_file(tenant: None, tmp_path: Path, encoding: str, separator: str, ending: str) -> None:
    """Encoding, separator and decimal comma of a German Excel; leading zeros stay; links go both ways."""
    text = GERMAN.replace(";", separator).replace("007=2\t", "007=2;").replace("\n", ending)
    file = tmp_path / "artikel.csv"
    file.write_bytes(text.encode(encoding))

    assert outcomes(file) == [
        (row, sku, "new") for row, sku in enumerate(("007", "T-SHIRT", "T-ROT", "SET"), 2)
    ]

    pot, shirt, red, whole = stored("007"), stored("T-SHIRT"), stored("T-ROT"), stored("SET")
    assert (pot.gtin, pot.weight_grams, pot.tax_rate, pot.manufacturer) == (
        "0400638133393",
        1200,
        Decimal("19.00"),
        "Töpferei",
    )
    assert (shirt.kind, red.kind, red.parent_id, whole.kind) == ("parent", "variant", shirt.id, "bundle")
    assert red.variant_values == {"Farbe": "rot,Größe=L"}
    assert whole.active is False
    with read_scope() as session:
        assert parts_of(session, [need_id(whole.id)]) == {whole.id: [(pot.id, 2), (red.id, 1)]}
        state = read_states(session, pot.tenant_id, ["007"])["007"]
    assert state.prices == {"EUR": Decimal("1234.50")}
    assert state.titles == {"de": "Übertöpfe, groß", "en": "Pots"}
    assert {"unchanged"} == {outcome for _, _, outcome in outcomes(file)}


@pytest.mark.parametrize("name", ["articles.csv", "articles.xlsx"])
@pytest.mark.parametrize("german", [False, True])
def test_what_was_exported_changes_nothing(tenant: None, tmp_path: Path, name: str, german: bool) -> None:
    """Every value comes back as it was, formulas and apostrophes included."""
    first = tmp_path / "first.csv"
    first.write_text(
        "sku,title_de,title_en,price,tax_rate,weight_grams,gtin,active,variant_values,parent_sku,parts\n"
        "=1+1,-Minus,@at,0.1234,7,0,00012345678905,yes,,,\n"
        "00,'quoted,,1000,19,1000,,no,,,\n"
        "V,,,,,,,yes,Farbe=+rot,P,\n"
        "P,,,,,,,yes,,,\n"
        "B,,,12.345,,,,yes,,,00=3\n".replace("12.345", "12.3450"),
        "utf-8",
    )
    assert [outcome for _, _, outcome in outcomes(first)] == ["new"] * 5
    file = tmp_path / name

    assert export_articles(file, None, german=german) == 5

    assert [(sku, outcome) for _, sku, outcome in outcomes(file)] == [
        (sku, "unchanged") for sku in ("00", "=1+1", "B", "P", "V")
    ]


def test_no_cell_is_run_as_a_formula(tenant: None, tmp_path: Path) -> None:
    """Texts that a spreadsheet program would calculate are marked as text, in both kinds of file."""
    first = tmp_path / "first.csv"
    first.write_text('sku,title_de\nA,"=HYPERLINK(""http://evil.example"")"\nB,+49 30\n', "utf-8")
    outcomes(first)
    export_articles(tmp_path / "out.csv", None)
    export_articles(tmp_path / "out.xlsx", None)

    text = (tmp_path / "out.csv").read_text("utf-8")
    assert "'=HYPERLINK" in text
    assert "'+49 30" in text
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)  # type: ignore[union-attr]


def test_numbers_in_an_xlsx_file(tenant: None, tmp_path: Path) -> None:
    """Numbers that Excel keeps as such are read exactly; a GTIN in a number cell stays whole."""
    file = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["SKU", "GTIN", "Preis", "Gewicht (kg)", "Aktiv"])
    sheet.append([4711, 4006381333931, 19.99, 1.234, True])
    sheet.append(["0815", "0400638133393", 0.1 + 0.2, 12, "nein"])
    book.save(file)

    assert [outcome for _, _, outcome in outcomes(file)] == ["new", "new"]

    assert (stored("4711").gtin, stored("4711").weight_grams) == ("4006381333931", 1234)
    assert (stored("0815").gtin, stored("0815").active) == ("0400638133393", False)
    with read_scope() as session:
        states = read_states(session, stored("4711").tenant_id, ["4711", "0815"])
    assert [states[sku].prices["EUR"] for sku in ("4711", "0815")] == [Decimal("19.99"), Decimal("0.30")]


def test_rows_that_are_refused_do_not_stop_the_others(tenant: None, tmp_path: Path) -> None:
    """Each refusal names the row, the column and why; the good rows are saved."""
    file = tmp_path / "mixed.csv"
    file.write_text(
        "sku;price;tax_rate;weight_grams;active;currency;parent_sku;parts;gtin\n"
        "GOOD;9,90;19;100;ja;EUR;;;\n"
        ";1;19;1;ja;;;;\n"
        "A;teuer;19;1;ja;;;;\n"
        "B;1,234;19;1;ja;;;;\n"
        "C;-1;19;1;ja;;;;\n"
        "D;1;19;1,5;ja;;;;\n"
        "E;1;19;1;vielleicht;;;;\n"
        "F;1;19;1;ja;Euro;;;\n"
        "G;1;19;1;ja;;NIX;;\n"
        "H;1;19;1;ja;;;NIX=2;\n"
        "GOOD;1;19;1;ja;;;;\n"
        "I;1;19;1;ja;;;;4,00638E+12\n"
        "J;99999999999999999;19;1;ja;;;;\n"
        "K;1;19;99999999999;ja;;;;\n"
        "L;1;19;1;ja;;;L;\n"
        "M;1;19;1;ja;;G;;\n"
        f"{'X' * 121};1;19;1;ja;;;;\n"
        "N;1;19;1;ja;;;GOOD=0;\n"
        "O;1;19;1;ja;;;GOOD=1000000000|GOOD=1;\n",
        "utf-8",
    )

    report = import_articles(file, None, dry_run=False)

    assert [row.row for row in report.rows] == list(range(2, 21))
    assert [row.outcome for row in report.rows] == [SheetOutcome.new, *[SheetOutcome.refused] * 18]
    starts = [
        "",
        "sku: it is empty",
        "price: 'teuer' is no number",
        "price: '1,234' can be read in two ways",
        "price: Input should be greater than or equal to 0",
        "weight_grams: '1,5' is no whole number",
        "active: 'vielleicht' is neither yes nor no",
        "currency: String should match pattern",
        "parent_sku: there is no article 'NIX'",
        "parts: there is no article 'NIX'",
        "sku: 'GOOD' stands in row 2 already",
        "gtin: '4,00638E+12' was rounded",
        "price: Value error, number too large",
        "weight_grams: '99999999999' is no whole number",
        "parts: a bundle does not contain itself",
        "parent_sku: there is no article 'G'",
        "sku: String should have at most 120 characters",
        "parts: 'GOOD=0' needs the form",
        "parts: more than 1000000000 of 'GOOD'",
    ]
    assert [row.reason[: len(start)] for row, start in zip(report.rows, starts, strict=True)] == starts
    with read_scope() as session:
        batches = list(list_articles(session, stored("GOOD").tenant_id))
    assert [each.sku for batch in batches for each in batch] == ["GOOD"]


def test_a_column_that_is_missing_leaves_values_alone(tenant: None, tmp_path: Path) -> None:
    """What a file does not name stays; a cell that it empties becomes empty."""
    file = tmp_path / "a.csv"
    file.write_text("sku;Hersteller;Lieferant;Preis\nA;Töpfer;Großhandel;5\n", "utf-8")
    outcomes(file)
    file.write_text("sku;Hersteller\nA;\n", "utf-8")

    assert outcomes(file) == [(2, "A", "changed")]
    assert (stored("A").manufacturer, stored("A").supplier) == ("", "Großhandel")


def test_a_dry_run_changes_nothing(tenant: None, tmp_path: Path) -> None:
    """It reports what would happen, links between new rows included."""
    file = tmp_path / "a.csv"
    file.write_text("sku;parts\nSET;A=2\nA;\n", "utf-8")

    assert outcomes(file, dry_run=True) == [(2, "SET", "new"), (3, "A", "new")]
    assert outcomes(file) == [(2, "SET", "new"), (3, "A", "new")]


def test_articles_that_a_channel_leads_are_changed_there(database: str, tmp_path: Path) -> None:
    """A change would be overwritten by the next import, so it is refused; what is the same passes."""
    open_shop()
    take_articles(article("MUG"))
    file = tmp_path / "a.csv"
    file.write_text("sku;title;price\nMUG;Becher;9,90\n", "utf-8")
    assert reasons(file) == ["title_de: account 'shop' leads this article; change it there"]
    file.write_text("sku;title;price\nMUG;Artikel MUG;9,90\n", "utf-8")
    assert outcomes(file) == [(2, "MUG", "unchanged")]


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

    assert outcomes(file) == [(2, "A", "refused"), (3, "B", "new")]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tenant: None, tmp_path: Path) -> None:
    """Blank rows, the separator line of Excel and line breaks within a cell do not shift the count."""
    file = tmp_path / "a.csv"
    file.write_text('sep=;\nsku;title\n\nA;"zwei\nZeilen"\n\nB;x\n', "utf-8")

    sheet = read_sheet(file)

    assert [(number, cells) for number, cells in sheet.rows] == [(4, ["A", "zwei\nZeilen"]), (6, ["B", "x"])]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1 234,50 €", "1234.50"),
        ("0,125", "0.125"),
        ("0.125", "0.125"),
        ("-3", "-3"),
        ("19 %", "19"),
        ("1234", "1234"),
        ("1'234.50", "1234.50"),
        ("1234,567", "1234.567"),
    ],
)
def test_numbers(cell: str, number: str) -> None:
    """German and English spellings, with currency or percent sign."""
    assert read_number("price", cell) == Decimal(number)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_refused(cell: str) -> None:
    """No text raises anything but the refusal."""
    with suppress(CellError):
        assert read_number("price", cell).is_finite()


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_numbers_survive_both_spellings(value: Decimal) -> None:
    """What is written with two places is read as it was."""
    assert read_number("price", f"{value:.2f}") == value
    assert read_number("price", f"{value:.2f}".replace(".", ",")) == value


def test_stock_goes_through_the_ledger(database: str, tmp_path: Path) -> None:
    """Counted stock writes movements, tells channels, and repeating it changes nothing."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3), article("P", None, kind="parent"))
    file = tmp_path / "bestand.csv"
    file.write_text("Artikelnummer;Bestand\nMUG;12\nCUP;3\nNIX;1\nP;1\nMUG;9\nCUP2;-1\n", "utf-8")

    report = import_stock(file, None, dry_run=False)

    assert [(row.row, row.outcome, row.reason) for row in report.rows] == [
        (2, "changed", ""),
        (3, "unchanged", ""),
        (4, "refused", "sku: There is no article with SKU 'NIX'."),
        (5, "refused", "sku: P groups variants; set the stock of each of them."),
        (6, "refused", "sku: 'MUG' stands in row 2 already"),
        (7, "refused", "on_hand: -1 is negative"),
    ]
    moves_of_levels = select(StockMovement).order_by(col(StockMovement.id))
    with read_scope() as session:
        moves = [(move.quantity, move.reference) for move in session.exec(moves_of_levels).all()]
        queued = list_outbound(session, [OutboundState.pending])
    assert moves[-1] == (2, "bestand.csv")
    assert sorted(row.version for row in queued) == [1, 2], "only what changed is told again"
    again = import_stock(file, None, dry_run=False)
    assert [row.outcome for row in again.rows][:2] == ["unchanged", "unchanged"]


def test_stock_below_what_is_promised_is_refused_alone(database: str, tmp_path: Path) -> None:
    """The rule of allocation holds for files too, and the other rows of the batch are taken."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3))
    take_orders(order("1", line("1-1", "MUG", 5)))
    file = tmp_path / "s.csv"
    file.write_text("sku,on_hand\nMUG,4\nCUP,7\n", "utf-8")

    report = import_stock(file, None, dry_run=False)

    assert [(row.outcome, row.reason) for row in report.rows] == [
        ("refused", "on_hand: Stock of MUG cannot become 4: 5 are promised to orders."),
        ("changed", ""),
    ]


def test_stock_dry_run_and_export(database: str, tmp_path: Path) -> None:
    """A dry run leaves figures alone; an export comes back unchanged."""
    open_shop()
    take_articles(article("MUG", 10), article("0815", 0))
    file = tmp_path / "s.xlsx"
    assert export_stock(file, None, german=True) == 2
    assert [row.outcome for row in import_stock(file, None, dry_run=False).rows] == ["unchanged"] * 2
    count = tmp_path / "count.csv"
    count.write_text("sku,quantity,warehouse\nMUG,99,main\n0815,1,attic\n", "utf-8")

    report = import_stock(count, None, dry_run=True)

    assert [row.outcome for row in report.rows] == ["changed", "refused"]
    assert report.rows[1].reason.startswith("warehouse: There is no warehouse 'attic'")
    assert [row.outcome for row in import_stock(file, None, dry_run=False).rows] == ["unchanged"] * 2


def test_thousands_of_rows(database: str, tmp_path: Path) -> None:
    """More rows than one batch: all are saved, and found unchanged afterwards."""
    open_shop()
    file = tmp_path / "many.csv"
    rows = "".join(f"A{number:05};Artikel {number};{number},50\n" for number in range(1200))
    file.write_text(f"sku;title;price\n{rows}", "utf-8")

    assert {outcome for _, _, outcome in outcomes(file)} == {"new"}
    assert {outcome for _, _, outcome in outcomes(file)} == {"unchanged"}
