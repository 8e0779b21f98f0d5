"""The floor of an import: the same bytes parsed, validated and bulk-inserted, and nothing else.

Without HTTP, Prefect, matching, allocation, history and cursor; one row for each order and line, or for each
article, its listing, texts and prices. The functions run in separate processes.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from benchmarks.stand_in import read_pages


def orders(url: str) -> dict[str, float]:
    """Return the seconds to parse, validate and insert all orders of a stand-in."""
    return _time(url, "GetSoldItems", _save_orders)


def articles(url: str) -> dict[str, float]:
    """Return the seconds to parse, validate and insert all articles of a stand-in."""
    return _time(url, "GetShopProducts", _save_articles)


def _time(url: str, call: str, save: Callable[[Session, bytes], None]) -> dict[str, float]:
    from models.database.engine import get_engine
    from models.tenants.account import Account
    from models.tenants.tenant import Tenant

    with Session(get_engine()) as session:
        session.add(Tenant(id=1, name="floor"))
        session.flush()
        session.add(Account(id=1, tenant_id=1, name="floor", kind="afterbuy"))
        session.commit()
    pages = list(read_pages(url, call))
    begin = time.perf_counter()
    for page in pages:
        with Session(get_engine()) as session:
            save(session, page)
            session.commit()
    return {"seconds": time.perf_counter() - begin}


def read_orders(page: bytes) -> list[Any]:
    """Return the orders of a page as records."""
    from connectors.afterbuy import xml, xml_parser
    from connectors.afterbuy.mapping_orders import order_from_wire
    from connectors.afterbuy.settings import AfterbuySettings
    from connectors.afterbuy.wire_orders import OrderWire

    settings = AfterbuySettings()
    elements = xml.find_all(xml_parser.parse(page), "Result", "Orders", "Order")
    return [order_from_wire(OrderWire.model_validate(xml.values_of(one)), settings) for one in elements]


def _save_orders(session: Session, page: bytes) -> None:
    from models.orders.order import Order, OrderLine, OrderState, PaymentState

    records = read_orders(page)
    ids = _insert_returning(
        session,
        Order,
        [
            {
                "tenant_id": 1,
                "account_id": 1,
                "external_id": record.external_id,
                "state": OrderState.open,
                "payment_state": PaymentState.open,
                "placed_at": record.placed_at,
                "currency": record.currency,
                "total": record.total,
                "details": {},
            }
            for record in records
        ],
    )
    session.execute(
        insert(OrderLine),
        [
            {
                "order_id": order_id,
                "account_id": 1,
                "external_id": line.external_id,
                "position": position,
                "title": line.title,
                "quantity": line.quantity,
                "price": line.price,
                "codes": {},
                "details": {},
            }
            for order_id, record in zip(ids, records, strict=True)
            for position, line in enumerate(record.lines)
        ],
    )


def _save_articles(session: Session, page: bytes) -> None:
    from connectors.afterbuy import xml, xml_parser
    from connectors.afterbuy.mapping_articles import article_from_wire
    from connectors.afterbuy.settings import AfterbuySettings
    from connectors.afterbuy.wire_articles import ProductWire
    from models.catalog.article import Article, ArticlePrice, ArticleText
    from models.catalog.listing import Listing

    settings = AfterbuySettings()
    elements = xml.find_all(xml_parser.parse(page), "Result", "Products", "Product")
    records = [
        article_from_wire(ProductWire.model_validate(xml.values_of(one)), settings) for one in elements
    ]
    ids = _insert_returning(
        session,
        Article,
        [
            {
                "tenant_id": 1,
                "sku": record.sku,
                "kind": record.kind,
                "gtin": record.gtin,
                "manufacturer": record.manufacturer,
                "tax_rate": record.tax_rate,
                "weight_grams": record.weight_grams,
                "attributes": record.attributes,
                "meta": record.meta,
                "variant_values": {},
            }
            for record in records
        ],
    )
    pairs = list(zip(ids, records, strict=True))
    rows: Iterable[tuple[type[SQLModel], list[dict[str, Any]]]] = (
        (
            Listing,
            [
                {
                    "account_id": 1,
                    "external_id": record.external_id,
                    "article_id": article_id,
                    "title": record.texts["de"].title,
                    "members": [],
                }
                for article_id, record in pairs
            ],
        ),
        (
            ArticleText,
            [
                {**text.model_dump(), "article_id": article_id, "language": language}
                for article_id, record in pairs
                for language, text in record.texts.items()
            ],
        ),
        (
            ArticlePrice,
            [
                {**price.model_dump(), "article_id": article_id}
                for article_id, record in pairs
                for price in record.prices
            ],
        ),
    )
    for table, values in rows:
        session.execute(insert(table), values)


def _insert_returning(session: Session, table: Any, rows: Sequence[dict[str, Any]]) -> list[int]:
    statement = insert(table).returning(table.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows).all())
