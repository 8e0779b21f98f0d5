"""Orders taken by hand come in once, by the same door as a channel's, and no channel hears of them."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models.accounting.numbers import DocumentSeries, resume_numbers
from models.catalog.article import ArticlePrice
from models.clock import today, utc_now
from models.database.session import session_scope
from models.errors import Action, Advice, NotFoundError, RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.release import release_order
from models.fulfilment.returns import InspectedUnits, announce_return, cancel_return, receive_return
from models.fulfilment.shipments import ParcelData
from models.intake.activation import set_mode
from models.intake.orders import save_orders
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.order_desk.manual_orders import add_line, pick_manual_account, take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder, read_manual_order
from models.order_desk.offers import Offer, OfferState, accept_offer, decline_offer, find_offer, make_offer
from models.order_desk.repeats import exchange_return, repeat_order
from models.orders.holds import HoldReason
from models.orders.order import Customer, Order, OrderState
from models.orders.origin import OrderOrigin, OriginKind, links_of
from models.payments.payment import record_payment
from models.sync.cycles import check_has_cycle
from models.sync.outbound import Outbound, queue_outbound
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import Account
from models.tenants.account_kinds import MANUAL
from models.tenants.methods import save_shipping_method
from models.tenants.records import Mode, PaymentKind
from models.tenants.tenant import Tenant, add_tenant
from models.upkeep.after_restore import find_restore, mark_restored
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    events_in,
    get_order,
    holds_in,
    lines_in,
    make_account,
    make_line,
    make_order,
    make_shop,
    ship_units,
    stock_in,
    take_in,
)
from tests.support.races import accept_by_hand, run_at_once, take_by_hand

YEAR = utc_now().year
FIRST = f"W-{YEAR}-00001"
SECOND = f"W-{YEAR}-00002"
BUYER = ManualAddress(**(BILLING.model_dump() | {"email": "anna@buyer.example"}))


def open_shop(session: Session) -> Shop:
    """Mugs at 11.90 and cups at 10.70, ten of each; orders by telephone have an account of their own."""
    shop = make_shop(session)
    for sku, price, rate in (("MUG", "11.90", 19), ("CUP", "10.70", 7)):
        article_id = add_article(
            session, shop, sku, on_hand=10, tax_rate=Decimal(rate), gtin=f"40000000000{rate:02}"
        )
        session.add(ArticlePrice(article_id=article_id, currency="EUR", amount=Decimal(price)))
    make_account(session, shop.tenant_id, "telefon", MANUAL.name, payments="warenfluss", buyer_mails="all")
    return shop


def own(session: Session) -> Account:
    return session.exec(select(Account).where(Account.kind == MANUAL.name)).one()


def asked(*lines: ManualLine, **more: Any) -> ManualOrder:
    values = {"payment": PaymentKind.invoice, **more}
    return ManualOrder(billing=BUYER, lines=list(lines) or [ManualLine(article="MUG", quantity=2)], **values)


def told(session: Session) -> list[str]:
    session.flush()
    return sorted(
        str(row.kind) for row in session.exec(select(Outbound)) if row.kind is not OutboundKind.stock
    )


def test_an_order_by_telephone_lives_as_any_other(database: str) -> None:
    """Price and tax are the article's; it gets stock, is paid and sent, and no channel is told."""
    with session_scope() as session:
        shop = open_shop(session)
        save_shipping_method(session, shop.tenant_id, "Paket", {"carrier": "DHL"})
        lines = (
            ManualLine(article="MUG", quantity=2),
            ManualLine(article="04000000000007", price=Decimal("9.00")),
        )
        order, is_new = take_manual_order(
            session,
            own(session),
            asked(*lines, shipping_method="Paket", shipping_amount=Decimal("4.90"), comment="Bitte klingeln"),
        )

        assert (order.external_id, is_new, order.state) == (FIRST, True, OrderState.open)
        assert (order.total, order.currency) == (Decimal("37.70"), "EUR")
        assert order.payment_kind is PaymentKind.invoice
        assert order.shipping_method_id is not None
        assert lines_in(session, FIRST) == {f"{FIRST}-1": (2, 2, 0, 0), f"{FIRST}-2": (1, 1, 0, 0)}
        first, second = (find_line(session, order, f"{FIRST}-{number}") for number in (1, 2))
        assert (first.price, first.tax_rate, second.price, second.tax_rate) == tuple(
            Decimal(each) for each in ("11.90", "19", "9.00", "7")
        )
        assert (holds_in(session, FIRST), events_in(session, FIRST)) == ([], [("person", "imported")])
        release_order(session, order)
        record_shipment(session, order, "DHL", [ParcelData(tracking_number="T1")], utc_now())
        record_payment(session, make_data(session), order, order.total, utc_now())

        assert order.state is OrderState.shipped
        assert told(session) == ["buyer_mail"] * 3, "arrival, parcel and payment"
        with pytest.raises(RuleError, match=r"has no order-import: it can have order-release, "):
            check_has_cycle("telefon", MANUAL, Cycle.order_import)
        check_laws(session)


def make_data(session: Session) -> Any:
    from models.tenants.account import account_data

    return account_data(own(session))


def test_a_status_is_queued_for_channels_alone(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = open_shop(session)
        for account_id in (shop.account.id, own(session).row_id):
            for kind in OutboundKind:
                queue_outbound(session, account_id, kind, [7])
        rows = {(row.account_id == shop.account.id, row.kind) for row in session.exec(select(Outbound))}
        rows -= {(True, kind) for kind in OutboundKind}

        assert rows == {(False, OutboundKind.buyer_mail), (False, OutboundKind.order_notice)}


def test_an_order_by_hand_says_whether_parts_may_leave(database: str) -> None:
    """If it does; what was asked for before there was this word is known again by its reference."""
    with session_scope() as session:
        open_shop(session)
        plain = asked(reference="Zettel 7")
        hashed = hashlib.sha256(plain.model_dump_json(exclude={"partial_shipping"}).encode()).hexdigest()
        order, _ = take_manual_order(session, own(session), plain)
        origin = session.exec(select(OrderOrigin).where(OrderOrigin.order_id == order.id)).one()
        in_parts, is_new = take_manual_order(session, own(session), asked(partial_shipping=True))

        assert (order.partial_shipping, origin.asked_hash) == (None, hashed)
        assert (in_parts.partial_shipping, is_new) == (True, True)
        with pytest.raises(RuleError, match="was asked for otherwise"):
            take_manual_order(session, own(session), asked(partial_shipping=False, reference="Zettel 7"))


def test_the_same_reference_makes_one_order(database: str) -> None:
    """Given again it is found, for other goods it is refused, and without one each is an order of its own."""
    with session_scope() as session:
        open_shop(session)
        first = take_manual_order(session, own(session), asked(reference="Zettel 7"))
        again = take_manual_order(session, own(session), asked(reference="Zettel 7"))

        assert (first[1], again[1], again[0].id) == (True, False, first[0].id)
        with pytest.raises(RuleError, match=f"belongs to order {FIRST}"):
            take_manual_order(session, own(session), asked(ManualLine(article="CUP"), reference="Zettel 7"))
        assert take_manual_order(session, own(session), asked())[0].external_id == SECOND
        assert session.exec(select(DocumentSeries.last)).all() == [2]
        assert [row.email for row in session.exec(select(Customer))] == ["anna@buyer.example"]
        assert [each[0] for each in holds_in(session, SECOND)] == [HoldReason.suspected_duplicate]


def test_a_command_given_twice_at_once_makes_one_order(database: str) -> None:
    with session_scope() as session:
        open_shop(session)

    taken = run_at_once(database, take_by_hand, [("Zettel 7",)] * 4)

    assert taken == [FIRST] * 4
    with session_scope() as session:
        assert session.exec(select(Order.external_id)).all() == [FIRST]
        assert stock_in(session)["MUG"] == (10, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "the file: Input should be an object"),
        ('{"billing": {}, "lines": [], "payment": "invoice"}', "lines: List should have at least 1 item"),
        (
            '{"billing": {}, "lines": [{"article": "MUG"}, {"article": "CUP", "quantity": 0}]}',
            "line 2.quantity: Input should be greater than or equal to 1",
        ),
        (
            '{"billing": {"strasse": "x"}, "lines": [{"article": "A"}], "payment": "invoice"}',
            "billing.strasse",
        ),
        (
            '{"billing": {}, "lines": [{"article": "A", "price": "1.005"}], "payment": "invoice"}',
            "line 1.price: an amount is at least zero, in whole cents",
        ),
        ('{"billing": {}, "lines": [{"article": "A", "price": "NaN"}], "payment": "card"}', "line 1.price"),
        ('{"billing": {"city": "A\\u0000"}, "lines": [{"article": "A"}], "payment": "card"}', "billing.city"),
        (
            '{"billing": {}, "lines": [{"article": "A"}], "payment": "card", "memo": "\\u0000"}',
            "memo: it holds characters that cannot be printed",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_manual_order(text)
    assert said in str(caught.value)


def test_each_line_that_cannot_be_taken_is_named(sqlite_database: str) -> None:
    """Nothing is taken, and no number is given."""
    with session_scope() as session:
        shop = open_shop(session)
        add_article(session, shop, "BARE", tax_rate=Decimal(19))
        add_article(session, shop, "RATELESS")
        lines = [
            ManualLine(article="???"),
            ManualLine(article="BARE"),
            ManualLine(article="RATELESS", price=Decimal(1)),
            ManualLine(article="MUG"),
        ]
        with pytest.raises(RuleError) as caught:
            take_manual_order(session, own(session), asked(*lines, shipping_method="Ballon"))

        assert str(caught.value).splitlines() == [
            "line 1: no article has the SKU or GTIN '???'.",
            "line 2: BARE has no price in EUR; name one.",
            "line 3: RATELESS has no tax rate; name one.",
            "shipping_method: there is no 'Ballon': none yet.",
        ]
        assert caught.value.advice == (Advice(Action.method_add, "Ballon"),)
        with pytest.raises(RuleError, match="more than any order may cost"):
            take_manual_order(
                session, own(session), asked(ManualLine(article="MUG", quantity=10**9, price=10**9))
            )
        assert session.exec(select(DocumentSeries)).all() == []
        assert session.exec(select(Order)).all() == []


def test_the_account_is_found_or_named(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = make_shop(session)
        with pytest.raises(RuleError, match="has no account in which orders are taken by hand") as refused:
            pick_manual_account(session, shop.tenant_id)
        assert refused.value.advice == (
            Advice(Action.account_add, values={"kind": MANUAL.name, "tenant": "nord"}),
        )
        make_account(session, shop.tenant_id, "telefon", MANUAL.name)
        assert pick_manual_account(session, shop.tenant_id).name == "telefon"
        make_account(session, shop.tenant_id, "laden", MANUAL.name)
        with pytest.raises(RuleError, match=r"several accounts \(laden, telefon\)"):
            pick_manual_account(session, shop.tenant_id)
        with pytest.raises(RuleError, match="In 'nord' no orders are taken by hand"):
            pick_manual_account(session, shop.tenant_id, "nord")
        set_mode(session, pick_manual_account(session, shop.tenant_id, "laden"), Mode.draft)
        with pytest.raises(RuleError, match="is a draft"):
            pick_manual_account(session, shop.tenant_id, "laden")


def test_what_is_taken_in_test_is_a_trial(sqlite_database: str) -> None:
    """It promises nothing and is gone when the account goes live."""
    with session_scope() as session:
        open_shop(session)
        account = own(session)
        set_mode(session, account, Mode.test)
        order, _ = take_manual_order(session, account, asked())

        assert (order.trial, stock_in(session)["MUG"]) == (True, (10, 0))
        assert set_mode(session, account, Mode.live) == 1
        assert session.exec(select(OrderOrigin)).all() == []


def test_after_a_restore_no_number_is_given_twice(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = open_shop(session)
        mark_restored(session)
        tenant = session.get_one(Tenant, shop.tenant_id, populate_existing=True)
        told = find_restore(session, own(session).row_id)

        assert told is not None
        assert told[1] is not None, "no import will ever catch up for it"
        with pytest.raises(RuleError, match="may have been given since the copy was made") as refused:
            take_manual_order(session, own(session), asked())
        assert refused.value.advice == (Advice(Action.document_resume, "nord"),)
        resume_numbers(session, tenant, [f"W-{YEAR}-00041"])

        assert take_manual_order(session, own(session), asked())[0].external_id == f"W-{YEAR}-00042"


def test_goods_are_added_until_it_is_released(database: str) -> None:
    with session_scope() as session:
        open_shop(session)
        order, _ = take_manual_order(session, own(session), asked())
        add_line(session, order, ManualLine(article="CUP", quantity=12))

        assert order.total == Decimal("23.80") + 12 * Decimal("10.70")
        assert lines_in(session, FIRST)[f"{FIRST}-2"] == (12, 10, 0, 0)
        assert [each[:2] for each in holds_in(session, FIRST)] == [(HoldReason.stock_short, f"{FIRST}-2")]
        assert events_in(session, FIRST)[1:] == [("person", "edited"), ("cycle", "held")]
        check_laws(session)
        other, _ = take_manual_order(session, own(session), asked(ManualLine(article="MUG")))
        release_order(session, other)
        with pytest.raises(RuleError, match="is released: nothing is added"):
            add_line(session, other, ManualLine(article="MUG"))
        take_in(session, shop_of(session), make_order("1", make_line("a", "MUG")))
        with pytest.raises(RuleError, match="is a channel's"):
            add_line(session, get_order(session, "1"), ManualLine(article="MUG"))


def shop_of(session: Session) -> Shop:
    from models.tenants.account import account_data, get_account
    from models.warehouse.warehouses import main_warehouse

    account = account_data(get_account(session, "nord"))
    return Shop(account.tenant_id, account, main_warehouse(session, account.tenant_id).row_id)


@pytest.mark.parametrize(("of_then", "total"), [(True, "30.00"), (False, "35.70")])
def test_an_order_is_repeated(sqlite_database: str, of_then: bool, total: str) -> None:
    """What was cancelled of it is not, and that it is the same again is no reason to hold it."""
    with session_scope() as session:
        shop = open_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3), make_line("b", "CUP", 0)))
        order = get_order(session, "1")
        with pytest.raises(RuleError, match="How order 1 is paid is not known"):
            repeat_order(session, order, own(session))
        new, _ = repeat_order(
            session, order, own(session), prices_of_then=of_then, payment=PaymentKind.prepayment
        )

        assert (new.total, new.payment_kind) == (Decimal(total), PaymentKind.prepayment)
        assert lines_in(session, FIRST) == {f"{FIRST}-1": (3, 3, 0, 0)}
        assert links_of(session, new.row_id) == [("repeat of", "1")]
        assert links_of(session, order.row_id) == [("repeated as", FIRST)]
        again, _ = repeat_order(session, new, own(session))
        assert (holds_in(session, again.external_id), again.payment_kind) == ([], PaymentKind.prepayment)


def test_who_is_forgotten_gets_nothing_sent(sqlite_database: str) -> None:
    with session_scope() as session:
        open_shop(session)
        order, _ = take_manual_order(session, own(session), asked())
        order.anonymised_at = utc_now()
        session.add(order)
        with pytest.raises(RuleError, match="was made anonymous"):
            repeat_order(session, order, own(session))


def test_a_line_without_an_article_is_not_repeated(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = open_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "???")))
        with pytest.raises(RuleError, match="Line a is not one article"):
            repeat_order(session, get_order(session, "1"), own(session), payment=PaymentKind.invoice)


def come_back(session: Session) -> Any:
    """Two of three mugs of order 1 are on their way back."""
    shop = open_shop(session)
    lines = (make_line("a", "MUG", 3, "11.90", tax_rate=Decimal(19)),)
    take_in(session, shop, make_order("1", *lines, paid_amount=Decimal("35.70")))
    ship_units(session, "1")
    order = get_order(session, "1")
    return announce_return(session, order, {find_line(session, order, "a").row_id: 2})


def test_a_return_is_exchanged(database: str) -> None:
    """The replacement costs what it costs, is linked both ways, and money stays with each order."""
    with session_scope() as session:
        row = come_back(session)
        new, difference, _ = exchange_return(
            session, row, own(session), [ManualLine(article="CUP", quantity=3)]
        )
        old = get_order(session, "1")
        line_id = find_line(session, old, "a").row_id
        receive_return(session, row, {line_id: InspectedUnits(to_stock=2)})
        credit_return(session, row)

        assert (new.total, difference) == (Decimal("32.10"), Decimal("8.30"))
        assert (old.total - old.credited_amount, old.paid_amount) == (Decimal("11.90"), Decimal("35.70"))
        assert new.paid_amount == 0
        assert links_of(session, new.row_id) == [("exchange for", "1")]
        assert links_of(session, old.row_id) == [("exchanged for", FIRST)]
        assert ("person", "exchanged") in events_in(session, "1")
        with pytest.raises(RuleError, match=f"exchanged by order {FIRST} already"):
            exchange_return(session, row, own(session))
        check_laws(session)


def test_an_exchange_is_for_the_same_goods_if_nobody_says_otherwise(sqlite_database: str) -> None:
    """Given twice with its reference it is one; a return that never came is not exchanged."""
    with session_scope() as session:
        row = come_back(session)
        first = exchange_return(session, row, own(session), reference="T")
        again = exchange_return(session, row, own(session), reference="T")

        assert (first[0].id, first[1:], again[1:]) == (again[0].id, (Decimal(0), True), (Decimal(0), False))
        assert lines_in(session, FIRST) == {f"{FIRST}-1": (2, 2, 0, 0)}
        cancel_return(session, row)
        with pytest.raises(RuleError, match="was cancelled"):
            exchange_return(session, row, own(session))


@pytest.fixture
def offered(database: str) -> str:
    """An offer of five mugs at ten euro; the database."""
    with session_scope() as session:
        open_shop(session)
        line = ManualLine(article="MUG", quantity=5, price=Decimal(10))
        make_offer(session, own(session), asked(line), today() + timedelta(days=3))
    return database


def test_an_offer_becomes_an_order_once(offered: str) -> None:
    """Until then it promises nothing; then it is an order at its prices, whatever the article costs now."""
    number = f"AN-{YEAR}-00001"
    with session_scope() as session:
        offer = find_offer(session, number.lower())
        session.exec(select(ArticlePrice)).first().amount = Decimal(99)  # type: ignore[union-attr]

        assert (offer.state, offer.total, stock_in(session)["MUG"]) == (OfferState.open, Decimal(50), (10, 0))
        order = accept_offer(session, offer)

        assert (order.total, lines_in(session, FIRST)) == (Decimal(50), {f"{FIRST}-1": (5, 5, 0, 0)})
        assert session.get_one(OrderOrigin, order.id).kind is OriginKind.offer
        with pytest.raises(RuleError, match=f"accepted already, as order {FIRST}"):
            accept_offer(session, offer)
        with pytest.raises(RuleError, match="accepted already"):
            decline_offer(session, offer)


def test_an_offer_accepted_twice_at_once_is_one_order(offered: str) -> None:
    results = run_at_once(offered, accept_by_hand, [(f"AN-{YEAR}-00001",)] * 3)

    assert sorted(results) == ["RuleError", "RuleError", FIRST]


def test_an_offer_that_is_over_or_declined_is_no_order(sqlite_database: str) -> None:
    with session_scope() as session:
        open_shop(session)
        account, yesterday = own(session), date(2026, 3, 1)
        with pytest.raises(RuleError, match="that is over"):
            make_offer(session, account, asked(), yesterday)
        offer = make_offer(session, account, asked(), today() + timedelta(days=1))
        offer.valid_until = yesterday
        session.add(offer)
        session.flush()
        with pytest.raises(RuleError, match="was good until 2026-03-01"):
            accept_offer(session, offer)
        assert session.exec(select(Order)).all() == []
        assert accept_offer(session, offer, late=True).external_id == FIRST
        other = make_offer(session, account, asked(), today() + timedelta(days=1))
        decline_offer(session, other)
        with pytest.raises(RuleError, match="was declined already"):
            accept_offer(session, other)


def test_an_offer_is_found_by_its_number_alone_if_one_tenant_has_it(sqlite_database: str) -> None:
    number = f"AN-{YEAR}-00001"
    with session_scope() as session:
        open_shop(session)
        offer = make_offer(session, own(session), asked(), today())
        assert find_offer(session, f" {number.lower()} ").id == offer.id

        other = make_account(session, add_tenant(session, "other").row_id, "other", MANUAL.name)
        its = {"id": None, "tenant_id": other.tenant_id, "account_id": other.id}
        session.add(Offer(**{**offer.model_dump(), **its}))
        with pytest.raises(RuleError, match=f"Several tenants have offer '{number}'"):
            find_offer(session, number)
        assert find_offer(session, number, other.tenant_id).tenant_id == other.tenant_id
        with pytest.raises(NotFoundError, match="There is no offer 'AN-1'") as refused:
            find_offer(session, "AN-1")
        assert refused.value.advice == (Advice(Action.offer_list),)


def test_nobody_else_writes_into_an_own_order(sqlite_database: str) -> None:
    """What a channel of the tenant tells under the same number is an order of its own."""
    with session_scope() as session:
        shop = open_shop(session)
        order, _ = take_manual_order(session, own(session), asked())
        data = make_order(FIRST, make_line(f"{FIRST}-1", "CUP"), placed_at=PLACED_AT)
        save_orders(session, shop.account, (), [data])

        assert (order.total, lines_in_order(session, order)) == (Decimal("23.80"), [2])


def lines_in_order(session: Session, order: Order) -> list[int]:
    from models.orders.queries import lines_of

    return [line.quantity for line in lines_of(session, [order.row_id])[order.row_id]]
