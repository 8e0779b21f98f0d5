"""What people type as options: amounts and times."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import typer

from console.cli.parse import parse_amount, parse_time


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


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-07-01T08:30", datetime(2026, 7, 1, 6, 30, tzinfo=UTC)),
        ("2026-07-01T08:30:00Z", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("2026-07-01T08:30:00-05:00", datetime(2026, 7, 1, 13, 30, tzinfo=UTC)),
    ],
)
def test_times_are_german_unless_they_say_otherwise(text: str, instant: datetime) -> None:
    """A merchant's half past eight is that of the clock on the wall."""
    assert parse_time(text) == instant
