"""What holds for every system whose orders can be read."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.errors import TransientError
from connectors.protocols.connection import Connection
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import Page
from models.orders.records import OrderData
from models.tenants.account_kinds import Capability
from tests.connectors.contract.rig import OrdersRig, kinds_with, need, rig_of

EVERYTHING = OrderQuery()


@pytest.fixture(params=kinds_with(Capability.orders))
def rig(request: pytest.FixtureRequest) -> Iterator[OrdersRig]:
    yield from rig_of(request.param)


def all_orders(connection: Connection, query: OrderQuery = EVERYTHING) -> list[OrderData]:
    """Return what all pages hold. Each page is usable, and they end."""
    orders: list[OrderData] = []
    cursor: str | None = None
    for _ in range(20):
        page: Page[OrderData] = need(connection.orders).fetch_orders(query, cursor)
        assert page.rejected == []
        orders += page.records
        cursor = page.next_cursor
        if cursor is None:
            return orders
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_every_order_comes_once_whatever_the_pages(rig: OrdersRig, count: int) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(count)]
    with rig.open() as connection:
        assert sorted(order.external_id for order in all_orders(connection)) == sorted(placed)


def test_a_page_read_again_is_the_same(rig: OrdersRig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    for _ in range(5):
        rig.place_order(article_id, quantity=1)
    with rig.open() as connection:
        orders = need(connection.orders)
        cursor = orders.fetch_orders(OrderQuery(), None).next_cursor
        assert orders.fetch_orders(OrderQuery(), cursor) == orders.fetch_orders(OrderQuery(), cursor)


def test_orders_are_found_by_their_ids(rig: OrdersRig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(6)]
    wanted = OrderQuery(external_ids=(*placed[1:5], "2147480000"))
    with rig.open() as connection:
        assert sorted(order.external_id for order in all_orders(connection, wanted)) == sorted(placed[1:5])
        assert not any(need(connection.orders).is_provisional(number) for number in placed)


def test_orders_from_a_number_on_include_it(rig: OrdersRig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(5)]
    with rig.open() as connection:
        found = all_orders(connection, OrderQuery(from_number=placed[2]))
        before = [number for number in placed if need(connection.orders).is_before(number, placed[2])]
    assert [order.external_id for order in found] == placed[2:]
    assert before == placed[:2]


def test_the_earliest_reading_is_no_later_than_now(rig: OrdersRig) -> None:
    """What is sold at this moment does not look older than the start of the first import."""
    with rig.open() as connection:
        before = need(connection.orders).earliest_reading(datetime.now(UTC))
        number = rig.place_order(rig.add_article("MUG", stock=5), quantity=1)
        [order] = all_orders(connection, OrderQuery(external_ids=(number,)))
    assert before <= order.placed_at


def test_a_read_that_fails_for_now_is_transient_and_works_later(rig: OrdersRig) -> None:
    with rig.open() as connection:
        orders = need(connection.orders)
        for fail in (rig.fail_next_call, rig.lose_next_reply):
            fail()
            with pytest.raises(TransientError):
                orders.fetch_orders(OrderQuery(), None)
            assert orders.fetch_orders(OrderQuery(), None).records == []


def test_an_order_that_is_not_known_has_no_status(rig: OrdersRig) -> None:
    number = rig.place_order(rig.add_article("MUG", stock=5), quantity=2)
    with rig.open() as connection:
        orders = need(connection.orders)
        [status] = orders.fetch_order_statuses([number, "2147480000"])
        assert orders.fetch_order_statuses([]) == []
    assert (status.external_id, list(status.lines.values())) == (number, [2])
    assert (status.shipped_at, status.shipped_on, status.cancelled) == (None, None, False)
