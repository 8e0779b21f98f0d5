"""How Afterbuy spells numbers and times, in both directions."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
INT_LIMIT = 2_147_483_647
CENT = Decimal("0.01")

_WALL_CLOCK = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?")
_DECIMAL = re.compile(r"[+-]?[0-9.,]{1,30}")
_ISO_CLOCK = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?")


def comma(value: Decimal) -> str:
    """Spell a decimal with a comma, no thousands mark, its own number of places."""
    return format(value, "f").replace(".", ",")


def amount(value: Decimal) -> str:
    """Spell an amount with a comma and two places, as `112,30`."""
    return comma(value.quantize(CENT))


def read_decimal(text: str, point: str) -> Decimal:
    """Read a decimal of a request; `point` is the switch `point_in_decimals`.

    Raises: ValueError, if the text is no number.
    Source: wire notes section 1.4 (comma, no thousands mark).
    """
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal")
    if "." in text:
        if point == "refused":
            raise ValueError("a point in a decimal")
        text = text.replace(".", "") if point == "thousands" or "," in text else text
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation as error:
        raise ValueError("not a decimal") from error


def wall_clock(at: datetime) -> str:
    """Spell an instant as `dd.MM.yyyy HH:mm:ss` of the clock in Berlin."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y %H:%M:%S")


def wall_day(at: datetime) -> str:
    """Spell the day of an instant in Berlin as `dd.MM.yyyy`."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y")


def wall_iso(at: datetime) -> str:
    """Spell an instant as `yyyy-MM-ddTHH:mm:ss` of the clock in Berlin, the form of LastSale in samples."""
    return at.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M:%S")


def read_wall_clock(text: str, *, iso: bool) -> datetime:
    """Read a Berlin wall clock as a UTC instant; of the doubled autumn hour the first one is taken.

    Raises: ValueError, if the text is no such time, or is ISO and `iso` is False.
    Source: wire notes section 1.4 (leading zeros may be missing, the time of day too).
    """
    text = text.strip()
    if match := _WALL_CLOCK.fullmatch(text):
        day, month, year, *clock = match.groups()
    elif iso and (match := _ISO_CLOCK.fullmatch(text)):
        year, month, day, *clock = match.groups()
    else:
        raise ValueError("not a date")
    hour, minute, second = (int(part or 0) for part in clock)
    local = datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=BERLIN)
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a date before the calendar") from error
