"""The clock, and the German calendar for papers and people; all other times are UTC."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/Berlin")


def local_date(instant: datetime) -> date:
    """Return the German day of an instant."""
    return instant.astimezone(LOCAL).date()


def today() -> date:
    """Return the present German day."""
    return local_date(utc_now())


def midnight(day: date) -> datetime:
    """Return the instant at which a German day begins."""
    return datetime.combine(day, datetime.min.time(), LOCAL)


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)
