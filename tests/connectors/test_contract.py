"""What holds for every channel, whatever it speaks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.errors import AccountError, TransientError
from connectors.protocols.articles import ArticleQuery
from connectors.protocols.connection import Connection
from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import ItemResult, Outcome, Page
from connectors.protocols.stock import StockItem
from models.orders.records import OrderData
from tests.connectors.contract import RIGS, Rig, need

EVERYTHING = OrderQuery()
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
PUBLISH: dict[str, Callable[[Connection, str, str], list[ItemResult]]] = {
    "stock": lambda connection, article_id, _: need(connection.stock).publish_stock(
        [StockItem("k", article_id, 3)]
    ),
    "payments": lambda connection, _, order_id: need(connection.payments).publish_payments(
        [PaymentItem("k", order_id, Decimal("7.50"), NOW)]
    ),
    "shipments": lambda connection, _, order_id: need(connection.shipments).publish_shipments(
        [ShipmentItem("k", order_id, NOW, "DHL", [ParcelItem("T1", {})])]
    ),
    "cancellations": lambda connection, _, order_id: need(connection.cancellations).publish_cancellations(
        [CancellationItem("k", order_id, {order_id: 0}, {order_id: 1})]
    ),
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with RIGS[request.param]() as rig:
        yield rig


def all_orders(connection: Connection, query: OrderQuery = EVERYTHING) -> list[OrderData]:
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
def test_every_order_comes_once_whatever_the_pages(rig: Rig, count: int) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(count)]
    with rig.open() as connection:
        assert sorted(order.external_id for order in all_orders(connection)) == sorted(placed)


def test_a_page_read_again_is_the_same(rig: Rig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    for _ in range(5):
        rig.place_order(article_id, quantity=1)
    with rig.open() as connection:
        cursor = need(connection.orders).fetch_orders(OrderQuery(), None).next_cursor
        assert need(connection.orders).fetch_orders(OrderQuery(), cursor) == need(
            connection.orders
        ).fetch_orders(OrderQuery(), cursor)


def test_orders_are_found_by_their_ids(rig: Rig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(6)]
    wanted = OrderQuery(external_ids=(*placed[1:5], "2147480000"))
    with rig.open() as connection:
        assert sorted(order.external_id for order in all_orders(connection, wanted)) == sorted(placed[1:5])
        assert not any(need(connection.orders).is_provisional(number) for number in placed)


def test_orders_from_a_number_on_include_it(rig: Rig) -> None:
    article_id = rig.add_article("MUG", stock=50)
    placed = [rig.place_order(article_id, quantity=1) for _ in range(5)]
    with rig.open() as connection:
        found = all_orders(connection, OrderQuery(from_number=placed[2]))
        before = [number for number in placed if need(connection.orders).is_before(number, placed[2])]
    assert [order.external_id for order in found] == placed[2:]
    assert before == placed[:2]


def test_the_earliest_reading_is_no_later_than_now(rig: Rig) -> None:
    """What is sold at this moment does not look older than the start of the first import."""
    with rig.open() as connection:
        before = need(connection.orders).earliest_reading(datetime.now(UTC))
        number = rig.place_order(rig.add_article("MUG", stock=5), quantity=1)
        [order] = all_orders(connection, OrderQuery(external_ids=(number,)))
    assert before <= order.placed_at


def test_every_article_comes_once_and_again_by_its_id(rig: Rig) -> None:
    added = [rig.add_article(f"SKU-{number}", stock=number) for number in range(7)]
    with rig.open() as connection:
        found, cursor = [], None
        while True:
            page = need(connection.articles).fetch_articles(ArticleQuery(), cursor)
            found += page.records
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [(one.external_id, one.sku, one.quantity) for one in found] == [
            (added[number], f"SKU-{number}", number) for number in range(7)
        ]
        one = need(connection.articles).fetch_articles(ArticleQuery(external_ids=(added[3],)), None)
        assert [article.sku for article in one.records] == ["SKU-3"]


def test_a_stock_is_set_and_read_back_and_setting_it_again_changes_nothing(rig: Rig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    with rig.open() as connection:
        for _ in range(2):
            results = need(connection.stock).publish_stock([StockItem("k", article_id, 3)])
            assert [(one.key, one.outcome) for one in results] == [("k", Outcome.sent)]
        assert need(connection.stock).fetch_stock([article_id, "99999999"]) == {article_id: 3}
    assert rig.stock_of(article_id) == 3


def test_one_unknown_listing_leaves_its_neighbours_alone(rig: Rig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    items = [StockItem("bad", "99999999", 1), StockItem("good", article_id, 2)]
    with rig.open() as connection:
        results = need(connection.stock).publish_stock(items)
    assert [(one.key, one.outcome) for one in results] == [("bad", Outcome.refused), ("good", Outcome.sent)]
    assert rig.stock_of(article_id) == 2


def test_payment_and_shipment_are_told_and_read_back(rig: Rig) -> None:
    order_id = rig.place_order(rig.add_article("MUG", stock=5), quantity=1)
    with rig.open() as connection:
        for _ in range(2):
            assert [one.outcome for one in PUBLISH["payments"](connection, "", order_id)] == [Outcome.sent]
        assert [one.outcome for one in PUBLISH["shipments"](connection, "", order_id)] == [Outcome.sent]
        [status] = need(connection.orders).fetch_order_statuses([order_id, "2147480000"])
    assert (status.external_id, status.paid_amount, status.paid_at) == (order_id, Decimal("7.50"), NOW)
    # A channel may keep the day alone.
    assert status.shipped_at is not None
    assert abs(status.shipped_at - NOW) < timedelta(days=1)
    assert (status.carrier, status.tracking_numbers) == ("DHL", ["T1"])
    assert rig.paid_of(order_id) == Decimal("7.50")
    assert rig.is_shipped(order_id)


@pytest.mark.parametrize("kind", PUBLISH)
def test_test_mode_sends_nothing_and_says_what_it_would_have_sent(rig: Rig, kind: str) -> None:
    article_id = rig.add_article("MUG", stock=5)
    order_id = rig.place_order(article_id, quantity=1)
    with rig.open(test=True) as connection:
        [result] = PUBLISH[kind](connection, article_id, order_id)
        assert (result.key, result.outcome) == ("k", Outcome.would_send)
        assert result.fields
        assert len(connection.would_send) == 1
        shown = repr(connection.would_send) + repr(result)
    assert rig.writes() == 0
    assert not any(secret in shown for secret in rig.secrets.values())


@pytest.mark.parametrize("kind", PUBLISH)
def test_a_write_whose_reply_is_lost_is_uncertain_and_sent_once(rig: Rig, kind: str) -> None:
    article_id = rig.add_article("MUG", stock=5)
    order_id = rig.place_order(article_id, quantity=1)
    with rig.open() as connection:
        rig.lose_next_reply()
        [result] = PUBLISH[kind](connection, article_id, order_id)
    assert result.outcome is Outcome.uncertain
    assert rig.writes() == 1


def test_nothing_to_publish_sends_nothing(rig: Rig) -> None:
    with rig.open() as connection:
        assert need(connection.stock).publish_stock([]) == []
        assert need(connection.payments).publish_payments([]) == []
        assert need(connection.shipments).publish_shipments([]) == []
        assert need(connection.cancellations).publish_cancellations([]) == []
        assert need(connection.stock).fetch_stock([]) == {}
        assert need(connection.orders).fetch_order_statuses([]) == []
    assert rig.writes() == 0


def test_the_clock_is_read_in_utc(rig: Rig) -> None:
    with rig.open() as connection:
        assert abs((connection.clock.check() - datetime.now(UTC)).total_seconds()) < 30


def test_a_refused_login_is_an_account_error_without_the_secrets(rig: Rig) -> None:
    with rig.open() as connection:
        rig.refuse_next_login()
        with pytest.raises(AccountError) as caught:
            connection.clock.check()
    assert not any(secret in str(caught.value) for secret in rig.secrets.values())


def test_a_read_that_fails_for_now_is_transient_and_works_later(rig: Rig) -> None:
    with rig.open() as connection:
        for fail in (rig.fail_next_call, rig.lose_next_reply):
            fail()
            with pytest.raises(TransientError):
                need(connection.orders).fetch_orders(OrderQuery(), None)
            assert need(connection.orders).fetch_orders(OrderQuery(), None).records == []


def test_the_services_have_names(rig: Rig) -> None:
    with rig.open() as connection:
        services = need(connection.methods).fetch_methods()
    assert services
    assert all(one.name and one.external_id for one in services)
