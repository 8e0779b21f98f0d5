"""Numbers, dates and switches as Afterbuy spells them: readers take every spelling, writers use one.

A `ValueError` says what was expected and never shows the value.
Source: wire notes 1.4.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
_WRITTEN = "%d.%m.%Y %H:%M:%S"

_MAX_NUMBER_LENGTH = 24
_TOO_LARGE = 10**14
_CENT = Decimal("0.01")
_FOUR_PLACES = Decimal("0.0001")
_EARLIEST_YEAR = 1990
_LATEST_YEAR = 2200
_PLAIN = re.compile(r"[+-]?[0-9]*\.?[0-9]+|[+-]?[0-9]+\.")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}")
_GERMAN = re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*),[0-9]*")
_ENGLISH = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_POINT_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_COMMA_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){2,}")
_TIME = r"(?:[ T]+([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2}))?(?:[.,][0-9]+)?)?"
_GERMAN_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})" + _TIME)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})" + _TIME)
_ZONED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_TRUE = frozenset({"true", "ja", "j", "yes", "y", "wahr", "on"})
_FALSE = frozenset({"false", "nein", "n", "no", "falsch", "off"})
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_BLANKS = {ord(blank): None for blank in " \t\r\n\u00a0\u202f\u2009"}
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_decimal(text: str) -> Decimal:
    """Return the number that a text spells, e.g. `112,30`, `5.9`, `1.234,56`, `1,234.56` or `1.234.567`.

    A single point is the decimal mark: `1.234` is a little more than one. The result has two places, or as
    many as it needs, so that all spellings of a number give the same record.
    Raises: ValueError, also for marks that group digits in neither the German nor the English way.
    """
    number = _number(text)
    if abs(number) >= _TOO_LARGE:
        raise ValueError("not a number that fits")
    cents = number.quantize(_CENT)
    return cents if cents == number else number.normalize()


def _number(text: str) -> Decimal:
    compact = text.translate(_BLANKS)
    if len(compact) > _MAX_NUMBER_LENGTH:
        raise ValueError("not a number")
    if _PLAIN.fullmatch(compact) or _EXPONENT.fullmatch(compact):
        return Decimal(compact)
    if _GERMAN.fullmatch(compact) and compact.strip("+-") != ",":
        return Decimal(compact.replace(".", "").replace(",", "."))
    if _ENGLISH.fullmatch(compact) or _COMMA_GROUPS.fullmatch(compact):
        return Decimal(compact.replace(",", ""))
    if _POINT_GROUPS.fullmatch(compact):
        return Decimal(compact.replace(".", ""))
    raise ValueError("not a number")


def is_storable(number: Decimal | None) -> bool:
    """Whether a number fits into the four decimal places that are kept."""
    return number is None or number == number.quantize(_FOUR_PLACES)


def parse_whole(text: str) -> int:
    """Return a whole number, also one spelled `2,00`. Raises: ValueError."""
    if _WHOLE.fullmatch(text):
        return int(text)
    number = parse_decimal(text)
    if number != number.to_integral_value() or abs(number) >= 10**12:
        raise ValueError("not a whole number")
    return int(number)


def parse_flag(text: str) -> bool:
    """Return a switch, e.g. 0 or 1, -1, True, False, ja, nein, yes or no. Raises: ValueError."""
    folded = text.casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    if _WHOLE.fullmatch(folded):
        return int(folded) != 0
    raise ValueError("neither yes nor no")


def parse_instant(text: str) -> datetime | None:
    """Return the UTC instant of a wall clock time in Berlin; a zero date such as 30.12.1899 is None.

    In the hour that autumn has twice, the first one (summer time) is taken, so that a window never starts
    too late. A time in the hour that spring skips is an hour later. A date alone is its midnight.
    Raises: ValueError, also for a date that is centuries away.
    """
    if _ZONED.fullmatch(text):
        at = datetime.fromisoformat(text)
        # At either end of the calendar UTC has no such date.
        return at.astimezone(UTC) if _near(at).year >= _EARLIEST_YEAR else None
    wall = _wall_clock(text)
    if wall.year < _EARLIEST_YEAR:
        return None
    return wall.replace(tzinfo=BERLIN).astimezone(UTC)


def parse_day(text: str) -> date | None:
    """Return the day of a date, with or without a time; a zero date is None. Raises: ValueError."""
    wall = _wall_clock(text)
    return None if wall.year < _EARLIEST_YEAR else wall.date()


def parse_utc(text: str) -> datetime:
    """Return the instant of a time that is in UTC already. Raises: ValueError, also for a zero date."""
    wall = _wall_clock(text)
    if wall.year < _EARLIEST_YEAR:
        raise ValueError("a date too far away")
    return wall.replace(tzinfo=UTC)


def _wall_clock(text: str) -> datetime:
    if match := _GERMAN_DATE.fullmatch(text):
        day, month, year, hour, minute, second = match.groups("0")
    elif match := _ISO_DATE.fullmatch(text):
        year, month, day, hour, minute, second = match.groups("0")
    else:
        raise ValueError("not a date")
    if int(year) == 0:
        return datetime(1, 1, 1)  # noqa: DTZ001 - a wall clock; its caller knows the zone
    try:
        wall = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))  # noqa: DTZ001
    except ValueError:
        raise ValueError("not a date") from None
    return _near(wall)


def _near(at: datetime) -> datetime:
    if at.year > _LATEST_YEAR:
        raise ValueError("a date too far away")
    return at


def format_decimal(number: Decimal) -> str:
    """Return a number with decimal comma, e.g. `12,50`: with at least two places, and not rounded."""
    exponent = number.as_tuple().exponent
    if isinstance(exponent, str):
        raise TypeError("only a finite number can be sent")
    return f"{number:.{max(2, -exponent)}f}".replace(".", ",")


def format_instant(at: datetime) -> str:
    """Return an instant as Afterbuy's wall clock time, `dd.MM.yyyy HH:mm:ss` in Berlin."""
    return at.astimezone(BERLIN).strftime(_WRITTEN)


def format_window_start(since: datetime) -> str:
    """Return the start of a window as a wall clock time, so that no later change is missed.

    A start in the hour that autumn has twice moves to the beginning of that hour: the wall clock shows a
    change in its second pass as a time from there on.
    """
    return format_instant(earliest_reading(since))


def earliest_reading(at: datetime) -> datetime:
    """Return the earliest instant that Afterbuy may write for something that happens at `at`.

    It is the whole second. In the hour that autumn has twice it is the beginning of that hour: the wall
    clock does not show which order came first, and one order too many is better than a lost one.
    """
    wall = at.astimezone(BERLIN).replace(microsecond=0)
    if wall.utcoffset() != wall.replace(fold=1 - wall.fold).utcoffset():
        wall = wall.replace(minute=0, second=0, fold=0)
    return wall.astimezone(UTC)


def day_alone(at: datetime | None) -> date | None:
    """Return the day, where an instant is a midnight in Berlin: Afterbuy then knows no time."""
    if at is None or at.minute or at.second:
        return None
    wall = at.astimezone(BERLIN)
    return wall.date() if wall.hour == 0 else None


def clean_text(text: str) -> str:
    """Return a text without the characters that XML 1.0 forbids."""
    return _FORBIDDEN.sub("", text)


def valid_gtin(text: str) -> str:
    """Return the text if it is a GTIN (8, 12, 13 or 14 digits with a right check digit), or else ""."""
    # The library `stdnum` would also accept separators, full-width digits and a row of zeros.
    if len(text) not in (8, 12, 13, 14) or not (text.isascii() and text.isdigit()) or not text.strip("0"):
        return ""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text)))
    return text if weighted % 10 == 0 else ""


def value_class(value: object) -> str:
    """Return what kind of value a field holds, for messages that must not show the value."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict | list):
        return "further elements"
    text = str(value)
    if text.isascii() and text.replace(",", "").replace(".", "").lstrip("+-").isdigit():
        return f"a number of {len(text)} characters"
    return f"text of {len(text)} characters"
