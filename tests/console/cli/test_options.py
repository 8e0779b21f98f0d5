"""What commands about orders read from the command line."""

from decimal import Decimal

import pytest
import typer

from console.cli.options import parse_amount


@pytest.mark.parametrize(
    ("text", "amount"), [("12.50", "12.50"), ("12,5", "12.5"), ("-3", "-3"), ("1e2", "100")]
)
def test_an_amount_has_a_point_or_a_comma(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zwölf",
        "1.234,50",
        "NaN",
        "Infinity",
        "1e30",
        "1e400",
        "-1e400",
        "1e-30",
        "0.00001",
        "1" + "0" * 12,
    ],
)
def test_what_is_no_amount_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no amount"):
        parse_amount(text)
