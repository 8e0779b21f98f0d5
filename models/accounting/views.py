"""Records of issued documents for lists and pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from models.accounting.issued import Document, cancelling_labels, find_pdf
from models.accounting.records import DocumentKind
from models.database.session import Session
from models.orders.order import Order
from models.tenants.account import account_names


@dataclass(frozen=True)
class DocumentSummary:
    """One document as lists show it."""

    label: str
    kind: DocumentKind
    issued_on: date
    issued_at: datetime
    account: str
    order: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    currency: str
    tax_case: str | None
    country: str | None
    """Destination of the goods."""
    corrects: str | None
    """The label of the invoice that this document cancels or partly credits."""
    corrected_by: str | None
    """The label of the credit note that cancels this invoice."""


@dataclass(frozen=True)
class DocumentView:
    """One document with all that is printed on it."""

    summary: DocumentSummary
    is_drawn: bool
    sha256: str
    content: Mapping[str, Any]
    """The fields of `PaperContent`, as they were issued."""


def document_summaries(session: Session, documents: Sequence[Document]) -> list[DocumentSummary]:
    """Return a summary of each document, in the order given."""
    accounts = account_names(session)
    corrected = cancelling_labels(session, [document.row_id for document in documents])
    return [
        DocumentSummary(
            label=document.label,
            kind=document.kind,
            issued_on=document.issued_on,
            issued_at=document.issued_at,
            account=accounts[document.account_id],
            order=session.get_one(Order, document.order_id).external_id,
            net=document.net,
            tax=document.tax,
            gross=document.gross,
            currency=document.currency,
            tax_case=document.content.get("tax_case"),
            country=document.content.get("goes_to"),
            corrects=document.content["corrects"] or None,
            corrected_by=corrected.get(document.row_id),
        )
        for document in documents
    ]


def document_view(session: Session, document: Document) -> DocumentView:
    """Return one document with all that is printed on it."""
    (summary,) = document_summaries(session, [document])
    is_drawn = find_pdf(session, document.row_id) is not None
    return DocumentView(summary, is_drawn, document.sha256, document.content)
