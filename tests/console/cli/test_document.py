"""`warenfluss document`, `order invoice` and what `tenant set` says of who issues invoices."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
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
    take_articles,
)
from tests.support.cli_steps import take_orders as take_in

HOME = AddressData(
    first_name="Jörg", last_name="Müßig", street="Weg 1", postcode="04109", city="Leipzig", country="DE"
)


def test_rates_are_set_by_command(sqlite_database: str) -> None:
    """Each is refused if it is none, and then nothing is changed."""
    open_shop()
    done = [
        call("tenant", "set", "acme", "--oss-from", "2026-07-01", "--told-rates", "home", "--day-rates"),
        call("tenant", "exchange-rate", "acme", "chf", "0,9312", "--month", "2026-11"),
        call("tenant", "exchange-rate", "acme", "CHF", "0.94", "--month", "2026-12"),
        call("tenant", "vat-rates", "acme", "EE", "24", "13", "9", "--from", "2027-01-01"),
        call("tenant", "vat-rates", "acme", "EE", "25", "--from", "2027-01-01"),
    ]
    assert [each.exit_code for each in done] == [0] * 5, [each.stderr for each in done]
    (row,) = read("tenant", "list")

    assert row["taxes"] == {
        "oss_from": "2026-07-01",
        "below_threshold": False,
        "told_rates": "home",
        "day_rates": True,
        "vat_rates": [{"area": "EE", "since": "2027-01-01", "standard": "25", "reduced": []}],
        "exchange_rates": {"2026-11": {"CHF": "0.9312"}, "2026-12": {"CHF": "0.94"}},
    }
    assert "--oss-from does not fit" in refused("tenant", "set", "acme", "--oss-from", "soon")
    assert "own currency" in refused("tenant", "exchange-rate", "acme", "EUR", "1", "--month", "2026-11")
    assert "RATE does not fit" in refused("tenant", "exchange-rate", "acme", "CHF", "0", "--month", "2026-11")
    assert "AREA or a rate" in refused("tenant", "vat-rates", "acme", "US", "8", "--from", "2027-01-01")
    for wrong in (
        ("exchange-rate", "acme", "CHF", "much", "--month", "2026-11"),
        ("exchange-rate", "acme", "CHF", "1", "--month", "November"),
        ("vat-rates", "acme", "EE", "24"),
    ):
        assert call("tenant", *wrong).exit_code == 2
    assert read("tenant", "list") == [row]
    assert call("tenant", "set", "acme", "--oss-from", "").exit_code == 0
    assert read("tenant", "list")[0]["taxes"]["oss_from"] is None


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """An account whose invoices are made here, with an order of two mugs that left."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        account.settings = {**account.settings, "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        session.add(account)
    take_articles(article("MUG"))
    goods = line("100-1", "MUG", 2).model_copy(update={"tax_rate": Decimal(19)})
    take_in(order("100", goods, billing=HOME))
    with session_scope() as session:
        record_shipment(session, find_order(session, "100"), "DHL", [ParcelData()], PLACED)


def set_seller() -> None:
    arguments = ["--legal-name", "Acme GmbH", "--address", "Weg 2", "--address", "04109 Leipzig"]
    assert call("tenant", "set", "acme", *arguments, "--vat-id", "de 123456789").exit_code == 0


def test_an_invoice_by_hand_its_paper_and_its_correction(shop: None, tmp_path: Path) -> None:
    """Issue, list, show, save, take back; then the goods can be invoiced anew."""
    said = refused("order", "invoice", "100")
    assert "'acme' states no legal name, no address, no tax number or VAT ID. `warenfluss tenant set" in said
    for number in ("--tax-number NUMBER", "--vat-id ID"):
        assert f"tenant set acme --legal-name NAME --address LINE --address LINE {number}`" in said
    set_seller()
    (tenant,) = read("tenant", "list")
    assert tenant["seller"]["vat_id"] == "DE123456789"

    issued = call("order", "invoice", "100")
    assert issued.exit_code == 0, issued.stderr
    (row,) = read("document", "list", "--order", "100")
    label = row["label"]
    assert f"{label} was issued: 19.80 EUR." in issued.stderr
    assert (row["kind"], row["gross"], row["tax"], row["corrected_by"]) == ("invoice", "19.80", "3.16", None)
    assert "nothing is left to invoice" in refused("order", "invoice", "100")

    shown = read("document", "show", label)
    assert shown["drawn"] is True
    assert (shown["tax_case"], shown["country"]) == ("domestic", "DE")
    assert shown["content"]["buyer"] == ["Jörg Müßig", "Weg 1", "04109 Leipzig"]
    assert label in call("document", "show", label).stdout
    file = tmp_path / "invoice.pdf"
    assert call("document", "save", label, str(file)).exit_code == 0
    assert label in PdfReader(io.BytesIO(file.read_bytes())).pages[0].extract_text()
    assert "cannot be written" in refused("document", "save", label, str(tmp_path / "none" / "x.pdf"))

    corrected = call("document", "correct", label, "--reason", "Anschrift")
    assert corrected.exit_code == 0, corrected.stderr
    assert "was taken back by" in refused("document", "correct", label, "--reason", "again")
    assert call("order", "invoice", "100").exit_code == 0
    kinds = [(one["kind"], one["gross"], one["corrected_by"]) for one in read("document", "list")]
    assert kinds[0] == ("invoice", "19.80", None)
    assert kinds[1][:2] == ("credit_note", "-19.80")
    assert kinds[2][2] == read("document", "list", "--kind", "credit_note")[0]["label"]
    assert read("order", "show", "100")["documents"][0]["label"] == label


def test_what_does_not_exist_or_fit_is_refused(shop: None) -> None:
    """In one sentence each."""
    assert "There is no document 'RE-1'" in refused("document", "show", "RE-1")
    assert "--footer does not fit" in refused("tenant", "set", "acme", "--footer", "x" * 101)
    assert "--legal-name does not fit" in refused("tenant", "set", "acme", "--legal-name", "x" * 101)
