"""A shop that releases orders by itself, and orders that buyers place in it."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models.tenants.methods import map_channel_method, save_channel_methods, save_shipping_method
from models.tenants.records import ChannelMethodData, MethodKind, PaymentKind
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    take_in,
)

METHODS = {
    "TRANSFER": PaymentKind.prepayment,
    "INVOICE": PaymentKind.invoice,
    "PAYPAL": PaymentKind.wallet,
}


def make_house(session: Session, release: str = "automatic", **settings: Any) -> Shop:
    """A shop that releases by itself, whose methods all mean something."""
    shop = make_shop(session, release=release, **settings)
    for sku in ("MUG", "CUP"):
        add_article(session, shop, sku, on_hand=10)
    save_shipping_method(session, shop.tenant_id, "parcel", {"carrier": "DHL"})
    save_shipping_method(session, shop.tenant_id, "express", {"express": True})
    for code, kind in METHODS.items():
        _map(session, shop, MethodKind.payment, code, kind)
    for code in ("parcel", "express"):
        _map(session, shop, MethodKind.shipping, code, code)
    return shop


def _map(session: Session, shop: Shop, kind: MethodKind, code: str, meaning: str) -> None:
    save_channel_methods(
        session, shop.account.id, [ChannelMethodData(kind=kind, external_id=code, name=code)]
    )
    map_channel_method(session, shop.tenant_id, shop.account.id, kind, code, meaning)


def buy(
    session: Session,
    shop: Shop,
    number: str,
    units: int = 1,
    paid: bool = False,
    way: str = "parcel",
    **fields: Any,
) -> None:
    total = Decimal("10.00") * units
    money = {"paid_amount": total, "paid_at": PLACED_AT} if paid else {}
    line = make_line(f"{number}-a", "MUG", units)
    values = {"payment_method": "TRANSFER", "shipping_method": way, **money, **fields}
    take_in(session, shop, make_order(number, line, **values))


def state(session: Session, number: str) -> str:
    return str(get_order(session, number).state)
