"""Shipments that were booked: their parcels, numbers and sides, and where they go when orders are merged."""

from sqlmodel import Session

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import (
    ParcelData,
    shipment_sources,
    shipments_of,
    tracking_numbers,
    transfer_shipments,
)
from models.orders.order import Order, OrderLine
from models.orders.queries import lines_of
from models.tenants.records import Side
from tests.support.builders import (
    PLACED_AT,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    take_in,
)


def make_orders(session: Session) -> tuple[Order, Order]:
    """Return two orders of two mugs; a part of the first has left with a number, one mug without."""
    shop = make_shop(session)
    add_article(session, shop, "MUG", on_hand=9)
    take_in(session, shop, *(make_order(number, make_line(f"a{number}", "MUG", 2)) for number in "12"))
    order, other = get_order(session, "1"), get_order(session, "2")
    (line,) = lines_in(session, order)
    first = ParcelData(tracking_number="T1", lines={line.row_id: 1})
    record_shipment(session, order, "DHL", [first], PLACED_AT)
    record_shipment(session, order, "DPD", [ParcelData()], PLACED_AT, told_by=Side.channel)
    return order, other


def lines_in(session: Session, order: Order) -> list[OrderLine]:
    return lines_of(session, [order.row_id])[order.row_id]


def test_numbers_and_sides_of_shipments(database: str) -> None:
    """A parcel without a number counts as an empty one; an order without shipments is missing."""
    with session_scope() as session:
        order, other = make_orders(session)
        ids = [order.row_id, other.row_id]

        assert tracking_numbers(session, ids) == {ids[0]: {"T1", ""}}
        assert shipment_sources(session, ids) == {ids[0]: {Side.warenfluss, Side.channel}}
        assert [shipment.carrier for shipment, _ in shipments_of(session, ids[0])] == ["DHL", "DPD"]


def test_shipments_with_goods_of_others_stay(database: str) -> None:
    """Once the lines have another order, their shipments follow; before, none does."""
    with session_scope() as session:
        order, other = make_orders(session)
        order_id, other_id = order.row_id, other.row_id
        transfer_shipments(session, order_id, other_id)
        session.expire_all()
        assert len(shipments_of(session, order_id)) == 2

        for line in lines_in(session, order):
            line.order_id = other_id
            session.add(line)
        session.flush()
        transfer_shipments(session, order_id, other_id)
        session.expire_all()
        assert (len(shipments_of(session, order_id)), len(shipments_of(session, other_id))) == (0, 2)
