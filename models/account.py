"""Account: one configured connection of a tenant to an outside system, and its mode (Anbindung)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic import Field as RecordField
from sqlalchemy import UniqueConstraint
from sqlmodel import JSON, Field, Session, SQLModel, col, select

from models.columns import code, instant, need_id
from models.errors import NotFoundError, RuleError


class Mode(StrEnum):
    draft = "draft"
    """Being set up: no cycle runs."""
    test = "test"
    """Cycles read for inspection; nothing outside changes."""
    live = "live"


class ServiceKind(StrEnum):
    payment = "payment"
    shipping = "shipping"


class Installation(SQLModel, table=True):
    """The one row that tells this database from another, e.g. in names of Prefect blocks."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    key: str = Field(default_factory=lambda: uuid4().hex[:12])


class Account(SQLModel, table=True):
    __tablename__ = "account"

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id", index=True)
    name: str = Field(unique=True, max_length=60)
    kind: str = Field(max_length=40)
    mode: Mode = code(Mode, Mode.draft)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    activated_at: datetime | None = instant(nullable=True)


class AccountData(BaseModel, frozen=True):
    """What a connector needs to know of an account; its secrets are handed in beside it."""

    id: int
    tenant_id: int
    name: str
    kind: str
    mode: Mode
    settings: dict[str, Any]


class Role(StrEnum):
    """What an account is to its tenant."""

    articles = "articles"
    """It leads the master data of articles."""
    orders = "orders"
    """A mere interface for orders: its articles are linked to ours and never change them."""


class TakeOrders(StrEnum):
    checkout_done = "checkout_done"
    sold = "sold"
    """Already when the article is sold; the order waits as pending until the checkout is done."""


class Side(StrEnum):
    channel = "channel"
    warenfluss = "warenfluss"


class OpeningStock(StrEnum):
    channel = "channel"
    """The channel's quantity becomes our stock when an article is first read."""
    none = "none"


class BuyerEvent(StrEnum):
    """What a buyer can be mailed of."""

    order_received = "order_received"
    payment_request = "payment_request"
    payment_reminder = "payment_reminder"
    payment_received = "payment_received"
    shipped = "shipped"
    ready_to_collect = "ready_to_collect"
    cancelled = "cancelled"
    refund = "refund"
    return_received = "return_received"


class OrderNotice(StrEnum):
    """How the operators hear of new orders."""

    none = "none"
    each = "each"
    digest = "digest"
    """One mail a day."""


class ChannelOptions(BaseModel, frozen=True, extra="ignore"):
    """The settings of a channel account that mean the same for every channel."""

    role: Role = Role.articles
    take_orders: TakeOrders = TakeOrders.checkout_done
    payments: Side = Side.channel
    """Who handles payments: paid orders come from the channel, or our payments go there."""
    opening_stock: OpeningStock = OpeningStock.channel
    start: str = "new"
    """Where the first order import begins: "new", a date (2026-11-01) or an order number of the channel."""
    overlap_minutes: int = RecordField(default=30, ge=0)
    """How far each window reaches back into the one before."""
    invoices: Side = Side.channel
    """Who makes the invoices."""
    invoices_from: date | None = RecordField(default=None, validate_default=True)
    """Of invoices made here: by themselves only for orders placed from this German day on."""
    buyer_mails: tuple[BuyerEvent, ...] = ()
    """What buyers are mailed of from here; "all" is everything. Many channels mail them themselves."""
    order_notice: OrderNotice = OrderNotice.none
    order_notice_hour: int = RecordField(default=7, ge=0, le=23)
    """By German time, of the digest."""

    @field_validator("start")
    @classmethod
    def _start_is_known(cls, value: str) -> str:
        if value == "new" or value.isdigit():
            return value
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError('start must be "new", a date like 2026-11-01 or an order number') from None
        return value

    @field_validator("buyer_mails", mode="before")
    @classmethod
    def _split_events(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip() == "all":
            return tuple(BuyerEvent)
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("invoices_from")
    @classmethod
    def _invoices_begin_somewhere(cls, value: date | None, info: ValidationInfo) -> date | None:
        if value is None and info.data.get("invoices") is Side.warenfluss:
            raise ValueError("invoices=warenfluss needs a day, e.g. invoices_from=2026-12-01")
        return value


def makes_invoices(account: Account | AccountData) -> bool:
    """Return whether an account's invoices are made here."""
    return ChannelOptions.model_validate(account.settings).invoices is Side.warenfluss


def sends_mails(account: Account | AccountData) -> bool:
    """Return whether buyers, or operators of new orders, are mailed for an account."""
    options = ChannelOptions.model_validate(account.settings)
    return bool(options.buyer_mails) or options.order_notice is not OrderNotice.none


class Service(SQLModel, table=True):
    """A payment or shipping method as the channel lists it, and what it means here."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("account_id", "kind", "external_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    kind: ServiceKind = code(ServiceKind)
    external_id: str
    name: str
    mapped_to: str = ""


class ServiceData(BaseModel, frozen=True):
    kind: ServiceKind
    external_id: str
    name: str


def add_account(session: Session, tenant_id: int, name: str, kind: str, settings: dict[str, Any]) -> Account:
    """Add an account in mode draft. Raises: RuleError, if the name is taken or unfit."""
    if not name or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise RuleError(f"The account name {name!r} may hold only letters, digits, '-' and '_'.")
    if session.exec(select(Account).where(Account.name == name)).first():
        raise RuleError(f"Account {name!r} exists already; `warenfluss account set` changes it.")
    account = Account(tenant_id=tenant_id, name=name, kind=kind, settings=settings)
    session.add(account)
    session.flush()
    return account


def get_account(session: Session, name: str) -> Account:
    """Return the account of this name. Raises: NotFoundError."""
    account = session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        raise NotFoundError(f"There is no account {name!r}; `warenfluss account list` shows those there are.")
    return account


def list_accounts(session: Session) -> list[Account]:
    """Return all accounts by name."""
    return list(session.exec(select(Account).order_by(col(Account.name))).all())


def account_data(account: Account) -> AccountData:
    """Return the plain record of a row."""
    return AccountData(
        id=need_id(account.id),
        tenant_id=account.tenant_id,
        name=account.name,
        kind=account.kind,
        mode=account.mode,
        settings=dict(account.settings),
    )


def installation_key(session: Session) -> str:
    """Return the key of this database, made by its first migration."""
    return session.exec(select(Installation)).one().key


def save_services(session: Session, account_id: int, services: list[ServiceData]) -> None:
    """Add what the channel lists and update names; mappings made by people stay."""
    rows = session.exec(select(Service).where(Service.account_id == account_id)).all()
    known = {(row.kind, row.external_id): row for row in rows}
    for data in services:
        row = known.get((data.kind, data.external_id))
        if row is None:
            row = Service(account_id=account_id, kind=data.kind, external_id=data.external_id, name=data.name)
            known[(data.kind, data.external_id)] = row
        row.name = data.name
        session.add(row)
    session.flush()
