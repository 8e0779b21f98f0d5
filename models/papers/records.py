"""What stands on each paper that is drawn when it is asked for, and in mails to buyers.

Each record holds all that is printed, so that it can be made of something else than an order, too. Invoices
and credit notes are issued instead (`models.accounting.issued`).
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
"""One line; what is longer than papers have room for is cut visibly."""
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
"""Those that were issued and are shown as they were; the others are drawn anew each time."""


class PaperFormat(StrEnum):
    a4 = "a4"
    thermal = "thermal"
    """A roll of 80 mm, as long as its content."""


class ReturnReason(StrEnum):
    """What a buyer may tick on a return slip."""

    too_small_or_large = "too_small_or_large"
    not_liked = "not_liked"
    not_as_described = "not_as_described"
    damaged = "damaged"
    faulty = "faulty"
    wrong_article = "wrong_article"
    too_late = "too_late"
    other = "other"


class Place(BaseModel):
    """Where something goes."""

    lines: list[AddressLine]
    """Name and address, none empty."""
    country: str = ""
    """ISO 3166-1 alpha-2, of another country than the sender's."""


class Received(BaseModel):
    """Money that came in; below zero, if it went back."""

    on: date
    amount: Decimal
    method: Printed = ""
    reference: Printed = ""


class OrderPaper(PricedContent):
    """A confirmation, an offer or a receipt: what was, or may be, bought for how much."""

    kind: PaperKind
    dated: date
    ships_to: Place | None = None
    """None, if it goes to the buyer's address."""
    order_number: PrintedNumber = ""
    """None of an offer for which there is no order yet."""
    offer_number: PrintedNumber = ""
    ordered_on: date | None = None
    valid_until: date | None = None
    """Of an offer."""
    payment_method: Printed = ""
    shipping_method: Printed = ""
    received: list[Received] = RecordField(default_factory=list)
    """Of a receipt."""
    open_amount: Decimal = Decimal(0)
    """What is still to be paid; below zero, if too much was."""


class Goods(BaseModel):
    """Units of one article on a paper without prices."""

    number: PrintedNumber = ""
    """The SKU."""
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    later: int = 0
    """Units that are not in this parcel and follow."""
    parts: list["Goods"] = RecordField(default_factory=list)
    """What a set is made of."""


class PackingSlip(BaseModel):
    """What is in a parcel."""

    language: str
    seller: SellerData
    to: Place
    order_number: PrintedNumber
    further_numbers: list[PrintedNumber] = RecordField(default_factory=list)
    """Of the orders that go with it."""
    ordered_on: date | None = None
    shipped_on: date | None = None
    shipping_method: Printed = ""
    goods: list[Goods]


class ReturnSlip(BaseModel):
    """What a buyer may send back, why, and where to."""

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
    """Of the orders that go with it."""
    shipping_method: Printed = ""


class PickTarget(BaseModel):
    """For whom units are taken from a bin."""

    quantity: int
    order_number: PrintedNumber = ""
    box: PrintedNumber = ""
    """In a walk with boxes: the number of that into which these units go."""


class PickRow(BaseModel):
    bin: PrintedNumber = ""
    sku: PrintedNumber
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    targets: list[PickTarget] = RecordField(default_factory=list)


class PickPaper(BaseModel):
    """What a person takes from the bins of one warehouse, in the order in which they are walked by."""

    language: str
    seller: SellerData
    number: PrintedNumber = ""
    warehouse: Printed = ""
    dated: date
    rows: list[PickRow]


Paper = OrderPaper | PackingSlip | ReturnSlip | AddressLabel | PickPaper


class LetterLine(BaseModel, frozen=True):
    """An article; `amount` is the gross of all units."""

    number: str = ""
    title: str
    quantity: int
    amount: Decimal | None = None
    """None where only goods matter."""


class LetterParcel(BaseModel, frozen=True):
    number: str
    link: str = ""


class PaymentAsk(BaseModel, frozen=True):
    """How the buyer is to pay; a bank account, a link, or both."""

    amount: Decimal
    purpose: str
    due_on: date
    bank: BankData | None = None
    link: str = ""


class BuyerLetter(BaseModel, frozen=True):
    """One mail to a buyer, before it has words."""

    event: BuyerEvent
    language: str
    recipient: str
    """The address, empty if there is none that can be mailed to."""
    buyer: str
    """The name of a person or company, empty if neither is known."""
    order_number: str
    ordered_on: date
    currency: str
    lines: list[LetterLine] = RecordField(default_factory=list)
    shipping_amount: Decimal = Decimal(0)
    fee_amount: Decimal = Decimal(0)
    total: Decimal | None = None
    """None where the mail has no sums."""
    credited: Decimal = Decimal(0)
    """What need not be paid of the total."""
    paid: Decimal = Decimal(0)
    owed: Decimal = Decimal(0)
    payment_method: str = ""
    billing: Place | None = None
    shipping: Place | None = None
    ask: PaymentAsk | None = None
    amount: Decimal = Decimal(0)
    """Of a payment that was received or given back."""
    carrier: str = ""
    parcels: list[LetterParcel] = RecordField(default_factory=list)
    is_part: bool = False
    """More of the order follows, or stays: the event is not about all of it."""
    collect_at: list[str] = RecordField(default_factory=list)
    shop: str
    """What the buyer knows the seller by."""
    seller: SellerData
    options: MailOptions
