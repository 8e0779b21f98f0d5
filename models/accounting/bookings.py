"""Booking: what an accounting connector takes of a document or a payment, written with it and never changed.

Of documents and payments themselves `models.accounting.issued` and `models.payments.payment` tell; what a
record lacks, such as when goods were delivered, stands there.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import JSON, Field, Session, SQLModel, col, select

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import Code, code, instant, money
from models.database.conditions import among
from models.orders.order import Order
from models.tax.records import TaxCase

BATCH = 1000


class BookingKind(StrEnum):
    invoice = "invoice"
    cancellation = "cancellation"
    """A credit note that takes an invoice back whole; all amounts are negative."""
    credit_note = "credit_note"
    """A part of an invoice is given back; negative."""
    payment = "payment"
    payment_reversal = "payment_reversal"
    """Money that was received is taken back, or was told wrongly; negative."""
    refund = "refund"
    """Money is given back to the buyer; negative."""


HAS_REFERENCE = "payment_id IS NOT NULL AND reference <> ''"
"""That a payment's reference is kept still, as SQL: it may be a buyer's words."""
PAPERS = (BookingKind.invoice, BookingKind.cancellation, BookingKind.credit_note)


class Booking(SQLModel, table=True):
    """One for each document and each payment, none of trials; the database refuses a second and any change.

    What falls to each rate of tax stands in one row with the rest: it is written and read with it, and
    so one key can tell that nothing is booked twice. There is no name and no address of a buyer.
    """

    __tablename__ = "booking"
    __table_args__ = (
        UniqueConstraint("document_id"),
        UniqueConstraint("payment_id"),
        CheckConstraint("(document_id IS NULL) <> (payment_id IS NULL)", name="source"),
        Index("ix_booking_tenant_day", "tenant_id", "booked_on", "id"),
        Index(
            "ix_booking_reference",
            "tenant_id",
            "booked_on",
            sqlite_where=text(HAS_REFERENCE),
            postgresql_where=text(HAS_REFERENCE),
        ),
    )

    # No foreign keys: the tables in use would be locked for them, and what is booked is never deleted.
    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int
    account_id: int
    order_id: int
    """Whose it was when it was booked: payments move on with an order that is merged."""
    document_id: int | None = None
    payment_id: int | None = None
    kind: BookingKind = code(BookingKind)
    booked_on: date
    """The German day on which it was issued, received or given back; may lie long before it was recorded."""
    recorded_at: datetime = instant()
    currency: str = Field(max_length=3)
    gross: Decimal = money()
    taxes: list[dict[str, Any]] = Field(sa_type=JSON)
    """The fields of `TaxSum`, amounts as text; none of payments and small businesses."""
    label: str = Field(max_length=40)
    """The document's number; empty for payments."""
    order_number: str
    """By which the buyer knows the order."""
    reference: str
    """The invoice that a credit note is of, or what came with a payment, such as a transaction's id."""
    method: str
    """The channel's word for the way of a payment."""
    # Not the channel's id of the buyer, which may be a name that he chose.
    customer_id: int | None = None
    """The buyer's number here; None if the channel names none."""
    tax_case: TaxCase | None = Field(default=None, sa_type=Code(TaxCase), nullable=True)
    """None of payments, and of documents from before it was kept: those stayed in Germany."""
    country: str | None = Field(default=None, max_length=2)
    """Where the goods went: two letters, XI for Northern Ireland. At `oss` the rates are of that country."""
    exchange_rate: str | None = Field(default=None, max_length=20)
    """Units of the currency for one of the tenant's; empty, if it is the same."""


def save_bookings(session: Session, source: str, found: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Write records that are not there yet, of orders by their ids, but none of trials.

    `source` is the column that names what each is of: `document_id` or `payment_id`.
    """
    if not found:
        return
    now = utc_now()
    # Columns, not rows of the ORM: an import writes orders past it.
    orders = session.execute(
        sqlalchemy_select(
            col(Order.id),
            col(Order.tenant_id),
            col(Order.account_id),
            col(Order.channel_number),
            col(Order.external_id),
            col(Order.customer_id),
        ).where(among(col(Order.id), {order_id for order_id, _ in found}), col(Order.trial).is_(False))
    )
    shared = {
        row.id: {
            "tenant_id": row.tenant_id,
            "account_id": row.account_id,
            "order_id": row.id,
            "order_number": row.channel_number or row.external_id,
            "customer_id": row.customer_id,
            "recorded_at": now,
        }
        for row in orders
    }
    rows = [{**shared[order_id], **values} for order_id, values in found if order_id in shared]
    insert_or_update(session, Booking, rows, key=(source,))


def list_bookings(
    session: Session,
    tenant_id: int,
    *,
    since: date | None = None,
    until: date | None = None,
    limit: int | None = None,
) -> Iterator[Booking]:
    """Return a tenant's records by the day and as they were written; both days are included."""
    query = (
        select(Booking)
        .where(Booking.tenant_id == tenant_id)
        .order_by(col(Booking.booked_on), col(Booking.id))
        .limit(limit)
    )
    if since is not None:
        query = query.where(Booking.booked_on >= since)
    if until is not None:
        query = query.where(Booking.booked_on <= until)
    yield from session.exec(query.execution_options(yield_per=BATCH))


def rows_by_rate(booking: Booking) -> list[dict[str, Any]]:
    """Return a record's fields once for each rate of tax, with `tax_rate`, `net`, `tax` and `gross` of it.

    One without rates is a single row: of a small business without tax, of a payment without net and tax.
    """
    shared = {"booking": booking.id, **booking.model_dump(exclude={"id", "taxes"})}
    if booking.taxes:
        return [
            {
                **shared,
                "tax_rate": Decimal(part["rate"]),
                **{name: Decimal(part[name]) for name in ("net", "tax", "gross")},
            }
            for part in booking.taxes
        ]
    free = {"net": booking.gross, "tax": Decimal(0)} if booking.kind in PAPERS else {"net": None, "tax": None}
    return [{**shared, "tax_rate": None, **free}]


def sums_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return sums of `rows_by_rate` for each currency, kind, tax case, country and rate."""
    keys = ("currency", "kind", "tax_case", "country", "tax_rate")
    sums: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        sums[tuple(row[key] for key in keys)].append(row)
    kinds = list(BookingKind)
    return [
        {
            **dict(zip(keys, found_by, strict=True)),
            "rows": len(found),
            **{
                name: None if found[0][name] is None else sum((row[name] for row in found), Decimal(0))
                for name in ("net", "tax", "gross")
            },
        }
        for found_by, found in sorted(
            sums.items(),
            key=lambda item: (
                item[0][0],
                kinds.index(BookingKind(item[0][1])),
                *(str(each or "") for each in item[0][2:4]),
                -(item[0][4] or 0),
            ),
        )
    ]
