"""Times as the clock in Berlin shows them."""

from datetime import UTC, datetime

import pytest

from documents.text import local_time


@pytest.mark.parametrize(
    ("instant", "language", "expected"),
    [
        (datetime(2026, 7, 1, 8, 5, tzinfo=UTC), "de", "01.07.2026, 10:05 Uhr"),
        (datetime(2026, 7, 1, 8, 5, tzinfo=UTC), "en", "1 Jul 2026, 10:05"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "de", "01.01.2027, 00:30 Uhr"),
    ],
)
def test_local_time(instant: datetime, language: str, expected: str) -> None:
    """Summer and winter time, and the date of the place."""
    assert local_time(instant, language) == expected
