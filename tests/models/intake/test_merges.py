"""Orders that the channel merged become one here; what was released is only held."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData, Shipment
from models.orders.order import Order, OrderLine
from models.payments.payment import Payment, record_payment
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import OutboundKind
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    counts_of,
    events_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    row_counts,
    settle_outbound,
    stock_in,
    take_in,
)


def make_stock(session: Session, **settings: Any) -> Shop:
    shop = make_shop(session, **settings)
    for sku in ("MUG", "CUP", "POT"):
        add_article(session, shop, sku, on_hand=10)
    return shop


def release(session: Session, external_id: str) -> None:
    release_order(session, get_order(session, external_id))


def states(session: Session) -> dict[str, str]:
    session.flush()
    session.expire_all()
    return {row.external_id: str(row.state) for row in session.exec(select(Order).order_by(col(Order.id)))}


def paid(session: Session) -> dict[str, str]:
    session.flush()
    session.expire_all()
    return {
        row.external_id: str(row.paid_amount) for row in session.exec(select(Order).order_by(col(Order.id)))
    }


def two_orders(session: Session, shop: Shop) -> None:
    take_in(
        session,
        shop,
        make_order("A", make_line("a", "MUG", 2), paid_amount=Decimal(20)),
        make_order("B", make_line("b", "CUP", 3), paid_amount=Decimal(30)),
    )


def merged(external_id: str) -> Any:
    lines = [make_line("a", "MUG", 2), make_line("b", "CUP", 3)]
    return make_order(external_id, *lines, paid_amount=Decimal(50))


@pytest.mark.parametrize("heir", ["A", "B", "C"])
def test_merged_orders_become_one(database: str, heir: str) -> None:
    """Into a third or into one of them: lines keep their stock, money moves along, nothing is doubled."""
    with session_scope() as session:
        shop = make_stock(session)
        two_orders(session, shop)
        take_in(session, shop, merged(heir))

        others = {name: "merged" for name in "AB" if name != heir}
        assert states(session) == {heir: "open"} | others
        assert lines_in(session, heir) == {"a": (2, 2, 0, 0), "b": (3, 3, 0, 0)}
        assert paid(session) == {heir: "50.00"} | dict.fromkeys(others, "0.00")
        assert sum((row.amount for row in session.exec(select(Payment))), Decimal(0)) == 50
        assert stock_in(session) == {"CUP": (10, 3), "MUG": (10, 2), "POT": (10, 0)}
        assert (holds_in(session, heir), row_counts(session, OrderLine)) == ([], [2])
        assert {get_order(session, name).merged_into_id for name in others} == {get_order(session, heir).id}
        check_laws(session)


@pytest.mark.parametrize("heir", ["B", "C"])
def test_what_was_not_told_of_a_merged_order_is_told_of_its_heir(database: str, heir: str) -> None:
    """Money received and parcels that left before the merge was known here; nothing is told twice."""
    with session_scope() as session:
        shop = make_stock(session, payments="warenfluss")
        lines = [make_line("a", "MUG", 2), make_line("b", "CUP", 3)]
        take_in(session, shop, make_order("A", lines[0]), make_order("B", lines[1]))
        first, second = get_order(session, "A"), get_order(session, "B")
        record_payment(session, shop.account, first, Decimal("5.00"), PLACED_AT)
        record_payment(session, shop.account, second, Decimal("7.00"), PLACED_AT)
        settle_outbound(session)
        record_payment(session, shop.account, first, Decimal("4.90"), PLACED_AT)
        line_id = session.exec(select(OrderLine.id).where(OrderLine.external_id == "a")).one() or 0
        record_shipment(session, first, "DHL", [ParcelData(lines={line_id: 1})], PLACED_AT)
        take_in(session, shop, make_order(heir, *lines))

        order = get_order(session, heir)
        pending = select(Outbound.kind).where(Outbound.state == OutboundState.pending)
        waiting = session.exec(pending.where(Outbound.key == str(order.id))).all()
        assert set(waiting) == {OutboundKind.payment, OutboundKind.shipment}
        assert paid(session)[heir] == "16.90"
        assert session.exec(select(Shipment.order_id)).all() == [order.id]
        assert lines_in(session, heir) == {"a": (2, 1, 1, 0), "b": (3, 3, 0, 0)}
        check_laws(session)

        settle_outbound(session)
        take_in(session, shop, make_order("A", lines[0]), make_order(heir, lines[1]))
        assert session.exec(select(Shipment.order_id)).all() == [get_order(session, "A").id]
        assert session.exec(pending).all() == []


@pytest.mark.parametrize("heir", ["A", "C"])
def test_an_absorbed_order_read_once_more_adds_nothing(database: str, heir: str) -> None:
    """A page that was read before the merge comes late: it is old news."""
    with session_scope() as session:
        shop = make_stock(session)
        two_orders(session, shop)
        take_in(session, shop, merged(heir))
        before = row_counts(session, Order, OrderLine, Payment)
        stale = make_order("B", make_line("b", "CUP", 3), paid_amount=Decimal(30), memo="davor")
        intake = take_in(session, shop, stale, merged(heir))

        assert counts_of(intake) == {"read": 2, "unchanged": 2}
        assert row_counts(session, Order, OrderLine, Payment) == before
        assert states(session)["B"] == "merged"
        check_laws(session)


@pytest.mark.parametrize("order", ["heir first", "absorbed first", "two pages", "absorbed alone first"])
def test_a_merge_can_be_undone(database: str, order: str) -> None:
    """An order that the channel separates again has its lines, stock and money back, however it is told."""
    with session_scope() as session:
        shop = make_stock(session)
        two_orders(session, shop)
        take_in(session, shop, merged("A"))
        heir = make_order("A", make_line("a", "MUG", 2), paid_amount=Decimal(20))
        absorbed = make_order("B", make_line("b", "CUP", 3), paid_amount=Decimal(30))
        if order == "heir first":
            take_in(session, shop, heir, absorbed)
        elif order == "absorbed first":
            take_in(session, shop, absorbed, heir)
        elif order == "two pages":
            take_in(session, shop, heir)
            take_in(session, shop, absorbed)
        else:
            take_in(session, shop, absorbed)
            take_in(session, shop, heir)
            take_in(session, shop, absorbed)

        assert states(session) == {"A": "open", "B": "open"}
        assert paid(session) == {"A": "20.00", "B": "30.00"}
        assert lines_in(session, "A") == {"a": (2, 2, 0, 0)}
        assert lines_in(session, "B") == {"b": (3, 3, 0, 0)}
        assert stock_in(session) == {"CUP": (10, 3), "MUG": (10, 2), "POT": (10, 0)}
        check_laws(session)


def test_an_order_without_number_gets_one(database: str) -> None:
    """Taken before its checkout under its item, it is the same order under its number."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("item-7", make_line("7", "MUG", 2), checkout_at=None))
        take_in(session, shop, make_order("4711", make_line("7", "MUG", 2)))

        assert states(session) == {"item-7": "merged", "4711": "open"}
        assert (lines_in(session, "4711"), lines_in(session, "item-7")) == ({"7": (2, 2, 0, 0)}, {})
        assert stock_in(session)["MUG"] == (10, 2)
        assert ("channel", "took_over") in events_in(session, "4711")
        check_laws(session)


def test_a_merge_with_a_released_order_is_held(database: str) -> None:
    """Its lines and its money stay where they are; both orders show what the channel did."""
    with session_scope() as session:
        shop = make_stock(session)
        two_orders(session, shop)
        release(session, "A")
        take_in(session, shop, merged("C"))

        assert states(session) == {"A": "released", "B": "merged", "C": "open"}
        assert lines_in(session, "A") == {"a": (2, 2, 0, 0)}
        assert lines_in(session, "C") == {"b": (3, 3, 0, 0)}
        assert [hold[0] for hold in holds_in(session, "A")] == ["changed_after_release"]
        assert [hold[0] for hold in holds_in(session, "C")] == ["changed_after_release"]
        assert holds_in(session, "A")[0][2] == {"lines": ["a"], "now_in": "C"}
        assert sum((row.amount for row in session.exec(select(Payment))), Decimal(0)) == 50
        assert stock_in(session) == {"CUP": (10, 3), "MUG": (10, 2), "POT": (10, 0)}
        check_laws(session)


def test_a_merge_into_a_released_order_is_held(database: str) -> None:
    """What is being packed does not grow silently: the other order keeps its lines, both are held."""
    with session_scope() as session:
        shop = make_stock(session)
        two_orders(session, shop)
        release(session, "A")
        take_in(session, shop, merged("A"))

        assert states(session) == {"A": "released", "B": "open"}
        assert (lines_in(session, "A"), lines_in(session, "B")) == ({"a": (2, 2, 0, 0)}, {"b": (3, 3, 0, 0)})
        assert [hold[0] for hold in holds_in(session, "A")] == ["changed_after_release"]
        assert [hold[0] for hold in holds_in(session, "B")] == ["changed_after_release"]
        assert get_order(session, "A").total == Decimal(20)
        assert sum((row.amount for row in session.exec(select(Payment))), Decimal(0)) == 50
        check_laws(session)


def test_orders_of_one_page_may_share_lines(database: str) -> None:
    """Both are new: the line belongs to the one that is told last, once."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(
            session, shop, make_order("B", make_line("b", "CUP", 3), paid_amount=Decimal(30)), merged("C")
        )

        assert states(session) == {"B": "merged", "C": "open"}
        assert lines_in(session, "C") == {"a": (2, 2, 0, 0), "b": (3, 3, 0, 0)}
        assert paid(session) == {"B": "0.00", "C": "50.00"}
        assert stock_in(session) == {"CUP": (10, 3), "MUG": (10, 2), "POT": (10, 0)}
        check_laws(session)


def test_a_short_line_takes_its_hold_along(database: str) -> None:
    """The hold belongs to the line, wherever the channel moves it."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("A", make_line("a", "MUG", 12)))
        take_in(session, shop, make_order("C", make_line("a", "MUG", 12)))

        assert (holds_in(session, "A"), holds_in(session, "C")) == (
            [],
            [("stock_short", "a", {"missing": 2, "quantity": 12})],
        )
