"""Export of a tenant's booking records, and records for documents and payments that have none yet."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from models.accounting.bookings import list_bookings, rows_by_rate
from models.accounting.issued import book_documents, list_unbooked_documents
from models.database.session import Session, in_transaction, read_scope
from models.payments.payment import book_payments, list_unbooked_payments
from models.tenants.account import list_accounts
from tasks.sheets.columns import BOOKING_COLUMNS
from tasks.sheets.files import write_sheet

BATCH = 500


def fill_books() -> int:
    """Save a booking record for each document and payment that has none; return how many. Safe to repeat."""
    return _fill(list_unbooked_documents, book_documents) + _fill(list_unbooked_payments, book_payments)


def _fill(
    find: Callable[[Session, int, int], Sequence[Any]], book: Callable[[Session, Sequence[Any]], None]
) -> int:
    def step(session: Session, after: int) -> list[int]:
        found = find(session, after, BATCH)
        book(session, found)
        return [row.row_id for row in found]

    count = last = 0
    while ids := in_transaction(partial(step, after=last)):
        count, last = count + len(ids), ids[-1]
    return count


def read_books(
    tenant_id: int, since: date | None, until: date | None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return a tenant's booking records of these days, one row for each tax rate."""
    with read_scope() as session:
        names = {row.id: row.name for row in list_accounts(session)}
        return [
            {**row, "account": names[booking.account_id]}
            for booking in list_bookings(session, tenant_id, since=since, until=until, limit=limit)
            for row in rows_by_rate(booking)
        ]


def export_books(
    file: Path, tenant_id: int, since: date | None, until: date | None, *, german: bool = False
) -> list[dict[str, Any]]:
    """Write a tenant's booking records of these days to a spreadsheet; return its rows.

    Raises: RuleError, if the file cannot be written.
    """
    fill_books()
    rows = read_books(tenant_id, since, until)
    write_sheet(file, BOOKING_COLUMNS, rows, german=german)
    return rows
