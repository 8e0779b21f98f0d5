"""The origin of a manual order: how it was placed, and which order it repeats or replaces."""

import hashlib
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from models.database.columns import code
from models.orders.order import Order, OrderState

ERASED = "erased "
"""Prefix of a reference whose text was erased; its hash follows."""


class OriginKind(StrEnum):
    phone = "phone"
    offer = "offer"
    repeat = "repeat"
    exchange = "exchange"
    """Replaces returned goods."""


class OrderOrigin(SQLModel, table=True):
    """How a manual order was placed. A `reference` is unique within an account."""

    __tablename__ = "order_origin"
    __table_args__ = (UniqueConstraint("account_id", "reference"),)

    order_id: int = Field(primary_key=True, foreign_key="sales_order.id")
    # No further foreign keys: a migration may lock only one table in use, and referenced rows are never
    # deleted.
    account_id: int
    kind: OriginKind = code(OriginKind)
    reference: str | None = Field(default=None, max_length=80)
    """Given by the caller: a command that is repeated with the same reference creates no second order.

    When the order is anonymised, only a hash of it stays, so that this also holds afterwards.
    """
    asked_hash: str = Field(default="", max_length=64)
    """Hash of the request that first used the reference."""
    from_order_id: int | None = Field(default=None, index=True)
    """The order that this one repeats; for an exchange, the order with the returned goods."""
    return_id: int | None = Field(default=None, index=True)
    """For an exchange: the return that it replaces."""


def erase_reference(reference: str | None) -> str | None:
    """Return what stays of a reference when its order is anonymised; safe to repeat."""
    if reference is None or reference.startswith(ERASED):
        return reference
    return ERASED + hashlib.sha256(reference.encode()).hexdigest()


def find_by_reference(session: Session, account_id: int, reference: str) -> OrderOrigin | None:
    """Return the origin of the account's order with this reference, erased or not; None if there is none."""
    query = select(OrderOrigin).where(
        OrderOrigin.account_id == account_id,
        col(OrderOrigin.reference).in_([reference, erase_reference(reference)]),
    )
    return session.exec(query).first()


def find_exchange(session: Session, return_id: int) -> Order | None:
    """Return the order that replaces the goods of this return; a cancelled one does not count."""
    query = (
        select(Order)
        .join(OrderOrigin, col(OrderOrigin.order_id) == col(Order.id))
        .where(OrderOrigin.return_id == return_id, Order.state != OrderState.cancelled)
    )
    return session.exec(query).first()


def links_of(session: Session, order_id: int) -> list[tuple[str, str]]:
    """Return an order's links to other orders as (kind, order number), e.g. ("repeat of", "4711")."""
    links = []
    origin = session.get(OrderOrigin, order_id)
    if origin is not None and origin.from_order_id is not None:
        word = "exchange for" if origin.kind is OriginKind.exchange else "repeat of"
        links.append((word, session.get_one(Order, origin.from_order_id).external_id))
    rows = session.execute(
        select(col(OrderOrigin.kind), col(Order.external_id))
        .join(Order, col(Order.id) == col(OrderOrigin.order_id))
        .where(col(OrderOrigin.from_order_id) == order_id)
        .order_by(col(Order.id))
    )
    words = {OriginKind.exchange: "exchanged for", OriginKind.repeat: "repeated as"}
    links += [(words[kind], number) for kind, number in rows]
    return links
