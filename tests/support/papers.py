"""A shop and its orders, as papers are read from in a test."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from models.catalog.article import Article
from models.database.columns import need_id
from models.orders.order import Order
from models.orders.records import AddressData
from models.papers.records import Goods
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    take_in,
)

VIENNA = AddressData(
    first_name="Eva", last_name="Huber", street="Ring 1", postcode="1010", city="Wien", country="AT"
)


def open_shop(session: Session, **stock: int) -> Shop:
    """Add a shop with articles and what is on hand of each."""
    shop = make_invoicing_shop(session)
    for sku, quantity in stock.items():
        add_article(session, shop, sku.upper(), on_hand=quantity, gtin=f"40063813339{len(sku)}")
    return shop


def sell(session: Session, shop: Shop, number: str, *lines: Any, **fields: Any) -> Order:
    take_in(session, shop, make_order(number, *lines, **fields))
    return get_order(session, number)


def line(sku: str, quantity: int = 1, price: str = "10.00", **fields: Any) -> Any:
    return make_line(sku, sku.upper(), quantity, price, **{"tax_rate": Decimal(19), **fields})


def units(goods: list[Goods]) -> list[tuple[str, int, int]]:
    return [(one.number, one.quantity, one.later) for one in goods]


def article_id_of(session: Session, sku: str) -> int:
    return need_id(session.exec(select(Article.id).where(Article.sku == sku)).one())
