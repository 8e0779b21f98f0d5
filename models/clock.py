"""The one clock, and the calendar by which papers are dated and people read; inside all is UTC."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/Berlin")


def local_date(instant: datetime) -> date:
    """Return the day on which an instant was, or will be."""
    return instant.astimezone(LOCAL).date()


def today() -> date:
    """Return the day that it is."""
    return local_date(utc_now())


def midnight(day: date) -> datetime:
    """Return the instant at which a day begins."""
    return datetime.combine(day, datetime.min.time(), LOCAL)


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)
