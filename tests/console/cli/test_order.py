"""`warenfluss order`: lists for programs and people, and orders one by one or many at once."""

import csv
from pathlib import Path

import openpyxl
import pytest

from tests.support.cli_desk import open_shop_of_three
from tests.support.cli_steps import (
    PLACED,
    article,
    call,
    line,
    open_shop,
    order,
    read,
    refused,
    take_articles,
    take_orders,
)


@pytest.fixture
def shop(database: str) -> None:
    """An account with three orders: one complete, one part paid and short, one with an unknown line."""
    open_shop_of_three()


def test_the_list_holds_what_programs_count_on(shop: None) -> None:
    """Every field of the contract is there with its type; the latest order comes first."""
    rows = read("order", "list")

    assert [row["external_id"] for row in rows] == ["102", "101", "100"]
    keys = (
        "external_id",
        "channel_number",
        "platform",
        "state",
        "holds",
        "placed_at",
        "currency",
        "total",
        "paid",
    )
    assert {key: rows[1][key] for key in keys} == {
        "external_id": "101",
        "channel_number": "M-101",
        "platform": "ebay",
        "state": "open",
        "holds": ["stock_short"],
        "placed_at": "2026-11-01T10:30:00Z",
        "currency": "EUR",
        "total": "4.50",
        "paid": "2.25",
    }
    line_keys = ("external_id", "sku", "title", "quantity", "allocated", "price")
    assert [{key: each[key] for key in line_keys} for each in rows[1]["lines"]] == [
        {
            "external_id": "101-1",
            "sku": "CUP",
            "title": "Ware CUP",
            "quantity": 3,
            "allocated": 1,
            "price": "1.50",
        }
    ]
    assert rows[0]["lines"][0]["sku"] == "???", "an unmatched line shows what the channel calls it"
    assert rows[0]["holds"] == ["line_unmatched"]


def test_a_list_holds_nothing_of_the_buyer(shop: None) -> None:
    """Names and addresses stand in `order show` alone."""
    assert "Müßig" not in call("order", "list", "--json").stdout
    assert read("order", "show", "100")["addresses"]["billing"]["last_name"] == "Müßig"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--held"], ["102", "101"]),
        (["--state", "open", "--limit", "1"], ["102"]),
        (["--state", "shipped"], []),
        (["--account", "shop", "--limit", "0"], ["102", "101", "100"]),
    ],
)
def test_filters(shop: None, options: list[str], numbers: list[str]) -> None:
    """Each filter narrows the list; an empty one is `[]`."""
    assert numbers == [row["external_id"] for row in read("order", "list", *options)]


def test_a_table_says_that_it_was_cut(shop: None) -> None:
    """People are told how much more there is, on standard error."""
    result = call("order", "list", "--limit", "2")

    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "2 of 3 orders; --limit 0 shows all.\n"


def test_an_order_by_its_marketplace_number(shop: None) -> None:
    """`show` finds it, with payments and history; an unknown one is refused in one sentence."""
    shown = read("order", "show", "M-101")

    assert [(each["amount"], each["currency"]) for each in shown["payments"]] == [("2.25", "EUR")]
    assert "imported" in [event["kind"] for event in shown["events"]]
    assert "101-1" in call("order", "show", "101").stdout
    assert refused("order", "show", "999") == "There is no order '999'."
    assert "There is no account 'nix'" in refused("order", "list", "--account", "nix")


@pytest.mark.parametrize("german", [False, True])
def test_export_as_csv(shop: None, tmp_path: Path, german: bool) -> None:
    """One row for each line; German files open in a German Excel."""
    file = tmp_path / "orders.csv"

    result = call("order", "export", str(file), "--addresses", *(["--german"] if german else []))

    assert result.exit_code == 0, result.stderr
    text = file.read_text("utf-8-sig" if german else "utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter=";" if german else ","))
    names = (
        ("Bestellung", "Status", "Bezahlt", "Nachname")
        if german
        else ("external_id", "state", "paid", "last_name")
    )
    assert [rows[1][name] for name in names] == ["101", "open", "2,25" if german else "2.25", "Müßig"]


def test_export_as_xlsx(shop: None, tmp_path: Path) -> None:
    """Amounts are numbers, and without being asked no address is written."""
    file = tmp_path / "orders.xlsx"

    assert call("order", "export", str(file)).exit_code == 0

    headings, *rows = openpyxl.load_workbook(file).active.values  # type: ignore[union-attr]
    assert "last_name" not in headings
    assert rows[1][headings.index("total")] == 4.5
    assert (
        refused("order", "export", str(tmp_path / "orders.pdf"))
        == "orders.pdf: the name must end in .csv or .xlsx."
    )


def test_searching(sqlite_database: str) -> None:
    """By beginnings of numbers, buyer, parcel, month, way to pay and reason; several narrow each other."""
    open_shop()
    take_articles(article("CUP", 9))
    take_orders(order("100", line("1-1", "CUP")), order("200", line("2-1", "NONE")))
    call("order", "ship", "100", "--carrier", "DHL", "--tracking", "T-77")
    call("order", "pay", "200", "1.00")

    def found(*options: str) -> list[str]:
        return sorted(row["external_id"] for row in read("order", "list", *options))

    assert found("--number", "1") == ["100"]
    assert found("--number", "M-2") == ["200"]
    assert found("--number", "%") == []
    assert found("--buyer", "JOERG@buyer.example") == ["100", "200"]
    assert found("--buyer", "müßig") == ["100", "200"]
    assert found("--buyer", "joerg") == []
    assert found("--tracking", "T-77") == ["100"]
    assert found("--hold", "line_unmatched") == ["200"]
    assert found("--hold", "stock_short") == []
    assert found("--payment-state", "partly_paid") == ["200"]
    assert found("--month", f"{PLACED:%Y-%m}") == ["100", "200"]
    assert found("--month", "2020-01") == []
    assert call("order", "list", "--month", "0001-13").exit_code == 2


def test_many_at_once(sqlite_database: str) -> None:
    """Each order has its own result; a refusal stops no other, and the exit code tells of it."""
    open_shop()
    take_articles(article("CUP", 9))
    take_orders(*(order(number, line(f"{number}-1", "CUP")) for number in ("100", "200")))
    call("order", "pay", "200")

    done = call("order", "paid", "100", "200", "300")
    shipped = call("order", "shipped", "100", "200", "--carrier", "DHL")

    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "Order 100 was paid.",
        "Order 200 owes nothing.",
        "There is no order '300'.",
    ]
    assert shipped.exit_code == 0
    assert [row["state"] for row in read("order", "list")] == ["shipped", "shipped"]
    call("order", "note", "100", "ruft  zurück")
    assert read("order", "show", "100")["events"][-1]["detail"] == {"text": "ruft zurück"}
