"""Methods: payment and shipping methods as a channel names them, and what they mean here."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy import UniqueConstraint
from sqlmodel import JSON, Field, Session, col, select

# Foreign keys point to their tables.
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.database.bulk import insert_or_update
from models.database.columns import Numbered, code
from models.errors import Action, Advice, NotFoundError, RuleError
from models.tenants.records import ChannelMethodData, MethodKind, PaymentKind


class Carrier(StrEnum):
    """Carriers with known limits for the parts of an address."""

    dhl = "dhl"
    easylog = "easylog"
    dpd = "dpd"


class AddressLimits(BaseModel, frozen=True):
    """How many characters a carrier takes of each part of an address."""

    name: int
    street: int
    city: int


ADDRESS_LIMITS: Mapping[Carrier, AddressLimits] = {
    Carrier.dhl: AddressLimits(name=50, street=50, city=40),
    # EasyLog has two fields for street and number, of 30 and 10 characters.
    Carrier.easylog: AddressLimits(name=40, street=40, city=40),
    Carrier.dpd: AddressLimits(name=50, street=50, city=50),
}
"""DHL's Parcel DE Shipping API 2.1; EasyLog's POOL fields and DPD's Cloud Service as clients use them."""


class ChannelMethod(Numbered, table=True):
    """A method that the channel lists, or that an order named, by the channel's code."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("account_id", "kind", "external_id"),)

    account_id: int = Field(foreign_key="account.id")
    kind: MethodKind = code(MethodKind)
    external_id: str
    name: str
    mapped_to: str = ""
    """A `PaymentKind`, or the name of a `ShippingMethod`; empty until a person maps it."""


class ShippingMethod(Numbered, table=True):
    """A shipping method of a tenant: carrier, product and extras."""

    __tablename__ = "shipping_method"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    name: str = Field(max_length=60)
    carrier: str = Field(default="", max_length=60)
    """As it is printed and published, e.g. DHL; empty if the buyer collects the goods."""
    limits: str = Field(default="", max_length=40)
    """The `Carrier` that sets the limits for addresses; empty: no limits."""
    product: str = Field(default="", max_length=60)
    """The carrier's code, e.g. V01PAK."""
    extras: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The value of each additional service, by the carrier's name for it."""
    express: bool = False
    pickup: bool = False
    """Whether the buyer collects the goods."""


class NamesMethods(Protocol):
    """An order's payment and shipping method, as its channel names them."""

    payment_method: str
    payment_method_name: str
    shipping_method: str


class Methods:
    """What the methods of an account's orders mean here, read once for a page."""

    def __init__(self, session: Session, account_id: int, tenant_id: int) -> None:
        rows = session.exec(select(ChannelMethod).where(ChannelMethod.account_id == account_id)).all()
        self._mapped = {(row.kind, row.external_id): row.mapped_to for row in rows}
        self.shipping_methods = {row.name: row for row in list_shipping_methods(session, tenant_id)}
        self._session, self._account_id = session, account_id

    def payment_of(self, order: NamesMethods) -> PaymentKind | None:
        """Return how an order is paid, None if its method is not mapped."""
        mapped = self._mapped.get((MethodKind.payment, payment_code(order)), "")
        return PaymentKind(mapped) if mapped else None

    def shipping_of(self, order: NamesMethods) -> ShippingMethod | None:
        """Return how an order is sent, None if its method is not mapped."""
        mapped = self._mapped.get((MethodKind.shipping, order.shipping_method), "")
        return self.shipping_methods.get(mapped)

    def note(self, orders: Iterable[NamesMethods]) -> None:
        """Add methods that orders name and that are not listed yet, so that people can map them."""
        new: dict[tuple[MethodKind, str], str] = {}
        for order in orders:
            for kind, external_id, name in (
                (MethodKind.payment, payment_code(order), order.payment_method_name),
                (MethodKind.shipping, order.shipping_method, order.shipping_method),
            ):
                if external_id and (kind, external_id) not in self._mapped:
                    new.setdefault((kind, external_id), name or external_id)
        rows = [
            {
                "account_id": self._account_id,
                "kind": kind,
                "external_id": external_id,
                "name": name,
                "mapped_to": "",
            }
            for (kind, external_id), name in new.items()
        ]
        insert_or_update(self._session, ChannelMethod, rows, key=("account_id", "kind", "external_id"))
        self._mapped.update(dict.fromkeys(new, ""))


def payment_code(order: NamesMethods) -> str:
    """Return the code of an order's payment method, or its name if the channel gives no code."""
    return order.payment_method or order.payment_method_name


def save_channel_methods(session: Session, account_id: int, methods: list[ChannelMethodData]) -> None:
    """Add what the channel lists and update names; mappings made by people stay."""
    rows = session.exec(select(ChannelMethod).where(ChannelMethod.account_id == account_id)).all()
    known = {(row.kind, row.external_id): row for row in rows}
    for data in methods:
        key = (data.kind, data.external_id)
        row = known.setdefault(key, ChannelMethod(account_id=account_id, **data.model_dump()))
        row.name = data.name
        session.add(row)
    session.flush()


def list_channel_methods(session: Session, account_id: int | None = None) -> list[ChannelMethod]:
    """Return methods by account, kind and code."""
    query = select(ChannelMethod).order_by(
        col(ChannelMethod.account_id), col(ChannelMethod.kind), col(ChannelMethod.external_id)
    )
    if account_id is not None:
        query = query.where(ChannelMethod.account_id == account_id)
    return list(session.exec(query).all())


def map_channel_method(
    session: Session, tenant_id: int, account_id: int, kind: MethodKind, external_id: str, meaning: str
) -> ChannelMethod:
    """Map a channel's method to one of ours; an empty meaning removes the mapping.

    Raises: NotFoundError, for a method that neither the channel nor an order has named; RuleError, for a
    meaning that does not exist; its message lists the existing ones.
    """
    row = session.exec(
        select(ChannelMethod).where(
            ChannelMethod.account_id == account_id,
            ChannelMethod.kind == kind,
            ChannelMethod.external_id == external_id,
        )
    ).first()
    if row is None:
        raise NotFoundError(f"The account has no {kind} method {external_id!r}.", Advice(Action.method_list))
    if meaning:
        known = (
            [each.value for each in PaymentKind]
            if kind is MethodKind.payment
            else [method.name for method in list_shipping_methods(session, tenant_id)]
        )
        if meaning not in known:
            advice = [Advice(Action.method_add, meaning)] if kind is MethodKind.shipping else []
            raise RuleError(
                f"There is no {kind} method {meaning!r} here: {', '.join(known) or 'none yet'}.", *advice
            )
    row.mapped_to = meaning
    session.add(row)
    session.flush()
    return row


def list_shipping_methods(session: Session, tenant_id: int) -> list[ShippingMethod]:
    """Return a tenant's shipping methods, ordered by name."""
    query = select(ShippingMethod).where(ShippingMethod.tenant_id == tenant_id)
    return list(session.exec(query.order_by(col(ShippingMethod.name))).all())


def find_shipping_method(session: Session, method_id: int | None) -> ShippingMethod | None:
    """Return the shipping method with this id, e.g. `Order.shipping_method_id`; None without an id."""
    return None if method_id is None else session.get(ShippingMethod, method_id)


def save_shipping_method(
    session: Session, tenant_id: int, name: str, values: Mapping[str, Any]
) -> ShippingMethod:
    """Add a shipping method, or change the one of this name. Raises: RuleError, if the name does not fit."""
    name = name.strip()
    if not name or len(name) > 60 or not name.isprintable():
        raise RuleError("A shipping method's name has 1 to 60 characters.")
    row = session.exec(
        select(ShippingMethod).where(ShippingMethod.tenant_id == tenant_id, ShippingMethod.name == name)
    ).first() or ShippingMethod(tenant_id=tenant_id, name=name)
    for field, value in values.items():
        setattr(row, field, value)
    session.add(row)
    session.flush()
    return row
