"""Issued documents: numbered invoices and credit notes. They never change; a correction is a new document.

Database triggers refuse every change of these tables, except erasure after the retention period.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint, exists, text
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import JSON, Field, Session, SQLModel, col, select

# Foreign keys need these tables to be loaded.
import models.orders.order
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.accounting.bookings import Booking, BookingKind, save_bookings
from models.accounting.numbers import SeriesKind, label_of, take_number
from models.accounting.records import DocumentKind, PaperContent, content_hash
from models.clock import local_date, utc_now
from models.database.bulk import insert_or_update, insert_rows, reserve_ids, table_of
from models.database.columns import Numbered, code, instant, money, need_id
from models.database.conditions import among
from models.database.provenance import by_run
from models.errors import Action, Advice, NotFoundError, RuleError

Labelled = TypeVar("Labelled", bound=SQLModel)


class Document(Numbered, table=True):
    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "year", "number"),
        UniqueConstraint("corrects_id"),
        Index("ix_document_account", "account_id", "id"),
        Index(
            "ix_document_kept",
            "tenant_id",
            "issued_on",
            sqlite_where=text("erased_at IS NULL"),
            postgresql_where=text("erased_at IS NULL"),
        ),
    )

    tenant_id: int = Field(foreign_key="tenant.id")
    account_id: int = Field(foreign_key="account.id")
    order_id: int = Field(foreign_key="sales_order.id", index=True)
    kind: DocumentKind = code(DocumentKind)
    year: int
    number: int
    label: str = Field(max_length=40, index=True)
    issued_at: datetime = instant()
    issued_on: date
    language: str
    currency: str = Field(max_length=3)
    net: Decimal = money()
    tax: Decimal = money()
    gross: Decimal = money()
    shipping_amount: Decimal = money()
    fee_amount: Decimal = money()
    corrects_id: int | None = Field(default=None, foreign_key="document.id")
    # No foreign key: a migration that adds one locks the table, which is in use.
    credits_id: int | None = None
    """The invoice that this partial credit note belongs to."""
    content: dict[str, Any] = Field(sa_type=JSON)
    """The fields of `PaperContent`."""
    sha256: str = Field(max_length=64)
    """Hash of `content`, see `content_hash`."""
    erased_at: datetime | None = instant(nullable=True)
    """When content and PDF were erased, after the legal retention period (`models.privacy.retention`)."""
    run_id: int | None = by_run()


class DocumentLine(SQLModel, table=True):
    """How many units of an order line a document covers; negative in a credit note."""

    __tablename__ = "document_line"
    __table_args__ = (PrimaryKeyConstraint("document_id", "order_line_id"),)

    document_id: int = Field(foreign_key="document.id")
    # No foreign key: a migration can lock only one table in use, and order lines with documents are never
    # deleted.
    order_line_id: int = Field(index=True)
    quantity: int


class DocumentFile(SQLModel, table=True):
    """The PDF of a document as it was first drawn."""

    __tablename__ = "document_file"

    document_id: int = Field(primary_key=True, foreign_key="document.id")
    pdf: bytes
    sha256: str = Field(max_length=64)


def check_not_erased(document: Document) -> None:
    """Raises: RuleError, if the document has been erased."""
    if document.erased_at is not None:
        raise RuleError(
            f"{document.label} was erased on {document.erased_at:%Y-%m-%d}, after its retention period; only "
            "its number, day and sums remain."
        )


@dataclass(frozen=True)
class DocumentDraft:
    """A document to issue: its content, the order lines it covers and the document it corrects."""

    content: PaperContent
    quantities: Mapping[int, int]
    """Units by order line id."""
    tenant_id: int
    account_id: int
    order_id: int
    corrects_id: int | None = None
    credits_id: int | None = None


def issue(session: Session, paper: DocumentDraft) -> Document:
    """Issue and book one document; see `issue_each`."""
    return issue_each(session, [paper])[0]


def issue_each(session: Session, papers: Sequence[DocumentDraft]) -> list[Document]:
    """Issue and book documents under the next numbers, in the order given; date and label are set here.

    The caller holds the tenants' locks and updates the invoiced figures of the order lines.
    """
    now = utc_now()
    issued_on = local_date(now)
    series = [(paper.tenant_id, SeriesKind(paper.content.kind)) for paper in papers]
    numbers = {
        each: count(take_number(session, *each, issued_on.year, many))
        for each, many in Counter(series).items()
    }
    documents = [
        _document(paper, issued_on, next(numbers[each]), now)
        for paper, each in zip(papers, series, strict=True)
    ]
    for document, document_id in zip(documents, reserve_ids(session, Document, len(papers)), strict=True):
        document.id = document_id
    session.add_all(documents)
    session.flush()
    insert_rows(
        session,
        DocumentLine,
        [
            {"document_id": document.id, "order_line_id": line_id, "quantity": quantity}
            for document, paper in zip(documents, papers, strict=True)
            for line_id, quantity in paper.quantities.items()
        ],
    )
    book_documents(session, documents)
    return documents


def _document(paper: DocumentDraft, issued_on: date, number: int, now: datetime) -> Document:
    label = label_of(SeriesKind(paper.content.kind), issued_on.year, number)
    content = paper.content.model_copy(update={"label": label, "issued_on": issued_on})
    kept = content.model_dump(mode="json")
    return Document(
        tenant_id=paper.tenant_id,
        account_id=paper.account_id,
        order_id=paper.order_id,
        kind=content.kind,
        year=issued_on.year,
        number=number,
        label=label,
        issued_at=now,
        issued_on=issued_on,
        language=content.language,
        currency=content.currency,
        net=content.net,
        tax=content.tax,
        gross=content.gross,
        shipping_amount=content.shipping_amount,
        fee_amount=content.fee_amount,
        corrects_id=paper.corrects_id,
        credits_id=paper.credits_id,
        content=kept,
        sha256=content_hash(kept),
    )


def book_documents(session: Session, documents: Sequence[Document]) -> None:
    """Write the missing booking records of these documents."""
    save_bookings(session, "document_id", [(each.order_id, _booking_values(each)) for each in documents])


def _booking_values(document: Document) -> dict[str, Any]:
    kind = BookingKind.invoice
    if document.kind is DocumentKind.credit_note:
        kind = BookingKind.credit_note if document.corrects_id is None else BookingKind.cancellation
    exchange = document.content.get("exchange")
    return {
        "document_id": document.id,
        "kind": kind,
        "booked_on": document.issued_on,
        "currency": document.currency,
        "gross": document.gross,
        "taxes": document.content["taxes"],
        "label": document.label,
        "reference": document.content["corrects"],
        "method": "",
        "tax_case": document.content.get("tax_case"),
        "country": document.content.get("goes_to"),
        "exchange_rate": f"{Decimal(exchange['rate']).normalize():f}" if exchange else "",
    }


def list_unbooked_documents(session: Session, after: int, limit: int) -> list[Document]:
    """Return documents with ids above `after` that have no booking record: they are older than bookings."""
    query = (
        select(Document)
        .where(col(Document.id) > after, ~exists().where(col(Booking.document_id) == col(Document.id)))
        .order_by(col(Document.id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def save_files(session: Session, files: Mapping[int, bytes]) -> None:
    """Store the PDFs by document id; an existing PDF is kept."""
    rows = [
        {"document_id": document_id, "pdf": pdf, "sha256": hashlib.sha256(pdf).hexdigest()}
        for document_id, pdf in files.items()
    ]
    insert_or_update(session, DocumentFile, rows, key=("document_id",))


def find_document(session: Session, label: str, tenant_id: int | None = None) -> Document:
    """Return the document with this printed number. Raises: as `find_numbered`."""
    return find_numbered(session, Document, "label", label, tenant_id, Action.document_list)


def find_numbered(
    session: Session,
    table: type[Labelled],
    column: str,
    number: str,
    tenant_id: int | None,
    listed: Action,
) -> Labelled:
    """Return the row of `table` whose `column` holds this number, as a person typed it.

    Without a tenant, all tenants are searched.
    Raises: NotFoundError, if there is none; RuleError, if several tenants have one.
    """
    columns, noun = table_of(table).c, table_of(table).name
    query = select(table).where(columns[column] == number.strip().upper())
    if tenant_id is not None:
        query = query.where(columns.tenant_id == tenant_id)
    rows = session.exec(query.limit(2)).all()
    if len(rows) > 1:
        raise RuleError(f"Several tenants have {noun} {number!r}.", Advice(Action.tenant_choose))
    if not rows:
        raise NotFoundError(f"There is no {noun} {number!r}.", Advice(listed))
    return rows[0]


def list_documents(
    session: Session,
    *,
    account_id: int | None = None,
    order_id: int | None = None,
    kind: DocumentKind | None = None,
    limit: int | None = None,
) -> list[Document]:
    """Return documents, newest first."""
    query = select(Document).order_by(col(Document.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(Document.account_id == account_id)
    if order_id is not None:
        query = query.where(Document.order_id == order_id)
    if kind is not None:
        query = query.where(Document.kind == kind)
    return list(session.exec(query).all())


def list_issued_after(session: Session, account_id: int, last: int, limit: int) -> list[Document]:
    """Return an account's documents with ids above `last`, oldest first."""
    query = select(Document).where(Document.account_id == account_id, col(Document.id) > last)
    return list(session.exec(query.order_by(col(Document.id)).limit(limit)).all())


def list_undrawn(session: Session, documents: Sequence[Document]) -> list[Document]:
    """Return the documents that still need a PDF; erased documents do not."""
    query = select(DocumentFile.document_id).where(
        among(col(DocumentFile.document_id), [document.id for document in documents])
    )
    drawn = set(session.exec(query).all())
    return [document for document in documents if document.id not in drawn and document.erased_at is None]


def find_pdf(session: Session, document_id: int) -> bytes | None:
    """Return a document's PDF, or None if it has not been drawn yet."""
    return session.exec(select(DocumentFile.pdf).where(DocumentFile.document_id == document_id)).first()


def documents_total(session: Session, order_id: int) -> Decimal:
    """Return the gross sum of an order's documents; credit notes count as negative."""
    query = sqlalchemy_select(col(Document.gross)).where(col(Document.order_id) == order_id)
    return sum(session.execute(query).scalars(), Decimal(0))


def cancelling_labels(session: Session, document_ids: Sequence[int]) -> dict[int, str]:
    """Return {invoice id: label of the credit note that cancels it}; invoices that are valid are missing."""
    query = sqlalchemy_select(col(Document.corrects_id), col(Document.label)).where(
        among(col(Document.corrects_id), document_ids)
    )
    return {need_id(corrected): label for corrected, label in session.execute(query)}
