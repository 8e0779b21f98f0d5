"""Time under the schedule's hand: ours, and that of the channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from unittest.mock import patch

from models import clock


class Clocks:
    """Stand still unless moved; the channels' clock differs from ours by `skew` and knows whole seconds."""

    # What else the clock's module needs of `datetime`, in whose place this stands.
    combine = datetime.combine
    min = datetime.min  # noqa: DTZ901

    def __init__(self, start: datetime, skew: timedelta = timedelta(0)) -> None:
        self.here = start
        self.skew = skew

    def there(self) -> datetime:
        """Return the channels' time."""
        return (self.here + self.skew).replace(microsecond=0)

    def now(self, zone: tzinfo) -> datetime:
        """Return our time, in place of `datetime.now`."""
        return self.here.astimezone(zone)

    def advance(self, **parts: float) -> None:
        """Let time pass on both sides."""
        self.here += timedelta(**parts)


@contextmanager
def ruled_by(clocks: Clocks) -> Iterator[None]:
    """Let `models.clock.utc_now`, the one clock of the truth, tell this time."""
    with patch.object(clock, "datetime", clocks):
        yield
