"""The content of documents as plain records."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic import Field as RecordField

from models.tax.records import TaxCase
from models.tenants.records import SellerData


class DocumentKind(StrEnum):
    """Kinds of documents; each has its own number series."""

    invoice = "invoice"
    credit_note = "credit_note"
    """Cancels a whole invoice (Rechnungskorrektur) or gives back part of one."""


class PaperLine(BaseModel):
    """One line of goods on a document; amounts are gross."""

    number: str = ""
    """The SKU."""
    title: str
    quantity: int
    price: Decimal
    amount: Decimal
    tax_rate: Decimal | None = None
    """In percent; None for a small business."""
    order_line_id: int | None = None
    """The order line of these units; None in documents older than this field."""


class TaxSum(BaseModel):
    """Net, tax and gross amount of one tax rate; rounded once, so `net + tax == gross`."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


class RateSource(StrEnum):
    month = "month"
    """The monthly average rate that the tenant set."""
    channel = "channel"
    """The rate that the channel reported with the order."""


class Exchange(BaseModel):
    """A document's tax in the tenant's currency (Article 230 of Directive 2006/112/EC)."""

    currency: str
    rate: Decimal
    """Units of the document's currency per unit of `currency`."""
    source: RateSource
    on: date
    """The first day of the month, or the day of the order."""
    tax: Decimal
    """The whole tax divided by the rate, rounded half up once."""


class PricedContent(BaseModel):
    """What every document with prices states: seller, buyer, goods and sums.

    Where no tax is charged, the net amount is what the buyer pays.
    """

    language: str
    currency: str
    seller: SellerData
    buyer: list[str]
    """Name and address, one line each."""
    buyer_country: str = ""
    """Empty if it is the seller's country."""
    buyer_vat_id: str = ""
    """Given where the law requires it."""
    tax_case: TaxCase = TaxCase.domestic
    """Documents older than this field have the default, also those of small businesses."""
    goes_to: str = ""
    """Where the goods go: two letters, XI for Northern Ireland; empty in documents older than this field."""
    collected_by_channel: bool = False
    """Whether the marketplace collects the tax of that country."""
    lines: list[PaperLine]
    shipping_amount: Decimal
    fee_amount: Decimal
    taxes: list[TaxSum] = RecordField(default_factory=list)
    """Highest rate first; empty for a small business."""
    net: Decimal
    tax: Decimal
    gross: Decimal
    exchange: Exchange | None = None
    """None if the document is in the tenant's currency."""


class PaperContent(PricedContent):
    """Everything that an invoice or a credit note states; a credit note's amounts are negative."""

    kind: DocumentKind
    label: str
    issued_on: date
    order_number: str
    ordered_on: date
    delivered_from: date
    delivered_until: date
    corrects: str = ""
    """The label of the invoice that this document cancels or partly credits."""
    corrected_on: date | None = None
    """The day on which that invoice was issued."""
    is_part: bool = False
    """Whether this credit note gives back only part of that invoice."""
    reason: str = ""


_KEPT = """
kind label language currency seller issued_on order_number ordered_on delivered_from delivered_until corrects
corrected_on is_part buyer_country tax_case goes_to collected_by_channel exchange shipping_amount fee_amount
taxes net tax gross
"""
KEPT_CONTENT = frozenset(_KEPT.split())
"""The fields that remain when a document is erased; none of them identifies the buyer or the goods."""


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a stored content: of its JSON with sorted keys and no spaces."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def erased_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a content that remains after the retention period: no buyer, no lines."""
    kept = {name: value for name, value in content.items() if name in KEPT_CONTENT}
    return {**kept, "buyer": [], "lines": []}
