"""The clock that all of them tell: a system that does nothing answers that it is there."""

from datetime import datetime

from models.clock import utc_now


class Clock:
    """A system on this machine."""

    def check(self) -> datetime:
        """Return the time, in UTC."""
        return utc_now()
