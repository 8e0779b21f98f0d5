"""Rates of VAT by country and day."""

from datetime import date
from decimal import Decimal

from models.tax.areas import MEMBER_STATES
from models.tax.rates import rates_on


def test_every_member_state_has_its_rates() -> None:
    """From the beginning of 2026, and the standard rate is the highest."""
    for country in MEMBER_STATES | {"XI"}:
        rates = rates_on(country, date(2026, 1, 1))
        assert rates.all == tuple(sorted(rates.all, reverse=True)), country
        assert 15 <= rates.standard <= 27
    assert rates_on("DE", date(2025, 6, 1)).standard == 19
    assert Decimal("4.9") not in rates_on("AT", date(2026, 6, 30)).all
