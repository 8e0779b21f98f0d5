"""What the channel changes reaches an order as a step of its history; what was released is only held."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData, Shipment
from models.orders.history import Actor
from models.orders.order import Order, OrderAddress, OrderLine, OrderState, PaymentState
from models.payments.payment import Payment, record_payment
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    counts_of,
    details_in,
    events_in,
    get_order,
    holds_in,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    queued_listings,
    row_counts,
    settle_outbound,
    stock_in,
    take_in,
)

ELSEWHERE = BILLING.model_copy(update={"street": "Neue Gasse 1", "city": "Halle"})


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


def test_a_quantity_follows(database: str) -> None:
    """More is promised, less is given back; the history says from what to what."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3)))
        intake = take_in(session, shop, make_order("1", make_line("a", "MUG", 5)))
        more = stock_in(session)["MUG"]
        take_in(session, shop, make_order("1", make_line("a", "MUG", 2)))

        assert (more, stock_in(session)["MUG"]) == ((10, 5), (10, 2))
        assert counts_of(intake) == {"read": 1, "changed": 1}
        assert [each["changes"] for each in details_in(session, "1", "changed")] == [
            {"total": ["30.00", "50.00"], "line a": ["3 × 10.00", "5 × 10.00"]},
            {"total": ["50.00", "20.00"], "line a": ["5 × 10.00", "2 × 10.00"]},
        ]
        check_laws(session)


def test_a_price_follows(database: str) -> None:
    """The stock stays promised while money changes."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3)))
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3, "9.95")))

        assert (get_order(session, "1").total, stock_in(session)["MUG"]) == (Decimal("29.85"), (10, 3))
        assert details_in(session, "1", "changed")[0]["changes"]["line a"] == ["3 × 10.00", "3 × 9.95"]


def test_lines_come_and_go(database: str) -> None:
    """A new line is matched and promised; one that is gone is cancelled and given back."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3), make_line("b", "NIX")))
        take_in(session, shop, make_order("1", make_line("c", "CUP"), make_line("a", "MUG", 3)))

        assert lines_in(session, "1") == {"c": (1, 1, 0, 0), "a": (3, 3, 0, 0), "b": (1, 0, 0, 1)}
        assert holds_in(session, "1") == []
        take_in(session, shop, make_order("1", make_line("c", "CUP"), make_line("b", "POT", 2)))
        assert lines_in(session, "1") == {"c": (1, 1, 0, 0), "b": (2, 2, 0, 0), "a": (3, 0, 0, 3)}
        check_laws(session)


def test_a_line_may_become_another_article(database: str) -> None:
    """What was promised of the old one is free, and the new one is matched anew."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3)))
        take_in(session, shop, make_order("1", make_line("a", "CUP", 3)))
        assert stock_in(session) == {"CUP": (10, 3), "MUG": (10, 0), "POT": (10, 0)}
        take_in(session, shop, make_order("1", make_line("a", "NIX", 3)))

        assert stock_in(session) == {"CUP": (10, 0), "MUG": (10, 0), "POT": (10, 0)}
        assert holds_in(session, "1") == [("line_unmatched", "a", {})]
        check_laws(session)


def test_addresses_follow(database: str) -> None:
    """A delivery address that comes later is taken over, and one that goes is gone."""
    with session_scope() as session:
        shop = make_stock(session)
        line = make_line("a", "MUG")
        take_in(session, shop, make_order("1", line))
        take_in(session, shop, make_order("1", line, shipping=ELSEWHERE))
        cities = {row.role: row.city for row in session.exec(select(OrderAddress))}
        take_in(session, shop, make_order("1", line, billing=ELSEWHERE))
        session.expire_all()

        assert cities == {"billing": "Leipzig", "shipping": "Halle"}
        assert {row.role: row.city for row in session.exec(select(OrderAddress))} == {"billing": "Halle"}
        assert len(details_in(session, "1", "changed")) == 2


def test_payments_follow(database: str) -> None:
    """Each change of what the channel says was received is one payment, a reversal a negative one."""
    with session_scope() as session:
        shop = make_stock(session)
        line = make_line("a", "MUG", 3)
        for amount in ("0", "10.00", "30.00", "30.00", "0"):
            take_in(session, shop, make_order("1", line, paid_amount=Decimal(amount), paid_at=PLACED_AT))

        assert [str(row.amount) for row in session.exec(select(Payment))] == ["10.00", "20.00", "-30.00"]
        assert [each["state"] for each in details_in(session, "1", "payment")] == [
            "partly_paid", "paid", "open",
        ]  # fmt: skip
        assert get_order(session, "1").payment_state is PaymentState.open
        assert row_counts(session, Outbound) == [0]


def test_our_payments_are_not_taken_back_by_old_news(database: str) -> None:
    """Where payments are handled here, a lower total at the channel is news that has not arrived there."""
    with session_scope() as session:
        shop = make_stock(session, payments="warenfluss")
        line = make_line("a", "MUG", 3)
        take_in(session, shop, make_order("1", line))
        record_payment(session, shop.account, get_order(session, "1"), Decimal("30.00"), PLACED_AT)
        take_in(session, shop, make_order("1", line, memo="neu"))

        assert paid(session) == {"1": "30.00"}
        rows = session.exec(select(Outbound)).all()
        assert [(row.kind, row.key) for row in rows] == [
            (OutboundKind.payment, str(get_order(session, "1").id))
        ]


def test_an_open_checkout_is_done_later(database: str) -> None:
    """Taken early it waits as pending with its stock promised, and is open once the buyer is done."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG"), checkout_at=None))
        early = (states(session), stock_in(session)["MUG"])
        take_in(session, shop, make_order("1", make_line("a", "MUG")))

        assert early == ({"1": "pending"}, (10, 1))
        assert states(session) == {"1": "open"}
        assert ("channel", "checkout_done") in events_in(session, "1")


def test_a_cancellation_follows(database: str) -> None:
    """Stock is free, holds end, and reading it again changes nothing."""
    with session_scope() as session:
        shop = make_stock(session)
        lines = [make_line("a", "MUG", 3), make_line("b", "NIX")]
        take_in(session, shop, make_order("1", *lines))
        take_in(session, shop, make_order("1", *lines, cancelled=True))
        again = take_in(session, shop, make_order("1", *lines, cancelled=True))

        assert (states(session), holds_in(session, "1")) == ({"1": "cancelled"}, [])
        assert stock_in(session)["MUG"] == (10, 0)
        assert events_in(session, "1")[-1] == ("channel", "cancelled")
        assert counts_of(again) == {"read": 1, "unchanged": 1}
        check_laws(session)


def test_what_the_channel_shipped_is_booked_out_once(database: str) -> None:
    """The first time it is told; the channel hears nothing back."""
    with session_scope() as session:
        shop = make_stock(session)
        lines = [make_line("a", "MUG", 3), make_line("b", "NIX")]
        take_in(session, shop, make_order("1", *lines))
        shipped = {"shipped_at": PLACED_AT, "carrier": "DHL", "tracking_numbers": ["T1", "T2"]}
        take_in(session, shop, make_order("1", *lines, **shipped))
        take_in(session, shop, make_order("1", *lines, **shipped, memo="danke"))

        assert lines_in(session, "1") == {"a": (3, 0, 3, 0), "b": (1, 0, 1, 0)}
        assert (states(session), stock_in(session)["MUG"]) == ({"1": "shipped"}, (7, 0))
        assert ledger_in(session)[3:] == [("MUG", -3, "shipment", "order 1")]
        assert row_counts(session, Shipment, Outbound) == [1, 0]
        check_laws(session)


def test_the_echo_of_our_part_shipment_ships_nothing(database: str) -> None:
    """A channel that knows one date shows our first parcel as shipping of the whole order."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3)))
        order = get_order(session, "1")
        line_id = session.exec(select(OrderLine.id)).one()
        record_shipment(session, order, "DHL", [ParcelData(lines={line_id or 0: 1})], PLACED_AT)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3), shipped_at=PLACED_AT, carrier="DHL"))

        assert lines_in(session, "1") == {"a": (3, 2, 1, 0)}
        assert (states(session), stock_in(session)["MUG"]) == ({"1": "open"}, (9, 2))
        check_laws(session)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"quantity": 4}, {"total": ["30.00", "40.00"], "line a": ["3 × 10.00", "4 × 10.00"]}),
        ({"price": "9.00"}, {"total": ["30.00", "27.00"], "line a": ["3 × 10.00", "3 × 9.00"]}),
        ({"sku": "CUP"}, {"line a": ["MUG", "CUP"]}),
    ],
)
def test_what_was_released_is_held_and_not_changed(
    database: str, changed: dict[str, Any], difference: dict[str, Any]
) -> None:
    """The hold shows both sides, a repeat adds nothing, and it ends when the channel goes back."""
    with session_scope() as session:
        shop = make_stock(session)
        was = make_order("1", make_line("a", "MUG", 3))
        line: dict[str, Any] = {"sku": "MUG", "quantity": 3, "price": "10.00", **changed}
        now = make_order("1", make_line("a", line["sku"], line["quantity"], line["price"]))
        take_in(session, shop, was)
        release(session, "1")

        for _ in range(2):
            take_in(session, shop, now)
            assert holds_in(session, "1") == [("changed_after_release", "", {"changes": difference})]
        assert (lines_in(session, "1"), get_order(session, "1").total) == ({"a": (3, 3, 0, 0)}, Decimal(30))
        assert stock_in(session)["MUG"] == (10, 3)
        take_in(session, shop, was)

        assert (holds_in(session, "1"), states(session)) == ([], {"1": "released"})
        assert [kind for _, kind in events_in(session, "1")].count("held") == 1
        check_laws(session)


def test_a_new_address_after_release_is_held(database: str) -> None:
    """The parcel may be on its table already: the address here stays, and the hold shows both."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        release(session, "1")
        take_in(session, shop, make_order("1", make_line("a", "MUG"), billing=ELSEWHERE))

        assert session.exec(select(OrderAddress.city)).one() == "Leipzig"
        assert holds_in(session, "1") == [
            (
                "changed_after_release",
                "",
                {
                    "changes": {
                        "billing.street": ["Am Ölberg 3", "Neue Gasse 1"],
                        "billing.city": ["Leipzig", "Halle"],
                    }
                },
            )
        ]


def test_a_payment_after_release_is_no_reason_to_wait(database: str) -> None:
    """Money and memos are taken over at any time."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        release(session, "1")
        take_in(session, shop, make_order("1", make_line("a", "MUG"), paid_amount=Decimal(10), memo="eilt"))

        order = get_order(session, "1")
        assert (order.payment_state, order.memo, holds_in(session, "1")) == (PaymentState.paid, "eilt", [])


def test_a_cancellation_after_release_is_held_until_it_is_taken_back(database: str) -> None:
    """Nothing is given back by itself; a channel that changes its mind ends the hold."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        release(session, "1")
        take_in(session, shop, make_order("1", make_line("a", "MUG"), cancelled=True))
        held = holds_in(session, "1")
        take_in(session, shop, make_order("1", make_line("a", "MUG")))

        assert held == [("cancelled_after_release", "", {})]
        assert (holds_in(session, "1"), states(session)) == ([], {"1": "released"})
        assert stock_in(session)["MUG"] == (10, 1)


def test_what_is_bought_in_an_order_that_was_cancelled_here_is_held(database: str) -> None:
    """A new line, or more of one, waits for a person; what was there and is told again does not."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG", "CUP"):
            add_article(session, shop, sku, on_hand=10, listed=True)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 2)))
        cancel_order(session, get_order(session, "1"), actor=Actor.person)
        settle_outbound(session)
        told_again = make_order("1", make_line("a", "MUG", 2), memo="eilt")
        take_in(session, shop, told_again)
        held = [holds_in(session, "1")]
        settle_outbound(session)
        cup = make_line("b", "CUP", listing_id="L-CUP")
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3), cup))
        held.append(holds_in(session, "1"))
        queued = queued_listings(session)
        take_in(session, shop, told_again)
        held.append(holds_in(session, "1"))

        more = {"line a": ["2", "3 × 10.00"], "line b": ["", "1 × 10.00"]}
        assert held == [[], [("changed_after_release", "", {"changes": more})], []]
        assert set(queued) == {"L-CUP", "L-MUG"}
        assert states(session) == {"1": "cancelled"}
        assert stock_in(session) == {"CUP": (10, 0), "MUG": (10, 0)}


def test_what_was_shipped_is_never_asked_for_again(database: str) -> None:
    """A quantity below what has left keeps what has left; one above asks for the rest."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 4)))
        line_id = session.exec(select(OrderLine.id)).one() or 0
        record_shipment(session, get_order(session, "1"), "DHL", [ParcelData(lines={line_id: 2})], PLACED_AT)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 1)))
        less = lines_in(session, "1")
        take_in(session, shop, make_order("1", make_line("a", "MUG", 5)))

        assert (less, lines_in(session, "1")) == ({"a": (2, 0, 2, 0)}, {"a": (5, 3, 2, 0)})
        assert stock_in(session)["MUG"] == (8, 3)
        check_laws(session)


def test_an_order_that_has_left_is_held_for_goods_and_price_alone(database: str) -> None:
    """Addresses are made anonymous there in time; that is no news."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        record_shipment(session, get_order(session, "1"), "DHL", [ParcelData()], PLACED_AT)
        take_in(session, shop, make_order("1", make_line("a", "MUG"), billing=ELSEWHERE))
        assert holds_in(session, "1") == []
        take_in(session, shop, make_order("1", make_line("a", "MUG", 2)))

        assert [hold[0] for hold in holds_in(session, "1")] == ["changed_after_release"]
        assert get_order(session, "1").state is OrderState.shipped
