"""Offers (Angebote): goods at fixed prices until a day. An offer allocates no stock; it becomes one order."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import JSON, Field, Session, col, select

from models.accounting.issued import find_numbered
from models.accounting.numbers import SeriesKind, check_numbers_known, label_of, take_number
from models.clock import today, utc_now
from models.database.columns import Numbered, code, instant, money
from models.errors import Action, RuleError
from models.order_desk.manual_orders import complete_order, line_data, take_manual_order, total_of
from models.order_desk.manual_records import ManualOrder
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine
from models.orders.origin import OriginKind
from models.orders.row_values import line_values
from models.papers.priced_papers import check_valid_until, price_paper
from models.papers.records import OrderPaper, PaperKind
from models.tenants.account import Account, account_data
from models.tenants.locks import lock_tenants
from models.tenants.records import Mode
from models.tenants.tenant import Tenant


class OfferState(StrEnum):
    open = "open"
    accepted = "accepted"
    declined = "declined"


class Offer(Numbered, table=True):
    __tablename__ = "offer"
    __table_args__ = (UniqueConstraint("tenant_id", "number"), Index("ix_offer_state", "state", "id"))

    tenant_id: int = Field(foreign_key="tenant.id")
    account_id: int = Field(foreign_key="account.id")
    """The account of the later order."""
    number: str = Field(max_length=40)
    state: OfferState = code(OfferState, OfferState.open)
    made_at: datetime = instant()
    decided_at: datetime | None = instant(nullable=True)
    valid_until: date
    """Valid until the end of this German day."""
    currency: str = Field(max_length=3)
    total: Decimal = money()
    content: dict[str, Any] = Field(sa_type=JSON)
    """The fields of `ManualOrder` with prices and tax rates; contains buyers' data."""
    # No foreign key: a migration that adds one locks the table, which is in use.
    order_id: int | None = Field(default=None, index=True)
    """The order that this offer became."""


def make_offer(session: Session, account: Account, asked: ManualOrder, valid_until: date) -> Offer:
    """Save an offer under the tenant's next number; prices that are not given are today's.

    Takes the tenant's lock. Raises: RuleError, as `complete_order`, for a past day, or after a restore.
    """
    lock_tenants(session, [account.tenant_id])
    if asked.reference:
        raise RuleError("reference: an offer needs none, because it becomes an order only once.")
    check_valid_until(valid_until)
    completed = complete_order(session, account_data(account), asked)
    check_numbers_known(session.get_one(Tenant, account.tenant_id))
    year = today().year
    taken = take_number(session, account.tenant_id, SeriesKind.offer, year)
    offer = Offer(
        tenant_id=account.tenant_id,
        account_id=account.row_id,
        number=label_of(SeriesKind.offer, year, taken),
        valid_until=valid_until,
        currency=completed.currency or "",
        total=total_of(completed),
        content=completed.model_dump(mode="json"),
    )
    session.add(offer)
    session.flush()
    return offer


def accept_offer(session: Session, offer: Offer, *, late: bool = False) -> Order:
    """Turn an offer into an order at its prices; if `late` is true, also after its last day.

    Raises: RuleError, if the offer is decided already or has expired, or as `take_manual_order`.
    """
    _lock_open(session, offer)
    if offer.valid_until < today() and not late:
        raise RuleError(f"Offer {offer.number} was valid until {offer.valid_until}.")
    account = session.get_one(Account, offer.account_id)
    if account.mode is not Mode.live:
        raise RuleError(
            f"Account {account.name!r} is in {account.mode}; offers become orders when it is live."
        )
    order, _ = take_manual_order(
        session, account, ManualOrder.model_validate(offer.content), OriginKind.offer
    )
    offer.state, offer.decided_at, offer.order_id = OfferState.accepted, utc_now(), order.id
    session.add(offer)
    session.flush()
    return order


def decline_offer(session: Session, offer: Offer) -> None:
    """Mark an offer as declined. Raises: RuleError, if it is decided already."""
    _lock_open(session, offer)
    offer.state, offer.decided_at = OfferState.declined, utc_now()
    session.add(offer)
    session.flush()


def offer_paper(session: Session, offer: Offer, *, language: str = "") -> OrderPaper:
    """Return an offer in printed form. Raises: RuleError, if it was declined or has expired."""
    if offer.state is OfferState.declined or offer.valid_until < today():
        raise RuleError(f"Offer {offer.number} was declined or has expired: it is not printed.")
    content = ManualOrder.model_validate(offer.content)
    order = Order(
        tenant_id=offer.tenant_id,
        account_id=offer.account_id,
        external_id=offer.number,
        placed_at=offer.made_at,
        currency=offer.currency,
        total=offer.total,
        shipping_amount=content.shipping_amount,
        payment_method=content.payment,
        shipping_method=content.shipping_method,
    )
    lines = []
    for position, line in enumerate(content.lines):
        data = line_data(str(position + 1), line)
        values = line_values(data, position)
        lines.append(OrderLine(external_id=data.external_id, quantity=data.quantity, cancelled=0, **values))
    goes_to = {
        AddressRole.billing: content.billing,
        AddressRole.shipping: content.shipping or content.billing,
    }
    places = {role: OrderAddress(role=role, **address.model_dump()) for role, address in goes_to.items()}
    paper = price_paper(session, order, lines, places, PaperKind.offer, language)
    update = {"order_number": "", "offer_number": offer.number, "ordered_on": None}
    return paper.model_copy(update={**update, "valid_until": offer.valid_until})


def find_offer(session: Session, number: str, tenant_id: int | None = None) -> Offer:
    """Return the offer with this number. Raises: as `find_numbered`."""
    return find_numbered(session, Offer, "number", number, tenant_id, Action.offer_list)


def find_offer_of(session: Session, order_id: int) -> Offer | None:
    """Return the offer that became this order, or None."""
    return session.exec(select(Offer).where(Offer.order_id == order_id)).first()


def list_offers(
    session: Session, states: Sequence[OfferState] = (), *, limit: int | None = None
) -> list[Offer]:
    """Return offers, newest first."""
    query = select(Offer).order_by(col(Offer.id).desc()).limit(limit)
    if states:
        query = query.where(col(Offer.state).in_(states))
    return list(session.exec(query).all())


def _lock_open(session: Session, offer: Offer) -> None:
    lock_tenants(session, [offer.tenant_id])
    session.refresh(offer)
    if offer.state is OfferState.accepted and offer.order_id is not None:
        number = session.get_one(Order, offer.order_id).external_id
        raise RuleError(f"Offer {offer.number} was accepted already, as order {number}.")
    if offer.state is not OfferState.open:
        raise RuleError(f"Offer {offer.number} was {offer.state} already.")
