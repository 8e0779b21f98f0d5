"""What a tenant's mails to buyers need to know (bank account, looks, links), and how its sales are taxed."""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from string import Formatter
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, StringConstraints, field_validator, model_validator
from pydantic import Field as RecordField

from models.address import plain_address
from models.tenant import PrintedLine
from models.vat_rates import RATES, VatRates

HeaderText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=70)]
"""A text that may stand in a mail's head: one line."""
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN_LENGTHS = {"AT": 20, "BE": 16, "CH": 21, "DE": 22, "ES": 24, "FR": 27, "IT": 27, "LU": 20, "NL": 18}
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class BankData(BaseModel):
    """Where a tenant's buyers transfer money to."""

    holder: HeaderText = ""
    """Whose account it is; banks compare it before they transfer."""
    iban: str = ""
    bic: str = ""
    days: int = RecordField(default=7, ge=1, le=90)
    """Until when a payment is asked for."""

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
        if value and not _BIC.fullmatch(value):
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
    """How a tenant's mails to buyers look, and what they lead to."""

    sender_name: HeaderText = ""
    """Empty: the tenant's title."""
    sender_address: str = ""
    """Empty: the sender of the installation."""
    reply_to: str = ""
    colour: str = "#2f4f6f"
    payment_link: str = ""
    """With {number}, {amount} and {currency} of an order; empty: money comes by bank transfer."""
    collect_at: list[PrintedLine] = RecordField(default_factory=list, max_length=6)
    """Where and when goods are collected; empty: the seller's address."""
    tracking_links: dict[str, str] = RecordField(default_factory=dict)
    """By carrier, with {number} and {postcode}; they go before those of `models.tracking`."""

    @field_validator("sender_name")
    @classmethod
    def _name_is_one_line(cls, value: str) -> str:
        return _one_line(value)

    @field_validator("sender_address", "reply_to")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value and not plain_address(value):
            raise ValueError("an address needs the form name@host")
        return plain_address(value)

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


class ToldRates(StrEnum):
    """Which rate of tax the channel tells of goods that go abroad."""

    destination = "destination"
    """That of the country they go to, none where they are free of tax."""
    home = "home"
    """That in Germany, wherever they go."""


class OwnRates(BaseModel):
    """Rates of VAT that a tenant has said, in percent."""

    area: str
    since: date
    standard: Decimal = RecordField(gt=0, lt=100)
    reduced: list[Decimal] = RecordField(default_factory=list, max_length=6)

    @field_validator("area")
    @classmethod
    def _area_is_known(cls, value: str) -> str:
        if value not in {row.area for row in RATES} | AREAS_WITHOUT_RATES:
            raise ValueError("a country has two letters and is a member state, or XI")
        return value

    @field_validator("reduced")
    @classmethod
    def _reduced_are_rates(cls, value: list[Decimal]) -> list[Decimal]:
        if not all(0 < rate < 100 for rate in value):
            raise ValueError("a rate lies between 0 and 100")
        return value


AREAS_WITHOUT_RATES = frozenset({"GR: Aegean islands"})
"""They have rates of their own that are not kept here."""
Units = Annotated[Decimal, RecordField(gt=0, lt=10**6, decimal_places=6)]
"""Of another currency for one of the tenant's."""


class TaxOptions(BaseModel):
    """How a tenant's sales abroad are taxed, and by which rates of exchange."""

    oss_from: date | None = None
    """On and after this day goods that leave for consumers in the Union bear the tax of where they go."""
    below_threshold: bool = False
    """Before that day, or without one, they bear German tax: all such sales stay below 10,000 euro a year."""
    told_rates: ToldRates = ToldRates.destination
    day_rates: bool = False
    """The tax office allows rates of the day, as channels tell them (§ 16 (6) UStG)."""
    vat_rates: list[OwnRates] = RecordField(default_factory=list)
    exchange_rates: dict[str, dict[str, Units]] = RecordField(default_factory=dict)
    """By month (2026-11) and currency."""

    @field_validator("oss_from", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    def own_rates(self) -> list[VatRates]:
        """Return the rates of VAT that the tenant has said."""
        return [VatRates(row.area, row.since, row.standard, tuple(row.reduced)) for row in self.vat_rates]


def is_iban(text: str) -> bool:
    """Return whether a text without blanks, in capitals, is an IBAN by its form and check digits."""
    if not _IBAN.fullmatch(text) or len(text) != _IBAN_LENGTHS.get(text[:2], len(text)):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


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
    plain = all(
        name is None or (name in names and not form and not change) for _, name, form, change in parts
    )
    if (
        not template.startswith("https://")
        or not host
        or not plain
        or not template.isprintable()
        or " " in template
    ):
        raise ValueError(fault)
    return template
