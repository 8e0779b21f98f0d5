"""`warenfluss book`: what a merchant gives his accountant."""

from decimal import Decimal
from pathlib import Path

from models.database.schema import downgrade, upgrade
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.invoicing.invoices import issue_invoice
from models.orders.history import Actor
from models.orders.queries import find_order
from models.tenants.account import get_account
from models.tenants.tenant import get_tenant
from tests.support.builders import SELLER
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


def open_books() -> str:
    """Sell and invoice two mugs of 9.90 and one book of 7 %, paid; return the invoice's number."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        account.settings = {**account.settings, "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        tenant = get_tenant(session, "acme")
        tenant.seller = dict(SELLER)
        session.add_all([account, tenant])
    take_articles(article("MUG"), article("BOOK"))
    goods = line("1-1", "MUG", 2).model_copy(update={"tax_rate": Decimal(19)})
    book = line("1-2", "BOOK", 1, "10.70").model_copy(update={"tax_rate": Decimal(7)})
    paid = {"paid_amount": Decimal("30.50"), "paid_at": PLACED, "payment_reference": "=1+1"}
    take_orders(order("1", goods, book, **paid))
    with session_scope() as session:
        sold = find_order(session, "1")
        record_shipment(session, sold, "DHL", [ParcelData()], PLACED)
        return issue_invoice(session, sold, actor=Actor.cycle).label


def test_an_export_has_every_record_and_prints_the_sums(sqlite_database: str, tmp_path: Path) -> None:
    """Also of what was there before there were books; days are bounds, and a wrong one is refused."""
    label = open_books()
    before = read("book", "list")
    downgrade("0014")
    upgrade()
    file = tmp_path / "books.csv"

    exported = call("book", "export", str(file), "--german")

    assert exported.exit_code == 0, exported.stderr
    assert "3 rows of bookings written" in exported.stderr
    assert [each.split() for each in exported.stdout.splitlines()[1:]] == [
        ["EUR", "invoice", "domestic", "DE", "19.00", "1", "16.64", "3.16", "19.80"],
        ["EUR", "invoice", "domestic", "DE", "7.00", "1", "10.00", "0.70", "10.70"],
        ["EUR", "payment", "1", "30.50"],
    ]
    headings, *rows = file.read_text("utf-8-sig").splitlines()
    assert headings == (
        "Buchung;Datum;Art;Beleg;Bezug;Anbindung;Bestellnummer;Kundennummer;Zahlungsart;Währung;Steuersatz;"
        "Netto;Steuer;Brutto;Erfasst am;Steuerfall;Land;Kurs"
    )
    paid, invoiced, _ = (row.split(";") for row in sorted(rows, key=lambda row: row.split(";")[1]))
    assert paid[1:5] == ["2026-11-01", "payment", "", "'=1+1"]
    assert paid[9:14] == ["EUR", "", "", "", "30,50"]
    assert invoiced[2:7] == ["invoice", label, "", "shop", "M-1"]
    assert invoiced[9:14] == ["EUR", "19,00", "16,64", "3,16", "19,80"]
    assert "booked" in call("book", "fill").stderr
    assert invoiced[15:] == ["domestic", "DE", ""]
    same = ("kind", "label", "reference", "tax_case", "country", "tax_rate", "net", "tax", "gross")
    assert sorted([str([row[name] for name in same]) for row in read("book", "list")]) == sorted(
        [str([row[name] for name in same]) for row in before]
    )
    assert [row["kind"] for row in read("book", "list", "--until", "2026-11-01")] == ["payment"]
    assert read("book", "list", "--until", "2026-10-31") == []
    assert call("book", "list", "--from", "November").exit_code == 2
    assert "must end in .csv or .xlsx" in refused("book", "export", str(tmp_path / "books.txt"))
