"""Mails to buyers are worked out from the truth when they are written, or skipped with the reason."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models.clock import local_date, today
from models.database.columns import need_id
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
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
from models.payments.payment import record_refund, set_authorised
from models.payments.reminders import send_reminders
from models.tenants.account import Account
from models.tenants.records import BankData, BuyerEvent, MailOptions, PaymentKind, SellerData
from models.tenants.tenant import Tenant
from tests.support.builders import BILLING, SELLER, Shop
from tests.support.buyer_mail import NOW, bought, open_shop, pay, queued, ship


def letter_of(session: Session, order: Order, event: BuyerEvent, **more: Any) -> BuyerMailData:
    return compose_buyer_mail(session, order, event, find_subject(session, order, event), **more)


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
        assert letter.request == PaymentRequest(
            amount=Decimal("24.97"),
            purpose="Bestellung 1",
            due_on=today() + timedelta(days=7),
            bank=BankData(holder="Nord Handels GmbH", iban="DE02120300000000202051"),
            link="https://pay.example/1?sum=24.97&in=EUR",
        )
        english = letter_of(session, order, BuyerEvent.payment_reminder, language="en").request
        assert english is not None
        assert english.purpose == "Order 1"
        tenant.bank = {}
        by_link = letter_of(session, order, BuyerEvent.payment_request).request
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
