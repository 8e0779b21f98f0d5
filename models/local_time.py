"""The clock and calendar by which papers are dated and people read; inside all is UTC."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from models.columns import utc_now

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
