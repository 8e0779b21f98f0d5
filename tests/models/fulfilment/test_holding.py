"""Orders that a person cancels: what has left has left, and all of it leaves nothing to cancel."""

from typing import Any

import pytest
from sqlmodel import Session

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.orders.history import Actor
from models.orders.order import Order
from models.orders.queries import lines_of
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    check_laws,
    get_order,
    lines_in,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)


def make_sale(session: Session, **settings: Any) -> tuple[Shop, Order, dict[str, int]]:
    """Return a shop with one order of three mugs and two cups, and its line ids."""
    shop = make_shop(session, **settings)
    add_article(session, shop, "MUG", on_hand=10)
    add_article(session, shop, "CUP", on_hand=10)
    take_in(session, shop, make_order("1", make_line("a", "MUG", 3), make_line("b", "CUP", 2)))
    order = get_order(session, "1")
    lines = lines_of(session, [order.row_id])[order.row_id]
    return shop, order, {line.external_id: line.row_id for line in lines}


def test_the_rest_of_a_cancelled_order_stays(database: str) -> None:
    """What has left has left; the rest is given back and cannot be shipped any more."""
    with session_scope() as session:
        _, order, ids = make_sale(session)
        record_shipment(session, order, "DHL", [ParcelData(lines={ids["a"]: 1})], PLACED_AT)
        cancel_order(session, order, actor=Actor.person)

        assert lines_in(session, "1") == {"a": (3, 0, 1, 2), "b": (2, 0, 0, 2)}
        assert stock_in(session) == {"CUP": (10, 0), "MUG": (9, 0)}
        with pytest.raises(RuleError, match="is cancelled"):
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        check_laws(session)


def test_a_shipped_order_is_not_cancelled(database: str) -> None:
    """All of it has left: there is nothing to cancel, and the order says so."""
    with session_scope() as session:
        _, order, _ = make_sale(session)
        record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        with pytest.raises(RuleError, match="shipped"):
            cancel_order(session, order, actor=Actor.person)

        assert get_order(session, "1").state == "shipped"
