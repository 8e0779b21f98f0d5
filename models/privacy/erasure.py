"""Erasing a person's data, and the list of erasures that survives a restore."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.conditions import among
from models.database.schema import Schema, find_schema
from models.database.session import read_scope
from models.errors import Action, Advice, RuleError
from models.mails.outbox import Mail
from models.order_desk.offers import Offer, OfferState
from models.privacy.anonymisation import (
    anonymise_customers,
    anonymise_erased,
    close_offers,
    delete_due_test_orders,
)
from models.privacy.persons import Person, PersonFindings, expired_documents, preview_erasure, read_ids
from models.privacy.retention import Erasure, clear_raw_rejected, erase_documents, years_of
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant


class ErasedOrder(BaseModel, frozen=True):
    """An order whose buyer asked for erasure, as it is named in a list outside the database."""

    account: str
    order: str
    asked_at: AwareDatetime


def erase_person(session: Session, tenant: Tenant, person: Person) -> PersonFindings:
    """Remove a buyer's data wherever that is allowed now, and note the request for the rest.

    An order in progress is anonymised automatically once it has ended. Returns what existed before. Takes the
    tenant's lock.
    """
    lock_tenants(session, [person.tenant_id])
    found = preview_erasure(session, tenant, person)
    note_erasures(session, [(row.account, row.number) for row in found.orders if not row.trial], utc_now())
    delete_due_test_orders(session, tenant, [row.order_id for row in found.orders if row.trial])
    anonymous = set(anonymise_erased(session, tenant, sorted(person.orders)))
    anonymous |= {row.order_id for row in found.orders if row.anonymous}
    erase_documents(session, tenant, sorted(expired_documents(session, tenant, person)))
    mails = select(col(Mail.id)).where(
        among(col(Mail.id), person.mails), among(col(Mail.order_id), anonymous)
    )
    if years_of(tenant).letters != 0:
        # Delivered mails are business letters and are kept; mails that were given up are not.
        mails = mails.where(col(Mail.sent_at).is_(None), col(Mail.given_up_at).is_not(None))
    session.execute(delete(Mail).where(among(col(Mail.id), read_ids(session, mails))))
    clear_raw_rejected(session, tenant, sorted(person.rejected))
    # An accepted offer is anonymised with its order.
    query = select(col(Offer.id)).where(
        among(col(Offer.id), person.offers), col(Offer.state) != OfferState.accepted
    )
    close_offers(session, tenant, sorted(read_ids(session, query)))
    anonymise_customers(session, person.customers)
    session.flush()
    return found


def note_erasures(session: Session, orders: Iterable[tuple[str, str]], asked_at: datetime) -> int:
    """Note that the buyers of orders asked for erasure; return how many orders belong to a known account.

    `orders` holds pairs of account name and order number.
    """
    ids = dict(session.execute(select(col(Account.name), col(Account.id))).tuples().all())
    rows = [
        {"account_id": ids[account], "order_number": number, "asked_at": asked_at}
        for account, number in dict.fromkeys(orders)
        if account in ids
    ]
    if rows:
        insert_or_update(session, Erasure, rows, key=("account_id", "order_number"))
    return len(rows)


def list_erasures(session: Session) -> list[ErasedOrder]:
    """Return the orders whose buyers asked for erasure, oldest request first."""
    rows = session.execute(
        select(col(Account.name), col(Erasure.order_number), col(Erasure.asked_at))
        .join(Account, col(Account.id) == col(Erasure.account_id))
        .order_by(col(Erasure.id))
    )
    return [ErasedOrder(account=account, order=number, asked_at=at) for account, number, at in rows]


def find_erasures() -> list[ErasedOrder]:
    """Return the erasures of the present database before a restore replaces it; empty if it is unreadable."""
    try:
        if find_schema() is not Schema.current:
            return []
        with read_scope() as session:
            return list_erasures(session)
    except SQLAlchemyError:
        return []


def import_erasures(session: Session, erased: Sequence[ErasedOrder]) -> int:
    """Note the erasures of a list from outside; return how many belong to a known account.

    The next pruning anonymises the orders that have ended; the others follow when they end.
    """
    by_time: dict[datetime, list[tuple[str, str]]] = {}
    for each in erased:
        by_time.setdefault(each.asked_at, []).append((each.account, each.order))
    return sum(note_erasures(session, orders, at) for at, orders in by_time.items())


def read_erasures(text: str) -> list[ErasedOrder]:
    """Return the erasures in a JSON text. Raises: RuleError, if it is no such list."""
    try:
        return TypeAdapter(list[ErasedOrder]).validate_json(text)
    except ValidationError:
        raise RuleError("The file holds no list of erasures.", Advice(Action.erasure_list)) from None
