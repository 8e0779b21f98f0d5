"""Sums of invoices: taxes and shares add up to the cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RuleError
from models.invoicing.sums import prorate, tax_sums
from models.values import half_up

RATES = st.sampled_from(["19", "7", "16", "5.5", "10.7"]).map(Decimal)
CENTS = st.integers(0, 10_000_00).map(lambda cents: Decimal(cents) / 100)


@given(st.dictionaries(RATES, CENTS, min_size=1))
def test_tax_and_net_make_the_gross_sum(gross: dict[Decimal, Decimal]) -> None:
    """Exactly, and no tax is further from the true one than half a cent."""
    for part in tax_sums(gross):
        assert part.net + part.tax == part.gross == gross[part.rate]
        assert abs(part.tax - part.gross * part.rate / (100 + part.rate)) <= Decimal("0.005")
        assert part.tax == half_up(part.tax)


@given(st.integers(-1000, 100_000).map(lambda cents: Decimal(cents) / 100), st.dictionaries(RATES, CENTS))
def test_what_is_shared_out_adds_up(amount: Decimal, goods: dict[Decimal, Decimal]) -> None:
    """Whole cents; refused where nothing says how."""
    if len(goods) != 1 and sum(goods.values()) <= 0:
        with pytest.raises(RuleError):
            prorate(amount, goods)
        return
    shares = prorate(amount, goods)
    assert sum(shares.values()) == amount
    assert all(share == half_up(share) for share in shares.values())
