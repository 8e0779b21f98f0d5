"""Cells of spreadsheets: how numbers are read."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sheets.columns import CellError, read_number


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1 234,50 €", "1234.50"),
        ("0,125", "0.125"),
        ("0.125", "0.125"),
        ("-3", "-3"),
        ("19 %", "19"),
        ("1234", "1234"),
        ("1'234.50", "1234.50"),
        ("1234,567", "1234.567"),
    ],
)
def test_numbers(cell: str, number: str) -> None:
    """German and English spellings, with currency or percent sign."""
    assert read_number("price", cell) == Decimal(number)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_refused(cell: str) -> None:
    """No text raises anything but the refusal."""
    with suppress(CellError):
        assert read_number("price", cell).is_finite()


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_numbers_survive_both_spellings(value: Decimal) -> None:
    """What is written with two places is read as it was."""
    assert read_number("price", f"{value:.2f}") == value
    assert read_number("price", f"{value:.2f}".replace(".", ",")) == value
