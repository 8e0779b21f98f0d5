"""What a tenant may set about tax."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, field_validator
from pydantic import Field as RecordField

from models.tax.rates import RATES, VatRates

AREAS_WITHOUT_RATES = frozenset({"GR: Aegean islands"})
"""Areas with their own rates that the built-in table lacks; a tenant has to set them."""


class ReportedRates(StrEnum):
    """Which tax rate the channel reports for goods that go abroad."""

    destination = "destination"
    """The rate of the destination country; none for tax-free supplies."""
    home = "home"
    """The German rate, wherever the goods go."""


class OwnRates(BaseModel):
    """VAT rates of an area that the tenant set, in percent."""

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


Units = Annotated[Decimal, RecordField(gt=0, lt=10**6, decimal_places=6)]
"""Units of another currency per unit of the tenant's currency."""


class TaxOptions(BaseModel):
    """How a tenant's sales abroad are taxed, and the exchange rates for it."""

    oss_from: date | None = RecordField(
        default=None,
        description="First day on which sales to consumers in the Union bear the destination's VAT and are "
        "declared through the One-Stop-Shop, e.g. 2026-11-01; empty: never.",
    )
    below_threshold: bool = RecordField(
        default=False,
        description="Such sales stay below 10,000 euro a year and bear German VAT (§ 3c (4) UStG).",
    )
    told_rates: ReportedRates = RecordField(
        default=ReportedRates.destination,
        description="VAT rate that channels report for goods that go abroad: destination or home.",
    )
    day_rates: bool = RecordField(
        default=False,
        description="The tax office allows daily exchange rates, as channels report them (§ 16 (6) UStG).",
    )
    vat_rates: list[OwnRates] = RecordField(default_factory=list)
    exchange_rates: dict[str, dict[str, Units]] = RecordField(default_factory=dict)
    """Rates by month (such as 2026-11), then by currency."""

    @field_validator("oss_from", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    def own_rates(self) -> list[VatRates]:
        """Return the VAT rates that the tenant set."""
        return [VatRates(row.area, row.since, row.standard, tuple(row.reduced)) for row in self.vat_rates]
