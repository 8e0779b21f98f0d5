"""When a digest of new orders is due."""

from datetime import UTC, datetime

from tasks.buyer_mails import last_digest_at


def test_a_digest_is_due_at_its_hour_by_german_time() -> None:
    """Also on the days when clocks change."""
    for now, hour, expected in (
        (datetime(2026, 11, 22, 6, 0, tzinfo=UTC), 7, datetime(2026, 11, 22, 6, 0, tzinfo=UTC)),
        (datetime(2026, 11, 22, 5, 59, tzinfo=UTC), 7, datetime(2026, 11, 21, 6, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 5, 0, tzinfo=UTC), 7, datetime(2026, 10, 24, 5, 0, tzinfo=UTC)),
        (datetime(2026, 3, 29, 5, 0, tzinfo=UTC), 7, datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
    ):
        assert last_digest_at(hour, now) == expected
