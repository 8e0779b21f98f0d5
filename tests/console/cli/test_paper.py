"""`warenfluss paper` and `tenant set --logo`: papers of many orders in one file."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.orders.queries import find_order
from models.orders.records import AddressData
from models.tenants.account import get_account
from tests.support.cli_steps import (
    PLACED,
    article,
    call,
    line,
    open_shop,
    order,
    read,
    refused,
    settings,
    take_articles,
    take_orders,
)

HOME = AddressData(
    first_name="Jörg", last_name="Müßig", street="Weg 1", postcode="04109", city="Leipzig", country="DE"
)
CHINA = HOME.model_copy(update={"last_name": "王"})


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """Three orders of mugs, of which the second goes to a name that no font here has."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        account.settings = {**account.settings, "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        session.add(account)
    take_articles(article("MUG", 4))
    goods = [
        line(f"{number}-1", "MUG", 2).model_copy(update={"tax_rate": Decimal(19)})
        for number in (100, 101, 102)
    ]
    for number, one in zip((100, 101, 102), goods, strict=True):
        take_orders(order(str(number), one, billing=CHINA if number == 101 else HOME))


def pages(file: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(file.read_bytes())).pages]


def test_slips_of_many_orders_stand_in_one_file(shop: None, tmp_path: Path) -> None:
    """One by one; what is refused is told by itself, and the rest is drawn."""
    file = tmp_path / "slips.pdf"
    result = call("paper", "slip", "100", "M-101", "102", "nix", "100", "--output", str(file))

    assert result.exit_code == 1
    assert [text for text in result.stderr.splitlines() if text] == [
        "There is no order 'nix'.",
        "Order 102 is held (stock_short); settle that first.",
        "101: signs that the font lacks are printed as “?”.",
        f"2 pages written to {file}.",
    ]
    first, second = pages(file)
    assert "Lieferschein M-100" in first
    assert "Jörg ?" in second
    assert [path for path in tmp_path.iterdir() if "slips" in path.name] == [file]

    english = call("paper", "slip", "100", "--output", str(file), "--format", "thermal", "--language", "en")
    assert english.exit_code == 0, english.stderr
    assert "Packing slip" in pages(file)[0]


def test_each_kind_is_drawn(shop: None, tmp_path: Path) -> None:
    """Pick lists and labels put several orders onto one page; an offer has its day."""
    file = tmp_path / "paper.pdf"
    assert call("order", "release", "100", "101").exit_code == 0
    assert call("order", "pay", "100").exit_code == 0
    for kind, numbers, words in (
        ("confirmation", ["100", "101"], ["Auftragsbestätigung M-100", "Auftragsbestätigung M-101"]),
        ("pick-list", ["100", "101"], ["2 × M-100"]),
        ("label", ["100", "101"], ["M-100"]),
        ("receipt", ["100"], ["Quittung M-100"]),
        ("return-slip", ["100"], ["Rücksendeschein M-100"]),
    ):
        result = call("paper", kind, *numbers, "--output", str(file))
        assert result.exit_code == 0, result.stderr
        drawn = pages(file)
        assert len(drawn) == len(words)
        assert all(word in page for word, page in zip(words, drawn, strict=True))
    assert call("pick", "create", "--boxes", "2").exit_code == 0
    printed = call("pick", "print", "1", "--output", str(file), "--language", "en")
    assert printed.exit_code == 0, printed.stderr
    assert "Pick list 1" in pages(file)[0]
    assert "2 × Box 1 · M-100" in pages(file)[0]
    file.unlink()
    take_orders(order("103", line("103-1", "MUG", 1), billing=HOME))
    result = call("paper", "offer", "103", "--valid-until", "2126-12-31", "--output", str(file))
    assert result.exit_code == 0, result.stderr
    assert "Gültig bis" in pages(file)[0]
    assert "31.12.2126" in pages(file)[0]


def test_invoices_of_many_orders_are_those_that_were_issued(shop: None, tmp_path: Path) -> None:
    """With the logo of their day; what has none is told."""
    logo, file = tmp_path / "logo.png", tmp_path / "invoices.pdf"
    seller = ["seller.name=Acme GmbH", "seller.address=Weg 2", "seller.address=04109 Leipzig"]
    assert call("tenant", "set", "acme", *settings(*seller, "seller.vat_id=DE123456789")).exit_code == 0
    for number, colour in (("100", "red"), ("101", "blue")):
        Image.new("RGB", (60, 20), colour).save(logo)
        assert call("tenant", "set", "acme", "--logo", str(logo)).exit_code == 0
        with session_scope() as session:
            record_shipment(session, find_order(session, number), "DHL", [ParcelData()], PLACED)
        assert call("order", "invoice", number).exit_code == 0
    assert call("tenant", "set", "acme", "--no-logo").exit_code == 0
    assert read("tenant", "list")[0]["seller"]["logo"] == ""

    result = call("paper", "invoice", "102", "100", "101", "--output", str(file))
    assert result.exit_code == 1
    assert "Order 102 has no invoice that was issued here." in result.stderr
    drawn = PdfReader(io.BytesIO(file.read_bytes())).pages
    assert [page.extract_text().count("Rechnung RE-") for page in drawn] == [1, 1]
    pictures = [page.images[0].image for page in drawn]
    assert [picture.getpixel((1, 1)) for picture in pictures if picture] == [(255, 0, 0), (0, 0, 255)]


def test_what_does_not_fit_is_refused(shop: None, tmp_path: Path) -> None:
    """In one sentence each; no file is left behind."""
    file = str(tmp_path / "x.pdf")
    assert "Nothing was drawn" in refused("paper", "slip", "nix", "--output", file)
    assert "cannot be written" in refused(
        "paper", "slip", "100", "--output", str(tmp_path / "none" / "x.pdf")
    )
    for arguments in (
        ("invoice", "100", "--language", "en"),
        ("slip", "100", "--language", "fr"),
        ("pick-list", "100", "--format", "thermal"),
        ("slip", "100", "--valid-until", "2126-01-01"),
        ("offer", "100", "--valid-until", "soon"),
    ):
        assert call("paper", *arguments, "--output", file).exit_code == 2
    assert [path for path in tmp_path.iterdir() if "x.pdf" in path.name] == []

    picture = tmp_path / "logo.svg"
    picture.write_text("<svg/>")
    assert "is a PNG or JPEG file" in refused("tenant", "set", "acme", "--logo", str(picture))
    assert "cannot be read" in refused("tenant", "set", "acme", "--logo", str(tmp_path / "none.png"))
    assert read("tenant", "list")[0]["seller"]["logo"] == ""
