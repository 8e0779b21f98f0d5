"""What tells of buyers goes in its time and nowhere stays behind; what the law and the shop need stays."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, LargeBinary, String, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import AutoString, Session, SQLModel, col, select

import models
from models.accounting.bookings import Booking
from models.accounting.issued import Document, DocumentFile, save_files
from models.accounting.records import KEPT_CONTENT, PaperContent
from models.clock import today, utc_now
from models.database.columns import need_id
from models.database.engine import get_engine
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import hold_order
from models.fulfilment.returns import ReturnState, announce_return
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import issue_invoice
from models.mails.outbox import Mail, queue_mail
from models.mails.records import MailContent, MailPart
from models.order_desk.edits import accept_holds, find_line, set_address, set_quantity
from models.order_desk.manual_records import ManualOrder
from models.order_desk.offers import Offer, accept_offer, make_offer
from models.orders.history import Actor, OrderEvent, add_event
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Customer, Order, OrderAddress, OrderLine, OrderState
from models.orders.records import AddressData, OrderData, OrderLineData
from models.orders.row_values import without_buyer
from models.payments.payment import record_payment
from models.privacy.anonymisation import anonymise_orders
from models.privacy.personal_columns import COLUMNS, Fate, columns_of
from models.privacy.retention import (
    Erasure,
    RetentionOptions,
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
from models.tenants.tenant import Tenant
from models.upkeep.pruning import list_prune_steps
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    counts_of,
    details_in,
    get_order,
    holds_in,
    lines_in,
    make_invoicing_shop,
    make_line,
    make_order,
    settle_outbound,
    ship_units,
    stock_in,
    take_in,
)
from tests.support.races import forget_all, run_at_once

LONG_AGO = datetime(2015, 6, 1, 12, tzinfo=UTC)
ADDRESS = AddressData(
    company="Xcompany",
    salutation="Xsalutation",
    first_name="Xfirst",
    last_name="Xlast",
    street="Xstreet 7",
    street2="Xstreet2",
    postcode="09847",
    city="Xcity",
    state="Xstate",
    country="DE",
    phone="Xphone",
    email="xmail@example.com",
    vat_id="Xvat",
)
_TRACES = "xcompany xsal xfirst xlast xstreet 09847 xcity xstate xphone xmail xvat xwords xbank xuser"
TRACES = tuple(_TRACES.split())
"""Each a part of something that tells of the buyer, as small letters."""


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with session_scope() as opened:
        yield opened


def record(number: str = "1", **fields: Any) -> OrderData:
    """Return an order that names its buyer wherever one can be named."""
    values: dict[str, Any] = {
        "customer_id": "Xuser-id",
        "customer_name": "Xuser",
        "billing": ADDRESS,
        "shipping": ADDRESS,
        "buyer_comment": "Xwords",
        "memo": "Xwords",
        "payment_reference": "Xbank",
        "payment_details": {"iban": "Xbank"},
        "tags": ["Xwords"],
        "meta": {"note": "Xwords"},
        **fields,
    }
    line = make_line(f"{number}a", "MUG", 3, tax_rate=Decimal(19), attributes={"Gravur": "Xwords"})
    return make_order(number, line, **values)


def open_shop(session: Session, days: int = 30) -> Shop:
    shop = make_invoicing_shop(session)
    tenant = session.get_one(Tenant, shop.tenant_id)
    tenant.retention = RetentionOptions(anonymise_after_days=days).model_dump()
    session.add(tenant)
    add_article(session, shop, "MUG", on_hand=100)
    return shop


def tenant_of(session: Session, shop: Shop) -> Tenant:
    return session.get_one(Tenant, shop.tenant_id, populate_existing=True)


def end(session: Session, shop: Shop, number: str = "1", **fields: Any) -> Order:
    """Let an order be paid, leave and be invoiced, a hundred days ago."""
    take_in(session, shop, record(number, paid_amount=Decimal("30.00"), **fields))
    ship_units(session, number)
    issue_invoice(session, get_order(session, number), actor=Actor.cycle)
    settle_outbound(session)
    let_rest(session)
    return get_order(session, number)


def let_rest(session: Session, days: int = 100) -> None:
    """Let all that happened have happened so long ago."""
    session.flush()
    session.execute(update(OrderEvent).values(at=utc_now() - timedelta(days=days)))
    session.expire_all()


def run_steps(session: Session) -> int:
    """Take each step of pruning as often as it finds something; return of how many rows."""
    session.flush()
    tenants = list(session.exec(select(Tenant)).all())
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    count = 0
    for step in list_prune_steps(tenants, calls_before=long_ago, history_before=long_ago):
        while ids := step.find(session, 2):
            step.take(session, ids)
            session.flush()
            count += len(ids)
    session.expire_all()
    return count


def traces(session: Session) -> dict[str, set[str]]:
    """Return by table and column which traces of buyers are left in the whole database."""
    session.flush()
    found: dict[str, set[str]] = {}
    for table in SQLModel.metadata.sorted_tables:
        for row in session.execute(table.select()).mappings():
            for name, value in row.items():
                said = str(value).lower()
                if left := {trace for trace in TRACES if trace in said}:
                    found.setdefault(f"{table.name}.{name}", set()).update(left)
    return found


def test_every_column_was_judged() -> None:
    """A text, JSON or file column that is new fails here until somebody says what is in it."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        if not module.name.startswith("models.migrations"):
            importlib.import_module(module.name)
    there = {
        table.name: {
            column.name
            for column in table.columns
            if isinstance(column.type, (AutoString, String, JSON, LargeBinary))
        }
        for table in SQLModel.metadata.sorted_tables
    }
    judged = {
        table: [name for names in fates.values() for name in names.split()]
        for table, fates in COLUMNS.items()
    }

    assert {table: sorted(names) for table, names in judged.items()} == {
        table: sorted(names) for table, names in there.items()
    }
    for name in columns_of(Fate.order):
        assert name == "sales_order" or "order_id" in SQLModel.metadata.tables[name].columns


def test_every_field_of_a_record_was_judged() -> None:
    """What an anonymous order is told again has no trace of its buyer, and everything else."""
    told = record()
    anonymous = without_buyer(told)

    blank = {name for name in OrderData.model_fields if getattr(told, name) != getattr(anonymous, name)}
    assert blank == {
        "customer_id",
        "customer_name",
        "billing",
        "shipping",
        "buyer_comment",
        "memo",
        "payment_reference",
        "payment_details",
        "tags",
        "meta",
        "lines",
    }
    assert not [trace for trace in TRACES if trace in anonymous.model_dump_json().lower()]
    assert set(OrderData.model_fields) - blank == {
        "external_id",
        "channel_number",
        "alternative_number",
        "platform",
        "placed_at",
        "checkout_at",
        "currency",
        "total",
        "shipping_amount",
        "shipping_tax_rate",
        "fee_amount",
        "exchange_rate",
        "original_total",
        "original_currency",
        "paid_amount",
        "paid_at",
        "paid_on",
        "payment_method",
        "payment_method_name",
        "shipping_method",
        "carrier",
        "shipped_at",
        "shipped_on",
        "tracking_numbers",
        "cancelled",
        "invoice_number",
        "invoice_on",
        "externally_invoiced",
    }
    assert "attributes" in OrderLineData.model_fields


def test_every_field_of_a_document_was_judged() -> None:
    """What is erased of a document is said here; a new field goes until somebody says that it stays."""
    assert set(PaperContent.model_fields) - KEPT_CONTENT == {"buyer", "buyer_vat_id", "lines", "reason"}


def live(session: Session) -> Shop:
    """Let an order have a whole life that names its buyer at each step."""
    shop = open_shop(session)
    take_in(session, shop, record(paid_amount=Decimal("10.00")))
    order = get_order(session, "1")
    set_address(session, order, AddressRole.shipping, {"street": "Xstreet 8", "last_name": "Xlast-Xfirst"})
    set_quantity(session, order, find_line(session, order, "1a"), 2, actor=Actor.person)
    hold_order(session, order, HoldReason.changed_after_release, {"changes": {"billing.city": ["Xcity", ""]}})
    accept_holds(session, order, [HoldReason.changed_after_release], "Xwords")
    add_event(session, order, "note", {"text": "Xwords"}, actor=Actor.person)
    add_event(session, order, "handed_over", {"to": "Xlast"}, actor=Actor.person)
    record_payment(session, shop.account, order, Decimal("10.00"), PLACED_AT, reference="Xbank Xlast")
    ship_units(session, "1")
    document = issue_invoice(session, order, actor=Actor.cycle)
    save_files(session, {document.row_id: b"%PDF xlast"})
    row = announce_return(session, order, {}, "Xwords")
    row.state = ReturnState.cancelled
    session.add(row)
    content = MailContent(
        subject="Xlast",
        text="Xwords",
        html="Xwords",
        parts=(MailPart(name="1", media_type="a/b", content=b"xlast"),),
    )
    queue_mail(session, "1", content, ["xmail@example.com"], order_id=order.id)
    rejected = RejectedData(kind="order", external_id="1", reason="?", raw="Xlast")
    save_rejected(session, shop.account.id, [rejected, rejected.model_copy(update={"external_id": "2"})])
    settle_outbound(session)
    let_rest(session)
    return shop


def test_a_whole_life_leaves_no_trace_but_what_the_law_keeps(session: Session) -> None:
    """Then the years of the law pass, and there is none at all; goods, money and steps are as they were."""
    live(session)
    kept = (
        "id",
        "state",
        "payment_state",
        "total",
        "paid_amount",
        "credited_amount",
        "external_id",
        "placed_at",
    )
    before = [{name: getattr(row, name) for name in kept} for row in session.exec(select(Order))]
    kinds = [row.kind for row in session.exec(select(OrderEvent).order_by(col(OrderEvent.id)))]
    lines, stock = lines_in(session, "1"), stock_in(session)
    bookings = [row.model_dump() for row in session.exec(select(Booking).order_by(col(Booking.id)))]
    assert {name.partition(".")[0] for name in traces(session)} >= {
        *columns_of(Fate.order),
        *columns_of(Fate.customer),
        *columns_of(Fate.record),
        *columns_of(Fate.document),
        *columns_of(Fate.letter),
    } - {"offer"}

    session.execute(update(RejectedRecord).values(last_seen_at=utc_now() - timedelta(days=100)))
    run_steps(session)

    law = {*columns_of(Fate.document), *columns_of(Fate.letter)}
    assert {name.partition(".")[0] for name in traces(session)} == law
    assert [{name: getattr(row, name) for name in kept} for row in session.exec(select(Order))] == before
    assert [row.kind for row in session.exec(select(OrderEvent).order_by(col(OrderEvent.id)))] == [
        *kinds,
        "anonymised",
    ]
    assert (lines_in(session, "1"), stock_in(session)) == (lines, stock)
    assert [row.model_dump() for row in session.exec(select(Booking).order_by(col(Booking.id)))] == bookings
    assert details_in(session, "1", "edited")[1]["changes"]["total"] == ["30.00", "20.00"]
    check_laws(session)
    assert run_steps(session) == 0


def test_after_their_years_documents_and_letters_go(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Number, day, sums and hash stay, and nothing is left that tells of the buyer."""
    with monkeypatch.context() as then:
        then.setattr("models.accounting.issued.utc_now", lambda: LONG_AGO)
        then.setattr("tests.models.privacy.test_retention.PLACED_AT", LONG_AGO)
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


def test_an_order_told_again_gets_nothing_back(session: Session) -> None:
    """Neither as it was, nor when its channel makes it anonymous; other goods hold it, and name no buyer."""
    shop = open_shop(session)
    end(session, shop)
    told = record(paid_amount=Decimal("30.00"))
    run_steps(session)
    gone = traces(session)
    assert set(gone) == {"booking.reference", "document.content"}

    assert counts_of(take_in(session, shop, told)) == {"read": 1, "unchanged": 1}
    moved = told.model_copy(
        update={"billing": ADDRESS.model_copy(update={"city": "Xcity-Nord"}), "memo": "Xwords!"}
    )
    take_in(session, shop, moved)
    assert counts_of(take_in(session, shop, moved)) == {"read": 1, "unchanged": 1}
    assert holds_in(session, "1") == []
    line = told.lines[0].model_copy(update={"quantity": 4})
    take_in(session, shop, moved.model_copy(update={"lines": [line], "total": Decimal("40.00")}))

    ((reason, _, detail),) = holds_in(session, "1")
    assert (reason, detail["changes"]["total"]) == ("changed_after_release", ["30.00", "40.00"])
    assert traces(session) == gone
    assert session.exec(select(OrderAddress.country)).all() == ["DE", "DE"]


def test_a_buyer_is_known_as_long_as_an_order_tells_of_him(session: Session) -> None:
    """His last order takes his name along; bookings keep his number, which nobody else gets."""
    shop = open_shop(session)
    end(session, shop)
    take_in(session, shop, record("2", placed_at=PLACED_AT + timedelta(days=2)))
    run_steps(session)
    assert get_order(session, "1").customer_id is None
    (buyer,) = session.exec(select(Customer)).all()
    assert (buyer.external_id, buyer.email) == ("Xuser-id", "xmail@example.com")
    assert set(session.exec(select(Booking.customer_id))) == {buyer.id}

    session.execute(update(Order).where(col(Order.external_id) == "2").values(state=OrderState.cancelled))
    let_rest(session)
    run_steps(session)
    session.refresh(buyer)
    assert (buyer.external_id, buyer.user_name, buyer.email) == (f"anonymous {buyer.id}", "", "")
    take_in(session, shop, record("3", placed_at=PLACED_AT + timedelta(days=4)))
    assert get_order(session, "3").customer_id != buyer.id


def test_what_was_merged_goes_with_its_heir(session: Session) -> None:
    """And comes back to life whole if the channel separates it."""
    shop = open_shop(session)
    lone, other = (make_line(name, "MUG", 1, tax_rate=Decimal(19)) for name in "xy")
    take_in(session, shop, make_order("old", lone, billing=ADDRESS))
    heir = make_order("heir", lone, other, billing=ADDRESS, paid_amount=Decimal("20.00"))
    take_in(session, shop, heir)
    assert get_order(session, "old").state is OrderState.merged
    let_rest(session)
    assert run_steps(session) == 0

    ship_units(session, "heir")
    issue_invoice(session, get_order(session, "heir"), actor=Actor.cycle)
    settle_outbound(session)
    let_rest(session)
    assert run_steps(session) == 2
    assert get_order(session, "old").anonymised_at is not None

    alone = heir.model_copy(update={"lines": heir.lines[1:], "total": Decimal("10.00")})
    take_in(session, shop, make_order("old", lone, billing=ADDRESS), alone)
    assert get_order(session, "old").anonymised_at is None
    assert get_order(session, "heir").anonymised_at is not None


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


def test_trials_and_records_set_aside_go_in_the_same_time(session: Session) -> None:
    """Trials whole, with their buyers; of what is set aside the raw form."""
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
