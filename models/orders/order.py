"""Order: what a buyer bought, its lines and addresses."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlmodel import JSON, Field, SQLModel, Text

# Foreign keys point to their tables.
import models.catalog.article
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.database.columns import Code, ExactDecimal, code, instant, money
from models.tenants.records import PaymentKind


class OrderState(StrEnum):
    pending = "pending"
    """Its checkout is not done; taken early because the account says so."""
    open = "open"
    released = "released"
    """Handed to the warehouse: what the channel changes now is held, never taken over silently."""
    shipped = "shipped"
    cancelled = "cancelled"
    merged = "merged"
    """Absorbed by another order, which has its lines."""


class PaymentState(StrEnum):
    open = "open"
    authorised = "authorised"
    """Promised by whoever collects the money, and not received yet."""
    partly_paid = "partly_paid"
    paid = "paid"
    overpaid = "overpaid"
    refunded = "refunded"
    """What was received was given back, and nothing is owed."""


class AddressRole(StrEnum):
    billing = "billing"
    shipping = "shipping"


# Text, or SQLite would not see that the query asks for what the index holds; nor does it see through an OR.
HAS_ENDED = (
    "anonymised_at IS NULL AND NOT trial AND CASE WHEN state = 'merged' THEN true "
    "WHEN state = 'shipped' THEN paid_amount + credited_amount = total "
    "WHEN state = 'cancelled' THEN paid_amount + credited_amount = total "
    "OR paid_amount = 0 AND credited_amount = 0 ELSE false END"
)
"""That an order has left or ended and nothing is owed, as SQL; its buyer's data are still there.

What was cancelled before it was known here owes nothing.
"""


class Customer(SQLModel, table=True):
    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("account_id", "external_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    external_id: str
    user_name: str = ""
    email: str = Field(default="", index=True)
    partial_shipping: bool | None = None
    """Whether his orders may leave in parts, unless they say so themselves; None: as the account has it."""
    created_at: datetime = instant()


class Order(SQLModel, table=True):
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

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id")
    account_id: int = Field(foreign_key="account.id")
    external_id: str = Field(max_length=80)
    channel_number: str = Field(default="", index=True)
    alternative_number: str = ""
    platform: str = ""
    state: OrderState = code(OrderState, OrderState.open)
    payment_state: PaymentState = code(PaymentState, PaymentState.open)
    trial: bool = Field(default=False, index=True)
    """Imported for inspection in test mode: allocates nothing and goes when the account goes live."""
    merged_into_id: int | None = Field(default=None, foreign_key="sales_order.id")
    # No foreign key: a table in use would be locked for it.
    ships_with_id: int | None = None
    """The same of all orders that go into one parcel: the id of the first of them
    (`models.fulfilment.consolidation`)."""
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
    """What is known to have been received, whoever told it."""
    authorised_amount: Decimal = money(Decimal(0))
    """What whoever collects the money has promised of what is not received yet."""
    refunded_amount: Decimal = money(Decimal(0))
    """What was given back of what was received."""
    credited_amount: Decimal = money(Decimal(0))
    """What the buyer need not pay of the total: cancelled here, returned, granted."""
    payment_method: str = ""
    payment_method_name: str = ""
    payment_kind: PaymentKind | None = Field(default=None, sa_type=Code(PaymentKind), nullable=True)
    """What the method means here, None as long as nobody has said."""
    reminders: int = 0
    """How often the buyer was reminded to pay."""
    reminded_at: datetime | None = instant(nullable=True)
    shipping_method: str = ""
    # No foreign key: a migration may lock one table in use, and such methods are never deleted.
    shipping_method_id: int | None = None
    """The `ShippingMethod` that it means here."""
    express: bool = False
    """Goes first."""
    partial_shipping: bool | None = None
    """Whether what is there may leave before what is short; None: as its buyer or the account has it."""
    carrier: str = ""
    buyer_comment: str = Field(default="", sa_type=Text)
    memo: str = Field(default="", sa_type=Text)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The rest of what the channel told: original currency, bank data, tags, invoice number …"""
    content_hash: str = ""
    anonymised_at: datetime | None = instant(nullable=True)
    """When its buyer's data were taken out of it (`models.privacy.anonymisation`); they do not come back."""


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


class OrderLine(SQLModel, table=True):
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

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="sales_order.id")
    account_id: int = Field(foreign_key="account.id")
    external_id: str = Field(max_length=80)
    position: int
    title: str = ""
    quantity: int
    allocated: int = 0
    picked: int = 0
    """Of those allocated, what lies ready to leave, with every part that one of the line takes."""
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0
    invoiced: int = 0
    """By documents of this program, less what they corrected."""
    kept_back: int = 0
    """Of those that have not left, how many do not go with what leaves next
    (`models.fulfilment.splitting`)."""
    kept_until: date | None = None
    """The local day on which they go by themselves; None: when a person lets them."""
    price: Decimal = Field(sa_type=ExactDecimal)
    tax_rate: Decimal | None = money(nullable=True)
    tax_collected_by_channel: bool = False
    article_id: int | None = Field(default=None, foreign_key="article.id", index=True)
    """What it matched, if that is one article; a code for several has its parts alone."""
    matched_by: str = ""
    codes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """How the channel names the article: the fields of `OrderLineData` that matching reads."""
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)

    @property
    def left(self) -> int:
        """Return how many are still to leave."""
        return self.quantity - self.cancelled - self.shipped

    @property
    def going(self) -> int:
        """Return how many of those go with what leaves next."""
        return self.left - self.kept_back

    def fit_kept_back(self) -> None:
        """Keep back no more than is still to leave."""
        self.kept_back = min(self.kept_back, self.left)
        if not self.kept_back:
            self.kept_until = None


class LinePart(SQLModel, table=True):
    """An article that a line asks for, and how many for one of the line."""

    __tablename__ = "line_part"
    __table_args__ = (
        PrimaryKeyConstraint("order_line_id", "article_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    order_line_id: int = Field(foreign_key="order_line.id")
    article_id: int = Field(foreign_key="article.id")
    quantity: int
