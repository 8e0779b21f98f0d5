"""Parcels that leave: what may be booked, what it does to an order, and when the channel hears of it."""

from typing import Any

import pytest
from sqlmodel import Session, select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment, record_shipments
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import (
    Parcel,
    ParcelData,
    ParcelLine,
    Shipment,
    ShipmentData,
    contents_of,
    shipments_of,
)
from models.orders.history import Actor, OrderEvent
from models.orders.holds import HoldReason
from models.orders.order import Order
from models.orders.queries import lines_of
from models.payments.payment import Payment
from models.sync.outbound import Outbound
from models.tenants.records import Side
from models.warehouse.levels import StockMovement
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    counted_statements,
    details_in,
    events_in,
    get_order,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    row_counts,
    stock_in,
    take_in,
)

BOOKED = (Shipment, Parcel, ParcelLine, StockMovement, OrderEvent, Outbound, Payment)


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


def test_an_order_leaves_in_parts(database: str) -> None:
    """Each parcel has its contents; the order is shipped with the last unit, and the channel hears each."""
    with session_scope() as session:
        _, order, ids = make_sale(session)
        first = ParcelData(tracking_number="T1", weight_grams=700, lines={ids["a"]: 1, ids["b"]: 2})
        record_shipment(session, order, "DHL", [first], PLACED_AT)
        assert (order.state, lines_in(session, "1")) == ("open", {"a": (3, 2, 1, 0), "b": (2, 0, 2, 0)})
        record_shipment(session, order, "DPD", [ParcelData(tracking_number="T2")], PLACED_AT)

        shown = [
            (shipment.carrier, parcel.tracking_number, parcel.weight_grams, contents)
            for shipment, parcels in shipments_of(session, order.row_id)
            for parcel in parcels
            for contents in [contents_of(session, [parcel.row_id])[parcel.row_id]]
        ]
        assert shown == [
            ("DHL", "T1", 700, {ids["a"]: 1, ids["b"]: 2}),
            ("DPD", "T2", None, {ids["a"]: 2}),
        ]
        assert (order.state, order.shipped_at, order.carrier) == ("shipped", PLACED_AT, "DPD")
        assert stock_in(session) == {"CUP": (8, 0), "MUG": (7, 0)}
        assert ledger_in(session)[2:] == [
            ("MUG", -1, "shipment", "order 1"),
            ("CUP", -2, "shipment", "order 1"),
            ("MUG", -2, "shipment", "order 1"),
        ]
        assert events_in(session, "1")[1:] == [("person", "partly_shipped"), ("person", "shipped")]
        assert details_in(session, "1", "shipped") == [{"carrier": "DPD", "tracking": ["T2"], "units": 2}]
        assert queued(session) == [("shipment", str(order.id))]
        check_laws(session)


def test_one_shipment_may_have_several_parcels(database: str) -> None:
    """The first that names no contents takes what is left; further ones only have a number."""
    with session_scope() as session:
        _, order, ids = make_sale(session)
        parcels = [ParcelData(lines={ids["a"]: 3}), ParcelData(tracking_number="R"), ParcelData()]
        record_shipment(session, order, "DHL", parcels, PLACED_AT)

        rows = session.exec(select(Parcel)).all()
        assert [row.number for row in rows] == [1, 2, 3]
        assert [dict(contents_of(session, [row.row_id])) for row in rows] == [
            {1: {ids["a"]: 3}}, {2: {ids["b"]: 2}}, {},
        ]  # fmt: skip
        assert order.state == "shipped"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({"a": 4}, "Line a of order 1: 4 units cannot be shipped, 3 are left."),
        ({"a": 0}, "Line a of order 1: 0 units cannot be shipped, 3 are left."),
        ({"a": -1}, "Line a of order 1: -1 units cannot be shipped, 3 are left."),
        ({"b": 1, "?": 1}, "Order 1 has no line 4711."),
    ],
)
def test_what_cannot_leave_is_refused_whole(database: str, lines: dict[str, int], reason: str) -> None:
    """Nothing is booked, also not the parcels that could have left, also if the caller goes on."""
    with session_scope() as session:
        _, order, ids = make_sale(session)
        before = row_counts(session, *BOOKED)
        bad = ParcelData(lines={ids.get(name, 4711): quantity for name, quantity in lines.items()})
        with pytest.raises(RuleError) as caught:
            record_shipment(session, order, "DHL", [ParcelData(lines={ids["b"]: 1}), bad], PLACED_AT)
    with session_scope() as session:
        assert str(caught.value) == reason
        assert row_counts(session, *BOOKED) == before
        assert lines_in(session, "1") == {"a": (3, 3, 0, 0), "b": (2, 2, 0, 0)}
        assert (get_order(session, "1").carrier, stock_in(session)["MUG"]) == ("", (10, 3))


def test_a_parcel_cannot_be_filled_twice(database: str) -> None:
    """Two parcels of one shipment share what is left."""
    with session_scope() as session:
        _, order, ids = make_sale(session)
        with pytest.raises(RuleError, match="2 units cannot be shipped, 1 are left"):
            record_shipment(
                session,
                order,
                "DHL",
                [ParcelData(lines={ids["a"]: 2}), ParcelData(lines={ids["a"]: 2})],
                PLACED_AT,
            )
        with pytest.raises(RuleError, match="at least one parcel"):
            record_shipment(session, order, "DHL", [], PLACED_AT)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("held", r"is held \(line_unmatched, stock_short\)"),
        ("trial", "is a test order"),
        ("pending", "is pending"),
        ("cancelled", "is cancelled"),
        ("shipped", "is shipped"),
    ],
)
def test_an_order_that_waits_is_not_shipped(database: str, kind: str, reason: str) -> None:
    """Each reason is said, and nothing is booked; an order that waits is not released either."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=2)
        lines = (
            [make_line("a", "MUG", 3), make_line("b", "NIX")] if kind == "held" else [make_line("a", "MUG")]
        )
        told: dict[str, dict[str, Any]] = {"pending": {"checkout_at": None}, "cancelled": {"cancelled": True}}
        take_in(session, shop, make_order("1", *lines, **told.get(kind, {})), trial=kind == "trial")
        order = get_order(session, "1")
        if kind == "shipped":
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        before = row_counts(session, *BOOKED)
        with pytest.raises(RuleError, match=reason):
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        with pytest.raises(RuleError, match=reason):
            release_order(session, order)

        assert row_counts(session, *BOOKED) == before


def test_what_the_channel_shipped_is_not_told_back(database: str) -> None:
    """It may also be an order that is held here: the goods have gone."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=2)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3)))
        order = get_order(session, "1")
        record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT, told_by=Side.channel)

        assert (lines_in(session, "1"), queued(session)) == ({"a": (3, 0, 3, 0)}, [])
        assert (stock_in(session), events_in(session, "1")[-1]) == ({"MUG": (0, 0)}, ("channel", "shipped"))
        check_laws(session)


def make_page(session: Session) -> list[Order]:
    """Return seven orders of mugs and sets of a mug and a cup: held, cancelled, short, a trial, and three."""
    shop = make_shop(session, buyer_mails=["shipped"])
    mug = add_article(session, shop, "MUG", on_hand=12)
    cup = add_article(session, shop, "CUP", on_hand=9)
    add_article(session, shop, "SET", parts={mug: 1, cup: 2})
    for number, sku, quantity in (
        ("1", "MUG", 2),
        ("2", "SET", 2),
        ("3", "MUG", 1),
        ("4", "CUP", 1),
        ("5", "SET", 1),
        ("6", "MUG", 9),
    ):
        take_in(session, shop, make_order(number, make_line(f"a{number}", sku, quantity)))
    take_in(session, shop, make_order("7", make_line("a7", "MUG")), trial=True)
    orders = [get_order(session, str(number)) for number in range(1, 8)]
    hold_order(session, orders[2], HoldReason.address_incomplete, {})
    cancel_order(session, orders[3], actor=Actor.person)
    session.flush()
    return orders


def booked(session: Session) -> tuple[Any, ...]:
    """Return what stands in the tables that shipping changes, without what is counted by the clock."""
    return (
        stock_in(session),
        sorted(ledger_in(session)),
        [lines_in(session, str(number)) for number in range(1, 8)],
        [(row.state, row.carrier, row.shipped_at) for row in session.exec(select(Order).order_by("id"))],
        [
            (shipment.order_id, shipment.carrier, shipment.shipped_at, parcel.number, parcel.tracking_number)
            for shipment, parcel in session.exec(
                select(Shipment, Parcel).where(Parcel.shipment_id == Shipment.id).order_by("order_id")
            )
        ],
        sorted((row.order_line_id, row.quantity) for row in session.exec(select(ParcelLine))),
        [events_in(session, str(number)) for number in range(1, 8)],
        # A number that was rolled back is not given again: mails by their order and event alone.
        sorted((row.kind, row.key.rpartition(":")[0] or row.key) for row in session.exec(select(Outbound))),
    )


def test_a_page_is_booked_like_one_order_after_the_other(database: str) -> None:
    """Each order has its own result; the one that is refused keeps nobody back, and changes nothing."""
    with session_scope() as session:
        orders = make_page(session)
        ids = {order.external_id: order.row_id for order in orders}
        line = lines_of(session, [ids["1"]])[ids["1"]][0]
        parts = {"1": {line.row_id: 1}}
        wanted = [
            ShipmentData(order, f"C{order.external_id}", [parcel], PLACED_AT)
            for order in (*orders, orders[0])
            for parcel in [ParcelData(tracking_number=f"T{order.id}", lines=parts.pop(order.external_id, {}))]
        ]
        undone = session.begin_nested()
        alone: list[str] = []
        for each in wanted:
            try:
                record_shipment(session, each.order, each.carrier, each.parcels, each.shipped_at)
            except RuleError as error:
                alone.append(str(error))
            else:
                alone.append("")
        expected = booked(session)
        undone.rollback()
        session.expire_all()
        together = record_shipments(session, wanted)

        assert [str(each) if isinstance(each, RuleError) else "" for each in together] == alone
        assert [bool(reason) for reason in alone] == [
            False, False, True, True, False, True, True, False,
        ]  # fmt: skip
        assert [each.order_id for each in together if isinstance(each, Shipment)] == [
            ids[number] for number in ("1", "2", "5", "1")
        ]
        assert booked(session) == expected
        check_laws(session)


def test_a_page_takes_no_more_statements_than_one_order(database: str) -> None:
    """Forty orders are asked for and written in as many statements as two are."""
    asked: list[int] = []
    with session_scope() as session:
        shop = make_shop(session, buyer_mails=["shipped"])
        add_article(session, shop, "MUG", on_hand=100)
        lines = [make_line(f"a{number}", "MUG") for number in range(42)]
        take_in(session, shop, *(make_order(str(number), line) for number, line in enumerate(lines)))
    for numbers in (range(2), range(2, 42)):
        with session_scope() as session, counted_statements() as seen:
            orders = [get_order(session, str(number)) for number in numbers]
            seen.clear()
            parcels = [ParcelData(tracking_number="T")]
            record_shipments(session, [ShipmentData(order, "DHL", parcels, PLACED_AT) for order in orders])
            asked.append(len(seen))
    assert asked[0] == asked[1] <= 30
