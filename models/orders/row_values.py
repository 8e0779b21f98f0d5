"""Translate an order's record into the values of its rows, for new and changed orders; no database access."""

import hashlib
from decimal import Decimal
from typing import Any

from models.orders.order import AddressRole, Order, OrderState
from models.orders.records import AddressData, OrderData, OrderLineData
from models.tenants.methods import Methods

MATCH_FIELDS = (
    "listing_id",
    "sku",
    "gtin",
    "channel_number",
    "manufacturer_number",
    "supplier_number",
    "attributes",
)
"""What matching reads of a line; stored with the line, so that it can be matched again."""

LINE_DETAILS = ("channel_order_number", "components", "original_price", "original_currency", "eco_fee")
"""What is stored of a line without a column of its own."""

ORDER_FIELDS = (
    "channel_number",
    "alternative_number",
    "platform",
    "checkout_at",
    "currency",
    "total",
    "shipping_amount",
    "shipping_tax_rate",
    "fee_amount",
    "payment_method",
    "payment_method_name",
    "shipping_method",
    "buyer_comment",
    "memo",
)
"""Fields of a record that are columns of the order."""

ANONYMOUS_DETAILS = frozenset(
    {
        "exchange_rate",
        "original_total",
        "original_currency",
        "invoice_number",
        "invoice_on",
        "externally_invoiced",
    }
)
"""The keys of an order's details that say nothing about the buyer."""
ORDER_DETAILS = ANONYMOUS_DETAILS | {
    "payment_reference",
    "payment_details",
    "customer_name",
    "tags",
    "meta",
}
"""All keys of an order's details: fields of a record without a column of their own."""


def without_buyer(data: OrderData) -> OrderData:
    """Return the record without the buyer's data; only the countries of the addresses stay."""
    shipping = data.shipping
    return data.model_copy(
        update={
            "customer_id": "",
            "customer_name": "",
            "billing": AddressData(country=data.billing.country),
            "shipping": AddressData(country=shipping.country) if shipping is not None else None,
            "buyer_comment": "",
            "memo": "",
            "payment_reference": "",
            "payment_details": {},
            "tags": [],
            "meta": {},
            "lines": [line.model_copy(update={"attributes": {}}) for line in data.lines],
        }
    )


def without_erased(order: Order, data: OrderData) -> OrderData:
    """Return the record as it may be saved: without the buyer's data if the order was anonymised.

    Two cases keep the buyer's data: a merged order, because it becomes active again if the channel separates
    it, and an unchanged record, because its hash must still be recognised.
    """
    if order.anonymised_at is None or order.state is OrderState.merged:
        return data
    return data if order.content_hash == order_hash(data) else without_buyer(data)


def order_hash(data: OrderData) -> str:
    """Return the hash by which an unchanged record is recognised."""
    return hashlib.sha256(data.model_dump_json().encode()).hexdigest()


def order_values(data: OrderData) -> dict[str, Any]:
    """Return the values of an `Order` row that follow from the record alone."""
    values = {name: getattr(data, name) for name in ORDER_FIELDS}
    values["details"] = data.model_dump(mode="json", include=set(ORDER_DETAILS), exclude_defaults=True)
    values["content_hash"] = order_hash(data)
    return values


def mapped_methods(data: OrderData, methods: Methods) -> dict[str, Any]:
    """Return the mapped methods of an order as row values: payment kind, shipping method, express."""
    shipping = methods.shipping_of(data)
    return {
        "payment_kind": methods.payment_of(data),
        "shipping_method_id": shipping.id if shipping else None,
        "express": shipping is not None and shipping.express,
    }


def line_values(line: OrderLineData, position: int) -> dict[str, Any]:
    """Return the values of an `OrderLine` row that follow from the record alone, without the quantity."""
    dumped = line.model_dump(mode="json")
    return {
        "position": position,
        "title": line.title,
        "price": line.price,
        "tax_rate": line.tax_rate,
        "tax_collected_by_channel": line.tax_collected_by_channel,
        "codes": {name: dumped[name] for name in MATCH_FIELDS if dumped[name]},
        "details": {name: dumped[name] for name in LINE_DETAILS if dumped[name]},
    }


def imported_state(data: OrderData) -> OrderState:
    """Return the state of a new order."""
    if data.cancelled:
        return OrderState.cancelled
    if data.shipped_at is not None:
        return OrderState.shipped
    return OrderState.open if data.checkout_at is not None else OrderState.pending


def credited_on_import(data: OrderData) -> Decimal:
    """Return the credited amount of a new order: its total if it arrives cancelled, else zero."""
    return data.total if data.cancelled else Decimal(0)


def addresses_of(data: OrderData) -> list[tuple[AddressRole, AddressData]]:
    """Return the record's addresses with their roles."""
    pairs = [(AddressRole.billing, data.billing)]
    if data.shipping is not None:
        pairs.append((AddressRole.shipping, data.shipping))
    return pairs
