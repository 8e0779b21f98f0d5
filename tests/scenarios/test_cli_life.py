"""One order's life on the command line: held, mended, paid, released, picked, sent, invoiced, and back."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from models.clock import utc_now
from models.database.session import session_scope
from models.orders.records import AddressData
from models.tenants.account import get_account
from tests.support.cli_steps import article, call, line, open_shop, order, read, take_articles, take_orders

NOWHERE = AddressData(
    first_name="Jörg", last_name="Müßig", street="Weg", postcode="04109", city="Leipzig", country="DE"
)


def do(*arguments: str) -> str:
    """Run a command that must succeed; return what it told."""
    done = call(*arguments)
    assert done.exit_code == 0, (arguments, done.stderr)
    return done.stderr.strip()


def test_from_arrival_to_refund(database: str, tmp_path: Path) -> None:
    """Each step leaves its event; money, units and stock add up at the end, and the papers are there."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        mails = "order_received,payment_request,payment_received,shipped,return_received,refund"
        account.settings = {
            **account.settings,
            "invoices": "warenfluss",
            "invoices_from": "2026-01-01",
            "buyer_mails": mails,
        }
        session.add(account)
    seller = ["name=Acme GmbH", "address=Weg 2", "address=04109 Leipzig", "vat_id=DE123456789"]
    do("tenant", "set", "acme", *(word for each in seller for word in ("--set", f"seller.{each}")))
    take_articles(article("MUG", 5))
    goods = line("1-1", "MUG", 2).model_copy(update={"tax_rate": Decimal(19)})
    placed = utc_now() - timedelta(hours=1)
    take_orders(
        order("1", goods, billing=NOWHERE, placed_at=placed, checkout_at=placed, payment_method="TRANSFER")
    )

    assert read("order", "show", "1")["holds"] == ["address_incomplete"]
    do("mend", "address", "1", "--set", "street=Weg 1")
    do("method", "map", "shop", "payment", "TRANSFER", "prepayment")
    do("order", "pay", "1")
    do("order", "release", "1")
    do("bin", "add", "A-1")
    do("pick", "create", "1")
    (made,) = read("pick", "list")
    number = str(made["number"])
    assert call("pick", "scan", number, "MUG", "MUG").exit_code == 0
    do("pick", "close", number)
    do("paper", "slip", "1", "--output", str(tmp_path / "slip.pdf"))
    do("order", "ship", "1", "--carrier", "DHL", "--tracking", "00340434161094000001")
    do("order", "invoice", "1")
    do("return", "announce", "1", "--line", "1-1=1", "--reason", "zu klein")
    do("return", "receive", "1")
    do("return", "credit", "1")
    do("order", "refund", "1")
    do("paper", "return-slip", "1", "--output", str(tmp_path / "return.pdf"))

    shown = read("order", "show", "1")
    assert [event["kind"] for event in shown["events"]] == [
        "imported",
        "held",
        "edited",
        "hold_released",
        "payment",
        "released",
        "picked",
        "shipped",
        "invoiced",
        "return_announced",
        "return_received",
        "credited",
        "refund",
    ]
    assert (shown["state"], shown["payment_state"], shown["holds"]) == ("shipped", "paid", [])
    assert [(payment["amount"]) for payment in shown["payments"]] == ["19.80", "-9.90"]
    assert [(paper["kind"], paper["gross"]) for paper in shown["documents"]] == [
        ("invoice", "19.80"),
        ("credit_note", "-9.90"),
    ]
    (stock,) = read("stock", "list")
    assert (stock["on_hand"], stock["allocated"]) == (4, 0)
    assert all((tmp_path / name).read_bytes().startswith(b"%PDF") for name in ("slip.pdf", "return.pdf"))
    waiting = {row["kind"] for row in read("outbound", "list")}
    assert {"buyer_mail", "shipment"} <= waiting
