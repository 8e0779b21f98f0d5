"""`warenfluss document`, `order invoice` and what `tenant set` says of who issues invoices."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.invoicing.invoices import issue_or_hold
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
)
from tests.support.cli_steps import take_orders as take_in

HOME = AddressData(
    first_name="Jörg", last_name="Müßig", street="Weg 1", postcode="04109", city="Leipzig", country="DE"
)


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
    seller = ["seller.name=Acme GmbH", "seller.address=Weg 2", "seller.address=04109 Leipzig"]
    assert call("tenant", "set", "acme", *settings(*seller, "seller.vat_id=de 123456789")).exit_code == 0


def test_an_invoice_by_hand_its_paper_and_its_correction(shop: None, tmp_path: Path) -> None:
    """Issue, list, show, save, take back; then the goods can be invoiced anew."""
    said = refused("order", "invoice", "100")
    assert "'acme' has no legal name, no address, no tax number or VAT ID. `warenfluss tenant set" in said
    lines = "--set seller.address=LINE --set seller.address=LINE"
    for number in ("tax_number=NUMBER", "vat_id=ID"):
        assert f"tenant set acme --set seller.name=NAME {lines} --set seller.{number}`" in said
    set_seller()
    (tenant,) = read("tenant", "list")
    assert tenant["seller"]["vat_id"] == "DE123456789"

    issued = call("order", "invoice", "100")
    assert issued.exit_code == 0, issued.stderr
    (row,) = read("document", "list", "--order", "100")
    label = row["label"]
    assert f"{label} was issued: 19.80 EUR." in issued.stderr
    assert (row["kind"], row["gross"], row["tax"], row["corrected_by"]) == ("invoice", "19.80", "3.16", None)
    assert "no shipped units left to invoice" in refused("order", "invoice", "100")

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
    assert "was cancelled by" in refused("document", "correct", label, "--reason", "again")
    assert call("order", "invoice", "100").exit_code == 0
    kinds = [(one["kind"], one["gross"], one["corrected_by"]) for one in read("document", "list")]
    assert kinds[0] == ("invoice", "19.80", None)
    assert kinds[1][:2] == ("credit_note", "-19.80")
    assert kinds[2][2] == read("document", "list", "--kind", "credit_note")[0]["label"]
    assert read("order", "show", "100")["documents"][0]["label"] == label


def test_an_order_shows_why_it_has_no_invoice_and_what_helps(shop: None) -> None:
    """The whole sentence with the commands; a program reads what to do as data."""
    with session_scope() as session:
        assert issue_or_hold(session, find_order(session, "100")) is None

    shown = call("order", "show", "100").stdout
    (hold,) = read("order", "show", "100")["holds_detail"]

    said = "no address, no tax number or VAT ID. `warenfluss tenant set acme --set seller.name=NAME --set"
    assert said in shown
    missing = {"legal_name": "", "address": "", "tax_number": ""}
    assert hold["detail"]["advice"][0] == {"action": "tenant_set", "subject": "acme", "values": missing}


def test_what_does_not_exist_or_fit_is_refused(shop: None) -> None:
    """In one sentence each."""
    assert "There is no document 'RE-1'" in refused("document", "show", "RE-1")
    for setting in ("seller.footer", "seller.name"):
        sentence = refused("tenant", "set", "acme", *settings(f"{setting}={'x' * 101}"))
        assert f"The setting {setting!r} does not fit" in sentence
