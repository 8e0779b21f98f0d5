"""Buyers who ask for their data or its erasure (Articles 15, 17 and 20 GDPR).

No id identifies a buyer across all channels. A buyer is found by mail address, by the channel's number of the
buyer or by an order number. Everything with the same mail address counts as theirs: check the result first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import String, cast, false, func, or_, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from models.accounting.bookings import Booking
from models.accounting.issued import Document
from models.clock import today, utc_now
from models.database.conditions import among
from models.errors import Action, Advice, NotFoundError, RuleError
from models.mails.outbox import Mail
from models.order_desk.offers import Offer
from models.orders.order import AddressRole, Customer, Order, OrderAddress, OrderState
from models.privacy.retention import (
    document_kept_until,
    expired_document_conditions,
    kept_until,
    may_be_anonymised,
    reasons_to_keep,
    years_of,
)
from models.sync.rejected import RejectedRecord
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant


@dataclass(frozen=True)
class Person:
    """Everything that belongs to one buyer, as ids."""

    tenant_id: int
    customers: frozenset[int] = frozenset()
    orders: frozenset[int] = frozenset()
    offers: frozenset[int] = frozenset()
    mails: frozenset[int] = frozenset()
    """Mails to the buyer, about any order."""
    rejected: frozenset[int] = frozenset()
    """Rejected order records that contain the buyer's mail address."""


@dataclass(frozen=True)
class PersonsOrder:
    """One of a buyer's orders, and why it keeps the buyer's data."""

    order_id: int
    account: str
    number: str
    placed_at: datetime
    state: OrderState
    name: str
    """Name in the billing address."""
    kept: str
    """Why the data is kept for now; empty if it can be removed."""
    anonymous: bool
    trial: bool


@dataclass
class PersonFindings:
    """What an erasure removes, or removed, and what it keeps, with the last day of keeping."""

    orders: list[PersonsOrder] = field(default_factory=list)
    offers: int = 0
    rejected: int = 0
    documents: dict[str, date | None] = field(default_factory=dict)
    """Last day by document number; None means for ever."""
    mails: dict[int, date | None] = field(default_factory=dict)
    """Sent mails: last day by id."""
    bookings: int = 0
    """Number of payments' booking records that contain a reference."""
    bookings_until: date | None = None


def find_person(session: Session, tenant: Tenant, name: str) -> Person:
    """Return everything that belongs to a buyer.

    `name` is a mail address, the channel's number of the buyer, or the number of one of the buyer's orders.
    Raises: NotFoundError, if nothing is found.
    """
    name, tenant_id = name.strip(), tenant.row_id
    accounts = select(col(Account.id)).where(col(Account.tenant_id) == tenant_id)
    of_tenant = col(Customer.account_id).in_(accounts)
    customers: set[int] = set()
    orders: set[int] = set()
    addresses = {name.lower()} if "@" in name else set()
    if not addresses:
        customers |= read_ids(
            session, select(col(Customer.id)).where(of_tenant, col(Customer.external_id) == name)
        )
        named = (col(Order.external_id) == name) | (col(Order.channel_number) == name)
        orders |= read_ids(session, select(col(Order.id)).where(col(Order.tenant_id) == tenant_id, named))
        customers |= read_ids(session, select(col(Order.customer_id)).where(among(col(Order.id), orders)))
        addresses = _mail_addresses(session, customers, orders)
    customers |= read_ids(
        session, select(col(Customer.id)).where(of_tenant, func.lower(col(Customer.email)).in_(addresses))
    )
    orders |= read_ids(
        session,
        select(col(Order.id)).where(
            col(Order.tenant_id) == tenant_id, among(col(Order.customer_id), customers)
        ),
    )
    orders |= read_ids(
        session,
        select(col(Order.id))
        .join(OrderAddress, col(OrderAddress.order_id) == col(Order.id))
        .where(col(Order.tenant_id) == tenant_id, func.lower(col(OrderAddress.email)).in_(addresses)),
    )
    received = select(col(Mail.id)).where(
        col(Mail.tenant_id) == tenant_id, _contains(cast(col(Mail.recipients), String), addresses)
    )
    mails = read_ids(session, received)
    orders |= read_ids(session, select(col(Mail.order_id)).where(among(col(Mail.id), mails)))
    mails |= read_ids(session, select(col(Mail.id)).where(among(col(Mail.order_id), orders)))
    rejected = select(col(RejectedRecord.id)).where(
        col(RejectedRecord.account_id).in_(accounts), _contains(col(RejectedRecord.raw), addresses)
    )
    offers = select(col(Offer.id)).where(
        col(Offer.tenant_id) == tenant_id,
        func.lower(col(Offer.content)["billing"]["email"].as_string()).in_(addresses)
        | among(col(Offer.order_id), orders),
    )
    person = Person(
        tenant_id,
        frozenset(customers),
        frozenset(orders),
        frozenset(read_ids(session, offers)),
        frozenset(mails),
        frozenset(read_ids(session, rejected)),
    )
    if not (customers or orders or person.offers or mails or person.rejected):
        raise NotFoundError(
            "No such buyer is known; name a mail address, the channel's number of the buyer, or the number "
            "of an order."
        )
    return person


def _mail_addresses(session: Session, customers: Collection[int], orders: Collection[int]) -> set[str]:
    """Return the mail addresses of these buyers, and of the billing addresses of these orders."""
    of_customers = select(col(Customer.email)).where(among(col(Customer.id), customers))
    of_orders = select(col(OrderAddress.email)).where(
        among(col(OrderAddress.order_id), orders), col(OrderAddress.role) == AddressRole.billing
    )
    return {
        mail.lower()
        for query in (of_customers, of_orders)
        for mail in session.execute(query).scalars()
        if mail
    }


def read_ids(session: Session, query: Any) -> set[int]:
    """Return the ids that a query of one column finds, without nulls."""
    return {found for found in session.execute(query).scalars() if found is not None}


def _contains(column: Any, addresses: Collection[str]) -> Any:
    """Return the condition that a text contains one of the mail addresses."""
    return or_(false(), *(func.lower(column).contains(each, autoescape=True) for each in addresses))


def preview_erasure(session: Session, tenant: Tenant, person: Person) -> PersonFindings:
    """Return what an erasure would remove now, and what it would keep."""
    tenant_id, years = tenant.row_id, years_of(tenant)
    removable = read_ids(
        session,
        select(col(Order.id)).where(
            among(col(Order.id), person.orders), *may_be_anonymised(session, tenant_id)
        ),
    )
    reasons = _reasons(session, tenant_id, person.orders)
    names = dict(session.execute(select(col(Account.id), col(Account.name))).tuples().all())
    billed = {
        row.order_id: row
        for row in session.exec(
            select_rows(OrderAddress).where(
                among(col(OrderAddress.order_id), person.orders), OrderAddress.role == AddressRole.billing
            )
        )
    }
    found = PersonFindings(bookings_until=kept_until(today(), years.invoices))
    query = (
        select_rows(Order)
        .where(among(col(Order.id), person.orders))
        .order_by(col(Order.placed_at), col(Order.id))
    )
    for order in session.exec(query):
        order_id, address = order.row_id, billed.get(order.row_id)
        parts = (address.company, address.first_name, address.last_name) if address else ()
        anonymous = order.anonymised_at is not None
        found.orders.append(
            PersonsOrder(
                order_id,
                names[order.account_id],
                order.external_id,
                order.placed_at,
                order.state,
                " ".join(part for part in parts if part),
                ""
                if anonymous or order.trial or order_id in removable
                else reasons.get(order_id, "money is open"),
                anonymous,
                order.trial,
            )
        )
    documents = session.exec(
        select_rows(Document)
        .where(among(col(Document.order_id), person.orders), col(Document.erased_at).is_(None))
        .order_by(col(Document.id))
    )
    over = expired_documents(session, tenant, person)
    found.documents = {row.label: document_kept_until(row, years) for row in documents if row.id not in over}
    sent = select_rows(Mail).where(among(col(Mail.id), person.mails), col(Mail.sent_at).is_not(None))
    if years.letters != 0:
        found.mails = {
            row.row_id: kept_until((row.sent_at or utc_now()).date(), years.letters)
            for row in session.exec(sent)
        }
    found.bookings = session.execute(
        select(func.count())
        .select_from(Booking)
        .where(
            among(col(Booking.order_id), person.orders),
            col(Booking.payment_id).is_not(None),
            col(Booking.reference) != "",
        )
    ).scalar_one()
    found.offers, found.rejected = len(person.offers), len(person.rejected)
    return found


def _reasons(session: Session, tenant_id: int, ids: Collection[int]) -> dict[int, str]:
    """Return {order id: reason} for orders that keep their buyer's data for other reasons than open money."""
    reasons: dict[int, str] = {}
    ended = (OrderState.shipped, OrderState.cancelled, OrderState.merged)
    for reason, condition in [
        *reasons_to_keep(session, tenant_id),
        ("it is not finished", col(Order.state).not_in(ended)),
    ]:
        found = read_ids(session, select(col(Order.id)).where(among(col(Order.id), ids), condition))
        reasons |= dict.fromkeys(found, reason)
    return reasons


def expired_documents(session: Session, tenant: Tenant, person: Person) -> set[int]:
    """Return the ids of the person's documents whose retention has ended."""
    conditions = expired_document_conditions(tenant)
    if conditions is None:
        return set()
    query = select(col(Document.id)).where(among(col(Document.order_id), person.orders), *conditions)
    return read_ids(session, query)


def set_buyer_partial_shipping(session: Session, person: Person, allowed: bool | None) -> int:
    """Allow or forbid partial shipping for all orders of a buyer, including future ones.

    A setting of an order itself takes precedence; None restores the account's default. Takes the tenant's
    lock. Returns: the number of accounts that know the buyer. Raises: RuleError, if no account does.
    """
    lock_tenants(session, [person.tenant_id])
    rows = session.exec(select_rows(Customer).where(among(col(Customer.id), person.customers))).all()
    if not rows:
        raise RuleError(
            "No account knows this buyer by a number: set it for each order.",
            Advice(Action.order_parts),
        )
    for row in rows:
        row.partial_shipping = allowed
        session.add(row)
    session.flush()
    return len(rows)


def describe_order(order: PersonsOrder) -> Mapping[str, Any]:
    """Return an order as a row of the printed list."""
    what = "anonymous" if order.anonymous else f"kept: {order.kept}" if order.kept else "goes"
    return {
        "order": order.number,
        "account": order.account,
        "placed_at": order.placed_at,
        "state": order.state,
        "name": order.name,
        "data": what,
    }
