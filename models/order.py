"""Order: what a buyer bought, its lines, holds and history."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel
from pydantic import Field as RecordField
from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlmodel import JSON, Field, Session, SQLModel, Text, col, select

from models.among import among, in_batches
from models.columns import (
    MAX_COUNT,
    Amount,
    Code,
    ExactDecimal,
    ExternalId,
    Indexed,
    by_run,
    code,
    instant,
    money,
    need_id,
    utc_now,
)
from models.errors import NotFoundError, RuleError
from models.service import PaymentKind
from models.tenant import lock_tenants

MAX_LINES = 10_000
"""The most lines that an order may have."""


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


class HoldReason(StrEnum):
    line_unmatched = "line_unmatched"
    line_ambiguous = "line_ambiguous"
    total_mismatch = "total_mismatch"
    stock_short = "stock_short"
    address_incomplete = "address_incomplete"
    address_too_long = "address_too_long"
    country_unknown = "country_unknown"
    postcode_misfit = "postcode_misfit"
    price_off = "price_off"
    payment_unmapped = "payment_unmapped"
    shipping_unmapped = "shipping_unmapped"
    paid_too_early = "paid_too_early"
    """Told as paid by a method that cannot have been paid yet."""
    article_discontinued = "article_discontinued"
    suspected_duplicate = "suspected_duplicate"
    changed_after_release = "changed_after_release"
    cancelled_after_release = "cancelled_after_release"
    invoice_refused = "invoice_refused"
    """Its goods have left and no invoice can be made; that keeps no further goods back."""


NO_HINDRANCE = frozenset({HoldReason.invoice_refused})
"""Holds for which nothing is kept back."""
SHORTAGES = frozenset({HoldReason.stock_short, HoldReason.article_discontinued})
"""Holds for which only the units are kept back that are missing."""


class Actor(StrEnum):
    channel = "channel"
    cycle = "cycle"
    person = "person"


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
    """ISO 3166-1 alpha-2, or empty if the channel gave none that is known."""
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
    """For one of the line."""


class OrderLineData(BaseModel):
    external_id: ExternalId
    title: str = ""
    quantity: int = RecordField(ge=0, le=MAX_COUNT)
    price: Amount
    """Gross, for one, in the order's currency."""
    tax_rate: Amount | None = None
    """In percent."""
    tax_collected_by_channel: bool = False
    listing_id: str = ""
    """The channel's id of the article."""
    sku: str = ""
    gtin: str = ""
    channel_number: str = ""
    """The number by which the channel's listing shows it."""
    manufacturer_number: str = ""
    supplier_number: str = ""
    channel_order_number: str = ""
    """The marketplace's order number, where it stands at the line."""
    attributes: dict[str, str] = RecordField(default_factory=dict)
    components: list[ComponentData] = RecordField(default_factory=list)
    original_price: Amount | None = None
    original_currency: str = ""
    eco_fee: Amount | None = None


class OrderData(BaseModel):
    """An order as one channel tells it; amounts are gross and in `currency` unless said otherwise."""

    external_id: ExternalId
    channel_number: Indexed = ""
    """The order's number where the buyer placed it."""
    alternative_number: str = ""
    platform: str = ""
    placed_at: AwareDatetime
    checkout_at: AwareDatetime | None = None
    """When the buyer finished the checkout; None while it is open."""
    currency: str = RecordField(min_length=3, max_length=3)
    total: Amount
    """What the channel says the buyer pays."""
    shipping_amount: Amount = Decimal(0)
    shipping_tax_rate: Amount | None = None
    fee_amount: Amount = Decimal(0)
    """Surcharges that stand neither in a line nor in shipping."""
    exchange_rate: Amount | None = None
    original_total: Amount | None = None
    original_currency: str = ""
    paid_amount: Amount = Decimal(0)
    paid_at: AwareDatetime | None = None
    payment_method: str = ""
    payment_method_name: str = ""
    payment_reference: str = ""
    payment_details: dict[str, str] = RecordField(default_factory=dict)
    shipping_method: str = ""
    carrier: str = ""
    shipped_at: AwareDatetime | None = None
    tracking_numbers: list[str] = RecordField(default_factory=list)
    cancelled: bool = False
    customer_id: Indexed = ""
    """The channel's id of the buyer."""
    customer_name: str = ""
    """The buyer's user name there."""
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
    """The same of all orders that go into one parcel: the id of the first of them (`models.together`)."""
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
    """When its buyer's data were taken out of it (`models.anonymise`); they do not come back."""


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
    """Of those that have not left, how many do not go with what leaves next (`models.split`)."""
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


class Hold(SQLModel, table=True):
    """A named reason why an order waits for a person (Prüfung)."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(
            "ix_hold_open",
            "reason",
            "order_id",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="sales_order.id", index=True)
    order_line_id: int | None = Field(default=None, foreign_key="order_line.id")
    reason: HoldReason = code(HoldReason)
    field: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    released_at: datetime | None = instant(nullable=True)
    accepted: bool = False
    """Released by a person who let it pass: the same finding holds nobody again."""


class OrderEdit(SQLModel, table=True):
    """A field that a person changed here, and what the channel told of it then: that is no news any more."""

    __tablename__ = "order_edit"
    __table_args__ = (PrimaryKeyConstraint("order_id", "field"),)

    order_id: int = Field(foreign_key="sales_order.id")
    field: str = Field(max_length=120)
    """As `models.order_follow` names it, e.g. shipping.street or line 4711."""
    told: str = Field(sa_type=Text)


class OrderEvent(SQLModel, table=True):
    """One step in an order's history."""

    __tablename__ = "order_event"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="sales_order.id", index=True)
    at: datetime = instant()
    actor: Actor = code(Actor, Actor.cycle)
    kind: str = Field(max_length=40)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    run_id: int | None = by_run()


def payment_state_of(
    total: Decimal,
    paid: Decimal,
    *,
    authorised: Decimal = Decimal(0),
    refunded: Decimal = Decimal(0),
    credited: Decimal = Decimal(0),
) -> PaymentState:
    """Return what amounts received, promised and given back mean for a total; a total of zero counts as paid.

    `credited` is what the buyer need not pay of it: whose order was cancelled before any money came has not
    paid, and owes nothing.
    """
    owed = total - credited
    if paid > owed:
        return PaymentState.overpaid
    if paid == owed:
        if paid or not total:
            return PaymentState.paid
        return PaymentState.refunded if refunded else PaymentState.open
    if paid + authorised >= owed:
        return PaymentState.authorised
    return PaymentState.partly_paid if paid > 0 else PaymentState.open


def owed_for(order: Order) -> Decimal:
    """Return what is still to be paid for an order; below zero, what was paid too much."""
    return order.total - order.credited_amount - order.paid_amount


def settle_payment_state(order: Order) -> None:
    """Bring an order's state of payment up to its amounts."""
    order.payment_state = payment_state_of(
        order.total,
        order.paid_amount,
        authorised=order.authorised_amount,
        refunded=order.refunded_amount,
        credited=order.credited_amount,
    )


def total_difference(data: OrderData) -> Decimal:
    """Return total less lines, shipping and fees; zero if the order adds up."""
    lines = sum((line.price * line.quantity for line in data.lines), Decimal(0))
    return data.total - lines - data.shipping_amount - data.fee_amount


def event_values(
    order_id: int, kind: str, detail: dict[str, Any], *, actor: Actor = Actor.cycle
) -> dict[str, Any]:
    """Return the row of one step in an order's history, for statements of many rows."""
    return {"order_id": order_id, "at": utc_now(), "actor": actor, "kind": kind, "detail": detail}


def hold_values(
    order_id: int, reason: HoldReason, field: str, detail: dict[str, Any], line_id: int | None = None
) -> dict[str, Any]:
    """Return the row of a hold, for statements of many rows."""
    return {
        "order_id": order_id,
        "order_line_id": line_id,
        "reason": reason,
        "field": field,
        "detail": detail,
        "created_at": utc_now(),
        "accepted": False,
    }


def find_order(session: Session, number: str, account_id: int | None = None) -> Order:
    """Return the order with this external id, or this number at the marketplace.

    Raises: NotFoundError if there is none, RuleError if several accounts have one.
    """
    found = find_orders(session, [number], account_id)[number]
    if isinstance(found, RuleError):
        raise found
    return found


def find_orders(
    session: Session, numbers: Sequence[str], account_id: int | None = None
) -> dict[str, Order | RuleError]:
    """Return by number what `find_order` returns of each, or raises."""
    found: dict[str, list[Order]] = {}
    for name in ("external_id", "channel_number"):
        for batch in in_batches([number for number in dict.fromkeys(numbers) if number not in found]):
            query = select(Order).where(among(getattr(Order, name), batch))
            if account_id is not None:
                query = query.where(Order.account_id == account_id)
            for order in session.exec(query.order_by(col(Order.id))):
                found.setdefault(getattr(order, name), []).append(order)
    return {number: _only(number, found.get(number, [])) for number in numbers}


def _only(number: str, found: Sequence[Order]) -> Order | RuleError:
    if not found:
        return NotFoundError(f"There is no order {number!r}.")
    if len(found) > 1:
        return RuleError(f"Several orders have the number {number!r}; name the account too.")
    return found[0]


def lock_orders(session: Session, account_id: int, external_ids: Iterable[str]) -> list[Order]:
    """Return the orders with these external ids, locked; the caller has the tenant's lock."""
    return list(
        session.exec(
            select(Order)
            .where(Order.account_id == account_id, among(col(Order.external_id), external_ids))
            .order_by(col(Order.id))
            .with_for_update()
        ).all()
    )


def lock_order(session: Session, order: Order) -> None:
    """Lock an order and its tenant and read it anew, so that nobody else takes a step at the same moment."""
    lock_tenants(session, [order.tenant_id])
    session.flush()
    session.refresh(order, with_for_update=True)


def lock_each(session: Session, orders: Sequence[Order]) -> None:
    """Lock orders and their tenants and read them anew, as `lock_order` does with one."""
    lock_tenants(session, {order.tenant_id for order in orders})
    session.flush()
    for batch in in_batches([need_id(order.id) for order in orders]):
        session.exec(
            select(Order)
            .where(among(col(Order.id), batch))
            .order_by(col(Order.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()


def list_tellable(session: Session, order_ids: Sequence[int]) -> list[Order]:
    """Return the orders that the channel knows by their number; a merged one is told by its heir."""
    return list(
        session.exec(
            select(Order).where(
                among(col(Order.id), order_ids),
                col(Order.state) != OrderState.merged,
                col(Order.trial).is_(False),
            )
        ).all()
    )


def lines_of(session: Session, order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    """Return the lines of each order by position."""
    rows = session.exec(
        select(OrderLine)
        .where(among(col(OrderLine.order_id), order_ids))
        .order_by(col(OrderLine.order_id), col(OrderLine.position), col(OrderLine.id))
        .execution_options(populate_existing=True)
    ).all()
    lines: dict[int, list[OrderLine]] = {}
    for row in rows:
        lines.setdefault(row.order_id, []).append(row)
    return lines


def edits_of(session: Session, order_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return for each order by field what the channel had told of what people changed here since."""
    edits: dict[int, dict[str, str]] = {}
    for edit in session.exec(select(OrderEdit).where(among(col(OrderEdit.order_id), order_ids))):
        edits.setdefault(edit.order_id, {})[edit.field] = edit.told
    return edits


def open_holds(session: Session, order_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return the holds of each order that nobody has released yet."""
    rows = session.exec(
        select(Hold)
        .where(among(col(Hold.order_id), order_ids), col(Hold.released_at).is_(None))
        .order_by(col(Hold.id))
    ).all()
    holds: dict[int, list[Hold]] = {}
    for row in rows:
        holds.setdefault(row.order_id, []).append(row)
    return holds


def blocking_holds(session: Session, order_id: int) -> list[Hold]:
    """Return the open holds for which an order may not leave; papers come after the goods."""
    holds = open_holds(session, [order_id]).get(order_id, [])
    return [hold for hold in holds if hold.reason not in NO_HINDRANCE]


def events_of(session: Session, order_id: int) -> list[OrderEvent]:
    """Return an order's history, oldest first."""
    query = select(OrderEvent).where(OrderEvent.order_id == order_id).order_by(col(OrderEvent.id))
    return list(session.exec(query).all())
