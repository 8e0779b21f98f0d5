"""Lists of orders: filters, batches, and a summary of each order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from models.catalog.lists import skus_by_id
from models.fulfilment.shipments import Parcel, Shipment
from models.orders.holds import Hold, HoldReason, open_holds
from models.orders.order import Customer, Order, OrderAddress, OrderLine, OrderState, PaymentState
from models.orders.queries import line_parts_of, lines_of
from models.tenants.account import account_names
from models.tenants.records import PaymentKind
from models.tenants.tenant import tenant_names

CHANNEL_CODES = ("sku", "gtin", "channel_number", "manufacturer_number", "supplier_number", "listing_id")
"""The channel's codes for an article, most specific first."""


@dataclass(frozen=True)
class OrderFilter:
    """The conditions of a list of orders; empty ones do not restrict it."""

    account_id: int | None = None
    states: tuple[OrderState, ...] = ()
    held: bool = False
    payment_states: tuple[PaymentState, ...] = ()
    payment_kinds: tuple[PaymentKind, ...] = ()
    reasons: tuple[HoldReason, ...] = ()
    """Held for at least one of these reasons."""
    number: str = ""
    """Beginning of the channel's or the marketplace's order number."""
    buyer: str = ""
    """A complete mail address, user name or channel's number, or a complete last name or company."""
    tracking_number: str = ""
    split: bool = False
    """Only orders with units that are held back."""
    placed_from: datetime | None = None
    placed_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the SQL conditions of this filter."""
        conditions: list[ColumnElement[bool]] = []
        if self.account_id is not None:
            conditions.append(col(Order.account_id) == self.account_id)
        if self.states:
            conditions.append(col(Order.state).in_(self.states))
        if self.held or self.reasons:
            held = select(Hold.order_id).where(col(Hold.released_at).is_(None))
            if self.reasons:
                held = held.where(col(Hold.reason).in_(self.reasons))
            conditions.append(col(Order.id).in_(held))
        if self.payment_states:
            conditions.append(col(Order.payment_state).in_(self.payment_states))
        if self.payment_kinds:
            conditions.append(col(Order.payment_kind).in_(self.payment_kinds))
        if self.number:
            conditions.append(
                col(Order.external_id).startswith(self.number, autoescape=True)
                | col(Order.channel_number).startswith(self.number, autoescape=True)
            )
        if self.buyer:
            conditions.append(_bought_by(self.buyer.strip()))
        if self.tracking_number:
            found = (
                select(Shipment.order_id)
                .join(Parcel, col(Parcel.shipment_id) == col(Shipment.id))
                .where(Parcel.tracking_number == self.tracking_number)
            )
            conditions.append(col(Order.id).in_(found))
        if self.split:
            kept = select(OrderLine.order_id).where(col(OrderLine.kept_back) > 0)
            conditions.append(col(Order.id).in_(kept))
        if self.placed_from is not None:
            conditions.append(col(Order.placed_at) >= self.placed_from)
        if self.placed_before is not None:
            conditions.append(col(Order.placed_at) < self.placed_before)
        return conditions


def _bought_by(text: str) -> ColumnElement[bool]:
    # SQLite's lower() changes ASCII letters only.
    folded = {text.lower(), "".join(sign.lower() if sign.isascii() else sign for sign in text)}

    def is_text(column: Any) -> ColumnElement[bool]:
        return func.lower(column).in_(folded)

    customers = select(Customer.id).where(
        is_text(Customer.email) | is_text(Customer.user_name) | (col(Customer.external_id) == text)
    )
    addresses = select(OrderAddress.order_id).where(
        is_text(OrderAddress.last_name) | is_text(OrderAddress.company) | is_text(OrderAddress.email)
    )
    return col(Order.customer_id).in_(customers) | col(Order.id).in_(addresses)


def list_orders(
    session: Session, wanted: OrderFilter, limit: int | None = None, batch: int = 500
) -> Iterator[Sequence[Order]]:
    """Yield orders, newest first, in batches, so that a long list fits into memory."""
    query = (
        select(Order)
        .where(*wanted.conditions())
        .order_by(col(Order.placed_at).desc(), col(Order.id).desc())
        .limit(limit)
        .execution_options(yield_per=batch)
    )
    return session.exec(query).partitions()


def count_orders(session: Session, wanted: OrderFilter) -> int:
    """Return how many orders match."""
    return session.exec(select(func.count(col(Order.id))).where(*wanted.conditions())).one()


@dataclass(frozen=True)
class LinePartView:
    """An article of a line, and how many units one of the line takes."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class OrderLineView:
    """One line of an order with its quantities."""

    external_id: str
    sku: str
    """Of the matched article; without one, how the channel names it."""
    channel_sku: str
    title: str
    quantity: int
    allocated: int
    picked: int
    shipped: int
    cancelled: int
    returned: int
    kept_back: int
    kept_until: date | None
    price: Decimal
    tax_rate: Decimal | None
    matched_by: str
    parts: list[LinePartView]


@dataclass(frozen=True)
class HoldView:
    """One open hold of an order."""

    reason: HoldReason
    line: str
    """The line's external id; empty if the hold is about the whole order."""
    field: str
    detail: dict[str, Any]
    since: datetime


@dataclass(frozen=True)
class OrderSummary:
    """One order as lists show it, with its lines and open holds."""

    external_id: str
    channel_number: str
    alternative_number: str
    account: str
    tenant: str
    platform: str
    state: OrderState
    payment_state: PaymentState
    trial: bool
    holds: list[str]
    """The reasons of `holds_detail`, each once."""
    holds_detail: list[HoldView]
    placed_at: datetime
    checkout_at: datetime | None
    imported_at: datetime
    changed_at: datetime
    released_at: datetime | None
    shipped_at: datetime | None
    currency: str
    total: Decimal
    paid: Decimal
    shipping: Decimal
    fees: Decimal
    payment_method: str
    shipping_method: str
    carrier: str
    partial_shipping: bool | None
    lines: list[OrderLineView]


def order_summaries(session: Session, orders: Sequence[Order]) -> list[OrderSummary]:
    """Return a summary of each order, in the order given, with a fixed number of queries."""
    ids = [order.row_id for order in orders]
    accounts, tenants = account_names(session), tenant_names(session)
    lines, holds = lines_of(session, ids), open_holds(session, ids)
    line_ids = [line.row_id for each in lines.values() for line in each]
    parts = line_parts_of(session, line_ids)
    skus = skus_by_id(session, [article_id for each in parts.values() for article_id, _ in each])
    return [
        OrderSummary(
            external_id=order.external_id,
            channel_number=order.channel_number,
            alternative_number=order.alternative_number,
            account=accounts[order.account_id],
            tenant=tenants[order.tenant_id],
            platform=order.platform,
            state=order.state,
            payment_state=order.payment_state,
            trial=order.trial,
            holds=list(dict.fromkeys(str(hold.reason) for hold in holds.get(order_id, ()))),
            holds_detail=_hold_views(holds.get(order_id, ()), lines.get(order_id, ())),
            placed_at=order.placed_at,
            checkout_at=order.checkout_at,
            imported_at=order.imported_at,
            changed_at=order.changed_at,
            released_at=order.released_at,
            shipped_at=order.shipped_at,
            currency=order.currency,
            total=order.total,
            paid=order.paid_amount,
            shipping=order.shipping_amount,
            fees=order.fee_amount,
            payment_method=order.payment_method_name or order.payment_method,
            shipping_method=order.shipping_method,
            carrier=order.carrier,
            partial_shipping=order.partial_shipping,
            lines=[_line_view(line, parts.get(line.row_id, []), skus) for line in lines.get(order_id, ())],
        )
        for order_id, order in zip(ids, orders, strict=True)
    ]


def _line_view(line: OrderLine, parts: list[tuple[int, int]], skus: dict[int, str]) -> OrderLineView:
    reported = next((str(line.codes[name]) for name in CHANNEL_CODES if line.codes.get(name)), "")
    return OrderLineView(
        external_id=line.external_id,
        sku=skus.get(line.article_id or 0, reported),
        channel_sku=reported,
        title=line.title,
        quantity=line.quantity,
        allocated=line.allocated,
        picked=line.picked,
        shipped=line.shipped,
        cancelled=line.cancelled,
        returned=line.returned,
        kept_back=line.kept_back,
        kept_until=line.kept_until,
        price=line.price,
        tax_rate=line.tax_rate,
        matched_by=line.matched_by,
        parts=[LinePartView(skus[article_id], quantity) for article_id, quantity in parts],
    )


def _hold_views(holds: Sequence[Hold], lines: Sequence[OrderLine]) -> list[HoldView]:
    names = {line.id: line.external_id for line in lines}
    return [
        HoldView(
            reason=hold.reason,
            line=names.get(hold.order_line_id, ""),
            field=hold.field,
            detail=hold.detail,
            since=hold.created_at,
        )
        for hold in holds
    ]
