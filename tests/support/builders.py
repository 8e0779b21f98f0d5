"""Builders for the rows that tests need, and readers for the result."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import event, update
from sqlmodel import Session, col, func, select

from models.catalog.article import Article, ArticleNumber, BundlePart, loose_form, numbers_of, parts_of
from models.catalog.listing import Listing
from models.catalog.records import ArticleData, ArticleKind, TextData
from models.database.engine import get_engine
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData
from models.intake.orders import ImportResult, save_orders
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.match_rules import DEFAULT_RULES, MatchRule
from models.orders.order import LinePart, Order, OrderLine
from models.orders.records import AddressData, OrderData, OrderLineData
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import OutboundKind
from models.tenants.account import account_data, add_account
from models.tenants.records import AccountData, Mode
from models.tenants.tenant import Tenant, add_tenant
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import Allocation, StockLevel, StockMovement
from models.warehouse.pick_lists import ITEM_IS_OF_ORDER, PickItem, PickOrder, whole_units
from models.warehouse.warehouses import Warehouse, main_warehouse

PLACED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SHIPPED_AT = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
"""In Germany this is 4 March already."""
BILLING = AddressData(
    first_name="Änne", last_name="Groß", street="Am Ölberg 3", postcode="04109", city="Leipzig", country="DE"
)


@dataclass(frozen=True)
class Shop:
    """A tenant with one account and one warehouse."""

    tenant_id: int
    account: AccountData
    warehouse_id: int


def make_shop(session: Session, name: str = "nord", **settings: Any) -> Shop:
    """Add a tenant with a live account and its first warehouse."""
    tenant_id = add_tenant(session, name).row_id
    account = make_account(session, tenant_id, name, **settings)
    return Shop(tenant_id, account, main_warehouse(session, tenant_id).row_id)


def make_account(
    session: Session, tenant_id: int, name: str, kind: str = "afterbuy", **settings: Any
) -> AccountData:
    """Add a live account."""
    account = add_account(session, tenant_id, name, kind, settings)
    account.mode = Mode.live
    session.flush()
    return account_data(account)


def add_warehouse(session: Session, shop: Shop, name: str, priority: int) -> int:
    """Add another warehouse; return its id."""
    row = Warehouse(tenant_id=shop.tenant_id, name=name, priority=priority)
    session.add(row)
    session.flush()
    return row.row_id


def add_article(
    session: Session,
    shop: Shop,
    sku: str,
    *,
    on_hand: int | None = None,
    kind: ArticleKind = ArticleKind.single,
    parts: Mapping[int, int] | None = None,
    listed: bool = False,
    **fields: Any,
) -> int:
    """Add an article with its numbers, parts, counted stock and listing (`L-` and the SKU); return its id."""
    article = Article(tenant_id=shop.tenant_id, sku=sku, kind=ArticleKind.bundle if parts else kind, **fields)
    session.add(article)
    session.flush()
    article_id = article.row_id
    for number_kind, value in numbers_of(article):
        session.add(
            ArticleNumber(
                tenant_id=shop.tenant_id,
                article_id=article_id,
                kind=number_kind,
                value=value,
                loose=loose_form(value),
            )
        )
    for part_id, quantity in (parts or {}).items():
        session.add(BundlePart(bundle_id=article_id, part_id=part_id, quantity=quantity))
    session.flush()
    if on_hand is not None:
        set_on_hand(session, shop.warehouse_id, {article_id: on_hand})
    if listed:
        add_listing(session, shop.account, article_id, f"L-{sku}")
    return article_id


def add_listing(
    session: Session, account: AccountData, article_id: int | None, external_id: str, number: str = ""
) -> int:
    """Add a listing of an account; return its id."""
    row = Listing(
        account_id=account.id,
        external_id=external_id,
        article_id=article_id,
        channel_number=number,
        loose_number=loose_form(number),
    )
    session.add(row)
    session.flush()
    return row.row_id


def make_line(
    external_id: str, sku: str = "", quantity: int = 1, price: str = "10.00", **fields: Any
) -> OrderLineData:
    """Return a line as a channel reports it."""
    return OrderLineData(
        external_id=external_id, sku=sku, title=sku, quantity=quantity, price=Decimal(price), **fields
    )


def make_order(external_id: str, *lines: OrderLineData, **fields: Any) -> OrderData:
    """Return an order with its checkout completed and a correct total; `fields` overrides both."""
    goods = sum((line.price * line.quantity for line in lines), Decimal(0))
    values: dict[str, Any] = {
        "placed_at": PLACED_AT,
        "checkout_at": PLACED_AT,
        "currency": "EUR",
        "total": goods + fields.get("shipping_amount", Decimal(0)) + fields.get("fee_amount", Decimal(0)),
        "billing": BILLING,
        **fields,
    }
    return OrderData(external_id=external_id, lines=list(lines), **values)


def make_article(external_id: str, sku: str, **fields: Any) -> ArticleData:
    """Return an article as a channel reports it."""
    values: dict[str, Any] = {"texts": {"de": TextData(title=f"Artikel {sku}")}, **fields}
    return ArticleData(external_id=external_id, sku=sku, **values)


def take_in(
    session: Session,
    shop: Shop,
    *records: OrderData,
    account: AccountData | None = None,
    trial: bool = False,
    rules: Sequence[MatchRule] = DEFAULT_RULES,
) -> ImportResult:
    """Save one page of orders."""
    return save_orders(session, account or shop.account, rules, records, trial=trial)


def get_order(session: Session, external_id: str) -> Order:
    """Return the order as it is in the database."""
    session.flush()
    query = select(Order).where(Order.external_id == external_id)
    return session.exec(query.execution_options(populate_existing=True)).one()


def lines_in(session: Session, external_id: str) -> dict[str, tuple[int, int, int, int]]:
    """Return the lines of an order as (ordered, allocated, shipped, cancelled)."""
    session.flush()
    rows = session.exec(
        select(OrderLine)
        .join(Order, col(Order.id) == col(OrderLine.order_id))
        .where(Order.external_id == external_id)
        .order_by(col(OrderLine.position), col(OrderLine.id))
        .execution_options(populate_existing=True)
    ).all()
    return {row.external_id: (row.quantity, row.allocated, row.shipped, row.cancelled) for row in rows}


def holds_in(session: Session, external_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the open holds of an order as (reason, line, detail)."""
    session.flush()
    rows = session.execute(
        select(Hold, col(OrderLine.external_id))
        .join(Order, col(Order.id) == col(Hold.order_id))
        .outerjoin(OrderLine, col(OrderLine.id) == col(Hold.order_line_id))
        .where(col(Order.external_id) == external_id, col(Hold.released_at).is_(None))
        .order_by(col(Hold.id))
        .execution_options(populate_existing=True)
    ).all()
    return [(str(hold.reason), line or "", hold.detail) for hold, line in rows]


def events_in(session: Session, external_id: str) -> list[tuple[str, str]]:
    """Return an order's history as (actor, kind)."""
    session.flush()
    rows = session.exec(
        select(OrderEvent)
        .join(Order, col(Order.id) == col(OrderEvent.order_id))
        .where(Order.external_id == external_id)
        .order_by(col(OrderEvent.id))
    ).all()
    return [(str(row.actor), row.kind) for row in rows]


def details_in(session: Session, external_id: str, kind: str) -> list[dict[str, Any]]:
    """Return the details of the events of one kind in an order's history."""
    session.flush()
    rows = session.exec(
        select(OrderEvent)
        .join(Order, col(Order.id) == col(OrderEvent.order_id))
        .where(Order.external_id == external_id, OrderEvent.kind == kind)
        .order_by(col(OrderEvent.id))
    ).all()
    return [row.detail for row in rows]


def stock_in(session: Session) -> dict[str, tuple[int, int]]:
    """Return (on hand, allocated) of each SKU over all warehouses."""
    session.flush()
    rows = session.execute(
        select(col(Article.sku), func.sum(StockLevel.on_hand), func.sum(StockLevel.allocated))
        .join(StockLevel, col(StockLevel.article_id) == col(Article.id))
        .group_by(col(Article.sku))
        .order_by(col(Article.sku))
    )
    return {sku: (int(on_hand), int(allocated)) for sku, on_hand, allocated in rows}


def ledger_in(session: Session) -> list[tuple[str, int, str, str]]:
    """Return the movements as (SKU, quantity, reason, reference)."""
    session.flush()
    rows = session.execute(
        select(col(Article.sku), StockMovement)
        .join(StockLevel, col(StockLevel.article_id) == col(Article.id))
        .join(StockMovement, col(StockMovement.level_id) == col(StockLevel.id))
        .order_by(col(StockMovement.id))
    ).all()
    return [(sku, row.quantity, str(row.reason), row.reference) for sku, row in rows]


def queued_listings(session: Session) -> dict[str, int]:
    """Return the listings that wait for stock export: {external id: version of the outbound row}."""
    session.flush()
    rows = session.exec(
        select(Outbound).where(Outbound.kind == OutboundKind.stock, Outbound.state == OutboundState.pending)
    ).all()
    names = {str(row.id): row.external_id for row in session.exec(select(Listing)).all()}
    session.expire_all()
    return {names[row.key]: row.version for row in sorted(rows, key=lambda row: int(row.key))}


def settle_outbound(session: Session) -> None:
    """Mark every queued update as sent."""
    session.flush()
    session.execute(update(Outbound).values(state=OutboundState.sent))
    session.expire_all()


def counts_of(intake: ImportResult) -> dict[str, int]:
    """Return the figures of a page that are not zero."""
    return {name: value for name, value in intake.counts.model_dump().items() if value}


def row_counts(session: Session, *tables: type[Any]) -> list[int]:
    """Return how many rows each table has."""
    session.flush()
    return [session.exec(select(func.count()).select_from(table)).one() for table in tables]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield a list that collects every statement sent to the database."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(str(arguments[2]))

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


def check_laws(session: Session) -> None:
    """Check law 4: ledger, stock levels, allocations and order lines agree.

    The picked units of a line are the whole sets among its picked parts, and are to ship next. No open pick
    list asks for more than is allocated.
    """
    session.flush()
    session.expire_all()
    moved: dict[int, int] = defaultdict(int)
    for movement in session.exec(select(StockMovement)):
        moved[movement.level_id] += movement.quantity
    promised: dict[int, int] = defaultdict(int)
    by_line: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    levels = {level.row_id: level for level in session.exec(select(StockLevel))}
    ready: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    allocations: dict[tuple[int, int], Allocation] = {}
    for row in session.exec(select(Allocation)):
        allocations[row.order_line_id, row.level_id] = row
        ready[row.order_line_id].append((levels[row.level_id].article_id, row.quantity, row.picked))
        promised[row.level_id] += row.quantity
        by_line[row.order_line_id][levels[row.level_id].article_id] += row.quantity
    for level_id, level in levels.items():
        assert 0 <= level.allocated <= level.on_hand
        assert (level.on_hand, level.allocated) == (moved[level_id], promised[level_id])
    parts: dict[int, list[LinePart]] = defaultdict(list)
    for part in session.exec(select(LinePart)):
        parts[part.order_line_id].append(part)
    bundles = parts_of(session, [part.article_id for each in parts.values() for part in each])
    for line in session.exec(select(OrderLine)):
        assert 0 <= line.allocated <= line.quantity - line.cancelled - line.shipped
        expected: dict[int, int] = defaultdict(int)
        for part in parts[line.row_id]:
            for article_id, quantity in bundles.get(part.article_id, [(part.article_id, 1)]):
                expected[article_id] += line.allocated * part.quantity * quantity
        told = dict(by_line[line.row_id])
        assert told == {article_id: units for article_id, units in expected.items() if units}
        assert line.picked == whole_units(ready[line.row_id], line.allocated) <= line.allocated
        assert 0 <= line.kept_back <= line.remaining
        assert line.kept_back or line.kept_until is None
        if line.kept_back:
            assert line.picked <= line.to_ship
    on_open_lists = (
        select(PickItem)
        .join(PickOrder, ITEM_IS_OF_ORDER)
        .where(col(PickOrder.outcome).is_(None), col(PickItem.quantity) > 0)
    )
    for item in session.exec(on_open_lists):
        row = allocations[item.order_line_id, item.level_id]
        assert item.picked <= row.picked
        assert item.quantity - item.picked <= row.quantity - row.picked


def release(session: Session, shop: Shop, *records: OrderData) -> list[int]:
    """Import orders and release them to the warehouse; return their ids."""
    take_in(session, shop, *records)
    orders = [get_order(session, record.external_id) for record in records]
    for order in orders:
        release_order(session, order)
    session.flush()
    return [order.row_id for order in orders]


SELLER = {
    "name": "Nord Handels GmbH",
    "address": ["Am Kai 1", "20457 Hamburg"],
    "tax_number": "12/345/67890",
    "vat_id": "DE123456789",
    "footer": ["IBAN DE02 1203 0000 0000 2020 51"],
}


def make_invoicing_shop(session: Session, **seller: Any) -> Shop:
    """Add a tenant with the seller data that invoices need, and an account whose invoices are made here."""
    shop = make_shop(session, invoices="warenfluss", invoices_from="2026-01-01")
    tenant = session.get_one(Tenant, shop.tenant_id)
    tenant.seller = {**SELLER, **seller}
    session.add(tenant)
    return shop


def ship_units(session: Session, external_id: str, **units: int) -> None:
    """Ship units of lines in one parcel; without `units`, everything that is left."""
    order = get_order(session, external_id)
    lines = session.exec(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    content = {line.row_id: units[line.external_id] for line in lines if line.external_id in units}
    record_shipment(session, order, "DHL", [ParcelData(lines=content)], SHIPPED_AT)
