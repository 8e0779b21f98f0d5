"""A shop that mails its buyers, what happens to its orders in a test, and which mails wait."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.mails.buyer_events import read_key
from models.orders.order import Order, OrderLine
from models.payments.payment import Payment, record_payment
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import OutboundKind
from models.tenants.tenant import Tenant
from tests.support.builders import (
    BILLING,
    SELLER,
    Shop,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    take_in,
)

NOW = utc_now().replace(microsecond=0)
BUYER = BILLING.model_copy(update={"email": "aenne@post.example"})
BANK = {"holder": "Nord Handels GmbH", "iban": "DE02 1203 0000 0000 2020 51", "days": 7}


def open_shop(session: Session, wanted: str = "all", **settings: Any) -> Shop:
    """Add a tenant that has told who it is, with an account that mails its buyers, and two articles."""
    shop = make_shop(session, buyer_mails=wanted, **settings)
    tenant = session.get_one(Tenant, shop.tenant_id)
    tenant.seller, tenant.bank, tenant.title = SELLER, BANK, "Nordlicht"
    session.add(tenant)
    for sku in ("A", "B"):
        add_article(session, shop, sku, on_hand=50)
    return shop


def sell(session: Session, shop: Shop, number: str = "1", trial: bool = False, **fields: Any) -> None:
    """Take in an order of three A and one B, bought just now, by a buyer with an address."""
    values: dict[str, Any] = {"placed_at": NOW, "checkout_at": NOW, "billing": BUYER, **fields}
    lines = (make_line(f"{number}-a", "A", 3, "9.99"), make_line(f"{number}-b", "B", 1, "5.00"))
    take_in(session, shop, make_order(number, *lines, **values), trial=trial)


def bought(session: Session, shop: Shop, number: str = "1", **fields: Any) -> Order:
    sell(session, shop, number, **fields)
    return get_order(session, number)


def queued(session: Session, kind: OutboundKind = OutboundKind.buyer_mail) -> list[str]:
    """Return what waits, as order, event and whether it has a subject."""
    session.flush()
    rows = session.exec(
        select(Outbound)
        .where(Outbound.kind == kind, Outbound.state == OutboundState.pending)
        .order_by(col(Outbound.id))
    ).all()
    numbers = {row.id: row.external_id for row in session.exec(select(Order))}
    if kind is OutboundKind.order_notice:
        return [numbers[int(row.key)] for row in rows]
    keys = [read_key(row.key) for row in rows]
    return [f"{numbers[order_id]} {event}{' #' if subject else ''}" for order_id, event, subject in keys]


def pay(session: Session, shop: Shop, order: Order, amount: str, at: datetime = NOW) -> Payment:
    return record_payment(session, shop.account, order, Decimal(amount), at)


def ship(session: Session, order: Order, units: dict[str, int] | None = None, **parcel: Any) -> int:
    rows = session.exec(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    lines = {row.row_id: units[row.external_id] for row in rows if units and row.external_id in units}
    done = record_shipment(session, order, "DHL Paket", [ParcelData(lines=lines, **parcel)], NOW)
    return done.row_id
