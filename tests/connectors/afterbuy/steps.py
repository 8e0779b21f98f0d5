"""What tests of the connector do again and again."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.afterbuy.simulator import ReceivedCall
from connectors.protocols.articles import ArticleQuery
from connectors.protocols.connection import Connection
from connectors.protocols.order_updates import ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import ItemResult, Outcome
from models.catalog.records import ArticleData
from models.orders.records import OrderData
from models.sync.records import RejectedData
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.contract.rig import need

EVERYTHING = OrderQuery()

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

BOTH = pytest.mark.parametrize("bound", ["inclusive", "exclusive"])


def orders_of(
    connection: Connection, query: OrderQuery = EVERYTHING
) -> tuple[list[OrderData], list[RejectedData]]:
    records: list[OrderData] = []
    rejected: list[RejectedData] = []
    cursor: str | None = None
    for _ in range(50):
        page = need(connection.orders).fetch_orders(query, cursor)
        records += page.records
        rejected += page.rejected
        cursor = page.next_cursor
        if cursor is None:
            return records, rejected
    raise AssertionError("the pages do not end")


def articles_of(connection: Connection) -> list[ArticleData]:
    records: list[ArticleData] = []
    cursor: str | None = None
    for _ in range(50):
        page = need(connection.articles).fetch_articles(ArticleQuery(), cursor)
        assert page.rejected == []
        records += page.records
        cursor = page.next_cursor
        if cursor is None:
            return records
    raise AssertionError("the pages do not end")


def texts(call: ReceivedCall, name: str) -> list[str]:
    assert call.body is not None
    return [one.text or "" for one in call.body.iter(name)]


def outcomes(results: list[ItemResult]) -> list[tuple[str, Outcome]]:
    return [(one.key, one.outcome) for one in results]


def place(rig: AfterbuyRig, count: int) -> list[str]:
    article_id = rig.add_article("MUG", stock=500)
    return [rig.place_order(article_id, quantity=1) for _ in range(count)]


def payment(order_id: str, key: str = "k", amount: str = "7.50") -> PaymentItem:
    return PaymentItem(key, order_id, Decimal(amount), NOW)


def shipment(order_id: str, *parcels: ParcelItem, carrier: str = "DHL") -> ShipmentItem:
    return ShipmentItem("k", order_id, NOW, carrier, list(parcels))
