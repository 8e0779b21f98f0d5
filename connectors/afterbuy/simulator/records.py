"""The records of one Afterbuy account, with Afterbuy's own terms."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)


@dataclass
class Member:
    """A product in a set; `axes` are pairs such as ("Farbe", "Rot")."""

    product_id: int
    quantity: int = 1
    label: str = ""
    default: bool = False
    position: int = 0
    axes: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Tier:
    """A unit price from a minimum quantity."""

    quantity: int
    price: Decimal
    dealer_price: Decimal = ZERO


@dataclass
class NamedPrice:
    """A price in a named price list."""

    definition_id: int
    name: str
    value: Decimal
    pretax: bool = False


@dataclass
class Discount:
    """A discount of the shop; kind 0 is a percentage, kind 1 an amount."""

    starts_at: datetime
    expires_at: datetime
    kind: int
    percent: Decimal
    amount: Decimal
    price: Decimal


@dataclass
class Attribute:
    """A product attribute; kind 0 text, 1 text area, 2 drop-down, 3 link."""

    name: str
    value: str
    kind: int = 0
    required: bool = False
    position: int = 0


@dataclass
class Picture:
    """An additional picture, `nr` from 1 to 12; `sizes`: smaller versions are written as children."""

    nr: int
    url: str
    alt: str = ""
    sizes: bool = False


@dataclass
class Product:
    """A product. `kind` is 0 single, 1 variation set, 2 product set; sets list their members.

    `extra` contains elements without a rule of their own, by element name.
    """

    id: int
    mod_date: datetime
    name: str
    anr: str = ""
    ean: str = ""
    kind: int = 0
    members: list[Member] = field(default_factory=list)
    variation_name: str = ""
    quantity: int = 0
    auction_quantity: int = 0
    merge_stock: bool = True
    stock: bool = True
    discontinued: bool = False
    minimum_stock: int = 0
    minimum_order_quantity: int = 1
    available_shop: int = 1
    unit: str = "Stk"
    baseprice_factor: Decimal = ZERO
    selling_price: Decimal = ZERO
    buying_price: Decimal = ZERO
    dealer_price: Decimal = ZERO
    tiers: list[Tier] = field(default_factory=list)
    prices: list[NamedPrice] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    tax_rate: Decimal = Decimal(19)
    weight: Decimal = ZERO
    level: int = 0
    position: int = 0
    short_description: str = ""
    description: str = ""
    memo: str = ""
    keywords: str = ""
    brand: str = ""
    manufacturer_part_number: str = ""
    gtin: str = ""
    gtin_type: str = "EAN"
    country_of_origin: str = ""
    image_large: str = ""
    image_small: str = ""
    pictures: list[Picture] = field(default_factory=list)
    catalogs: list[int] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)
    languages: dict[str, dict[str, str]] = field(default_factory=dict)
    last_sale: datetime | None = None
    last_stock_change: datetime | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass
class Catalog:
    """A node of the category tree; parent 0 is the root."""

    id: int
    name: str
    parent_id: int = 0
    level: int = 0
    position: int = 0
    description: str = ""
    show: bool = True


@dataclass
class Address:
    """A billing or shipping address; `country` is the vehicle country code, `country_iso` the ISO code."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street: str = ""
    street2: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = "D"
    country_iso: str = "DE"
    phone: str = ""
    mail: str = ""
    title: str = ""
    platform_user: str = ""
    tax_id: str = ""
    is_merchant: bool = False


@dataclass
class Line:
    """One item for `State.place_order`; unset fields come from the product."""

    product_id: int | None = None
    quantity: int = 1
    price: Decimal | None = None
    title: str | None = None
    anr: str | None = None
    ean: str | None = None
    tax_rate: Decimal | None = None
    linked: bool = True
    """False: ShopProductDetails is hidden, as for an item without a master product."""
    attributes: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Item:
    """One sold item; amounts are gross unit prices in the account's currency."""

    id: int
    title: str
    quantity: int
    price: Decimal
    tax_rate: Decimal
    sold_at: datetime
    mod_date: datetime
    anr: str = ""
    ean: str = ""
    product_id: int | None = None
    linked: bool = True
    weight: Decimal = ZERO
    platform: str = ""
    platform_order_id: str = ""
    platform_item_id: str = ""
    flag: int = 0
    exported_at: datetime | None = None
    external_invoice: bool = False
    tax_collected_by: int = 0
    attributes: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class ParcelLabel:
    """One item in one package."""

    item_id: int
    package_number: int
    label_number: str = ""
    return_label_number: str = ""
    quantity: int = 0
    weight: Decimal = ZERO


@dataclass
class Order:
    """A process (Vorgang); while `order_id` is 0, a sale without one.

    `key` is the ItemID of the leading item and never changes. Amounts are in the account's currency;
    `currency` is the buyer's, and `rate` the price of one unit of it in the account's.
    """

    key: int
    order_id: int
    placed_at: datetime
    mod_date: datetime
    items: list[Item]
    billing: Address
    customer_id: int
    shipping_address: Address | None = None
    platform: str = "ebay"
    account: str = "warenfluss_demo"
    invoice_number: str = ""
    alternative_item_number: str = ""
    shop_order_number: str = ""
    feedback_date: datetime | None = None
    payment_id: str = "TRANSFER"
    payment_method: str = "Überweisung/Vorkasse"
    payment_function: str = "TRANSFER"
    payment_transaction_id: str = ""
    payment_date: datetime | None = None
    already_paid: Decimal = ZERO
    full_amount: Decimal = ZERO
    surcharge: Decimal = ZERO
    payment_data: dict[str, str] = field(default_factory=dict)
    invoice_date: datetime | None = None
    mail_date: datetime | None = None
    reminder_date: datetime | None = None
    reminder_mail_date: datetime | None = None
    second_reminder_date: datetime | None = None
    shipping_method: str = "DHL Paket"
    shipping_return_method: str = ""
    shipping_group: str = "Standard"
    delivery_service: str = ""
    shipping_cost: Decimal = ZERO
    shipping_tax_rate: Decimal = Decimal(19)
    delivery_date: datetime | None = None
    additional_info: str = ""
    tracking_link: str = ""
    feedback_link: str = ""
    parcel_labels: list[ParcelLabel] = field(default_factory=list)
    user_comment: str = ""
    memo: str = ""
    invoice_memo: str = ""
    vorgangs_info: list[str] = field(default_factory=lambda: ["", "", ""])
    tags: list[str] = field(default_factory=list)
    currency: str = "EUR"
    rate: Decimal = Decimal(1)
    hidden: bool = False
    cancelled_at: datetime | None = None


@dataclass(frozen=True)
class BuyerMail:
    """A mail that the real Afterbuy would have sent to a buyer."""

    kind: Literal["payment", "shipping"]
    order_id: int
    at: datetime


@dataclass(frozen=True)
class PaymentService:
    """A row of GetPaymentServices."""

    id: int
    function_id: int
    name: str
    platform: str
    countries: str = "D"
    surcharge: Decimal = ZERO


@dataclass(frozen=True)
class ShippingMethod:
    """A method inside a group of GetShippingServices."""

    id: int
    name: str
    countries: str
    price_from: Decimal
    price_to: Decimal
    weights: tuple[tuple[Decimal, Decimal, Decimal], ...]


@dataclass(frozen=True)
class ShippingService:
    """A shipping group with its methods."""

    name: str
    methods: tuple[ShippingMethod, ...]


@dataclass(frozen=True)
class UserFlag:
    """A user-defined marker."""

    id: int
    name: str
    color: str
