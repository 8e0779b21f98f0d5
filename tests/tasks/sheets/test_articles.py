"""Articles in spreadsheets, in every way in which merchants save them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from models.catalog.article import Article, get_article, parts_of
from models.catalog.lists import list_articles
from models.database.session import read_scope, session_scope
from models.intake.article_sheets import read_states
from models.intake.sheet_results import SheetOutcome
from models.tenants.tenant import add_tenant, pick_tenant
from tasks.sheets.articles import export_articles, import_articles
from tests.support.cli_steps import article, open_shop, take_articles


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
        return get_article(session, pick_tenant(session, None).row_id, sku)


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
        assert parts_of(session, [whole.row_id]) == {whole.id: [(pot.id, 2), (red.id, 1)]}
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
    assert reasons(file) == ["title_de: account 'shop' provides this article; change it there"]
    file.write_text("sku;title;price\nMUG;Artikel MUG;9,90\n", "utf-8")
    assert outcomes(file) == [(2, "MUG", "unchanged")]


def test_thousands_of_rows(database: str, tmp_path: Path) -> None:
    """More rows than one batch: all are saved, and found unchanged afterwards."""
    open_shop()
    file = tmp_path / "many.csv"
    rows = "".join(f"A{number:05};Artikel {number};{number},50\n" for number in range(1200))
    file.write_text(f"sku;title;price\n{rows}", "utf-8")

    assert {outcome for _, _, outcome in outcomes(file)} == {"new"}
    assert {outcome for _, _, outcome in outcomes(file)} == {"unchanged"}
