"""Document: what was issued under a number and never changes; a correction is a document of its own.

The migrations let the database itself refuse every change of these tables but that of the series.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint, exists, text
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import JSON, Field, Session, SQLModel, col, select

from models.among import among
from models.booking import Booking, BookingKind, save_bookings
from models.columns import by_run, code, instant, money, need_id, utc_now
from models.errors import NotFoundError, RuleError
from models.local_time import local_date
from models.tax_case import TaxCase
from models.tenant import SellerData, Tenant, lock_tenants
from models.upsert import choose_ids, insert_or, insert_or_update, insert_rows, table_of

Numbered = TypeVar("Numbered", bound=SQLModel)


class DocumentKind(StrEnum):
    """A kind has a series of numbers of its own."""

    invoice = "invoice"
    credit_note = "credit_note"
    """Takes a whole invoice back (Rechnungskorrektur)."""


class SeriesKind(StrEnum):
    """What has numbers of its own; those of documents are named as their kinds."""

    invoice = "invoice"
    credit_note = "credit_note"
    order = "order"
    """Of orders taken by hand."""
    offer = "offer"


_LABEL = re.compile(r"(?P<prefix>[A-Z]+)-(?P<year>[0-9]{4})-(?P<number>[0-9]{5,9})")
PREFIXES: Mapping[SeriesKind, str] = {
    SeriesKind.invoice: "RE",
    SeriesKind.credit_note: "RK",
    SeriesKind.order: "W",
    SeriesKind.offer: "AN",
}


LONGEST_TEXT = 300
"""Characters of a text that are printed."""


def print_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text in one line, cut visibly where it is longer than papers have room for."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


class PaperLine(BaseModel):
    """Goods on a paper; amounts are gross."""

    number: str = ""
    """The SKU."""
    title: str
    quantity: int
    price: Decimal
    amount: Decimal
    tax_rate: Decimal | None = None
    """In percent; None of a small business."""
    order_line_id: int | None = None
    """Whose units these are; None in documents from before it was kept."""


class TaxSum(BaseModel):
    """What of a paper's amount falls to one rate; rounded once, and `net + tax == gross`."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


class RateSource(StrEnum):
    month = "month"
    """Said by the tenant: the average of a month."""
    channel = "channel"
    """Told by the channel with the order."""


class Exchange(BaseModel):
    """A paper's tax in the tenant's currency (Article 230 of Directive 2006/112/EC)."""

    currency: str
    rate: Decimal
    """Units of the paper's currency for one of this."""
    source: RateSource
    on: date
    """The first day of the month, or the day of the order."""
    tax: Decimal
    """The whole tax divided by the rate, rounded half up once."""


class PricedContent(BaseModel):
    """What every paper with prices says of both sides, goods and sums.

    Where no tax is charged, what the buyer pays is the net amount.
    """

    language: str
    currency: str
    seller: SellerData
    buyer: list[str]
    """Name and address, one line each."""
    buyer_country: str = ""
    """Of another country than the seller's."""
    buyer_vat_id: str = ""
    """Where the law asks for it."""
    tax_case: TaxCase = TaxCase.domestic
    """In documents from before it was kept, also of a small business."""
    goes_to: str = ""
    """Where the goods go: two letters, XI for Northern Ireland; empty in such documents."""
    collected_by_channel: bool = False
    """The marketplace collects the tax of that country."""
    lines: list[PaperLine]
    shipping_amount: Decimal
    fee_amount: Decimal
    taxes: list[TaxSum] = RecordField(default_factory=list)
    """The highest rate first; none of a small business."""
    net: Decimal
    tax: Decimal
    gross: Decimal
    exchange: Exchange | None = None
    """None, if the currency is the tenant's."""


class PaperContent(PricedContent):
    """Everything that stands on an invoice or credit note, of which amounts are negative."""

    kind: DocumentKind
    label: str
    issued_on: date
    order_number: str
    ordered_on: date
    delivered_from: date
    delivered_until: date
    corrects: str = ""
    """The label of the document that this one takes back, or gives a part of back."""
    corrected_on: date | None = None
    """When that one was issued."""
    is_part: bool = False
    """It gives a part of that one back, and leaves the rest as it is."""
    reason: str = ""


_KEPT = """
kind label language currency seller issued_on order_number ordered_on delivered_from delivered_until corrects
corrected_on is_part buyer_country tax_case goes_to collected_by_channel exchange shipping_amount fee_amount
taxes net tax gross
"""
KEPT_CONTENT = frozenset(_KEPT.split())
"""What of a content stays when a document is erased: nothing that tells of a buyer or of what was bought."""


class DocumentSeries(SQLModel, table=True):
    """The last number that was given, of a tenant, kind and year."""

    __tablename__ = "document_series"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "kind", "year"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    kind: SeriesKind = code(SeriesKind)
    year: int
    last: int


class Document(SQLModel, table=True):
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

    id: int | None = Field(default=None, primary_key=True)
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
    # No foreign key: a table in use would be locked for it.
    credits_id: int | None = None
    """The invoice of which a credit note gives a part back, and leaves the rest as it is."""
    content: dict[str, Any] = Field(sa_type=JSON)
    """The fields of `PaperContent`."""
    sha256: str = Field(max_length=64)
    """Of the content, see `content_hash`."""
    erased_at: datetime | None = instant(nullable=True)
    """When its content and PDF were erased, after the years that the law has it kept (`models.retention`)."""
    run_id: int | None = by_run()


class DocumentLine(SQLModel, table=True):
    """Of which order line a document holds how many; negative in a credit note."""

    __tablename__ = "document_line"
    __table_args__ = (PrimaryKeyConstraint("document_id", "order_line_id"),)

    document_id: int = Field(foreign_key="document.id")
    # No foreign key: a migration may lock one table in use, and such lines are never deleted.
    order_line_id: int = Field(index=True)
    quantity: int


class DocumentFile(SQLModel, table=True):
    """A document as it was first drawn."""

    __tablename__ = "document_file"

    document_id: int = Field(primary_key=True, foreign_key="document.id")
    pdf: bytes
    sha256: str = Field(max_length=64)


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of a content as it is kept: of its JSON with sorted keys and nothing between."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def erased_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a content stays when its years are over; as a record it has no buyer and no lines."""
    kept = {name: value for name, value in content.items() if name in KEPT_CONTENT}
    return {**kept, "buyer": [], "lines": []}


def check_kept(document: Document) -> None:
    """Make sure that a document has not been erased. Raises: RuleError."""
    if document.erased_at is not None:
        raise RuleError(
            f"{document.label} was erased on {document.erased_at:%Y-%m-%d}, after the years for which it had "
            "to be kept; number, day and sums are left of it."
        )


def take_number(session: Session, tenant_id: int, kind: SeriesKind, year: int, count: int = 1) -> int:
    """Return the next number of a series, the first of so many that follow each other.

    They are taken in the caller's transaction: undone with it, no gap is left. Whoever asks for one of the
    same series meanwhile waits until that transaction has ended.
    """
    table = table_of(DocumentSeries)
    counted = (
        insert_or(session, DocumentSeries)
        .values(tenant_id=tenant_id, kind=kind, year=year, last=count)
        .on_conflict_do_update(
            index_elements=["tenant_id", "kind", "year"], set_={"last": table.c.last + count}
        )
    )
    last = session.connection().execute(counted.returning(table.c.last)).scalar_one()
    return int(last) - count + 1


def label_of(kind: SeriesKind, year: int, number: int) -> str:
    """Return a number as it is printed, e.g. RE-2026-00042."""
    return f"{PREFIXES[kind]}-{year}-{number:05}"


def check_numbers(tenant: Tenant) -> None:
    """Make sure that no number can be given a second time. Raises: RuleError, after a restore."""
    if tenant.numbers_in_doubt:
        raise RuleError(
            f"The database was restored, and numbers of tenant {tenant.name!r} may have been given since the "
            f"copy was made: `warenfluss document resume {tenant.name}` with the last ones, e.g. --last "
            f"{PREFIXES[SeriesKind.invoice]}-2026-00042, goes on after them."
        )


def resume_numbers(session: Session, tenant: Tenant, labels: Sequence[str]) -> None:
    """Let a tenant's series go on after the last labels that were given; none means what is known here.

    Raises: RuleError, for a label of another form, or one below what is known here; nothing is changed.
    """
    kinds = {prefix: kind for kind, prefix in PREFIXES.items()}
    lock_tenants(session, [need_id(tenant.id)])
    for label in labels:
        found = _LABEL.fullmatch(label.strip().upper())
        if found is None or found["prefix"] not in kinds:
            raise RuleError(f"{label!r} is no number of a document, such as RE-2026-00042.")
        key = (need_id(tenant.id), kinds[found["prefix"]], int(found["year"]))
        series = session.get(DocumentSeries, key) or DocumentSeries(
            tenant_id=key[0], kind=key[1], year=key[2], last=0
        )
        if int(found["number"]) < series.last:
            raise RuleError(f"{label}: {series.last} was given in {series.year} already, as is known here.")
        series.last = int(found["number"])
        session.add(series)
    tenant.numbers_in_doubt = False
    session.add(tenant)
    session.flush()


@dataclass(frozen=True)
class Paper:
    """What is to be issued, and for what."""

    content: PaperContent
    quantities: Mapping[int, int]
    """Units by order line."""
    tenant_id: int
    account_id: int
    order_id: int
    corrects_id: int | None = None
    credits_id: int | None = None


def issue(session: Session, paper: Paper) -> Document:
    """Issue and book one paper, as `issue_each` does."""
    return issue_each(session, [paper])[0]


def issue_each(session: Session, papers: Sequence[Paper]) -> list[Document]:
    """Issue and book papers under the next numbers, in the order given; dates and labels are filled in here.

    The caller has the tenants' locks and the lines' figures.
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
    for document, document_id in zip(documents, choose_ids(session, Document, len(papers)), strict=True):
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


def _document(paper: Paper, issued_on: date, number: int, now: datetime) -> Document:
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
    """Write the booking records of documents that have none."""
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
    """Return documents above an id without a booking record: those from before there were any."""
    query = (
        select(Document)
        .where(col(Document.id) > after, ~exists().where(col(Booking.document_id) == col(Document.id)))
        .order_by(col(Document.id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def save_files(session: Session, files: Mapping[int, bytes]) -> None:
    """Keep the drawn PDF of each document by its id; one that is there already stays."""
    rows = [
        {"document_id": document_id, "pdf": pdf, "sha256": hashlib.sha256(pdf).hexdigest()}
        for document_id, pdf in files.items()
    ]
    insert_or_update(session, DocumentFile, rows, key=("document_id",))


def find_document(session: Session, label: str, tenant_id: int | None = None) -> Document:
    """Return the document with this number as it is printed. Raises: as `find_numbered`."""
    return find_numbered(session, Document, "label", label, tenant_id)


def find_numbered(
    session: Session, table: type[Numbered], column: str, number: str, tenant_id: int | None
) -> Numbered:
    """Return the row of a tenant, or of any, whose number in this column is what a person typed.

    Raises: NotFoundError, if there is none; RuleError, if several tenants have one.
    """
    columns, noun = table_of(table).c, table_of(table).name
    query = select(table).where(columns[column] == number.strip().upper())
    if tenant_id is not None:
        query = query.where(columns.tenant_id == tenant_id)
    rows = session.exec(query.limit(2)).all()
    if len(rows) > 1:
        raise RuleError(f"Several tenants have {noun} {number!r}; name the tenant too.")
    if not rows:
        raise NotFoundError(f"There is no {noun} {number!r}; `warenfluss {noun} list` shows all.")
    return rows[0]


def list_documents(
    session: Session,
    *,
    account_id: int | None = None,
    order_id: int | None = None,
    kind: DocumentKind | None = None,
    limit: int | None = None,
) -> list[Document]:
    """Return documents, the latest first."""
    query = select(Document).order_by(col(Document.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(Document.account_id == account_id)
    if order_id is not None:
        query = query.where(Document.order_id == order_id)
    if kind is not None:
        query = query.where(Document.kind == kind)
    return list(session.exec(query).all())


def list_issued_after(session: Session, account_id: int, last: int, limit: int) -> list[Document]:
    """Return an account's documents with ids above `last`, the oldest first."""
    query = select(Document).where(Document.account_id == account_id, col(Document.id) > last)
    return list(session.exec(query.order_by(col(Document.id)).limit(limit)).all())


def list_undrawn(session: Session, documents: Sequence[Document]) -> list[Document]:
    """Return those of the documents that have no PDF yet."""
    query = select(DocumentFile.document_id).where(
        among(col(DocumentFile.document_id), [document.id for document in documents])
    )
    drawn = set(session.exec(query).all())
    return [document for document in documents if document.id not in drawn and document.erased_at is None]


def find_pdf(session: Session, document_id: int) -> bytes | None:
    """Return a document's PDF, None as long as it has not been drawn."""
    return session.exec(select(DocumentFile.pdf).where(DocumentFile.document_id == document_id)).first()


def sum_on_paper(session: Session, order_id: int) -> Decimal:
    """Return what all documents of an order come to, credit notes included."""
    query = sqlalchemy_select(col(Document.gross)).where(col(Document.order_id) == order_id)
    return sum(session.execute(query).scalars(), Decimal(0))


def corrections_of(session: Session, document_ids: Sequence[int]) -> dict[int, str]:
    """Return by document the label of the one that takes it back; one that stands is missing."""
    query = sqlalchemy_select(col(Document.corrects_id), col(Document.label)).where(
        among(col(Document.corrects_id), document_ids)
    )
    return {need_id(corrected): label for corrected, label in session.execute(query)}
