"""Payments: what may be recorded here, and which orders take over what a channel reports."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import hold_order
from models.orders.holds import HoldReason
from models.orders.order import Order, OrderState, PaymentState
from models.orders.queries import lines_of
from models.orders.records import OrderData
from models.payments.payment import (
    Payment,
    apply_channel_total,
    apply_channel_totals,
    payments_of,
    record_payment,
    record_refund,
)
from models.sync.outbound import Outbound
from models.tenants.records import Side
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    details_in,
    get_order,
    make_line,
    make_order,
    make_shop,
    row_counts,
    take_in,
)


def make_sales(session: Session) -> tuple[Shop, list[OrderData]]:
    """Take in three unpaid orders; return them as the channel reports them paid, with one unknown here."""
    shop = make_shop(session)
    take_in(session, shop, *(make_order(number, make_line(f"l{number}")) for number in ("1", "2", "3")))
    paid = [
        make_order(number, make_line(f"l{number}"), paid_amount=Decimal(10))
        for number in ("1", "2", "3", "9")
    ]
    return shop, paid


def paid_in(session: Session) -> dict[str, Decimal]:
    return {number: get_order(session, number).paid_amount for number in ("1", "2", "3")}


def test_orders_known_here_take_the_reported_totals(database: str) -> None:
    """The same report again changes nothing."""
    with session_scope() as session:
        shop, paid = make_sales(session)
        first = apply_channel_totals(session, shop.account.id, paid, handled_by=Side.channel, test=False)
        again = apply_channel_totals(session, shop.account.id, paid, handled_by=Side.channel, test=False)

        assert (first.changed, first.unchanged) == (3, 0)
        assert (again.changed, again.unchanged) == (0, 3)
        assert set(paid_in(session).values()) == {Decimal(10)}


def test_a_test_run_takes_nothing(database: str) -> None:
    """It counts the orders it found as unchanged."""
    with session_scope() as session:
        shop, paid = make_sales(session)
        counts = apply_channel_totals(session, shop.account.id, paid, handled_by=Side.channel, test=True)

        assert (counts.changed, counts.unchanged) == (0, 3)
        assert set(paid_in(session).values()) == {Decimal(0)}


def hold_over_change(session: Session, order: Order) -> None:
    hold_order(session, order, HoldReason.changed_after_release, {})


def hold_over_total(session: Session, order: Order) -> None:
    hold_order(session, order, HoldReason.total_mismatch, {})


def merge(_session: Session, order: Order) -> None:
    order.state = OrderState.merged


def make_test_order(_session: Session, order: Order) -> None:
    order.trial = True


@pytest.mark.parametrize(
    ("change", "takes"),
    [(hold_over_change, False), (hold_over_total, True), (merge, False), (make_test_order, False)],
)
def test_some_orders_take_no_money_over(
    sqlite_database: str, change: Callable[[Session, Order], None], takes: bool
) -> None:
    """Neither a test order, nor one whose lines, and money with them, may stand in another order."""
    with session_scope() as session:
        shop, paid = make_sales(session)
        change(session, get_order(session, "2"))
        session.flush()
        counts = apply_channel_totals(session, shop.account.id, paid, handled_by=Side.channel, test=False)

        assert counts.changed == 2 + takes
        assert paid_in(session) == {"1": Decimal(10), "2": Decimal(10 * takes), "3": Decimal(10)}


def make_sale(session: Session, **settings: Any) -> tuple[Shop, Order, dict[str, int]]:
    """Return a shop with one order of three mugs and two cups, and its line ids."""
    shop = make_shop(session, **settings)
    add_article(session, shop, "MUG", on_hand=10)
    add_article(session, shop, "CUP", on_hand=10)
    take_in(session, shop, make_order("1", make_line("a", "MUG", 3), make_line("b", "CUP", 2)))
    order = get_order(session, "1")
    lines = lines_of(session, [order.row_id])[order.row_id]
    return shop, order, {line.external_id: line.row_id for line in lines}


def queued(session: Session) -> list[tuple[str, str]]:
    return [(str(row.kind), row.key) for row in session.exec(select(Outbound))]


@pytest.mark.parametrize("handled_by", ["warenfluss", "channel"])
def test_a_payment_is_told_only_where_we_handle_them(database: str, handled_by: str) -> None:
    """Part by part it makes an order paid; one row of outbound stands for all of them."""
    with session_scope() as session:
        shop, order, _ = make_sale(session, payments=handled_by)
        for amount in ("20.00", "30.00"):
            record_payment(session, shop.account, order, Decimal(amount), PLACED_AT, reference="SEPA 1")

        assert (order.paid_amount, order.payment_state) == (Decimal(50), PaymentState.paid)
        assert [each["state"] for each in details_in(session, "1", "payment")] == ["partly_paid", "paid"]
        assert [(row.told_by, row.amount) for row in payments_of(session, order.row_id)] == [
            (Side.warenfluss, Decimal(20)),
            (Side.warenfluss, Decimal(30)),
        ]
        assert queued(session) == ([("payment", str(order.id))] if handled_by == "warenfluss" else [])


@pytest.mark.parametrize("kind", ["zero", "trial", "merged"])
def test_a_payment_that_makes_no_sense_is_refused(database: str, kind: str) -> None:
    """Nothing is recorded and nobody is told."""
    with session_scope() as session:
        shop = make_shop(session, payments="warenfluss")
        take_in(session, shop, make_order("1", make_line("a")), trial=kind == "trial")
        if kind == "merged":
            take_in(session, shop, make_order("2", make_line("a")))
        order = get_order(session, "1")
        with pytest.raises(RuleError):
            record_payment(session, shop.account, order, Decimal(0 if kind == "zero" else 5), PLACED_AT)

        assert row_counts(session, Payment, Outbound) == [0, 0]


def test_money_that_comes_for_a_cancelled_order_is_to_be_given_back(database: str) -> None:
    """It was received, whatever became of the order."""
    with session_scope() as session:
        shop = make_shop(session, payments="warenfluss")
        take_in(session, shop, make_order("1", make_line("a"), cancelled=True))
        order = get_order(session, "1")
        record_payment(session, shop.account, order, Decimal(5), PLACED_AT)
        assert (order.state, order.payment_state) == (OrderState.cancelled, PaymentState.overpaid)
        record_refund(session, shop.account, order, Decimal(5), PLACED_AT)
        assert order.payment_state is PaymentState.refunded


@pytest.mark.parametrize(
    ("handled_by", "told", "news", "paid"),
    [
        (Side.channel, "50", True, "50"),
        (Side.channel, "20", False, "20"),
        (Side.channel, "5", True, "5"),
        (Side.warenfluss, "50", True, "50"),
        (Side.warenfluss, "5", False, "20"),
    ],
)
def test_the_channels_total_is_taken_over(
    database: str, handled_by: Side, told: str, news: bool, paid: str
) -> None:
    """What is known already is no news; where we handle payments, less is only late."""
    with session_scope() as session:
        shop, order, _ = make_sale(session)
        record_payment(session, shop.account, order, Decimal(20), PLACED_AT)
        taken = apply_channel_total(
            session, order, Decimal(told), PLACED_AT, handled_by=handled_by, method="paypal"
        )

        assert (taken, order.paid_amount) == (news, Decimal(paid))
        assert sum(row.amount for row in session.exec(select(Payment))) == Decimal(paid)
