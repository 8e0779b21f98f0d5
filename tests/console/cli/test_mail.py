"""`warenfluss mail`, and what `tenant set` and `account set` say of mails."""

from decimal import Decimal
from pathlib import Path

import pytest

from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.mails.outbox import Mail, list_mails, queue_mail
from models.orders.queries import find_order
from models.payments.payment import record_payment, record_refund
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState
from models.tenants.account import get_account
from tests.support.builders import BILLING
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

TENANT = ("tenant", "set", "acme")


SELLER = settings("seller.name=Acme GmbH", "seller.address=Weg 2", "seller.address=04109 Leipzig")
BANK = settings("bank.holder=Acme GmbH", "bank.iban=de02 1203 0000 0000 2020 51")


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """An account that mails of everything, with an order of two mugs."""
    open_shop()
    with session_scope() as session:
        account = get_account(session, "shop")
        account.settings = {**account.settings, "buyer_mails": ["shipped", "cancelled"]}
        session.add(account)
    take_articles(article("MUG"))
    buyer = BILLING.model_copy(update={"email": "aenne@post.example"})
    take_in(order("100", line("100-1", "MUG", 2), billing=buyer))


def test_a_mail_is_looked_at_before_it_is_sent(shop: None, tmp_path: Path) -> None:
    """In either language, with its code in the HTML; nothing is queued, and what would stop it is said."""
    said = refused("mail", "preview", "shipped", "100")
    assert "--set seller.name=NAME --set seller.address=LINE" in said
    assert call(*TENANT, *SELLER).exit_code == 0
    said = refused("mail", "preview", "payment_request", "100")
    assert (
        "--set bank.holder=NAME --set bank.iban=IBAN` or "
        "`warenfluss tenant set acme --set mails.payment_link=LINK`"
    ) in said
    assert call(*TENANT, *BANK).exit_code == 0
    file = tmp_path / "mail.html"

    german = call("mail", "preview", "payment_request", "100", "--html", str(file))
    english = call("mail", "preview", "payment_request", "100", "--language", "en")

    assert german.exit_code == 0, german.stderr
    assert german.stdout.startswith("To: aenne@post.example\nSubject: Zahlung Ihrer Bestellung M-100\n\n")
    assert "DE02 1203 0000 0000 2020 51" in german.stdout
    assert "Payment of your order M-100" in english.stdout
    assert 'src="data:image/png;base64,' in file.read_text("utf-8")
    assert "It would not be sent: unwanted." in german.stderr
    assert "It would not be sent: taken back." in call("mail", "preview", "shipped", "100").stderr
    with session_scope() as session:
        record_shipment(session, find_order(session, "100"), "DHL", [ParcelData(tracking_number="1")], PLACED)
    shipped = call("mail", "preview", "shipped", "100")
    assert "piececode=1" in shipped.stdout
    assert shipped.stderr == ""
    assert "cannot be written" in refused("mail", "preview", "shipped", "100", "--html", str(tmp_path))
    with read_scope() as session:
        assert list_mails(session) == []
        pending = list_outbound(session, [OutboundState.pending])
        assert [row.kind for row in pending if row.kind == "buyer_mail"] == ["buyer_mail"]


def test_mails_are_listed_shown_and_tried_again(shop: None) -> None:
    """Those to buyers, and apart from them those to operators."""
    from documents.mails.buyer import render_buyer_mail
    from models.papers.buyer_mail import compose_buyer_mail
    from models.tenants.records import BuyerEvent

    call(*TENANT, *SELLER, *BANK)
    with session_scope() as session:
        theirs = find_order(session, "100")
        content = render_buyer_mail(compose_buyer_mail(session, theirs, BuyerEvent.payment_request, ""))
        queue_mail(session, "one", content, ["aenne@post.example"], order_id=theirs.id)
        queue_mail(session, "two", content)
        session.flush()
        mail = session.get_one(Mail, 1)
        mail.given_up_at, mail.error, mail.attempts = utc_now(), "550 no such user", 5

    (row,) = read("mail", "list", "--state", "given_up", "--order", "100", "--account", "shop")
    assert (row["order"], row["state"], row["error"]) == ("100", "given_up", "550 no such user")
    assert [row["id"] for row in read("mail", "list", "--operators")] == [2]
    shown = read("mail", "show", "1")
    assert shown["to"] == ["aenne@post.example"]
    assert [file["media_type"] for file in shown["files"]] == ["image/png"]
    assert "file: girocode.png (image/png" in call("mail", "show", "1").stdout
    assert "There is no mail 7" in refused("mail", "show", "7")
    assert "1 mail to buyers given up" in call("doctor").stdout

    assert call("mail", "retry", "1").exit_code == 0
    assert [row["state"] for row in read("mail", "list")] == ["waiting"]
    assert call("mail", "retry", "1").exit_code == 1


def test_a_refund_that_was_paid_is_previewed(shop: None) -> None:
    """Of the last payment that gave money back."""
    call(*TENANT, *SELLER)
    with session_scope() as session:
        from models.tenants.account import account_data

        account = account_data(get_account(session, "shop"))
        record_payment(session, account, find_order(session, "100"), Decimal("19.80"), utc_now())
        record_refund(session, account, find_order(session, "100"), Decimal("9.90"), utc_now())
    assert "9,90\u00a0€ erstattet" in call("mail", "preview", "refund", "100").stdout
