"""Booking records: what an accounting system reads of each document and each payment.

A record is written together with its document or payment and never changes. It refers to
`models.accounting.issued` and `models.payments.payment` for everything else, such as delivery dates.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import JSON, Field, Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import Code, Numbered, code, instant, money
from models.database.conditions import among
from models.orders.order import Order
from models.tax.records import TaxCase

BATCH = 1000


class BookingKind(StrEnum):
    invoice = "invoice"
    cancellation = "cancellation"
    """Cancels a whole invoice (Rechnungskorrektur); all amounts are negative."""
    credit_note = "credit_note"
    """Gives back part of an invoice; amounts are negative."""
    payment = "payment"
    payment_reversal = "payment_reversal"
    """Money received was taken back, or the channel had reported it wrongly; negative."""
    refund = "refund"
    """Money paid back to the buyer; negative."""


HAS_REFERENCE = "payment_id IS NOT NULL AND reference <> ''"
"""SQL condition: a payment's reference is still stored. It can contain the buyer's own words."""
PAPERS = (BookingKind.invoice, BookingKind.cancellation, BookingKind.credit_note)


class Booking(Numbered, table=True):
    """The booking record of one document or one payment; test orders have none.

    The database refuses a second record for the same document or payment, and any change of a record.
    All tax rates of a document share one row, so a unique key is enough to prevent double booking.
    A record holds no name and no address of a buyer.
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

    # No foreign keys: a migration that adds one locks the other table, which is in use. Bookings are never
    # deleted.
    tenant_id: int
    account_id: int
    order_id: int
    """The order at the time of booking: when orders are merged, payments move to another order."""
    document_id: int | None = None
    payment_id: int | None = None
    kind: BookingKind = code(BookingKind)
    booked_on: date
    """The German day of issue, receipt or refund; it can be long before `recorded_at`."""
    recorded_at: datetime = instant()
    currency: str = Field(max_length=3)
    gross: Decimal = money()
    taxes: list[dict[str, Any]] = Field(sa_type=JSON)
    """A list of `TaxSum`, amounts as text; empty for payments and for small businesses."""
    label: str = Field(max_length=40)
    """The document's number; empty for a payment."""
    order_number: str
    """The number that the buyer knows the order by."""
    reference: str
    """For a credit note, its invoice; for a payment, what came with it, such as a transaction id."""
    method: str
    """The channel's word for the payment method."""
    # Not the channel's id of the buyer: it can be a user name that identifies a person.
    customer_id: int | None = None
    """Our number of the buyer; None if the channel gives no id of the buyer."""
    tax_case: TaxCase | None = Field(default=None, sa_type=Code(TaxCase), nullable=True)
    """None for payments and for documents older than this column; their goods stayed in Germany."""
    country: str | None = Field(default=None, max_length=2)
    """Destination of the goods: two letters, XI for Northern Ireland. In case `oss` its tax rates apply."""
    exchange_rate: str | None = Field(default=None, max_length=20)
    """Units of this currency per unit of the tenant's currency; empty if they are the same."""


def save_bookings(session: Session, source: str, found: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Insert the booking records that do not exist yet; records of test orders are skipped.

    `found` holds pairs of order id and column values. `source` is the column that identifies the document or
    the payment: `document_id` or `payment_id`.
    """
    if not found:
        return
    now = utc_now()
    # Columns instead of ORM rows: an import has written orders with plain SQL, past the session's rows.
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
    """Yield a tenant's booking records by day, then by id; `since` and `until` are included."""
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
    """Return one dict per tax rate: the record's fields with that rate's `tax_rate`, `net`, `tax`, `gross`.

    A record without tax rates gives one dict with `tax_rate` None. For a small business's document `tax` is 0
    and `net` equals `gross`; for a payment both are None.
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
    """Add up dicts of `rows_by_rate` by currency, kind, tax case, country and tax rate."""
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
