"""The cycle `buyer-mail`: each event reaches its buyer once, through a mail server, whatever dies."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlmodel import col, func, select

from documents.mails.buyer import render_buyer_mail
from models.clock import utc_now
from models.database.engine import dispose
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.mails.buyer_events import queue_buyer_mail
from models.mails.outbox import Mail, MailFile, MailState, list_mails, mail_state
from models.mails.records import MailContent
from models.orders.history import Actor, OrderEvent, events_of
from models.orders.order import Order, OrderAddress
from models.orders.queries import find_order
from models.papers.records import BuyerMailData
from models.payments.payment import record_payment
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import account_data, get_account
from models.tenants.records import BuyerEvent, Mode
from models.tenants.tenant import Tenant
from tasks.upkeep import prune
from tasks.watch.mail_delivery import deliver_due
from tests.flows.conftest import Shop
from tests.scenarios.test_kills import kill
from tests.support import forks
from tests.support.alarm_steps import OPERATORS, use_mail_server
from tests.support.builders import SELLER
from tests.support.buyer_mail import BANK
from tests.support.cli_steps import call
from tests.support.killed_cycle import run_cycle
from tests.support.postgres import find_programs
from tests.support.smtp import SmtpServer
from tests.support.steps import add_mug, artifacts, attempt, events, expire_lease, last_run, prepare, sync

MAILS = Cycle.buyer_mail
BUYER = "juergen.muehlenberg@post.example"


@pytest.fixture
def ready(shop: Shop, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three orders that arrived, at an account that mails of everything; their numbers."""
    use_mail_server(monkeypatch, smtp_server)
    shop.configure(buyer_mails="all")
    set_tenant(shop, seller=SELLER, bank=BANK, title="Nordlicht", mails={"reply_to": "laden@nord.example"})
    mug = add_mug(shop, 50)
    numbers = [shop.channel.place_order([(mug.id, 2)]).order_id for _ in range(3)]
    prepare(shop, Cycle.article_import, Cycle.order_import)
    return numbers


def set_tenant(shop: Shop, **values: object) -> None:
    with session_scope() as session:
        tenant = session.get_one(Tenant, get_account(session, shop.name).tenant_id)
        for name, value in values.items():
            setattr(tenant, name, value)
        session.add(tenant)


def pay(shop: Shop, number: int, amount: str, at: datetime | None = None) -> None:
    with session_scope() as session:
        account = account_data(get_account(session, shop.name))
        order = find_order(session, str(number))
        record_payment(session, account, order, Decimal(amount), at or utc_now())


def ship(shop: Shop, number: int, tracking: str) -> None:
    with session_scope() as session:
        parcel = ParcelData(tracking_number=tracking)
        record_shipment(session, find_order(session, str(number)), "DHL", [parcel], utc_now())


def cancel(shop: Shop, number: int) -> None:
    with session_scope() as session:
        cancel_order(session, find_order(session, str(number)), actor=Actor.person)


def subjects(server: SmtpServer) -> list[str]:
    return [str(message["Subject"]) for message in server.messages]


def reasons(order: Order) -> list[str]:
    """Return why nothing was mailed of an order."""
    with read_scope() as session:
        return [
            event.detail["reason"]
            for event in events_of(session, order.id or 0)
            if event.kind == "mail_dropped"
        ]


def open_rows() -> list[str]:
    with read_scope() as session:
        query = select(Outbound).where(
            Outbound.kind == OutboundKind.buyer_mail, Outbound.state != OutboundState.sent
        )
        return [f"{row.state}: {row.error}" for row in session.exec(query.order_by(col(Outbound.id)))]


def test_each_event_reaches_its_buyer_once(
    shop: Shop, ready: list[int], smtp_server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Worked out when it is written; what is true no more is closed in the order's history."""
    first, second, third = ready
    pay(shop, first, "24.70")
    ship(shop, first, "0034")
    cancel(shop, second)

    counts = sync(MAILS, shop)

    assert (counts.read, counts.sent, counts.skipped) == (6, 5, 1)
    assert subjects(smtp_server) == [
        f"Ihre Bestellung {first}",
        f"Ihre Bestellung {third}",
        f"Zahlungseingang zu Ihrer Bestellung {first}",
        f"Ihre Bestellung {first} ist unterwegs",
        f"Ihre Bestellung {second} wurde storniert",
    ]
    assert {tuple(one) for one in smtp_server.recipients} == {(BUYER,)}
    message = smtp_server.messages[0]
    assert message["From"] == "Nordlicht <warenfluss@shop.example.test>"
    assert message["Reply-To"] == "laden@nord.example"
    (paper,) = smtp_server.messages[2].iter_attachments()
    assert paper.get_filename() == f"Quittung-{first}.pdf"
    words = PdfReader(io.BytesIO(paper.get_content())).pages[0].extract_text()
    assert "24,70" in words
    assert events(shop.order(first)).count("mail_queued") == 3
    assert events(shop.order(second))[-2:] == ["mail_dropped", "mail_queued"]
    assert sync(MAILS, shop).text() == "nothing new"
    sync(Cycle.order_import, shop)
    assert sync(MAILS, shop).text() == "nothing new"
    assert len(smtp_server.messages) == 5
    with read_scope() as session:
        details = str([event.detail for event in session.exec(select(OrderEvent))])
    assert "muehlenberg" not in details
    assert "hlenberg" not in caplog.text


def test_one_mail_that_breaks_keeps_no_other_back(
    shop: Shop, ready: list[int], smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again later; what its error says of the buyer is kept nowhere."""

    def render(letter: BuyerMailData, *rest: Any) -> MailContent:
        if letter.order_number == str(ready[1]):
            raise KeyError(letter.buyer)
        return render_buyer_mail(letter, *rest)

    with monkeypatch.context() as broken:
        broken.setattr("tasks.buyer_mails.render_buyer_mail", render)
        counts = sync(MAILS, shop)
    assert (counts.sent, counts.failed, counts.parked) == (2, 1, 0)
    assert open_rows() == ["pending: it could not be written (KeyError)"]
    with session_scope() as session:
        for row in session.exec(select(Outbound)):
            row.next_try_at = utc_now()
    assert sync(MAILS, shop).sent == 1
    assert len(smtp_server.messages) == 3


@pytest.mark.parametrize("point", ["before-queue", "before-close", "before-delivery"])
def test_a_run_that_is_killed_loses_and_doubles_nothing(
    shop: Shop, ready: list[int], smtp_server: SmtpServer, point: str
) -> None:
    """Between claim and queue, between queue and close, and before the mail server heard of any."""
    kill(shop, MAILS, point, 1 if point == "before-delivery" else 2)

    assert smtp_server.messages == []
    with read_scope() as session:
        assert len(list_mails(session)) == (3 if point == "before-delivery" else 0)
    assert attempt(MAILS, shop).is_cancelled()
    expire_lease(shop)
    sync(MAILS, shop)
    sync(MAILS, shop)
    assert sorted(subjects(smtp_server)) == sorted(f"Ihre Bestellung {number}" for number in ready)
    assert open_rows() == []


def test_what_cannot_be_written_waits_for_a_person(
    shop: Shop, ready: list[int], smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone: it is parked, told of once, and sent when that is mended; the others go on."""
    set_tenant(shop, bank={})
    with session_scope() as session:
        queue_buyer_mail(session, find_order(session, str(ready[0])), BuyerEvent.payment_request)
    assert (sync(MAILS, shop).sent, last_run(shop, MAILS).counts["parked"]) == (3, 1)
    (row,) = open_rows()
    assert "--set bank.holder=NAME --set bank.iban=IBAN" in row
    deliver_due()
    assert smtp_server.recipients[-1] == OPERATORS
    set_tenant(shop, bank=BANK)
    assert call("outbound", "retry", "--all").exit_code == 0
    assert sync(MAILS, shop).sent == 1
    assert subjects(smtp_server)[-1] == f"Zahlung Ihrer Bestellung {ready[0]}"
    picture = smtp_server.messages[-1].get_body(("related", "html"))
    assert picture is not None
    assert b"girocode" in smtp_server.messages[-1].as_bytes()

    # What every mail would lack fails the run, and none is written.
    set_tenant(shop, seller={})
    pay(shop, ready[0], "1.00")
    assert attempt(MAILS, shop).is_failed()
    assert "--set seller.name=NAME --set seller.address=LINE" in last_run(shop, MAILS).error
    assert len(open_rows()) == 1


def test_no_address_and_old_news_close_a_mail_with_an_event(
    shop: Shop, ready: list[int], smtp_server: SmtpServer
) -> None:
    """It is not tried again."""
    with session_scope() as session:
        first = session.get_one(OrderAddress, (shop.order(ready[0]).id, "billing"))
        first.email = "unknown"
        for row in session.exec(select(Outbound)):
            late = row.key.startswith(f"{shop.order(ready[1]).id}:")
            row.changed_at -= timedelta(days=14 if late else 13)
        cancel_order(session, find_order(session, str(ready[2])), actor=Actor.channel)
    shop.configure(buyer_mails="order_received")
    assert sync(MAILS, shop).skipped == 4
    assert events(shop.order(ready[0]))[-1] == "mail_impossible"
    assert reasons(shop.order(ready[1])) == ["too_late"]
    assert reasons(shop.order(ready[2])) == ["cancelled", "unwanted"]
    assert smtp_server.messages == []
    assert sync(MAILS, shop).text() == "nothing new"


def test_trials_and_test_runs_mail_nobody(shop: Shop, ready: list[int], smtp_server: SmtpServer) -> None:
    """A test run shows what it would; of an account in test nothing is even queued."""
    counts = sync(MAILS, shop, test=True)
    assert (counts.would_send, counts.sent) == (3, 0)
    shown = str(artifacts(shop, MAILS)[f"would-send-buyer-mail-{shop.name}"])
    assert f"Ihre Bestellung {ready[0]}" in shown
    assert "muehlenberg" not in shown.lower()

    shop.set_mode(Mode.test)
    shop.channel.place_order([next(iter(shop.channel.products.values()))])
    sync(Cycle.order_import, shop)
    queued = len(open_rows())
    sync(MAILS, shop)
    assert (smtp_server.messages, len(open_rows()), queued) == ([], 3, 3)
    with read_scope() as session:
        assert list_mails(session) == []


def test_two_runs_at_once_mail_each_buyer_once(shop: Shop, ready: list[int], smtp_server: SmtpServer) -> None:
    """In two processes; the one that comes second steps aside, or finds nothing."""
    dispose()
    runs = [forks.start(run_cycle, MAILS, shop.name, "never", 1, {}) for _ in range(2)]
    assert [forks.end(run) for run in runs] == [0, 0]
    sync(MAILS, shop)
    assert sorted(subjects(smtp_server)) == sorted(f"Ihre Bestellung {number}" for number in ready)


def test_nobody_is_mailed_twice_after_a_restore(
    shop: Shop,
    ready: list[int],
    smtp_server: SmtpServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What may have been told in the lost time is withheld, what happens afterwards is told."""
    if found := find_programs():
        monkeypatch.setenv("PATH", str(found / "bin"), prepend=":")
    backup = str(tmp_path / "backup.file")
    with session_scope() as session:
        row = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.buyer_mail)).first()
        assert row is not None
        row.next_try_at += timedelta(hours=1)
        session.add(row)
    smtp_server.stop()
    sync(MAILS, shop)
    assert call("db", "backup", backup).exit_code == 0
    smtp_server.start()
    with session_scope() as session:
        for mail in session.exec(select(Mail)):
            mail.next_try_at = utc_now()
        for each in session.exec(select(Outbound)):
            each.next_try_at = utc_now()
    pay(shop, ready[0], "4.70")
    shop.channel.pay(ready[1], Decimal("4.70"))
    lost = shop.channel.place_order([(next(iter(shop.channel.products)), 1)]).order_id
    sync(Cycle.order_import, shop)
    sync(MAILS, shop)
    told = len(smtp_server.messages)
    assert told == 6

    assert call("db", "restore", backup, "--replace").exit_code == 0
    with session_scope() as session:
        for each in session.exec(select(Outbound)):
            each.next_try_at = utc_now()
    assert sync(MAILS, shop).text() == "nothing new", "orders have not been read again yet"
    sync(Cycle.order_import, shop)
    counts = sync(MAILS, shop)
    deliver_due()

    assert (counts.sent, len(smtp_server.messages)) == (0, told)
    assert events(shop.order(lost))[-1] == "mail_dropped"
    assert events(shop.order(ready[1]))[-2:] == ["payment", "mail_dropped"]
    with read_scope() as session:
        assert {mail_state(mail) for mail in list_mails(session)} == {MailState.given_up}
    # The channel tells whole seconds, and the one in which the database was restored is in doubt.
    later = utc_now() + timedelta(seconds=1)
    new = shop.channel.place_order([(next(iter(shop.channel.products)), 1)], placed_at=later).order_id
    sync(Cycle.order_import, shop)
    pay(shop, ready[2], "1.00")
    sync(MAILS, shop)
    assert subjects(smtp_server)[told:] == [
        f"Ihre Bestellung {new}",
        f"Zahlungseingang zu Ihrer Bestellung {ready[2]}",
    ]


@pytest.mark.parametrize("notice", ["each", "digest"])
def test_operators_hear_of_new_orders(
    shop: Shop, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch, notice: str
) -> None:
    """Each by itself, or all of a day at the set hour; without anything of the buyer; once."""
    use_mail_server(monkeypatch, smtp_server)
    hour = (datetime.now(UTC) - timedelta(hours=1)).hour
    shop.configure(order_notice=notice, order_notice_hour=hour)
    mug = add_mug(shop, 50)
    sync(Cycle.article_import, shop)
    numbers = [shop.channel.place_order([(mug.id, 2)]).order_id for _ in range(3)]
    sync(Cycle.order_import, shop)
    cancel(shop, numbers[1])

    first = sync(MAILS, shop).sent
    if notice == "digest":
        assert (first, smtp_server.messages) == (0, [])
        with session_scope() as session:
            for row in session.exec(select(Outbound)):
                row.changed_at -= timedelta(days=1)
        assert sync(MAILS, shop).sent == 1
        (message,) = smtp_server.messages
        assert "2 new orders" in message["Subject"]
    else:
        assert first == 2
        assert [
            f"new order {number}" in subjects(smtp_server)[n] for n, number in enumerate(numbers[::2])
        ] == [
            True,
            True,
        ]
    assert sync(MAILS, shop).text() == "nothing new"
    assert {tuple(one) for one in smtp_server.recipients} == {tuple(OPERATORS)}
    for message in smtp_server.messages:
        assert "hlenberg" not in message.as_string()
        assert "24.70" in message.as_string()


@pytest.mark.parametrize(("days", "left"), [(91, 1), (7 * 366 + 1, 0)])
def test_files_go_with_their_mail(shop: Shop, ready: list[int], days: int, left: int) -> None:
    """A mail to a buyer is a business letter: it is kept for its six years, and forgotten with its files."""
    with session_scope() as session:
        queue_buyer_mail(session, find_order(session, str(ready[0])), BuyerEvent.payment_request)
    sync(MAILS, shop)
    with session_scope() as session:
        for mail in list_mails(session):
            mail.sent_at = utc_now() - timedelta(days=days)
            session.add(mail)
    prune()
    with read_scope() as session:
        (files,) = session.exec(select(func.count()).select_from(MailFile)).all()
        assert (bool(list_mails(session)), files) == (bool(left), left)
    assert sync(MAILS, shop).text() == "nothing new", "what was told stays told"
