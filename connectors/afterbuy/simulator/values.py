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
    """Return a decimal with a comma and its own number of places, without thousands separators."""
    return format(value, "f").replace(".", ",")


def amount(value: Decimal) -> str:
    """Return an amount with a comma and two places, such as `112,30`."""
    return comma(value.quantize(CENT))


def read_decimal(text: str, point: str) -> Decimal:
    """Return a decimal of a request; `point` is the switch `point_in_decimals`.

    Raises: ValueError, if the text is not a number.
    Source: wire notes section 1.4 (comma, no thousands separator).
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
    """Return an instant as `dd.MM.yyyy HH:mm:ss` in Berlin time."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y %H:%M:%S")


def wall_day(at: datetime) -> str:
    """Return an instant's day in Berlin as `dd.MM.yyyy`."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y")


def wall_iso(at: datetime) -> str:
    """Return an instant as `yyyy-MM-ddTHH:mm:ss` in Berlin time, the form of LastSale in samples."""
    return at.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M:%S")


def read_wall_clock(text: str, *, iso: bool) -> datetime:
    """Return a Berlin time as a UTC instant; in the repeated hour of autumn, the first occurrence.

    Raises: ValueError, if the text is no such time, or is ISO although `iso` is False.
    Source: wire notes section 1.4 (leading zeros and the time of day may be missing).
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
