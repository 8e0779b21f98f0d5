"""The content of papers that are drawn on request, and of buyer mails, as plain records.

Each record holds everything that is printed, so a paper needs no order behind it. Invoices and credit notes
are issued once and stored instead (`models.accounting.issued`).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel
from pydantic import Field as RecordField

from models.accounting.records import DocumentKind, PricedContent
from models.tenants.records import BankData, BuyerEvent, MailOptions, SellerData
from models.values import LONGEST_ADDRESS_LINE, LONGEST_TEXT, print_text


def _cut_at(longest: int) -> AfterValidator:
    return AfterValidator(lambda text: print_text(text, longest))


Printed = Annotated[str, _cut_at(LONGEST_TEXT)]
"""One line of text; text that is too long for the paper is cut and ends in a visible mark."""
PrintedNumber = Annotated[str, _cut_at(80)]
AddressLine = Annotated[str, _cut_at(LONGEST_ADDRESS_LINE)]


class PaperKind(StrEnum):
    confirmation = "confirmation"
    offer = "offer"
    pick_list = "pick-list"
    packing_slip = "slip"
    receipt = "receipt"
    return_slip = "return-slip"
    label = "label"
    invoice = "invoice"
    credit_note = "credit-note"


ISSUED = {PaperKind.invoice: DocumentKind.invoice, PaperKind.credit_note: DocumentKind.credit_note}
"""Kinds that are issued once and stored; papers of all other kinds are drawn again each time."""


class PaperFormat(StrEnum):
    a4 = "a4"
    thermal = "thermal"
    """Paper roll, 80 mm wide, as long as the content."""


class ReturnReason(StrEnum):
    """The reasons that a return slip offers to tick."""

    too_small_or_large = "too_small_or_large"
    not_liked = "not_liked"
    not_as_described = "not_as_described"
    damaged = "damaged"
    faulty = "faulty"
    wrong_article = "wrong_article"
    too_late = "too_late"
    other = "other"


class Place(BaseModel):
    """An address as it is printed."""

    lines: list[AddressLine]
    """Name and address; no line is empty."""
    country: str = ""
    """ISO 3166-1 alpha-2; empty if it is the sender's country."""


class Received(BaseModel):
    """A payment on a receipt; negative if it was paid back."""

    on: date
    amount: Decimal
    method: Printed = ""
    reference: Printed = ""


class OrderPaper(PricedContent):
    """An order confirmation, an offer or a receipt: goods with prices."""

    kind: PaperKind
    dated: date
    ships_to: Place | None = None
    """None if the goods go to the buyer's address."""
    order_number: PrintedNumber = ""
    """Empty on an offer without an order."""
    offer_number: PrintedNumber = ""
    ordered_on: date | None = None
    valid_until: date | None = None
    """Only on an offer."""
    payment_method: Printed = ""
    shipping_method: Printed = ""
    received: list[Received] = RecordField(default_factory=list)
    """Only on a receipt."""
    open_amount: Decimal = Decimal(0)
    """The amount still to be paid; negative if too much was paid."""


class Goods(BaseModel):
    """Units of one article on a paper without prices."""

    number: PrintedNumber = ""
    """The SKU."""
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    later: int = 0
    """Units that follow in a later parcel."""
    parts: list["Goods"] = RecordField(default_factory=list)
    """The articles in a bundle."""


class PackingSlip(BaseModel):
    """The contents of a parcel."""

    language: str
    seller: SellerData
    to: Place
    order_number: PrintedNumber
    further_numbers: list[PrintedNumber] = RecordField(default_factory=list)
    """Numbers of other orders in the same parcel."""
    ordered_on: date | None = None
    shipped_on: date | None = None
    shipping_method: Printed = ""
    goods: list[Goods]


class ReturnSlip(BaseModel):
    """The goods that a buyer may return, possible reasons, and the return address."""

    language: str
    seller: SellerData
    buyer: Place
    order_number: PrintedNumber
    ordered_on: date | None = None
    goods: list[Goods]
    reasons: list[ReturnReason] = RecordField(default_factory=lambda: list(ReturnReason))


class AddressLabel(BaseModel):
    language: str
    seller: SellerData
    to: Place
    order_number: PrintedNumber
    further_numbers: list[PrintedNumber] = RecordField(default_factory=list)
    """Numbers of other orders in the same parcel."""
    shipping_method: Printed = ""


class PickTarget(BaseModel):
    """The order, and box, for which units are picked."""

    quantity: int
    order_number: PrintedNumber = ""
    box: PrintedNumber = ""
    """Number of the box for these units, if boxes are used."""


class PickRow(BaseModel):
    bin: PrintedNumber = ""
    sku: PrintedNumber
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    targets: list[PickTarget] = RecordField(default_factory=list)


class PickPaper(BaseModel):
    """What to pick in one warehouse; rows follow the walking order of the bins."""

    language: str
    seller: SellerData
    number: PrintedNumber = ""
    warehouse: Printed = ""
    dated: date
    rows: list[PickRow]


Paper = OrderPaper | PackingSlip | ReturnSlip | AddressLabel | PickPaper


class BuyerMailLine(BaseModel, frozen=True):
    """One article in a mail; `amount` is the gross price of all units."""

    number: str = ""
    title: str
    quantity: int
    amount: Decimal | None = None
    """None in mails without prices."""


class BuyerMailParcel(BaseModel, frozen=True):
    number: str
    link: str = ""


class PaymentRequest(BaseModel, frozen=True):
    """How the buyer can pay: a bank account, a link, or both."""

    amount: Decimal
    purpose: str
    due_on: date
    bank: BankData | None = None
    link: str = ""


class BuyerMailData(BaseModel, frozen=True):
    """The content of one buyer mail, still without wording."""

    event: BuyerEvent
    language: str
    recipient: str
    """The mail address; empty if the order has none that works."""
    buyer: str
    """Name of the person, else the company; empty if neither is known."""
    order_number: str
    ordered_on: date
    currency: str
    lines: list[BuyerMailLine] = RecordField(default_factory=list)
    shipping_amount: Decimal = Decimal(0)
    fee_amount: Decimal = Decimal(0)
    total: Decimal | None = None
    """None in mails without sums."""
    credited: Decimal = Decimal(0)
    """The part of the total that the buyer need not pay any more."""
    paid: Decimal = Decimal(0)
    owed: Decimal = Decimal(0)
    payment_method: str = ""
    billing: Place | None = None
    shipping: Place | None = None
    request: PaymentRequest | None = None
    """Only in payment requests and reminders."""
    amount: Decimal = Decimal(0)
    """The amount received or paid back."""
    carrier: str = ""
    parcels: list[BuyerMailParcel] = RecordField(default_factory=list)
    is_part: bool = False
    """Whether the mail covers only part of the order; the rest follows or stays."""
    collect_at: list[str] = RecordField(default_factory=list)
    shop: str
    """The shop name that the buyer knows."""
    seller: SellerData
    options: MailOptions
