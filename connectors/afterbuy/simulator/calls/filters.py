"""DataFilter: parsing, limits, and the tests that several calls share.

Several filters are combined with AND, several values of one filter with OR (wire notes section 1.6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from connectors.afterbuy.simulator.switches import Switches
from connectors.afterbuy.simulator.values import INT_LIMIT, read_wall_clock
from connectors.afterbuy.simulator.wire.envelope import Element, RefusedError, text_of

MAX_FILTERS = 5
MAX_VALUES = 500


@dataclass(frozen=True)
class Filter:
    """One filter as sent; `parts` holds ValueFrom, DateTo, LevelFrom and the like, if present."""

    name: str
    values: tuple[str, ...]
    parts: dict[str, str]

    @property
    def value(self) -> str:
        """Return the first value, or an empty text."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True)
class Range:
    """A range of numbers with inclusive bounds; None is an open end."""

    start: int | None
    end: int | None

    def holds(self, number: int) -> bool:
        """Return whether a number lies in the range."""
        return (self.start is None or number >= self.start) and (self.end is None or number <= self.end)


def read_filters(request: Element, known: Iterable[str], switches: Switches) -> list[Filter]:
    """Read the filters of a request; a request without DataFilter has none.

    Raises: RefusedError 28 (DataFilter without Filter), 30 (no valid one), 36 (more than 5),
    50 (more than 500 values).
    """
    container = request.find("DataFilter")
    if container is None:
        return []
    elements = container.findall("Filter")
    if not elements:
        raise RefusedError(28)
    if len(elements) > MAX_FILTERS:
        raise RefusedError(36)
    filters = [_read(element, switches) for element in elements]
    if sum(len(entry.values) for entry in filters) > MAX_VALUES:
        raise RefusedError(50)
    names = set(known)
    valid = [entry for entry in filters if entry.name in names]
    if not valid or (len(valid) < len(filters) and switches.unknown_filter == "error_30"):
        raise RefusedError(30)
    # A known filter without readable values counts as no filter.
    return [entry for entry in valid if entry.values or entry.parts]


def _read(element: Element, switches: Switches) -> Filter:
    """Read one Filter element."""
    box = element.find("FilterValues")
    source = element if box is None and switches.filter_value_outside == "honoured" else box
    values: list[str] = []
    parts: dict[str, str] = {}
    for child in source if source is not None else ():
        text = "".join(map(str, child.itertext())).strip()
        if child.tag == "FilterValue":
            values.append(text)
        elif isinstance(child.tag, str) and child.tag != "FilterName" and text:
            parts[child.tag] = text
    return Filter(text_of(element, "FilterName") or "", tuple(values), parts)


def whole_values(entry: Filter, switches: Switches) -> set[int]:
    """Return a filter's values as numbers.

    Raises: RefusedError 30, if one is not a number; RefusedError 43, if one is above the int limit.
    """
    try:
        numbers = {int(value) for value in entry.values}
    except ValueError as error:
        raise RefusedError(30) from error
    if switches.number_limit_enforced and any(number > INT_LIMIT for number in numbers):
        raise RefusedError(43)
    return numbers


def read_range(entry: Filter, switches: Switches, *, from_code: int = 43, to_code: int = 43) -> Range:
    """Return a ValueFrom/ValueTo range; a ValueTo that is absent or 0 is an open end.

    Raises: RefusedError 30, if a bound is not a number; RefusedError with the given code, if it is above the
    int limit.
    """
    try:
        start = int(entry.parts.get("ValueFrom", "0"))
        end = int(entry.parts.get("ValueTo", "0"))
    except ValueError as error:
        raise RefusedError(30) from error
    if switches.number_limit_enforced:
        for bound, code in ((start, from_code), (end, to_code)):
            if bound > INT_LIMIT:
                raise RefusedError(code)
    return Range(
        start + (switches.range_from == "exclusive") if "ValueFrom" in entry.parts else None,
        end - (switches.range_to == "exclusive") if end else None,
    )


def read_levels(entry: Filter) -> Range:
    """Return LevelFrom/LevelTo or LevelValue as a range.

    Raises: RefusedError 70, if both are given; RefusedError 30, if one is not a number.
    """
    value = entry.parts.get("LevelValue", entry.value)
    bounds = {"LevelFrom", "LevelTo"} & set(entry.parts)
    if value and bounds:
        raise RefusedError(70)
    try:
        if value:
            return Range(int(value), int(value))
        start, end = entry.parts.get("LevelFrom"), entry.parts.get("LevelTo")
        return Range(int(start) if start else None, int(end) if end else None)
    except ValueError as error:
        raise RefusedError(30) from error


def read_window(entry: Filter, switches: Switches) -> tuple[datetime | None, datetime | None]:
    """Return DateFrom and DateTo as instants, both inclusive.

    Raises: RefusedError 30, if one is not a date.
    """
    iso = switches.iso_dates_in_filters == "read"
    try:
        start, end = (
            read_wall_clock(entry.parts[name], iso=iso) if name in entry.parts else None
            for name in ("DateFrom", "DateTo")
        )
    except ValueError as error:
        raise RefusedError(30) from error
    return start, end


def within(at: datetime | None, window: tuple[datetime | None, datetime | None]) -> bool:
    """Return whether a date is set and lies in the window."""
    start, end = window
    return at is not None and (start is None or at >= start) and (end is None or at <= end)
