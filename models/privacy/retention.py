"""Retention: how long buyers' data is kept by law and by a tenant's settings, and what is due for removal.

In Germany vouchers such as invoices are kept for eight years and business letters for six, counted from the
end of the calendar year (§ 147 (1), (3), (4) AO, § 257 (1), (4), (5) HGB, § 14b (1) UStG, as of 2025). For
sales under the One-Stop-Shop the Union demands ten years (Directive 2006/112/EC, Article 369k (2)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, field_validator
from pydantic import Field as RecordField
from sqlalchemy import (
    ColumnElement,
    String,
    UniqueConstraint,
    cast,
    delete,
    exists,
    false,
    func,
    text,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, col, select

from models.accounting.bookings import HAS_REFERENCE, Booking
from models.accounting.issued import Document, DocumentFile
from models.accounting.records import erased_content
from models.clock import midnight, utc_now
from models.database.columns import Numbered, instant
from models.database.conditions import among, in_batches
from models.errors import RuleError
from models.fulfilment.returns import Return, ReturnState
from models.invoicing.drafts import invoices_from
from models.mails.outbox import Mail
from models.order_desk.offers import Offer, OfferState
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.order import HAS_ENDED, Order, OrderLine, OrderState
from models.settings import get_settings
from models.sync.outbound import ORDER_UPDATES, Outbound, OutboundState
from models.sync.rejected import RejectedRecord
from models.tax.records import TaxCase
from models.tenants.account import Account, account_options
from models.tenants.locks import lock_tenants
from models.tenants.options import makes_invoices
from models.tenants.tenant import Tenant

SHORTEST_DAYS = 30
"""The shortest period for anonymising: buyers may return goods for two weeks, and are refunded after that."""
OPEN_RETURNS = (ReturnState.announced, ReturnState.received)


class RetentionOptions(BaseModel):
    """A tenant's own periods; None means the legal period of the tenant's country, if known here."""

    # Off by default: the program cannot know whether orders are archived elsewhere as business letters.
    anonymise_after_days: int = RecordField(
        default=0,
        le=36_500,
        description="Days after an ended order's last event until it is anonymised; 0: never.",
    )
    invoice_years: int | None = RecordField(
        default=None, ge=1, le=100, description="Years that invoices are kept; empty: the legal period."
    )
    letter_years: int | None = RecordField(
        default=None,
        ge=0,
        le=100,
        description="Years that mails to buyers are kept; 0: they are archived elsewhere; "
        "empty: the legal period.",
    )

    @field_validator("anonymise_after_days")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if value and value < SHORTEST_DAYS:
            raise ValueError(f"at least {SHORTEST_DAYS} days, or 0 for never")
        return value


@dataclass(frozen=True)
class Years:
    """Years of keeping, counted from the end of the calendar year; None means for ever."""

    invoices: int | None = None
    """Also for credit notes and for payments' references."""
    letters: int | None = None
    """For mails to buyers."""


OSS_YEARS = 10
LEGAL_YEARS = {"DE": Years(invoices=8, letters=6)}
"""Legal periods by country. For other countries everything is kept until the tenant sets a period."""


class Erasure(Numbered, table=True):
    """An order whose buyer asked for erasure: data that a restore brings back is removed again."""

    __tablename__ = "erasure"
    __table_args__ = (UniqueConstraint("account_id", "order_number"),)

    account_id: int = Field(foreign_key="account.id")
    order_number: str = Field(max_length=80)
    """The order's external id."""
    asked_at: datetime = instant()


def options_of(tenant: Tenant) -> RetentionOptions:
    """Return a tenant's retention settings."""
    return RetentionOptions.model_validate(tenant.retention)


def years_of(tenant: Tenant) -> Years:
    """Return how long a tenant keeps documents and mails."""
    options, law = options_of(tenant), LEGAL_YEARS.get(tenant.country, Years())
    return Years(
        law.invoices if options.invoice_years is None else options.invoice_years,
        law.letters if options.letter_years is None else options.letter_years,
    )


def check_years(tenant: Tenant) -> None:
    """Raises: RuleError, if a tenant's settings are shorter than the legal periods of its country."""
    law, years = LEGAL_YEARS.get(tenant.country), years_of(tenant)
    if law is None or law.invoices is None or law.letters is None:
        return
    if years.invoices is not None and years.invoices < law.invoices:
        raise RuleError(
            f"Invoices must be kept for {law.invoices} years in {tenant.country}; {years.invoices} are too "
            "few."
        )
    if years.letters and years.letters < law.letters:
        raise RuleError(
            f"Mails to buyers must be kept for {law.letters} years in {tenant.country}; {years.letters} are "
            "too few. 0 means that they are archived elsewhere."
        )


def first_day_kept(years: int) -> date:
    """Return the first day that is still kept; a whole year becomes due at once, after its end.

    Uses UTC: where a year begins earlier, nothing is due an hour too early.
    """
    return date(utc_now().year - years, 1, 1)


def kept_until(day: date, years: int | None) -> date | None:
    """Return the last day on which something from this day is kept; None means for ever."""
    return None if years is None else date(day.year + years, 12, 31)


def reasons_to_keep(session: Session, tenant_id: int) -> list[tuple[str, ColumnElement[bool]]]:
    """Return why an ended order may still need its buyer's data: pairs of words and SQL condition."""
    order_id, target = col(Order.id), aliased(Order)
    targets = select(target.anonymised_at).where(col(target.id) == col(Order.merged_into_id)).correlate(Order)
    uninvoiced: ColumnElement[bool] = false()
    for account in session.exec(select(Account).where(Account.tenant_id == tenant_id)):
        if makes_invoices(account_options(account)):
            begin = midnight(invoices_from(account))
            uninvoiced |= (col(Order.account_id) == account.id) & (col(Order.placed_at) >= begin)
    return [
        ("a hold is open", exists().where(col(Hold.order_id) == order_id, col(Hold.released_at).is_(None))),
        (
            "a return is open",
            exists().where(col(Return.order_id) == order_id, col(Return.state).in_(OPEN_RETURNS)),
        ),
        (
            "it has updates that are not published yet",
            exists().where(
                col(Outbound.account_id) == col(Order.account_id),
                col(Outbound.kind).in_(ORDER_UPDATES),
                col(Outbound.key) == cast(order_id, String),
                col(Outbound.state) != OutboundState.sent,
            ),
        ),
        (
            "it is not invoiced yet",
            uninvoiced
            & exists().where(
                col(OrderLine.order_id) == order_id,
                col(OrderLine.shipped) - col(OrderLine.returned) > col(OrderLine.invoiced),
            ),
        ),
        (
            "the order that it was merged into is kept",
            # No EXISTS here: PostgreSQL would then read all anonymous orders.
            (col(Order.state) == OrderState.merged) & targets.scalar_subquery().is_(None),
        ),
    ]


def may_be_anonymised(
    session: Session, tenant_id: int, before: datetime | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions for anonymising a tenant's orders.

    With `before`, an order must also have had no event since this time.
    """
    conditions: list[ColumnElement[bool]] = [
        col(Order.tenant_id) == tenant_id,
        text(HAS_ENDED),  # type: ignore[list-item]
        *(~condition for _, condition in reasons_to_keep(session, tenant_id)),
    ]
    if before is not None:
        late = exists().where(col(OrderEvent.order_id) == col(Order.id), col(OrderEvent.at) >= before)
        conditions += [col(Order.placed_at) < before, ~late]
    return conditions


def retention_cutoff(tenant: Tenant) -> datetime | None:
    """Return the time before which a due order's last event lies; None if the tenant never anonymises."""
    days = options_of(tenant).anonymise_after_days
    return utc_now() - timedelta(days=days) if days else None


def list_due_orders(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return the ids of orders that are due for anonymisation, oldest first."""
    before = retention_cutoff(tenant)
    if before is None:
        return []
    query = select(Order.id).where(*may_be_anonymised(session, tenant.row_id, before))
    return session.exec(query.order_by(col(Order.placed_at)).limit(limit)).all()


def list_due_erasures(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return orders with data that can be removed now, because their buyers asked for erasure.

    They have data again after a restore, or had not ended when the buyer asked.
    """
    accounts = select(Account.id).where(Account.tenant_id == tenant.id)
    query = select(Erasure.account_id, Erasure.order_number).where(col(Erasure.account_id).in_(accounts))
    asked: dict[int, list[str]] = {}
    # Few erasures, looked up by number: with a join each database would scan all ended orders.
    for account_id, number in session.exec(query.order_by(col(Erasure.id))):
        asked.setdefault(account_id, []).append(number)
    found: list[int | None] = []
    conditions = may_be_anonymised(session, tenant.row_id) if asked else []
    for account_id, numbers in asked.items():
        for batch in in_batches(numbers):
            named = (Order.account_id == account_id, among(col(Order.external_id), batch))
            found += session.exec(select(Order.id).where(*named, *conditions).limit(limit)).all()
    return found[:limit]


def list_due_test_orders(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return test orders that have not changed for the period after which orders are anonymised."""
    before = retention_cutoff(tenant)
    if before is None:
        return []
    query = select(Order.id).where(
        Order.tenant_id == tenant.id, col(Order.trial).is_(True), Order.changed_at < before
    )
    return session.exec(query.limit(limit)).all()


def list_due_offers(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return offers without an order that expired before the period after which orders are anonymised."""
    before = retention_cutoff(tenant)
    if before is None:
        return []
    query = select(Offer.id).where(
        Offer.tenant_id == tenant.id,
        Offer.state != OfferState.accepted,
        Offer.valid_until < before.date(),
        # Anonymised offers have no last name.
        col(Offer.content)["billing"]["last_name"].as_string().is_not(None),
    )
    return session.exec(query.limit(limit)).all()


def list_due_rejected(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return rejected records whose raw data is due for removal."""
    before = retention_cutoff(tenant)
    if before is None:
        return []
    accounts = select(Account.id).where(Account.tenant_id == tenant.id)
    query = select(RejectedRecord.id).where(
        col(RejectedRecord.account_id).in_(accounts),
        RejectedRecord.last_seen_at < before,
        RejectedRecord.raw != "",
    )
    return session.exec(query.limit(limit)).all()


def clear_raw_rejected(session: Session, _tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Delete the raw data of rejected records; their reasons stay."""
    session.execute(update(RejectedRecord).where(among(col(RejectedRecord.id), ids)).values(raw=""))


def document_kept_until(document: Document, years: Years) -> date | None:
    """Return the last day on which a document is kept; None means for ever."""
    if years.invoices is None:
        return None
    oss = document.content.get("tax_case") == TaxCase.oss
    return kept_until(document.issued_on, max(years.invoices, OSS_YEARS) if oss else years.invoices)


def expired_document_conditions(tenant: Tenant) -> list[ColumnElement[bool]] | None:
    """Return the conditions for documents whose retention period is over; None if they are kept for ever."""
    years = years_of(tenant).invoices
    if years is None:
        return None
    case = func.coalesce(col(Document.content)["tax_case"].as_string(), "")
    return [
        col(Document.tenant_id) == tenant.id,
        col(Document.issued_on) < first_day_kept(years),
        (case != TaxCase.oss) | (col(Document.issued_on) < first_day_kept(max(years, OSS_YEARS))),
        # The same condition as in the index.
        col(Document.erased_at).is_(None),
    ]


def list_due_documents(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return documents whose period is over, oldest first; none if the tenant does not anonymise."""
    conditions = expired_document_conditions(tenant)
    if conditions is None or retention_cutoff(tenant) is None:
        return []
    query = select(Document.id).where(*conditions).order_by(col(Document.issued_on))
    return session.exec(query.limit(limit)).all()


def erase_documents(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Erase content and PDF of documents; number, date, sums and the hash of the content stay.

    Takes the tenant's lock. A database trigger refuses documents that are younger than the legal period.
    """
    lock_tenants(session, [tenant.row_id])
    query = select(Document).where(among(col(Document.id), ids), col(Document.erased_at).is_(None))
    for document in session.exec(query.order_by(col(Document.id)).with_for_update()).all():
        document.content, document.erased_at = erased_content(document.content), utc_now()
        session.add(document)
    session.flush()
    session.execute(delete(DocumentFile).where(among(col(DocumentFile.document_id), ids)))


def list_due_bookings(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return payments' booking records whose references are due, with the documents of the same year."""
    years = years_of(tenant).invoices
    if years is None or retention_cutoff(tenant) is None:
        return []
    query = select(Booking.id).where(
        Booking.tenant_id == tenant.id,
        Booking.booked_on < first_day_kept(years),
        text(HAS_REFERENCE),
    )
    return session.exec(query.order_by(col(Booking.booked_on)).limit(limit)).all()


def clear_booking_references(session: Session, _tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Delete the references in payments' booking records; a database trigger refuses younger ones."""
    session.execute(update(Booking).where(among(col(Booking.id), ids)).values(reference=""))


def list_due_buyer_mails(session: Session, tenant: Tenant, limit: int) -> Sequence[int | None]:
    """Return buyer mails whose period is over, oldest first; independent of the tenant's other settings."""
    years = years_of(tenant).letters
    if years is None:
        return []
    before = datetime.combine(first_day_kept(years), datetime.min.time(), UTC)
    if not years:
        before = utc_now() - timedelta(days=get_settings().keep_history_days)
    query = select(Mail.id).where(Mail.tenant_id == tenant.id, col(Mail.sent_at) < before)
    return session.exec(query.order_by(col(Mail.sent_at)).limit(limit)).all()


def delete_buyer_mails(session: Session, _tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Delete mails with their files."""
    session.execute(delete(Mail).where(among(col(Mail.id), ids)))
