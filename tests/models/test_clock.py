"""German days: where one begins, and to which one an instant belongs."""

from datetime import UTC, date, datetime, timedelta

import pytest

from models.clock import local_date, midnight


@pytest.mark.parametrize(
    ("day", "began"),
    [
        (date(2026, 1, 15), datetime(2026, 1, 14, 23, tzinfo=UTC)),
        (date(2026, 7, 15), datetime(2026, 7, 14, 22, tzinfo=UTC)),
        # Clocks change within these days: they begin by the clock of the day before.
        (date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_in_germany(day: date, began: datetime) -> None:
    """A second earlier it is the day before."""
    assert midnight(day).astimezone(UTC) == began
    assert local_date(began) == day
    assert local_date(began - timedelta(seconds=1)) == day - timedelta(days=1)
