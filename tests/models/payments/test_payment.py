"""Payments that a channel reports: which orders take them over."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlmodel import Session

from models.database.session import session_scope
from models.fulfilment.holding import hold_order
from models.orders.holds import HoldReason
from models.orders.order import Order, OrderState
from models.orders.records import OrderData
from models.payments.payment import apply_channel_totals
from models.tenants.records import Side
from tests.support.builders import Shop, get_order, make_line, make_order, make_shop, take_in


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
