"""Values that every room shares: amounts and addresses in their one form, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from models.values import Amount, from_ten_thousandths, plain_address, to_ten_thousandths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna.Groß@müller.example", "Anna.Groß@xn--mller-kva.example"),
        ("a+b@Post.Example", "a+b@post.example"),
        ("a@b.example\r\nBcc: c@d.example", ""),
        ("a@b.example c@d.example", ""),
        ("a@b.example,c@d.example", ""),
        ("<a@b.example>", ""),
        ('"a b"@c.example', ""),
        ("a\x08@b.example", ""),
        ("a@@b.example", ""),
        ("a@straße.example", ""),
        ("a@localhost", ""),
        ("a@10.0.0.1", ""),
        ("a@shop.local", "a@shop.local"),
        (".a@b.example", ""),
        ("a@b..example", ""),
        (f"{'a' * 65}@b.example", ""),
        ("", ""),
    ],
)
def test_one_address_or_none(text: str, expected: str) -> None:
    """Nothing gets into a mail's head, and nobody else gets a copy."""
    assert plain_address(text) == expected


STORABLE = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda whole: Decimal(whole).scaleb(-4))
REFUSED = [
    Decimal("0.00001"),
    Decimal("19.99999"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    Decimal("1e30"),
    Decimal("1e999999"),
    Decimal("1e-999999"),
    Decimal(10**14),
    Decimal(-(10**14)),
    # Rounded to the 28 digits of Python's default it would pass for 1.
    Decimal("1." + "0" * 30 + "1"),
    Decimal("1." + "0" * 500 + "1"),
]


class Priced(BaseModel):
    price: Amount


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: str(value)[:12])
def test_an_amount_that_cannot_be_kept_is_refused(value: Decimal) -> None:
    """More than four places, no number, or more than fits: nothing is rounded silently."""
    with pytest.raises(ValueError, match=r"decimal|number too large"):
        to_ten_thousandths(value)
    with pytest.raises(ValidationError):
        Priced(price=value)


def test_sums_of_the_largest_amounts_can_be_kept() -> None:
    """What is paid of orders that are merged is added up, and must not fail the page then."""
    with pytest.raises(ValidationError, match="number too large"):
        Priced(price=Decimal(10**12))
    largest = Priced(price=Decimal(10**12) - Decimal("0.0001")).price

    assert from_ten_thousandths(to_ten_thousandths(99 * largest)) == 99 * largest


@given(STORABLE)
def test_every_storable_amount_survives(value: Decimal) -> None:
    """What goes in comes out, equal to the last place."""
    whole = to_ten_thousandths(value)

    assert (type(whole), from_ten_thousandths(whole)) == (int, value)
