"""Laws 1 and 3: an order exists once however often it is read, its money adds up or it is held."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, select

from models.clock import utc_now
from models.database.session import session_scope
from models.fulfilment.shipments import Shipment
from models.intake.orders import save_orders
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.match_rules import DEFAULT_RULES
from models.orders.order import Customer, LinePart, Order, OrderAddress, OrderLine, OrderState, PaymentState
from models.orders.records import OrderData
from models.payments.payment import Payment
from models.sync.outbound import Outbound
from models.values import MAX_COUNT
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import Allocation, StockMovement
from models.warehouse.sellable import sellable_for
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    add_article,
    add_warehouse,
    check_laws,
    counted_statements,
    counts_of,
    events_in,
    get_order,
    holds_in,
    ledger_in,
    lines_in,
    make_account,
    make_line,
    make_order,
    make_shop,
    queued_listings,
    row_counts,
    settle_outbound,
    stock_in,
    take_in,
)

TABLES = (
    Order, OrderLine, OrderAddress, LinePart, Hold, OrderEvent, Payment, Shipment, Customer, Allocation,
    StockMovement, Outbound,
)  # fmt: skip


def page_of(count: int, skus: list[str]) -> list[OrderData]:
    """Return orders of two lines each."""
    return [
        make_order(
            f"O-{number}",
            make_line(f"{number}-a", skus[number % len(skus)]),
            make_line(f"{number}-b", skus[(number + 1) % len(skus)], 2),
            customer_id=f"K-{number % 7}",
            paid_amount=Decimal("30.00"),
        )
        for number in range(count)
    ]


def snapshot(session: Session) -> list[int]:
    return row_counts(session, *TABLES)


def test_an_order_is_taken_whole(database: str) -> None:
    """Order, lines, both addresses, buyer, payment, history and stock come in by one page."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=9)
        data = make_order(
            "O-1",
            make_line("a", "MUG", 2, "19.90", tax_rate=Decimal(19), gtin="4006381333931"),
            shipping_amount=Decimal("4.90"),
            fee_amount=Decimal("1.00"),
            paid_amount=Decimal("20.00"),
            paid_at=PLACED_AT,
            payment_method="paypal",
            shipping=BILLING.model_copy(update={"street": "Packstation 104"}),
            customer_id="K-1",
            customer_name="änne",
            channel_number="302-1",
            platform="amazon",
            tags=["Eil"],
        )
        intake = take_in(session, shop, data)

        order = get_order(session, "O-1")
        shown = order.model_dump(
            include={"total", "currency", "channel_number", "platform", "state", "payment_state",
                     "paid_amount", "placed_at", "shipping_amount", "fee_amount", "details"}
        )  # fmt: skip
        assert shown == {
            "total": Decimal("45.70"), "currency": "EUR", "channel_number": "302-1", "platform": "amazon",
            "state": OrderState.open, "payment_state": PaymentState.partly_paid,
            "paid_amount": Decimal("20.00"), "placed_at": PLACED_AT, "shipping_amount": Decimal("4.90"),
            "fee_amount": Decimal("1.00"), "details": {"customer_name": "änne", "tags": ["Eil"]},
        }  # fmt: skip
        assert lines_in(session, "O-1") == {"a": (2, 2, 0, 0)}
        streets = {row.role: row.street for row in session.exec(select(OrderAddress))}
        assert streets == {"billing": "Am Ölberg 3", "shipping": "Packstation 104"}
        assert [(row.amount, row.paid_at) for row in session.exec(select(Payment))] == [
            (Decimal("20.00"), PLACED_AT)
        ]
        assert events_in(session, "O-1") == [("channel", "imported")]
        assert counts_of(intake) == {"read": 1, "new": 1}
        assert intake.oldest_news_at == PLACED_AT


def test_the_same_page_twice_adds_nothing(database: str) -> None:
    """Every table has as many rows as after the first time, and nothing is queued."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG", "CUP", "POT"):
            add_article(session, shop, sku, on_hand=5, listed=True)
        page = page_of(6, ["MUG", "CUP", "POT", "UNKNOWN"])
        first = take_in(session, shop, *page)
        settle_outbound(session)
        before = snapshot(session)

        again = take_in(session, shop, *page)

        assert counts_of(first) == {"read": 6, "new": 6, "held": 3}
        assert counts_of(again) == {"read": 6, "unchanged": 6}
        assert (snapshot(session), queued_listings(session)) == (before, {})
        check_laws(session)


def test_the_same_number_of_two_accounts_is_two_orders(database: str) -> None:
    """An order exists once for account and external id."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        data = make_order("O-1", make_line("a", "MUG"))
        take_in(session, shop, data)
        intake = take_in(session, shop, data, account=other)

        assert counts_of(intake) == {"read": 1, "new": 1, "held": 1}
        assert row_counts(session, Order, OrderLine) == [2, 2]


def test_an_order_told_twice_in_one_page_is_one(database: str) -> None:
    """The later of the two counts."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(
            session,
            shop,
            make_order("O-1", make_line("a", "MUG")),
            make_order("O-1", make_line("a", "MUG", 2)),
        )

        assert lines_in(session, "O-1") == {"a": (2, 0, 0, 0)}
        assert row_counts(session, Order) == [1]


def test_a_page_of_250_asks_as_little_as_one_of_10(database: str) -> None:
    """New orders cost a bounded number of statements for each page, whatever its size."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG", "CUP", "POT"):
            add_article(session, shop, sku, on_hand=300, listed=True)
    pages = {10: page_of(10, ["MUG", "CUP", "POT"]), 250: page_of(260, ["MUG", "CUP", "POT", "NO"])[10:]}
    asked = {}
    for size, page in pages.items():
        with session_scope() as session, counted_statements() as seen:
            take_in(session, shop, *page)
        asked[size] = len(seen)

    with session_scope() as session, counted_statements() as unchanged:
        take_in(session, shop, *pages[250])
    with session_scope() as session:
        assert row_counts(session, Order) == [260]
        check_laws(session)
    assert asked[250] <= asked[10] + 8, asked
    assert asked[250] <= 60, asked
    assert len(unchanged) <= 12, unchanged


def test_an_order_may_have_a_thousand_lines(database: str) -> None:
    """It is taken whole, followed when all of it changes, and cancelled."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=5000)
        lines = [make_line(f"l{number}", "MUG", 2) for number in range(1000)]
        take_in(session, shop, make_order("O-1", *lines))
        assert stock_in(session) == {"MUG": (5000, 2000)}

        take_in(session, shop, make_order("O-1", *lines, cancelled=True))

        assert stock_in(session) == {"MUG": (5000, 0)}
        check_laws(session)


def test_the_largest_quantities_are_promised_and_shipped(database: str) -> None:
    """Their sums are larger than a column: of lines, of warehouses, of the parts of many bundles."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=MAX_COUNT, listed=True)
        full = add_article(session, shop, "FULL", on_hand=MAX_COUNT, listed=True)
        for name in ("second", "third"):
            warehouse_id = add_warehouse(session, shop, name, 1)
            set_on_hand(session, warehouse_id, {mug: MAX_COUNT, full: MAX_COUNT})
        add_article(session, shop, "SET", parts={mug: MAX_COUNT}, listed=True)
        lines = [make_line(name, "MUG", MAX_COUNT) for name in "abcd"]
        take_in(session, shop, make_order("1", *lines), make_order("2", make_line("e", "SET", MAX_COUNT)))

        assert stock_in(session)["MUG"] == (3 * MAX_COUNT, 3 * MAX_COUNT)
        assert [allocated for _, allocated, _, _ in lines_in(session, "1").values()] == [MAX_COUNT] * 3 + [0]
        assert [hold[:2] for hold in holds_in(session, "2")] == [("stock_short", "e")]
        assert sellable_for(session, shop.account.id, [full]) == {full: MAX_COUNT}
        check_laws(session)

        shipped = make_order("3", make_line("f", "SET", MAX_COUNT), shipped_at=utc_now())
        take_in(session, shop, make_order("1", *lines, shipped_at=utc_now()), shipped)
        assert stock_in(session)["MUG"] == (0, 0)
        check_laws(session)


def test_currencies_are_kept_apart(database: str) -> None:
    """Each order has its own; payments bear it."""
    with session_scope() as session:
        shop = make_shop(session)
        for currency in ("EUR", "CHF", "USD"):
            data = make_order(currency, make_line(currency), currency=currency, paid_amount=Decimal(3))
            take_in(session, shop, data)

        assert {row.currency for row in session.exec(select(Payment))} == {"EUR", "CHF", "USD"}
        assert get_order(session, "CHF").currency == "CHF"


@pytest.mark.parametrize(
    ("total", "difference"), [("10.01", "0.01"), ("9.99", "-0.01"), ("10.0001", "0.0001")]
)
def test_an_order_that_does_not_add_up_is_held_until_it_does(
    database: str, total: str, difference: str
) -> None:
    """Law 3: a difference of a ten-thousandth is one; the hold ends when the channel corrects it."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG"), total=Decimal(total)))
        held = holds_in(session, "O-1")

        intake = take_in(session, shop, make_order("O-1", make_line("a", "MUG")))

        assert held == [("total_mismatch", "", {"difference": difference})]
        assert (holds_in(session, "O-1"), counts_of(intake)) == ([], {"read": 1, "changed": 1})


def test_history_is_left_out_and_what_is_known_is_followed(database: str) -> None:
    """What was sold before the start is booked elsewhere, unless it is here already."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("known", make_line("a", "MUG")))
        page = [make_order("known", make_line("a", "MUG", 2)), make_order("old", make_line("b", "MUG"))]

        intake = save_orders(session, shop.account, DEFAULT_RULES, page, is_history=lambda _: True)

        assert counts_of(intake) == {"read": 2, "changed": 1, "skipped": 1, "held": 1}
        assert row_counts(session, Order) == [1]


def test_an_order_shipped_before_its_import_takes_no_stock(database: str) -> None:
    """The channel has booked it out already: nothing is held or promised; its figure is told anew."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3, listed=True)
        settle_outbound(session)
        lines = [make_line("a", "MUG", 2), make_line("b", "UNKNOWN")]
        take_in(session, shop, make_order("O-1", *lines, shipped_at=PLACED_AT, total=Decimal(1)))

        assert lines_in(session, "O-1") == {"a": (2, 0, 2, 0), "b": (1, 0, 1, 0)}
        assert (stock_in(session), holds_in(session, "O-1")) == ({"MUG": (3, 0)}, [])
        assert get_order(session, "O-1").state is OrderState.shipped
        assert list(queued_listings(session)) == ["L-MUG"]


def test_an_order_cancelled_before_its_import_waits_for_nothing(database: str) -> None:
    """It is kept for the record and asks for nothing."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("O-1", make_line("a", "UNKNOWN"), cancelled=True))

        assert (lines_in(session, "O-1"), holds_in(session, "O-1")) == ({"a": (1, 0, 0, 1)}, [])
        assert get_order(session, "O-1").state is OrderState.cancelled


def test_a_line_without_article_is_held_and_its_neighbour_served(database: str) -> None:
    """Law 6 within an order: what matched is promised, what did not names itself."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG"), make_line("b", "NIX")))

        assert lines_in(session, "O-1") == {"a": (1, 1, 0, 0), "b": (1, 0, 0, 0)}
        assert holds_in(session, "O-1") == [("line_unmatched", "b", {})]
        assert events_in(session, "O-1") == [("channel", "imported"), ("cycle", "held")]


def test_a_test_run_leaves_live_orders_alone(database: str) -> None:
    """What changed at the channel waits for the next run in earnest."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG")))
        before = snapshot(session)
        intake = take_in(session, shop, make_order("O-1", make_line("a", "MUG", 3)), trial=True)

        assert counts_of(intake) == {"read": 1, "unchanged": 1}
        assert (snapshot(session), lines_in(session, "O-1")) == (before, {"a": (1, 1, 0, 0)})


def test_the_age_of_news_is_told(database: str) -> None:
    """The oldest new order, by its checkout, and how long it took to arrive."""
    now = utc_now()
    with session_scope() as session:
        shop = make_shop(session)
        intake = take_in(
            session,
            shop,
            make_order("1", make_line("a"), checkout_at=now - timedelta(seconds=90)),
            make_order("2", make_line("b"), checkout_at=now - timedelta(seconds=30)),
        )

        assert intake.oldest_news_at == now - timedelta(seconds=90)
        assert intake.slowest_seconds is not None
        assert 90 <= intake.slowest_seconds < 120


def test_a_buyer_is_kept_once(database: str) -> None:
    """The newest name and address count; a buyer without number is none."""
    with session_scope() as session:
        shop = make_shop(session)
        mail = BILLING.model_copy(update={"email": "neu@example.test"})
        take_in(session, shop, make_order("1", make_line("a"), customer_id="K", customer_name="alt"))
        take_in(
            session, shop, make_order("2", make_line("b"), customer_id="K", customer_name="neu", billing=mail)
        )
        take_in(session, shop, make_order("3", make_line("c")))

        rows = session.exec(select(Customer)).all()
        assert [(row.external_id, row.user_name, row.email) for row in rows] == [
            ("K", "neu", "neu@example.test")
        ]
        assert get_order(session, "3").customer_id is None


def test_the_ledger_has_no_entry_of_an_order_that_only_waits(database: str) -> None:
    """Promising moves nothing."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG")))

        assert ledger_in(session) == [("MUG", 3, "counted", "")]
