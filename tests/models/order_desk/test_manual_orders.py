"""Orders taken by hand come in once, by the same door as a channel's, and no channel hears of them."""

import hashlib
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models.accounting.numbers import DocumentSeries
from models.clock import utc_now
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData
from models.intake.activation import set_mode
from models.intake.orders import save_orders
from models.order_desk.edits import find_line
from models.order_desk.manual_orders import add_line, pick_manual_account, take_manual_order
from models.order_desk.manual_records import ManualLine
from models.orders.holds import HoldReason
from models.orders.order import Customer, Order, OrderState
from models.orders.origin import OrderOrigin
from models.payments.payment import record_payment
from models.sync.cycles import check_has_cycle
from models.sync.outbound import Outbound, queue_outbound
from models.sync.records import Cycle, OutboundKind
from models.tenants.account_kinds import MANUAL
from models.tenants.methods import save_shipping_method
from models.tenants.records import Mode, PaymentKind
from tests.support.builders import (
    PLACED_AT,
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
    stock_in,
    take_in,
)
from tests.support.order_desk import FIRST, SECOND, asked, open_shop, own, shop_of, told
from tests.support.races import run_at_once, take_by_hand


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
        with pytest.raises(RuleError, match="which differs from this one"):
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
        with pytest.raises(RuleError, match="must stay below"):
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
        with pytest.raises(RuleError, match="is released: no line can be added"):
            add_line(session, other, ManualLine(article="MUG"))
        take_in(session, shop_of(session), make_order("1", make_line("a", "MUG")))
        with pytest.raises(RuleError, match="comes from a channel"):
            add_line(session, get_order(session, "1"), ManualLine(article="MUG"))


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
