"""A shop in whose house orders are taken by hand, and what a person asks for in a test."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from models.catalog.article import ArticlePrice
from models.clock import utc_now
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.account_kinds import MANUAL
from models.tenants.records import PaymentKind
from tests.support.builders import BILLING, Shop, add_article, make_account, make_shop

YEAR = utc_now().year
FIRST = f"W-{YEAR}-00001"
SECOND = f"W-{YEAR}-00002"
BUYER = ManualAddress(**(BILLING.model_dump() | {"email": "anna@buyer.example"}))


def open_shop(session: Session) -> Shop:
    """Mugs at 11.90 and cups at 10.70, ten of each; orders by telephone have an account of their own."""
    shop = make_shop(session)
    for sku, price, rate in (("MUG", "11.90", 19), ("CUP", "10.70", 7)):
        article_id = add_article(
            session, shop, sku, on_hand=10, tax_rate=Decimal(rate), gtin=f"40000000000{rate:02}"
        )
        session.add(ArticlePrice(article_id=article_id, currency="EUR", amount=Decimal(price)))
    make_account(session, shop.tenant_id, "telefon", MANUAL.name, payments="warenfluss", buyer_mails="all")
    return shop


def own(session: Session) -> Account:
    return session.exec(select(Account).where(Account.kind == MANUAL.name)).one()


def asked(*lines: ManualLine, **more: Any) -> ManualOrder:
    values = {"payment": PaymentKind.invoice, **more}
    return ManualOrder(billing=BUYER, lines=list(lines) or [ManualLine(article="MUG", quantity=2)], **values)


def told(session: Session) -> list[str]:
    session.flush()
    return sorted(
        str(row.kind) for row in session.exec(select(Outbound)) if row.kind is not OutboundKind.stock
    )


def shop_of(session: Session) -> Shop:
    from models.tenants.account import account_data, get_account
    from models.warehouse.warehouses import main_warehouse

    account = account_data(get_account(session, "nord"))
    return Shop(account.tenant_id, account, main_warehouse(session, account.tenant_id).row_id)
