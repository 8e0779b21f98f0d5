"""What tells of buyers goes in its time and nowhere stays behind; what the law and the shop need stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models.accounting.bookings import Booking
from models.accounting.issued import Document, DocumentFile, save_files
from models.accounting.records import PaperContent
from models.clock import today, utc_now
from models.database.columns import need_id
from models.database.engine import get_engine
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import hold_order
from models.fulfilment.returns import ReturnState, announce_return
from models.invoicing.credit_notes import cancel_invoice
from models.mails.outbox import Mail, queue_mail
from models.mails.records import MailContent
from models.order_desk.manual_records import ManualOrder
from models.order_desk.offers import Offer, accept_offer, make_offer
from models.orders.history import OrderEvent
from models.orders.holds import HoldReason
from models.orders.order import Customer, Order, OrderLine, OrderState
from models.payments.payment import record_payment
from models.privacy.anonymisation import anonymise_orders
from models.privacy.retention import (
    Erasure,
    check_years,
    erase_documents,
    kept_until,
    list_due_buyer_mails,
    list_due_documents,
    list_due_erasures,
    list_due_orders,
    years_of,
)
from models.sync.outbound import queue_outbound
from models.sync.records import OutboundKind, RejectedData
from models.sync.rejected import RejectedRecord, save_rejected
from models.tenants.account import Account
from tests.support.builders import PLACED_AT, check_laws, details_in, get_order, settle_outbound, take_in
from tests.support.privacy import (
    ADDRESS,
    end,
    let_rest,
    live,
    open_shop,
    record,
    run_steps,
    tenant_of,
    traces,
)
from tests.support.races import forget_all, run_at_once

LONG_AGO = datetime(2015, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with session_scope() as opened:
        yield opened


def test_after_their_years_documents_and_letters_go(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Number, day, sums and hash stay, and nothing is left that tells of the buyer."""
    with monkeypatch.context() as then:
        then.setattr("models.accounting.issued.utc_now", lambda: LONG_AGO)
        then.setattr("tests.support.privacy.PLACED_AT", LONG_AGO)
        shop = live(session)
    session.execute(update(Mail).values(sent_at=LONG_AGO))
    session.execute(update(RejectedRecord).values(last_seen_at=LONG_AGO))
    issued = session.exec(select(Document)).one()
    kept = issued.model_dump(exclude={"content", "erased_at"})

    run_steps(session)

    # What the channel told as paid was booked on the day of this test.
    late = [row.id for row in session.exec(select(Booking)) if row.booked_on.year > LONG_AGO.year]
    assert set(traces(session)) <= {"booking.reference"}
    assert [row.reference for row in session.exec(select(Booking)) if row.id not in late] == ["", ""]
    erased = session.exec(select(Document)).one()
    assert erased.model_dump(exclude={"content", "erased_at"}) == kept
    content = PaperContent.model_validate(erased.content)
    assert (content.label, content.gross, content.buyer, content.lines) == (
        kept["label"],
        kept["gross"],
        [],
        [],
    )
    assert session.exec(select(DocumentFile)).all() == []
    assert session.exec(select(Mail)).all() == []
    with pytest.raises(RuleError, match="was erased on"):
        cancel_invoice(session, erased, "?")
    check_laws(session)
    assert get_order(session, "1").account_id == shop.account.id


def test_nothing_goes_before_it_may(session: Session) -> None:
    """A term that is off or not over; open money, hold, return, invoice or news to the channel."""
    shop = open_shop(session, days=0)
    order = end(session, shop)
    tenant = tenant_of(session, shop)

    def due() -> list[int | None]:
        session.flush()
        return list(list_due_orders(session, tenant, 10))

    assert due() == []
    tenant.retention = {"anonymise_after_days": 101}
    assert due() == []
    tenant.retention = {"anonymise_after_days": 99}
    assert due() == [order.id]

    for change, back in (
        ({"paid_amount": Decimal("29.99")}, {"paid_amount": Decimal("30.00")}),
        ({"state": OrderState.released}, {"state": OrderState.shipped}),
    ):
        session.execute(update(Order).values(**change))
        assert due() == []
        session.execute(update(Order).values(**back))
    session.execute(update(OrderLine).values(invoiced=2))
    assert due() == []
    session.execute(update(OrderLine).values(invoiced=3))
    queue_outbound(session, shop.account.id, OutboundKind.shipment, [order.row_id])
    assert due() == []
    settle_outbound(session)
    hold_order(session, order, HoldReason.invoice_refused, {})
    let_rest(session)
    assert due() == []
    session.execute(text("UPDATE hold SET released_at = created_at"))
    row = announce_return(session, order, {})
    let_rest(session)
    assert due() == []
    assert anonymise_orders(session, tenant, [order.id]) == []
    row.state = ReturnState.cancelled
    session.add(row)
    assert due() == [order.id]


def test_an_erasure_holds_after_a_restore(session: Session) -> None:
    """An order of the list whose data are there again is made anonymous by itself, whatever the term."""
    shop = open_shop(session, days=0)
    order = end(session, shop)
    tenant = tenant_of(session, shop)
    assert list_due_erasures(session, tenant, 10) == []

    session.add(Erasure(account_id=shop.account.id, order_number="1"))
    assert list_due_erasures(session, tenant, 10) == [order.id]
    assert run_steps(session) == 1
    assert details_in(session, "1", "anonymised") == [{"reason": "asked"}]


def test_trials_and_records_rejected_go_in_the_same_time(session: Session) -> None:
    """Trials whole, with their buyers; of what is rejected the raw form."""
    shop = open_shop(session)
    take_in(session, shop, record("1"), trial=True)
    save_rejected(
        session, shop.account.id, [RejectedData(kind="order", external_id="9", reason="?", raw="Xlast")]
    )
    assert run_steps(session) == 0
    session.execute(update(Order).values(changed_at=utc_now() - timedelta(days=31)))
    session.execute(update(RejectedRecord).values(last_seen_at=utc_now() - timedelta(days=31)))
    assert run_steps(session) == 2
    assert (session.exec(select(Order)).all(), session.exec(select(Customer)).all()) == ([], [])
    assert traces(session) == {}


def test_offers_go_with_their_orders_or_when_their_day_is_long_over(session: Session) -> None:
    """One that became no order is declined, so that nobody takes it without knowing for whom."""
    shop = open_shop(session)
    account = session.get_one(Account, shop.account.id)
    account.kind = "manual"
    way = {"article": "MUG", "price": "10.00", "tax_rate": "19"}
    asked = ManualOrder.model_validate(
        {"billing": ADDRESS.model_dump(), "lines": [way], "payment": "invoice", "memo": "Xwords"}
    )
    day = today() + timedelta(days=1)
    offers = [make_offer(session, account, asked, day) for _ in range(2)]
    accept_offer(session, offers[0])
    let_rest(session)
    assert run_steps(session) == 0

    session.execute(update(Offer).values(valid_until=today() - timedelta(days=32)))
    session.expire_all()
    assert run_steps(session) == 1
    assert (offers[1].state, offers[1].content["billing"]) == ("declined", {"country": "DE"})
    over = {"state": OrderState.cancelled, "placed_at": PLACED_AT}
    session.execute(update(Order).values(**over, credited_amount=Order.total))
    let_rest(session)
    assert run_steps(session) == 1
    assert traces(session) == {}


def test_many_who_forget_at_once_do_it_once(database: str) -> None:
    """Each order has one step in its history for it, and nobody ends with an error."""
    with session_scope() as session:
        shop = open_shop(session)
        for number in range(1, 7):
            end(session, shop, str(number), placed_at=PLACED_AT + timedelta(days=2 * number))

    assert run_at_once(database, forget_all, [()] * 4) == ["done"] * 4

    with session_scope() as session:
        steps = session.exec(select(OrderEvent.order_id).where(OrderEvent.kind == "anonymised")).all()
        assert sorted(steps) == [1, 2, 3, 4, 5, 6]
        assert set(traces(session)) == {"booking.reference", "document.content"}
        check_laws(session)


def test_the_years_of_the_law(session: Session) -> None:
    """From the end of the year on; nobody keeps for a shorter time, and unknown law means for ever."""
    shop = open_shop(session)
    tenant = tenant_of(session, shop)
    years = years_of(tenant)
    assert (years.invoices, years.letters) == (8, 6)
    assert str(kept_until(datetime(2026, 1, 1, tzinfo=UTC).date(), 8)) == "2034-12-31"
    for option in ({"invoice_years": 7}, {"letter_years": 5}):
        tenant.retention = option
        with pytest.raises(RuleError, match="must be kept for"):
            check_years(tenant)
    tenant.retention = {"invoice_years": 10, "letter_years": 0}
    check_years(tenant)
    tenant.retention, tenant.country = {}, "SE"
    assert years_of(tenant).invoices is None


@pytest.mark.parametrize(("age", "due"), [(8, 0), (9, 1)])
def test_a_year_goes_at_once_after_its_end(
    session: Session, monkeypatch: pytest.MonkeyPatch, age: int, due: int
) -> None:
    """A document of the first of January is kept as long as one of the last of December."""
    then = datetime(utc_now().year - age, 12 if due else 1, 31 if due else 1, 12, tzinfo=UTC)
    monkeypatch.setattr("models.accounting.issued.utc_now", lambda: then)
    shop = open_shop(session)
    end(session, shop)
    tenant = tenant_of(session, shop)
    assert len(list_due_documents(session, tenant, 10)) == due


def test_letters_go_when_an_archive_keeps_them(session: Session) -> None:
    """By default after six years; with 0 with the history, as mails to operators do."""
    shop = open_shop(session)
    order = end(session, shop)
    queue_mail(session, "1", MailContent(subject="?", text="?"), ["a@example.com"], order_id=order.id)
    session.execute(update(Mail).values(sent_at=utc_now() - timedelta(days=91)))
    tenant = tenant_of(session, shop)
    assert list_due_buyer_mails(session, tenant, 10) == []
    tenant.retention = {"letter_years": 0}
    assert len(list_due_buyer_mails(session, tenant, 10)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE document SET content = '{}'",
        "UPDATE document SET content = '{}', erased_at = :now",
        "UPDATE document SET content = '{}', erased_at = :late, gross = 1",
        "UPDATE document SET erased_at = NULL",
        "DELETE FROM document_file",
        "UPDATE document_file SET pdf = ''",
        "UPDATE booking SET reference = ''",
        "DELETE FROM booking",
    ],
)
def test_the_database_refuses_what_the_law_forbids(database: str, change: str) -> None:
    """Within the eight years nothing of what was issued goes, and later nothing but the content."""
    with session_scope() as session:
        shop = open_shop(session)
        order = end(session, shop)
        save_files(session, {need_id(session.exec(select(Document.id)).one()): b"%PDF"})
        record_payment(session, shop.account, order, Decimal("1.00"), PLACED_AT, reference="X")
    values = {"now": utc_now(), "late": utc_now() + timedelta(days=366 * 9)}
    statement = text(change).bindparams(**{name: at for name, at in values.items() if f":{name}" in change})
    with pytest.raises(IntegrityError, match="never changes"), get_engine().begin() as connection:
        connection.execute(statement)


def test_an_erased_document_is_erased_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeating it changes nothing."""
    monkeypatch.setattr("models.accounting.issued.utc_now", lambda: LONG_AGO)
    shop = open_shop(session)
    end(session, shop)
    tenant = tenant_of(session, shop)
    ids = list_due_documents(session, tenant, 10)
    erase_documents(session, tenant, ids)
    session.flush()
    at = session.exec(select(Document.erased_at)).one()
    erase_documents(session, tenant, ids)
    session.flush()
    assert session.exec(select(Document.erased_at)).one() == at
    assert list_due_documents(session, tenant, 10) == []
