"""What a tenant may set of tax."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, field_validator
from pydantic import Field as RecordField

from models.tax.rates import RATES, VatRates


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
