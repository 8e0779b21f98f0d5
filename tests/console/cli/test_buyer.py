"""`warenfluss buyer`: a buyer who wants his data, or wants them gone."""

import json
import stat
import zipfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from models.accounting.issued import save_files
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.invoicing.invoices import issue_invoice
from models.mails.outbox import Mail, queue_mail
from models.mails.records import MailContent, MailPart
from models.orders.history import Actor
from models.orders.queries import find_order
from models.orders.records import AddressData
from models.tenants.account import get_account
from models.tenants.tenant import get_tenant
from tasks.upkeep import prune
from tests.support.builders import SELLER, settle_outbound
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

MAIL = "joerg@buyer.example"
ELSE = AddressData(
    first_name="Ina",
    last_name="Neu",
    street="Weg 1",
    postcode="04109",
    city="Leipzig",
    country="DE",
    email="i@buyer.example",
)


def sell() -> str:
    """Sell a buyer two orders, of which one has ended, and another buyer one; return the invoice's number."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        account.settings = {**account.settings, "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        tenant = get_tenant(session, "acme")
        tenant.seller = dict(SELLER)
        session.add_all([account, tenant])
    take_articles(article("MUG"))
    take_orders(
        *(
            order(
                str(number),
                line(f"{number}-1", "MUG", number).model_copy(update={"tax_rate": Decimal(19)}),
                customer_id=f"K{number}",
                paid_amount=Decimal("9.90") * number,
                payment_reference="Joerg",
                **({"billing": ELSE} if number == 3 else {}),
            )
            for number in (1, 2, 3)
        )
    )
    with session_scope() as session:
        sold = find_order(session, "1")
        record_shipment(session, sold, "DHL", [ParcelData()], PLACED)
        invoice = issue_invoice(session, sold, actor=Actor.cycle)
        save_files(session, {invoice.row_id: b"%PDF invoice"})
        content = MailContent(
            subject="Ihre Bestellung",
            text="Hallo",
            parts=(MailPart(name="b.pdf", media_type="a/b", content=b"%PDF mail"),),
        )
        queue_mail(session, "1", content, [MAIL], order_id=sold.id)
        session.flush()
        session.get_one(Mail, 1).sent_at = utc_now()
        settle_outbound(session)
        return invoice.label


def names(*arguments: str) -> dict[str, str]:
    return {row["order"]: row["data"] for row in read("buyer", "show", *arguments)["orders"]}


def test_a_buyer_gets_all_that_is_known_of_him(database: str, tmp_path: Path) -> None:
    """Whichever of his numbers he names; nothing of others; with his papers, in a file that is his alone."""
    label = sell()
    for name in (MAIL, MAIL.upper(), "K2", "1", "M-2"):
        assert list(names(name)) == ["1", "2"]
    assert "No such buyer is known" in refused("buyer", "show", "x@y.example")
    file = tmp_path / "buyer.zip"

    said = call("buyer", "export", MAIL, str(file))

    assert said.exit_code == 0, said.stderr
    assert "2 files written" in said.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("buyer.json"))
        assert archive.read(f"{label}.pdf") == b"%PDF invoice"
        assert archive.read("mail-1-1") == b"%PDF mail"
    assert [row["external_id"] for row in data["sales_order"]] == ["1", "2"]
    assert [row["user_name"] for row in data["customer"]] == ["", ""]
    assert {row["street"] for row in data["order_address"]} == {"Am Mühlgraben 7"}
    assert data["document"][0]["content"]["buyer"][0] == "Jörg Müßig"
    assert (data["mail"][0]["text"], data["booking"][0]["reference"]) == ("Hallo", "Joerg")
    assert {"order_event", "order_line", "parcel", "payment", "shipment"} <= set(data)
    assert "Neu" not in json.dumps(data)


def test_a_buyer_who_wants_to_be_forgotten(sqlite_database: str, tmp_path: Path) -> None:
    """What has ended goes at once, the rest when it ends; the law's part is named; so after a restore."""
    label = sell()
    copy = tmp_path / "copy"
    assert call("db", "backup", str(copy)).exit_code == 0
    last = utc_now().year + 8

    shown = call("buyer", "erase", MAIL, "--dry-run")
    assert f"{label} is kept until {last}-12-31" in shown.stderr
    assert f"1 mail kept until {last - 2}-12-31" in shown.stderr
    assert call("buyer", "erase", MAIL, given="n\n").exit_code == 1
    assert names(MAIL) == {"1": "goes", "2": "kept: it is not finished"}

    done = call("buyer", "erase", MAIL, "--yes")
    assert done.exit_code == 0, done.stderr
    assert "1 order anonymised" in done.stderr
    assert names("2") == {"1": "anonymous", "2": "kept: it is not finished"}
    assert names("3") == {"3": "kept: it is not finished"}
    erased = read("buyer", "erased")
    assert [(row["account"], row["order"]) for row in erased] == [("shop", "1"), ("shop", "2")]

    restored = call("db", "restore", str(copy), "--replace")
    assert restored.exit_code == 0, restored.stderr
    assert "2 orders of buyers who asked for erasure" in restored.stderr
    assert names("1")["1"] == "goes"
    prune()
    assert names("1")["1"] == "anonymous"
    assert call("document", "resume", "acme").exit_code == 0
    with session_scope() as session:
        sold = find_order(session, "2")
        record_shipment(session, sold, "DHL", [ParcelData()], PLACED + timedelta(days=1))
        issue_invoice(session, sold, actor=Actor.cycle)
        settle_outbound(session)
    prune()
    with read_scope() as session:
        assert find_order(session, "2").anonymised_at is not None
        assert find_order(session, "3").anonymised_at is None


def test_erased_words_stand_in_no_file(sqlite_file: str, tmp_path: Path) -> None:
    """Not in the database's files, whose connections are still open, and not in a backup made afterwards."""
    open_shop()
    take_articles(article("MUG"))
    billing = ELSE.model_copy(update={"last_name": "Verborgen", "street": "Verschwiegene Gasse 4"})
    take_orders(
        order("7", line("7-1", "MUG"), customer_id="K-geheim", billing=billing, buyer_comment="Klingelwort")
    )
    assert call("order", "cancel", "7").exit_code == 0
    with session_scope() as session:
        settle_outbound(session)
    file = Path(sqlite_file.removeprefix("sqlite:///"))
    words = (b"Verborgen", b"Verschwiegene", b"i@buyer.example", b"K-geheim", b"Klingelwort")

    def found() -> set[bytes]:
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
        return {word for word in words if any(word in content for content in files)}

    assert found() == set(words)

    done = call("buyer", "erase", "7", "--yes")
    assert done.exit_code == 0, done.stderr
    assert call("db", "backup", str(tmp_path / "copy")).exit_code == 0

    assert {file.name, f"{file.name}-wal", "copy"} <= {path.name for path in tmp_path.iterdir()}
    assert found() == set()
    assert "db rewrite" not in done.stderr


def test_a_large_database_says_how_the_remains_go(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that rewrites it, for a quiet hour."""
    monkeypatch.setattr("models.database.erased_text.SMALL_BYTES", 0)
    sell()

    done = call("buyer", "erase", MAIL, "--yes")

    assert done.exit_code == 0, done.stderr
    assert "`warenfluss db rewrite` removes them" in done.stderr
    rewritten = call("db", "rewrite")
    assert (rewritten.exit_code, rewritten.stderr) == (0, "The database was rewritten.\n")


def test_the_list_of_erasures_is_taken_over(sqlite_database: str, tmp_path: Path) -> None:
    """As one was kept elsewhere, and into a database that cannot know of it."""
    sell()
    file = tmp_path / "erased.json"
    file.write_text(json.dumps([{"account": "shop", "order": "1", "asked_at": "2026-11-20T10:00:00Z"}]))
    for _ in range(2):
        assert "1 of 1 erasures" in call("buyer", "erase-again", str(file)).stderr
    prune()
    assert names("1")["1"] == "anonymous"
    assert [row["asked_at"] for row in read("buyer", "erased")] == ["2026-11-20T10:00:00Z"]
    file.write_text("[1]")
    assert "no list of erasures" in refused("buyer", "erase-again", str(file))
