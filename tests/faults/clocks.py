"""Time controlled by the schedule: our clock and the channels' clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from unittest.mock import patch

from models import clock


class Clocks:
    """Clocks that only move when told; the channels' clock differs by `skew` and has whole seconds."""

    # This object replaces `datetime` in `models.clock`, which also needs these two.
    combine = datetime.combine
    min = datetime.min  # noqa: DTZ901

    def __init__(self, start: datetime, skew: timedelta = timedelta(0)) -> None:
        self.here = start
        self.skew = skew

    def there(self) -> datetime:
        """Return the channels' time."""
        return (self.here + self.skew).replace(microsecond=0)

    def now(self, zone: tzinfo) -> datetime:
        """Return our time; replaces `datetime.now`."""
        return self.here.astimezone(zone)

    def advance(self, **parts: float) -> None:
        """Move both clocks forward."""
        self.here += timedelta(**parts)


@contextmanager
def ruled_by(clocks: Clocks) -> Iterator[None]:
    """Make `models.clock.utc_now`, the only clock of the models, return this time."""
    with patch.object(clock, "datetime", clocks):
        yield
