"""Plain records of tenants, accounts and methods, for every room."""

import re
from enum import StrEnum
from string import Formatter
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, StringConstraints, field_validator, model_validator
from pydantic import Field as RecordField

from models.values import is_bic, is_iban, plain_address

HeaderText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=70)]
"""One line of a mail's header."""
PrintedLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
"""One line of a paper."""
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class BankData(BaseModel):
    """The bank account to which a tenant's buyers transfer money."""

    holder: HeaderText = RecordField(
        default="", description="Name of the account's holder; banks compare it before they transfer."
    )
    iban: str = RecordField(default="", description="IBAN that buyers pay to.")
    bic: str = RecordField(default="", description="BIC, where the buyer's bank needs it.")
    days: int = RecordField(default=7, ge=1, le=90, description="Days to pay, from the payment request on.")

    @field_validator("iban", "bic", mode="after")
    @classmethod
    def _without_blanks(cls, value: str) -> str:
        return "".join(value.split()).upper()

    @field_validator("iban")
    @classmethod
    def _iban_is_right(cls, value: str) -> str:
        if value and not is_iban(value):
            raise ValueError("this is no IBAN: its length or its check digits are wrong")
        return value

    @field_validator("bic")
    @classmethod
    def _bic_has_its_form(cls, value: str) -> str:
        if value and not is_bic(value):
            raise ValueError("a BIC has 8 or 11 letters and digits, such as SOLADES1LBG")
        return value

    @field_validator("holder")
    @classmethod
    def _holder_is_one_line(cls, value: str) -> str:
        return _one_line(value)

    @model_validator(mode="after")
    def _iban_has_a_holder(self) -> Self:
        if self.iban and not self.holder:
            raise ValueError("an IBAN needs the holder of the account")
        return self


class MailOptions(BaseModel):
    """How a tenant's mails to buyers look, and where their links lead."""

    sender_name: HeaderText = RecordField(default="", description="Sender's name; empty: the tenant's title.")
    sender_address: str = RecordField(
        default="", description="Sender's mail address; empty: WARENFLUSS_MAIL_FROM."
    )
    reply_to: str = RecordField(default="", description="Mail address for buyers' replies.")
    colour: str = RecordField(default="#2f4f6f", description="Colour of headings and links, e.g. #2f4f6f.")
    payment_link: str = RecordField(
        default="",
        description="Page where buyers pay, with {number}, {amount} and {currency}; empty: by bank transfer.",
    )
    collect_at: list[PrintedLine] = RecordField(
        default_factory=list,
        max_length=6,
        description="Where and when buyers collect goods, line by line; empty: the seller's address.",
    )
    tracking_links: dict[str, str] = RecordField(
        default_factory=dict,
        description="Tracking page of a carrier, with {number} and {postcode}; empty: the usual one.",
    )

    @field_validator("sender_name")
    @classmethod
    def _name_is_one_line(cls, value: str) -> str:
        return _one_line(value)

    @field_validator("sender_address", "reply_to")
    @classmethod
    def _one_address(cls, value: str) -> str:
        address = plain_address(value)
        if value and not address:
            raise ValueError("an address needs the form name@host")
        return address

    @field_validator("colour")
    @classmethod
    def _colour_has_its_form(cls, value: str) -> str:
        value = value.strip().lower()
        if not _COLOUR.fullmatch(value):
            raise ValueError("a colour has the form #2f4f6f")
        return value

    @field_validator("payment_link")
    @classmethod
    def _payment_link_is_one(cls, value: str) -> str:
        return _link(value, {"number", "amount", "currency"})

    @field_validator("tracking_links")
    @classmethod
    def _tracking_links_are_some(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: _link(template, {"number", "postcode"}) for name, template in value.items() if template}


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it must be one line of plain text")
    return value


def _link(template: str, names: set[str]) -> str:
    template = template.strip()
    if not template:
        return ""
    fault = f"a link begins with https:// and may hold {', '.join(f'{{{name}}}' for name in sorted(names))}"
    try:
        parts = list(Formatter().parse(template))
        host = urlsplit(template).hostname
    except ValueError:
        raise ValueError(fault) from None
    only_names = all(
        name is None or (name in names and not form and not change) for _, name, form, change in parts
    )
    is_link = template.startswith("https://") and host and template.isprintable() and " " not in template
    if not is_link or not only_names:
        raise ValueError(fault)
    return template


class Mode(StrEnum):
    draft = "draft"
    """Being set up: no cycle runs."""
    test = "test"
    """Cycles read for inspection; nothing outside changes."""
    live = "live"


class AccountOptions(BaseModel, frozen=True, extra="ignore"):
    """What operators may set for an account. This base has no field; `options_model` returns the model."""


class AccountData(BaseModel, frozen=True):
    """An account, as other rooms see it. Its secrets are separate."""

    id: int
    tenant_id: int
    name: str
    kind: str
    mode: Mode
    settings: dict[str, Any]
    """As stored: the options and the connector's own settings."""
    options: AccountOptions
    """What means the same for every connector of a family, already validated."""


class Side(StrEnum):
    channel = "channel"
    warenfluss = "warenfluss"


class BuyerEvent(StrEnum):
    """An event that a buyer can be mailed about."""

    order_received = "order_received"
    payment_request = "payment_request"
    payment_reminder = "payment_reminder"
    payment_received = "payment_received"
    shipped = "shipped"
    ready_to_collect = "ready_to_collect"
    cancelled = "cancelled"
    refund = "refund"
    return_received = "return_received"


class MethodKind(StrEnum):
    payment = "payment"
    shipping = "shipping"


class PaymentKind(StrEnum):
    """What a payment method means for an order: who asks for the money, and whether goods ship before it."""

    prepayment = "prepayment"
    card = "card"
    wallet = "wallet"
    """PayPal and the like."""
    direct_debit = "direct_debit"
    instalments = "instalments"
    marketplace = "marketplace"
    """The marketplace collects the money: buyers are never asked for it from here."""
    invoice = "invoice"
    cash_on_delivery = "cash_on_delivery"
    cash_on_pickup = "cash_on_pickup"


PAID_ON_DELIVERY = frozenset({PaymentKind.cash_on_delivery, PaymentKind.cash_on_pickup})
"""Kinds with which the buyer pays when the goods are handed over."""


class ChannelMethodData(BaseModel, frozen=True):
    kind: MethodKind
    external_id: str
    name: str


class SellerData(BaseModel):
    """The issuer of a tenant's papers, as it is printed."""

    name: str = RecordField(default="", max_length=100, description="Legal name of who issues invoices.")
    address: list[PrintedLine] = RecordField(
        default_factory=list, max_length=4, description="Address of who issues invoices, line by line."
    )
    tax_number: str = RecordField(default="", max_length=40, description="Tax number (Steuernummer).")
    vat_id: str = RecordField(default="", max_length=20, description="VAT ID (USt-IdNr.), e.g. DE123456789.")
    small_business: bool = RecordField(
        default=False, description="Small business (§ 19 UStG): no VAT is charged or shown."
    )
    footer: list[PrintedLine] = RecordField(
        default_factory=list,
        max_length=6,
        description="Foot of each paper, line by line: bank, register, managing directors …",
    )
    logo: str = RecordField(default="", max_length=64)
    """The logo's hash in `models.tenants.logo`; empty: no logo."""

    @field_validator("vat_id", mode="before")
    @classmethod
    def _vat_id_without_blanks(cls, value: object) -> object:
        return "".join(value.split()).upper() if isinstance(value, str) else value
