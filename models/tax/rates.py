"""VAT rates of the member states; a tenant can set other rates from a given day.

Source: tables of the rates of 2026 (eurofiscalis.com of 2026-02-02; easytax.co for changes;
essentiaglobalservices.com for Austria's 4.9 %; vatcalc.com for Madeira), read 2026-11-22. No table of a tax
office was available. Rates missing in those tables are from general knowledge: Azores, Jungholz and
Mittelberg, 3 % in Cyprus, 12 % in Malta, 13 % in Estonia.
Rates before 2026 are not included, except Germany's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.errors import Action, Advice, RuleError

_SINCE = date(2026, 1, 1)
_TABLE = """
AT 20 13 10
AT: Jungholz, Mittelberg | 19 13 10
BE 21 12 6
BG 20 9
CY 19 9 5 3
CZ 21 12
DK 25
EE 24 13 9
ES 21 10 4
FI 25.5 13.5 10
FR 20 10 5.5 2.1
GR 24 13 6
HR 25 13 5
HU 27 18 5
IE 23 13.5 9 4.8
IT 22 10 5 4
LT 21 12 5
LU 17 14 8 3
LV 21 12 5
MT 18 12 7 5
NL 21 9
PL 23 8 5
PT 23 13 6
PT: Azores | 16 9 4
PT: Madeira | 22 12 4
RO 21 11
SE 25 12 6
SI 22 9.5 5
SK 23 19 5
XI 20 5
"""


@dataclass(frozen=True)
class VatRates:
    """The rates of one area from a day on, in percent."""

    area: str
    since: date
    standard: Decimal
    reduced: tuple[Decimal, ...] = ()

    @property
    def all(self) -> tuple[Decimal, ...]:
        """Return the standard rate, then the reduced rates."""
        return (self.standard, *self.reduced)


def _read(table: str) -> list[VatRates]:
    rows = []
    for line in table.strip().splitlines():
        area, _, rates = line.partition(" | ") if " | " in line else line.partition(" ")
        standard, *reduced = (Decimal(rate) for rate in rates.split())
        rows.append(VatRates(area, _SINCE, standard, tuple(reduced)))
    return rows


RATES = (
    *_read(_TABLE),
    VatRates("DE", date(2021, 1, 1), Decimal(19), (Decimal(7),)),
    *(
        VatRates(area, date(2026, 7, 1), standard, (Decimal(13), Decimal(10), Decimal("4.9")))
        for area, standard in (("AT", Decimal(20)), ("AT: Jungholz, Mittelberg", Decimal(19)))
    ),
)


def rates_on(area: str, day: date, own: Sequence[VatRates] = ()) -> VatRates:
    """Return the rates of an area on a day; the tenant's `own` rates take precedence over the built-in table.

    Raises: RuleError, if no rates are known.
    """
    for rows in (own, RATES):
        valid = [row for row in rows if row.area == area and row.since <= day]
        if valid:
            return max(valid, key=lambda row: row.since)
    raise RuleError(
        f"The VAT rates of {area} on {day} are not known: state them, or let the channel make the invoice.",
        Advice(Action.vat_rates_set, values={"area": area}),
    )
