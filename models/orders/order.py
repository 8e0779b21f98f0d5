"""Order: what a buyer bought, its lines and addresses."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlmodel import JSON, Field, SQLModel, Text, col

# Foreign keys point to their tables.
import models.catalog.article
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.database.columns import Code, ExactDecimal, Numbered, code, instant, money
from models.tenants.records import PaymentKind


class OrderState(StrEnum):
    pending = "pending"
    """The checkout is not finished; the account's options ask for such orders."""
    open = "open"
    released = "released"
    """Handed to the warehouse: a change from the channel holds the order and is not applied silently."""
    shipped = "shipped"
    cancelled = "cancelled"
    merged = "merged"
    """Merged into another order, which now has its lines."""


class PaymentState(StrEnum):
    open = "open"
    authorised = "authorised"
    """Guaranteed by the payment provider, but not received yet."""
    partly_paid = "partly_paid"
    paid = "paid"
    overpaid = "overpaid"
    refunded = "refunded"
    """The money received was given back, and nothing is owed."""


class AddressRole(StrEnum):
    billing = "billing"
    shipping = "shipping"


# As text, because SQLite must recognise the index's condition in the query. A CASE, because SQLite does not
# recognise a condition with OR.
HAS_ENDED = (
    "anonymised_at IS NULL AND NOT trial AND CASE WHEN state = 'merged' THEN true "
    "WHEN state = 'shipped' THEN paid_amount + credited_amount = total "
    "WHEN state = 'cancelled' THEN paid_amount + credited_amount = total "
    "OR paid_amount = 0 AND credited_amount = 0 ELSE false END"
)
"""SQL condition: shipped, cancelled or merged, nothing owed, and the buyer's data not removed yet.

An order that was cancelled before its import owes nothing.
"""


class Customer(Numbered, table=True):
    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("account_id", "external_id"),)

    account_id: int = Field(foreign_key="account.id")
    external_id: str
    user_name: str = ""
    email: str = Field(default="", index=True)
    partial_shipping: bool | None = None
    """Whether the buyer's orders may ship in parts; an order's own value wins. None: the account's option."""
    created_at: datetime = instant()


class Order(Numbered, table=True):
    __tablename__ = "sales_order"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_sales_order_state_placed", "state", "placed_at"),
        Index(
            "ix_sales_order_ships_with",
            "ships_with_id",
            sqlite_where=text("ships_with_id IS NOT NULL"),
            postgresql_where=text("ships_with_id IS NOT NULL"),
        ),
        Index(
            "ix_sales_order_to_anonymise",
            "tenant_id",
            "placed_at",
            sqlite_where=text(HAS_ENDED),
            postgresql_where=text(HAS_ENDED),
        ),
    )

    tenant_id: int = Field(foreign_key="tenant.id")
    account_id: int = Field(foreign_key="account.id")
    external_id: str = Field(max_length=80)
    channel_number: str = Field(default="", index=True)
    alternative_number: str = ""
    platform: str = ""
    state: OrderState = code(OrderState, OrderState.open)
    payment_state: PaymentState = code(PaymentState, PaymentState.open)
    trial: bool = Field(default=False, index=True)
    """A test order, imported in test mode: it gets no stock and is deleted when the account goes live."""
    merged_into_id: int | None = Field(default=None, foreign_key="sales_order.id")
    # No foreign key: adding one would lock a table in use.
    ships_with_id: int | None = None
    """The consolidation group: the id of its first order, the same in all orders of one parcel
    (`models.fulfilment.consolidation`).
    """
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    placed_at: datetime = instant(index=True)
    checkout_at: datetime | None = instant(nullable=True)
    imported_at: datetime = instant()
    changed_at: datetime = instant()
    released_at: datetime | None = instant(nullable=True)
    shipped_at: datetime | None = instant(nullable=True)
    currency: str = Field(max_length=3)
    total: Decimal = Field(sa_type=ExactDecimal)
    shipping_amount: Decimal = money(Decimal(0))
    shipping_tax_rate: Decimal | None = money(nullable=True)
    fee_amount: Decimal = money(Decimal(0))
    paid_amount: Decimal = money(Decimal(0))
    """Money received and not given back, from whatever source it is known."""
    authorised_amount: Decimal = money(Decimal(0))
    """Guaranteed by the payment provider, but not received yet."""
    refunded_amount: Decimal = money(Decimal(0))
    """Money given back."""
    credited_amount: Decimal = money(Decimal(0))
    """Part of the total that the buyer need not pay: cancelled, returned, or granted as a discount."""
    payment_method: str = ""
    payment_method_name: str = ""
    payment_kind: PaymentKind | None = Field(default=None, sa_type=Code(PaymentKind), nullable=True)
    """The payment kind that the method is mapped to; None while it is not mapped."""
    reminders: int = 0
    """Number of payment reminders to the buyer."""
    reminded_at: datetime | None = instant(nullable=True)
    shipping_method: str = ""
    # No foreign key: a migration may lock only one table in use, and shipping methods are never deleted.
    shipping_method_id: int | None = None
    """The `ShippingMethod` that the channel's method is mapped to."""
    express: bool = False
    """Allocated, picked and shipped before other orders."""
    partial_shipping: bool | None = None
    """Whether available units may ship before missing ones; None: the buyer's or the account's value."""
    carrier: str = ""
    buyer_comment: str = Field(default="", sa_type=Text)
    memo: str = Field(default="", sa_type=Text)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """Everything else that the channel reported: original currency, bank data, tags, invoice number …"""
    content_hash: str = ""
    anonymised_at: datetime | None = instant(nullable=True)
    """When the buyer's data were removed (`models.privacy.anonymisation`); imports do not restore them."""

    @property
    def bought_at(self) -> datetime:
        """When the buyer finished the checkout; if that is unknown, when the order was placed."""
        return self.checkout_at or self.placed_at


class OrderAddress(SQLModel, table=True):
    __tablename__ = "order_address"
    __table_args__ = (PrimaryKeyConstraint("order_id", "role"),)

    order_id: int = Field(foreign_key="sales_order.id")
    role: AddressRole = code(AddressRole)
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
    phone: str = ""
    email: str = ""
    vat_id: str = ""


class OrderLine(Numbered, table=True):
    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "external_id"),
        CheckConstraint("quantity >= 0 AND cancelled >= 0 AND cancelled <= quantity", name="quantity"),
        CheckConstraint("allocated >= 0 AND allocated + cancelled + shipped <= quantity", name="allocated"),
        CheckConstraint("picked >= 0 AND picked <= allocated", name="picked"),
        CheckConstraint("returned >= 0 AND returned <= shipped", name="returned"),
        CheckConstraint("invoiced >= 0 AND invoiced <= shipped", name="invoiced"),
        CheckConstraint("kept_back >= 0 AND kept_back + cancelled + shipped <= quantity", name="kept_back"),
        Index("ix_order_line_account_external", "account_id", "external_id"),
        Index(
            "ix_order_line_to_invoice",
            "account_id",
            "order_id",
            sqlite_where=text("shipped > invoiced"),
            postgresql_where=text("shipped > invoiced"),
        ),
        Index(
            "ix_order_line_kept_back",
            "account_id",
            "order_id",
            sqlite_where=text("kept_back > 0"),
            postgresql_where=text("kept_back > 0"),
        ),
    )

    order_id: int = Field(foreign_key="sales_order.id")
    account_id: int = Field(foreign_key="account.id")
    external_id: str = Field(max_length=80)
    position: int
    title: str = ""
    quantity: int
    allocated: int = 0
    picked: int = 0
    """Allocated units that are picked with all their parts and ready to ship."""
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0
    invoiced: int = 0
    """Units on this program's invoices, less the units that were credited."""
    kept_back: int = 0
    """Units held back from the next shipment (`models.fulfilment.splitting`)."""
    kept_until: date | None = None
    """Local day on which a cycle releases the held-back units; None: only a person releases them."""
    price: Decimal = Field(sa_type=ExactDecimal)
    tax_rate: Decimal | None = money(nullable=True)
    tax_collected_by_channel: bool = False
    article_id: int | None = Field(default=None, foreign_key="article.id", index=True)
    """The matched article; None for a custom code of several articles or units (see `LinePart`)."""
    matched_by: str = ""
    codes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The channel's codes for the article: the fields of `OrderLineData` that matching reads."""
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)

    @property
    def remaining(self) -> int:
        """Units that are neither shipped nor cancelled."""
        return self.quantity - self.cancelled - self.shipped

    @property
    def to_ship(self) -> int:
        """Units to ship next: the remaining ones that are not held back."""
        return self.remaining - self.kept_back

    def limit_held_back(self) -> None:
        """Reduce `kept_back` to the remaining units."""
        self.kept_back = min(self.kept_back, self.remaining)
        if not self.kept_back:
            self.kept_until = None


REMAINING_UNITS = col(OrderLine.quantity) - OrderLine.cancelled - OrderLine.shipped
"""`OrderLine.remaining` in SQL."""
UNITS_TO_SHIP = REMAINING_UNITS - OrderLine.kept_back
"""`OrderLine.to_ship` in SQL."""


class LinePart(SQLModel, table=True):
    """An article that a line stands for, and its quantity per unit of the line."""

    __tablename__ = "line_part"
    __table_args__ = (
        PrimaryKeyConstraint("order_line_id", "article_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    order_line_id: int = Field(foreign_key="order_line.id")
    article_id: int = Field(foreign_key="article.id")
    quantity: int
