"""Records of an order as a channel reports it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, BaseModel
from pydantic import Field as RecordField

from models.clock import midnight
from models.values import MAX_COUNT, Amount, ExternalId, Indexed

MAX_LINES = 10_000
"""The maximum number of lines of an order."""


class AddressData(BaseModel):
    company: str = ""
    salutation: str = ""
    first_name: str = ""
    last_name: str = ""
    street: str = ""
    street2: str = ""
    postcode: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2; empty if the channel gave none, or an unknown one."""
    phone: str = ""
    email: Indexed = ""
    vat_id: str = ""


class ComponentData(BaseModel):
    """A part of a set as the channel lists it under an order line."""

    external_id: str = ""
    sku: str = ""
    channel_number: str = ""
    title: str = ""
    quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)
    """Per unit of the order line."""


class OrderLineData(BaseModel):
    external_id: ExternalId
    title: str = ""
    quantity: int = RecordField(ge=0, le=MAX_COUNT)
    price: Amount
    """Gross unit price in the order's currency."""
    tax_rate: Amount | None = None
    """In percent."""
    tax_collected_by_channel: bool = False
    listing_id: str = ""
    """The channel's id of the article."""
    sku: str = ""
    gtin: str = ""
    channel_number: str = ""
    """The number that the channel's listing shows."""
    manufacturer_number: str = ""
    supplier_number: str = ""
    channel_order_number: str = ""
    """The marketplace's order number, if the channel reports it per line."""
    attributes: dict[str, str] = RecordField(default_factory=dict)
    components: list[ComponentData] = RecordField(default_factory=list)
    original_price: Amount | None = None
    original_currency: str = ""
    eco_fee: Amount | None = None


class OrderData(BaseModel):
    """An order as one channel reports it; amounts are gross and in `currency` unless stated otherwise."""

    external_id: ExternalId
    channel_number: Indexed = ""
    """The order's number at the marketplace where the buyer placed it."""
    alternative_number: str = ""
    platform: str = ""
    placed_at: AwareDatetime
    checkout_at: AwareDatetime | None = None
    """When the buyer finished the checkout; None while it is open."""
    currency: str = RecordField(min_length=3, max_length=3)
    total: Amount
    """The amount that the buyer pays, as reported by the channel."""
    shipping_amount: Amount = Decimal(0)
    shipping_tax_rate: Amount | None = None
    fee_amount: Amount = Decimal(0)
    """Surcharges that are part of neither a line nor the shipping amount."""
    exchange_rate: Amount | None = None
    original_total: Amount | None = None
    original_currency: str = ""
    paid_amount: Amount = Decimal(0)
    paid_at: AwareDatetime | None = None
    """The start of the day if the channel reports no time."""
    paid_on: date | None = RecordField(default=None, exclude=True)
    """The day if the channel reports no time. Not stored, because `paid_at` says the same."""
    payment_method: str = ""
    payment_method_name: str = ""
    payment_reference: str = ""
    payment_details: dict[str, str] = RecordField(default_factory=dict)
    shipping_method: str = ""
    carrier: str = ""
    shipped_at: AwareDatetime | None = None
    """The start of the day if the channel reports no time."""
    shipped_on: date | None = RecordField(default=None, exclude=True)
    """The day if the channel reports no time. Not stored, because `shipped_at` says the same."""
    tracking_numbers: list[str] = RecordField(default_factory=list)
    cancelled: bool = False
    customer_id: Indexed = ""
    """The channel's id of the buyer."""
    customer_name: str = ""
    """The buyer's user name at the channel."""
    billing: AddressData
    shipping: AddressData | None = None
    """None means the billing address."""
    buyer_comment: str = ""
    memo: str = ""
    invoice_number: str = ""
    invoice_on: str = ""
    externally_invoiced: bool = False
    tags: list[str] = RecordField(default_factory=list)
    meta: dict[str, Any] = RecordField(default_factory=dict)
    lines: list[OrderLineData] = RecordField(min_length=1, max_length=MAX_LINES)

    @property
    def bought_at(self) -> datetime:
        """When the buyer finished the checkout; while it is open, when the order was placed."""
        return self.checkout_at or self.placed_at

    @property
    def paid_by(self) -> datetime | None:
        """The latest time at which the order can have been paid: the end of `paid_on` if no time is known."""
        if self.paid_on is None:
            return self.paid_at
        return midnight(self.paid_on + timedelta(days=1)) - timedelta(microseconds=1)
