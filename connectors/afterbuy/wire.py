"""Records as Afterbuy spells them: the types of their fields, and what all records share.

A field is found by its name without case, and its value is parsed once. An element that is not declared is
ignored; an element that samples show in two spellings is declared in both.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator

from connectors.afterbuy.values import parse_day, parse_decimal, parse_flag, parse_instant, parse_whole

T = TypeVar("T")

MAX_MANY = 10_000
"""The most lines, tags or pictures that one record may have; a record with more is rejected unread."""


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is list:
        return next((_text(one) for one in value if one), "")
    raise ValueError("not a text")


def _optional(parse: Callable[[str], T]) -> Callable[[Any], T | None]:
    def read(value: Any) -> T | None:
        text = value if type(value) is str else _text(value)
        return parse(text) if text else None

    return read


def _id(value: Any) -> str:
    text = _text(value)
    return "" if text == "0" else text


def _many(value: Any) -> Any:
    if type(value) is list:
        if len(value) > MAX_MANY:
            raise ValueError(f"more than {MAX_MANY} in one record")
        return [one for one in value if one is not None]
    return [] if value is None else [value]


def _container(value: Any) -> Any:
    """Return a container's values; an empty one has none, and of several the first with values counts."""
    if type(value) is list:
        value = next((one for one in value if one is not None), None)
    return {} if value is None else value


Text = Annotated[str, PlainValidator(_text)]
"""A text; "" if the element is absent or empty. Of several the first one counts."""
Id = Annotated[str, PlainValidator(_id)]
"""A number that is a name; "" also for 0, which means "none yet"."""
Number = Annotated[Decimal | None, PlainValidator(_optional(parse_decimal))]
Whole = Annotated[int | None, PlainValidator(_optional(parse_whole))]
Flag = Annotated[bool | None, PlainValidator(_optional(parse_flag))]
Instant = Annotated[datetime | None, PlainValidator(_optional(parse_instant))]
Day = Annotated[date | None, PlainValidator(_optional(parse_day))]
Many = Annotated[tuple[T, ...], BeforeValidator(_many)]
One = Annotated[T, BeforeValidator(_container)]


class Wire(BaseModel):
    """A record. Its fields are found by their name in lower case; errors name them as declared."""

    model_config = ConfigDict(extra="ignore", alias_generator=str.lower, loc_by_alias=False)

    # A default that can be hashed is shared instead of copied each time; nothing changes a record once read.
    __hash__ = object.__hash__


class TagsWire(Wire):
    Tag: Many[Text] = ()


class WarningWire(Wire):
    WarningCode: Whole = None
    Key: Text = ""
    UserProductID: Text = ""
    ProductID: Text = ""
    OrderID: Text = ""
    ItemID: Text = ""
