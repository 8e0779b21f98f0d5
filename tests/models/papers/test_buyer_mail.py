"""Mails to buyers: queued once in the commit of their cause, and worked out from the truth when written."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.clock import local_date, today, utc_now
from models.database.columns import need_id
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
from models.fulfilment.shipments import ParcelData
from models.fulfilment.tracking_links import tracking_link
from models.mails.buyer_events import mail_key, queue_buyer_mail, read_key
from models.orders.history import Actor, events_of
from models.orders.order import Order, OrderAddress, OrderLine, OrderState
from models.orders.records import AddressData
from models.papers.buyer_mail import (
    SkipReason,
    compose_buyer_mail,
    find_subject,
    happened_at,
    recipient_of,
    skip_reason,
)
from models.papers.records import BuyerMailData, BuyerMailLine, BuyerMailParcel, PaymentRequest, Place
from models.payments.payment import (
    Payment,
    apply_channel_total,
    record_payment,
    record_refund,
    set_authorised,
)
from models.payments.reminders import send_reminders
from models.sync.outbound import Outbound, OutboundState, queue_once
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.records import BankData, BuyerEvent, MailOptions, Mode, PaymentKind, SellerData, Side
from models.tenants.tenant import Tenant
from models.values import plain_address
from tests.support.builders import (
    BILLING,
    SELLER,
    Shop,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    settle_outbound,
    take_in,
)

NOW = utc_now().replace(microsecond=0)
BUYER = BILLING.model_copy(update={"email": "aenne@post.example"})
BANK = {"holder": "Nord Handels GmbH", "iban": "DE02 1203 0000 0000 2020 51", "days": 7}


def open_shop(session: Session, wanted: str = "all", **settings: Any) -> Shop:
    """Add a tenant that has told who it is, with an account that mails its buyers, and two articles."""
    shop = make_shop(session, buyer_mails=wanted, **settings)
    tenant = session.get_one(Tenant, shop.tenant_id)
    tenant.seller, tenant.bank, tenant.title = SELLER, BANK, "Nordlicht"
    session.add(tenant)
    for sku in ("A", "B"):
        add_article(session, shop, sku, on_hand=50)
    return shop


def sell(session: Session, shop: Shop, number: str = "1", trial: bool = False, **fields: Any) -> None:
    """Take in an order of three A and one B, bought just now, by a buyer with an address."""
    values: dict[str, Any] = {"placed_at": NOW, "checkout_at": NOW, "billing": BUYER, **fields}
    lines = (make_line(f"{number}-a", "A", 3, "9.99"), make_line(f"{number}-b", "B", 1, "5.00"))
    take_in(session, shop, make_order(number, *lines, **values), trial=trial)


def bought(session: Session, shop: Shop, number: str = "1", **fields: Any) -> Order:
    sell(session, shop, number, **fields)
    return get_order(session, number)


def queued(session: Session, kind: OutboundKind = OutboundKind.buyer_mail) -> list[str]:
    """Return what waits, as order, event and whether it has a subject."""
    session.flush()
    rows = session.exec(
        select(Outbound)
        .where(Outbound.kind == kind, Outbound.state == OutboundState.pending)
        .order_by(col(Outbound.id))
    ).all()
    numbers = {row.id: row.external_id for row in session.exec(select(Order))}
    if kind is OutboundKind.order_notice:
        return [numbers[int(row.key)] for row in rows]
    keys = [read_key(row.key) for row in rows]
    return [f"{numbers[order_id]} {event}{' #' if subject else ''}" for order_id, event, subject in keys]


def pay(session: Session, shop: Shop, order: Order, amount: str, at: datetime = NOW) -> Payment:
    return record_payment(session, shop.account, order, Decimal(amount), at)


def ship(session: Session, order: Order, units: dict[str, int] | None = None, **parcel: Any) -> int:
    rows = session.exec(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    lines = {row.row_id: units[row.external_id] for row in rows if units and row.external_id in units}
    done = record_shipment(session, order, "DHL Paket", [ParcelData(lines=lines, **parcel)], NOW)
    return done.row_id


def letter_of(session: Session, order: Order, event: BuyerEvent, **more: Any) -> BuyerMailData:
    return compose_buyer_mail(session, order, event, find_subject(session, order, event), **more)


def test_what_happens_to_an_order_is_queued_once(database: str) -> None:
    """Arrival, each payment and shipment, and the end, in the transaction of each; a page again adds none."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        sell(session, shop)
        pay(session, shop, order, "10.00")
        apply_channel_total(session, order, Decimal("34.97"), NOW, handled_by=Side.channel, method="")
        ship(session, order, {"1-a": 1})
        cancel_order(session, order, actor=Actor.person)

        expected = ["1 order_received", *["1 payment_received #"] * 2, "1 shipped #", "1 cancelled"]
        assert queued(session) == expected
        settle_outbound(session)
        with pytest.raises(RuleError, match="is cancelled and does not become cancelled"):
            cancel_order(session, get_order(session, "1"), actor=Actor.person)
        sell(session, shop)
        assert queued(session) == [], "what was told is told no more"


def test_nobody_is_told_unasked(database: str) -> None:
    """By default, for trials, while an account is no live one, and of what the account does not want."""
    with session_scope() as session:
        shop = open_shop(session, wanted="shipped, cancelled")
        order = bought(session, shop)
        pay(session, shop, order, "34.97")
        sell(session, shop, "2", trial=True)
        account = session.get_one(Account, shop.account.id)
        account.mode = Mode.test
        ship(session, order)
        assert queued(session) == []
        account.mode = Mode.live
        assert "buyer_mails" not in make_shop(session, "sued").account.settings
        quiet = make_shop(session, "west")
        take_in(session, quiet, make_order("9", make_line("9-a", "A"), placed_at=NOW, checkout_at=NOW))
        cancel_order(session, get_order(session, "9"), actor=Actor.person)
        assert queued(session) == []


def test_history_and_open_checkouts_wait(database: str) -> None:
    """An order bought long ago or shipped already is no arrival; an open one arrives with its checkout."""
    with session_scope() as session:
        shop = open_shop(session, take_orders="sold", order_notice="each")
        old = NOW - timedelta(days=4)
        sell(session, shop, "1", placed_at=old, checkout_at=old)
        sell(session, shop, "2", shipped_at=NOW)
        sell(session, shop, "3", cancelled=True)
        sell(session, shop, "4", checkout_at=None)
        assert queued(session) == []

        sell(session, shop, "4")
        assert queued(session) == ["4 order_received"]
        assert queued(session, OutboundKind.order_notice) == ["4"]


def test_an_open_checkout_that_is_cancelled_is_told_to_nobody(database: str) -> None:
    """Its buyer has never heard of it."""
    with session_scope() as session:
        shop = open_shop(session, take_orders="sold")
        cancel_order(session, bought(session, shop, checkout_at=None), actor=Actor.person)
        assert queued(session) == []


def test_what_the_channel_shipped_is_its_own_to_tell(database: str) -> None:
    """Also after a restore, when what left in the lost time comes back from there."""
    with session_scope() as session:
        shop = open_shop(session, wanted="shipped")
        sell(session, shop)
        sell(session, shop, shipped_at=NOW)
        assert get_order(session, "1").state is OrderState.shipped
        assert queued(session) == []


def test_the_same_key_is_told_once(database: str) -> None:
    """Whatever became of its row."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        settle_outbound(session)
        for _ in range(2):
            queue_buyer_mail(session, order, BuyerEvent.refund, 7)
            queue_buyer_mail(session, order, BuyerEvent.order_received)
        assert queued(session) == ["1 refund #"]
        parked = session.exec(select(Outbound).where(Outbound.state == OutboundState.pending)).one()
        parked.state = OutboundState.parked
        session.add(parked)
        session.flush()
        queue_once(session, shop.account.id, OutboundKind.buyer_mail, [parked.key])
        assert queued(session) == []
        assert read_key(mail_key(3, BuyerEvent.shipped, 4)) == (3, BuyerEvent.shipped, "4")


def test_an_order_received_says_what_was_bought(database: str) -> None:
    """The whole letter at once: lines, sums, addresses; the marketplace's number is the buyer's."""
    with session_scope() as session:
        shop = open_shop(session)
        parcel_shop = AddressData(
            company="Werft  AG", street="Kai 1", postcode="1010", city="Wien", country="AT"
        )
        order = bought(
            session,
            shop,
            channel_number="X-77",
            shipping_amount=Decimal("4.90"),
            fee_amount=Decimal("-1.00"),
            payment_method_name="Vorkasse",
            shipping=parcel_shop,
        )
        assert letter_of(session, order, BuyerEvent.order_received) == BuyerMailData(
            event=BuyerEvent.order_received,
            language="de",
            recipient="aenne@post.example",
            buyer="Änne Groß",
            order_number="X-77",
            ordered_on=local_date(NOW),
            currency="EUR",
            lines=[
                BuyerMailLine(number="A", title="A", quantity=3, amount=Decimal("29.97")),
                BuyerMailLine(number="B", title="B", quantity=1, amount=Decimal(5)),
            ],
            shipping_amount=Decimal("4.90"),
            fee_amount=Decimal(-1),
            total=Decimal("38.87"),
            owed=Decimal("38.87"),
            payment_method="Vorkasse",
            billing=Place(lines=["Änne Groß", "Am Ölberg 3", "04109 Leipzig"]),
            shipping=Place(lines=["Werft AG", "Kai 1", "1010 Wien"], country="AT"),
            shop="Nordlicht",
            seller=SellerData.model_validate(SELLER),
            options=MailOptions(),
        )


def test_a_request_asks_for_what_is_still_owed(database: str) -> None:
    """To an account, by a link, or both; without either it is refused with what to set."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        pay(session, shop, order, "10.00")
        tenant = session.get_one(Tenant, shop.tenant_id)
        tenant.mails = {"payment_link": "https://pay.example/{number}?sum={amount}&in={currency}"}
        letter = letter_of(session, order, BuyerEvent.payment_request)
        assert letter.ask == PaymentRequest(
            amount=Decimal("24.97"),
            purpose="Bestellung 1",
            due_on=today() + timedelta(days=7),
            bank=BankData(holder="Nord Handels GmbH", iban="DE02120300000000202051"),
            link="https://pay.example/1?sum=24.97&in=EUR",
        )
        english = letter_of(session, order, BuyerEvent.payment_reminder, language="en").ask
        assert english is not None
        assert english.purpose == "Order 1"
        tenant.bank = {}
        by_link = letter_of(session, order, BuyerEvent.payment_request).ask
        assert by_link is not None
        assert by_link.bank is None
        tenant.mails = {}
        with pytest.raises(RuleError, match="states no bank account and no payment link") as refused:
            letter_of(session, order, BuyerEvent.payment_request)
        assert refused.value.advice == (
            Advice(Action.tenant_set, "nord", {"bank_holder": "", "iban": ""}),
            Advice(Action.tenant_set, "nord", {"payment_link": ""}),
        )
        tenant.seller = {"name": "Nord"}
        with pytest.raises(RuleError, match="'nord' states no address") as refused:
            letter_of(session, order, BuyerEvent.shipped)
        assert refused.value.advice == (Advice(Action.tenant_set, "nord", {"address": ""}),)


def test_a_part_is_named_as_such(database: str) -> None:
    """The first parcel of two, the second, and what is cancelled or came back of an order."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        first = ship(session, order, {"1-a": 2}, tracking_number="00340 4341/61")
        second = ship(session, order)
        one, two = (
            compose_buyer_mail(session, order, BuyerEvent.shipped, str(subject))
            for subject in (first, second)
        )
        assert one.is_part
        assert one.lines == [BuyerMailLine(number="A", title="A", quantity=2)]
        assert one.parcels == [
            BuyerMailParcel(
                number="00340 4341/61",
                link="https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html"
                "?piececode=003404341%2F61",
            )
        ]
        assert [(line.number, line.quantity) for line in two.lines] == [("A", 1), ("B", 1)]
        assert two.parcels == []
        line_id = need_id(session.exec(select(OrderLine.id).where(OrderLine.external_id == "1-a")).one())
        for judged in (InspectedUnits(to_stock=1, scrapped=1), InspectedUnits(b_stock=1)):
            coming = announce_return(session, order, {line_id: judged.units})
            assert (
                letter_of(session, order, BuyerEvent.return_received).lines
                == [BuyerMailLine(number="A", title="A", quantity=2)][: judged.b_stock]
            )
            receive_return(session, coming, {line_id: judged})
        assert queued(session)[-2:] == ["1 return_received #"] * 2
        back = letter_of(session, order, BuyerEvent.return_received)
        assert [(line.number, line.quantity) for line in back.lines] == [("A", 1)]
        subject = find_subject(session, order, BuyerEvent.return_received)
        assert skip_reason(session, order, BuyerEvent.return_received, subject) is None
        assert happened_at(session, order, BuyerEvent.return_received, subject) == coming.received_at

        other = bought(session, shop, "2")
        ship(session, other, {"2-b": 1})
        cancel_order(session, other, actor=Actor.person)
        gone = letter_of(session, other, BuyerEvent.cancelled)
        assert ([(line.number, line.quantity) for line in gone.lines], gone.is_part) == ([("A", 3)], True)


def test_a_refund_says_what_was_given_back(database: str) -> None:
    """The amount of the payment that it is about, without its sign."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        pay(session, shop, order, "34.97")
        record_refund(session, shop.account, order, Decimal("5.00"), NOW)
        assert letter_of(session, order, BuyerEvent.refund).amount == 5
        assert letter_of(session, order, BuyerEvent.payment_received).amount == Decimal("34.97")


def _nothing(session: Session, shop: Shop, order: Order) -> None:
    pass


def _cancel(session: Session, shop: Shop, order: Order) -> None:
    cancel_order(session, order, actor=Actor.person)


def _pay_all(session: Session, shop: Shop, order: Order) -> None:
    pay(session, shop, order, "34.97")


def _take_back(session: Session, shop: Shop, order: Order) -> None:
    pay(session, shop, order, "10.00")
    pay(session, shop, order, "-10.00")


def _refund(session: Session, shop: Shop, order: Order) -> None:
    pay(session, shop, order, "10.00")
    record_refund(session, shop.account, order, Decimal("4.00"), NOW)


def _refund_after_cancelling(session: Session, shop: Shop, order: Order) -> None:
    pay(session, shop, order, "10.00")
    cancel_order(session, order, actor=Actor.person)
    record_refund(session, shop.account, order, Decimal("10.00"), NOW)


def _authorise(session: Session, shop: Shop, order: Order) -> None:
    set_authorised(session, order, order.total, actor=Actor.channel)


def _merge(session: Session, shop: Shop, order: Order) -> None:
    order.state = OrderState.merged


def _unwant(session: Session, shop: Shop, order: Order) -> None:
    session.get_one(Account, shop.account.id).settings = {"buyer_mails": ["refund"]}


def _ship(session: Session, shop: Shop, order: Order) -> None:
    ship(session, order)


def _ship_part_and_cancel(session: Session, shop: Shop, order: Order) -> None:
    ship(session, order, {"1-a": 1})
    cancel_order(session, order, actor=Actor.person)


def _spoil_address(session: Session, shop: Shop, order: Order) -> None:
    row = session.get_one(OrderAddress, (order.id, "billing"))
    row.email = "a@post.example, b@post.example"


@pytest.mark.parametrize(
    ("happens", "event", "drop"),
    [
        (_nothing, BuyerEvent.order_received, None),
        (_nothing, BuyerEvent.payment_request, None),
        (_nothing, BuyerEvent.ready_to_collect, None),
        (_nothing, BuyerEvent.cancelled, SkipReason.not_cancelled),
        (_nothing, BuyerEvent.refund, SkipReason.taken_back),
        (_nothing, BuyerEvent.return_received, SkipReason.taken_back),
        (_nothing, BuyerEvent.shipped, SkipReason.taken_back),
        (_cancel, BuyerEvent.order_received, SkipReason.cancelled),
        (_cancel, BuyerEvent.payment_request, SkipReason.cancelled),
        (_cancel, BuyerEvent.cancelled, None),
        (_pay_all, BuyerEvent.payment_request, SkipReason.nothing_owed),
        (_pay_all, BuyerEvent.payment_reminder, SkipReason.nothing_owed),
        (_pay_all, BuyerEvent.payment_received, None),
        (_take_back, BuyerEvent.payment_received, SkipReason.taken_back),
        (_take_back, BuyerEvent.refund, SkipReason.taken_back),
        (_merge, BuyerEvent.order_received, SkipReason.merged),
        (_unwant, BuyerEvent.order_received, SkipReason.unwanted),
        (_ship, BuyerEvent.shipped, None),
        (_ship, BuyerEvent.ready_to_collect, SkipReason.gone),
        (_ship_part_and_cancel, BuyerEvent.shipped, SkipReason.cancelled),
        (_spoil_address, BuyerEvent.order_received, SkipReason.no_address),
    ],
)
def test_what_is_true_no_more_is_not_mailed(
    sqlite_database: str, happens: Any, event: BuyerEvent, drop: SkipReason | None
) -> None:
    """What happened between the event and its mail counts."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        happens(session, shop, order)
        session.flush()
        assert skip_reason(session, order, event, find_subject(session, order, event)) is drop


def test_what_was_due_before_counts_as_told_then(sqlite_database: str) -> None:
    """Of reminders, and of a cancellation that followed them; another by hand has no such instant."""
    with session_scope() as session:
        shop = open_shop(session, remind_after_days=2, remind_times=2, cancel_after_days=3)
        old = NOW - timedelta(days=30)
        order = bought(session, shop, placed_at=old, checkout_at=old)
        order.payment_kind = PaymentKind.prepayment
        session.flush()
        for back in (20, 10):
            send_reminders(session, shop.account, [order.row_id])
            step = events_of(session, order.row_id)[-1]
            order.reminded_at = step.at = NOW - timedelta(days=back)
            session.flush()
        send_reminders(session, shop.account, [order.row_id])
        assert order.state is OrderState.cancelled
        assert happened_at(session, order, BuyerEvent.payment_request, "") == old
        assert happened_at(session, order, BuyerEvent.payment_reminder, "1") == old + timedelta(days=2)
        second = happened_at(session, order, BuyerEvent.payment_reminder, "2")
        assert second == NOW - timedelta(days=18)
        assert happened_at(session, order, BuyerEvent.cancelled, "") == NOW - timedelta(days=7)
        other = bought(session, shop, "2")
        cancel_order(session, other, actor=Actor.person)
        assert happened_at(session, other, BuyerEvent.cancelled, "") is None


def test_a_subject_of_another_order_is_none(sqlite_database: str) -> None:
    """A payment that moved to another order with its lines is mailed of by neither."""
    with session_scope() as session:
        shop = open_shop(session)
        one, two = bought(session, shop), bought(session, shop, "2")
        payment = pay(session, shop, one, "5.00")
        shipment = ship(session, one)
        for event, subject in ((BuyerEvent.payment_received, payment.id), (BuyerEvent.shipped, shipment)):
            assert skip_reason(session, one, event, str(subject)) is None
            assert skip_reason(session, two, event, str(subject)) is SkipReason.taken_back
            assert skip_reason(session, one, event, "") is SkipReason.taken_back


@pytest.mark.parametrize(
    ("billing", "shipping", "expected"),
    [
        ("a@post.example", "b@post.example", "a@post.example"),
        ("", "b@post.example", "b@post.example"),
        ("kein", "", ""),
        (" x7kd0@marketplace.amazon.example ", "", "x7kd0@marketplace.amazon.example"),
    ],
)
def test_the_buyers_address(sqlite_database: str, billing: str, shipping: str, expected: str) -> None:
    """That of the bill, else that of the parcel; a marketplace's relay is an ordinary one."""
    with session_scope() as session:
        shop = open_shop(session)
        goes_to = BILLING.model_copy(update={"email": shipping}) if shipping else None
        order = bought(session, shop, billing=BILLING.model_copy(update={"email": billing}), shipping=goes_to)
        assert recipient_of(session, order) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna.Groß@müller.example", "Anna.Groß@xn--mller-kva.example"),
        ("a+b@Post.Example", "a+b@post.example"),
        ("a@b.example\r\nBcc: c@d.example", ""),
        ("a@b.example c@d.example", ""),
        ("a@b.example,c@d.example", ""),
        ("<a@b.example>", ""),
        ('"a b"@c.example', ""),
        ("a\x08@b.example", ""),
        ("a@@b.example", ""),
        ("a@straße.example", ""),
        ("a@localhost", ""),
        ("a@10.0.0.1", ""),
        ("a@shop.local", "a@shop.local"),
        (".a@b.example", ""),
        ("a@b..example", ""),
        (f"{'a' * 65}@b.example", ""),
        ("", ""),
    ],
)
def test_one_address_or_none(text: str, expected: str) -> None:
    """Nothing gets into a mail's head, and nobody else gets a copy."""
    assert plain_address(text) == expected


@pytest.mark.parametrize(
    ("carrier", "number", "own", "expected"),
    [
        (
            "DHL",
            "0034 0434",
            {},
            "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode=00340434",
        ),
        ("dpd  Classic", "0998", {}, "https://tracking.dpd.de/status/de_DE/parcel/0998"),
        ("GLS", "1&x=2", {}, "https://gls-group.com/DE/de/paketverfolgung?match=1%26x%3D2"),
        ("UPS", "", {}, ""),
        ("Brieftaube", "7", {}, ""),
        ("DHLX", "7", {}, ""),
        (
            "DHL Express",
            "7",
            {"dhl express": "https://e.example/{number}/{postcode}"},
            "https://e.example/7/04109",
        ),
        ("DHL", "7", {"DHL": "https://own.example/{number}"}, "https://own.example/7"),
    ],
)
def test_a_parcel_has_the_link_of_its_carrier(
    carrier: str, number: str, own: dict[str, str], expected: str
) -> None:
    """By the first words of its name; numbers are escaped; a tenant's own links go first."""
    assert tracking_link(carrier, number, "04109", own) == expected


@pytest.mark.parametrize(
    ("record", "values", "fault"),
    [
        (BankData, {"holder": "A", "iban": "DE02120300000000202052"}, "check digits"),
        (BankData, {"holder": "A", "iban": "DE0212030000000020205"}, "length"),
        (BankData, {"iban": "DE02120300000000202051"}, "holder"),
        (BankData, {"holder": "A\nB"}, "one line"),
        (BankData, {"bic": "SOLADE"}, "BIC"),
        (BankData, {"days": 0}, "greater than or equal to 1"),
        (MailOptions, {"sender_address": "a@b.example\nBcc: c@d.example"}, "name@host"),
        (MailOptions, {"reply_to": "a@b.example, c@d.example"}, "name@host"),
        (MailOptions, {"sender_name": "A\r\nBcc: c@d.example"}, "one line"),
        (MailOptions, {"colour": "red"}, "#2f4f6f"),
        (MailOptions, {"payment_link": "http://pay.example"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{number.__class__}"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{total}"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{"}, "https://"),
        (MailOptions, {"tracking_links": {"X": "javascript:alert(1)"}}, "https://"),
    ],
)
def test_what_a_tenant_sets_is_checked(record: Any, values: dict[str, Any], fault: str) -> None:
    """Wrong account numbers, links that run something, and what would change a mail's head."""
    with pytest.raises(ValueError, match=fault):
        record.model_validate(values)


def test_good_settings_are_kept_in_one_form() -> None:
    """Blanks and case of an IBAN and a BIC, the host of an address, a colour."""
    bank = BankData.model_validate({"holder": " Änne ", "iban": "nl91 abna 0417 1643 00", "bic": "abnanl2a"})
    assert (bank.holder, bank.iban, bank.bic) == ("Änne", "NL91ABNA0417164300", "ABNANL2A")
    options = MailOptions.model_validate({"reply_to": "Laden@Nord.Example", "colour": "#AABB00"})
    assert (options.reply_to, options.colour) == ("Laden@nord.example", "#aabb00")
