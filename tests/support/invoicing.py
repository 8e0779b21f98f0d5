"""Orders that a test sells, ships and invoices, and what their documents say."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from models.accounting.issued import Document
from models.accounting.records import PaperContent
from models.catalog.article import Article
from models.clock import today
from models.invoicing.invoices import issue_invoice
from models.order_desk.edits import accept_holds
from models.orders.history import Actor
from models.orders.order import OrderLine
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    holds_in,
    make_invoicing_shop,
    make_line,
    make_order,
    ship_units,
    take_in,
)

YEAR = today().year


def invoice(session: Session, external_id: str = "1") -> Document:
    return issue_invoice(session, get_order(session, external_id), actor=Actor.person)


def content_of(document: Document) -> PaperContent:
    return PaperContent.model_validate(document.content)


def taxed(external_id: str, quantity: int = 1, price: str = "10.00", rate: str = "19", **values: Any) -> Any:
    return make_line(external_id, external_id.upper(), quantity, price, tax_rate=Decimal(rate), **values)


def sell(session: Session, shop: Shop, number: str, *lines: Any, **fields: Any) -> None:
    """Take in an order of articles that are known and in stock."""
    known = set(session.exec(select(Article.sku)).all())
    for sku in {line.sku for line in lines} - known:
        add_article(session, shop, sku, on_hand=1000)
    take_in(session, shop, make_order(number, *lines, **fields))


def shipped(session: Session, *lines: Any, seller: dict[str, Any] | None = None, **fields: Any) -> Shop:
    """Take in order 1 and ship it whole."""
    shop = make_invoicing_shop(session, **(seller or {}))
    sell(session, shop, "1", *lines, **fields)
    if holds_in(session, "1"):
        accept_holds(session, get_order(session, "1"), [])
    ship_units(session, "1")
    return shop


def invoiced(session: Session) -> dict[str, int]:
    session.flush()
    rows = session.exec(select(OrderLine).order_by(OrderLine.external_id)).all()
    return {row.external_id: row.invoiced for row in rows}
