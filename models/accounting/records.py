"""Records of what documents say."""

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
    """A kind has a series of numbers of its own."""

    invoice = "invoice"
    credit_note = "credit_note"
    """Takes a whole invoice back (Rechnungskorrektur)."""


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


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of a content as it is kept: of its JSON with sorted keys and nothing between."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def erased_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a content stays when its years are over; as a record it has no buyer and no lines."""
    kept = {name: value for name, value in content.items() if name in KEPT_CONTENT}
    return {**kept, "buyer": [], "lines": []}
