"""Values that every room shares: amounts, counts, texts and addresses."""

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Annotated, get_origin

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic import Field as RecordField
from pydantic.fields import FieldInfo

_UNSURE = frozenset("ßς\u200c\u200d")
"""Characters in a host that IDNA 2003 and IDNA 2008 encode differently: they may name another host."""


@lru_cache(maxsize=256)
def plain_address(text: str) -> str:
    """Return a mail address with its host in ASCII; empty if the text is not exactly one address.

    No name server is asked. A host of the house, such as `shop.local`, is accepted.
    """
    # Imported on first use, as below: most commands need none of these libraries, which load slowly.
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    if "local" in SPECIAL_USE_DOMAIN_NAMES:
        # The library's own way to accept such hosts.
        SPECIAL_USE_DOMAIN_NAMES.remove("local")

    text = text.strip()
    if not _UNSURE.isdisjoint(text.rpartition("@")[2]):
        return ""
    try:
        found = validate_email(text, strict=True, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return ""
    return f"{found.local_part}@{found.ascii_domain}" if "." in found.ascii_domain else ""


@lru_cache(maxsize=256)
def is_iban(text: str) -> bool:
    """Return whether a text without blanks, in capitals, is an IBAN by its country's form and check digits.

    The library's further checks for single countries are left out: its list of Belgian banks is incomplete.
    """
    from stdnum import iban

    return iban.is_valid(text, check_country=False) and iban.compact(text) == text


def is_bic(text: str) -> bool:
    """Return whether a text without blanks, in capitals, has the form of a BIC and names a country."""
    from stdnum import bic

    return bic.is_valid(text) and bic.compact(text) == text


MONEY_PLACES = 4
_MONEY_DIGITS = 18
# Python's default context would silently round a number to 28 digits.
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])


def to_ten_thousandths(value: Decimal) -> int:
    """Return the stored form of a decimal. Raises: ValueError, for more than four places or too large."""
    try:
        scaled = Decimal(value).scaleb(MONEY_PLACES, context=_EXACT)
        if not scaled.is_finite():
            raise ValueError("not a finite decimal")
        # Checked before the conversion to int, which could have a million digits.
        if scaled and scaled.adjusted() >= _MONEY_DIGITS:
            raise ValueError("number too large")
        whole = int(scaled)
    except InvalidOperation as error:
        raise ValueError("not a finite decimal") from error
    except Inexact as error:
        raise ValueError("more than four decimal places") from error
    if whole != scaled:
        raise ValueError("more than four decimal places")
    return whole


def from_ten_thousandths(value: int) -> Decimal:
    """Return the decimal of a stored value, with at least two places."""
    cents, rest = divmod(value, 100)
    return Decimal(value).scaleb(-MONEY_PLACES) if rest else Decimal(cents).scaleb(-2)


_LARGEST_AMOUNT = 10**12


def _storable(value: Decimal) -> Decimal:
    to_ten_thousandths(value)
    if abs(value) >= _LARGEST_AMOUNT:
        raise ValueError("number too large")
    return value


Amount = Annotated[Decimal, AfterValidator(_storable)]
"""A decimal in a plain record that `ExactDecimal` can store; sums of many still fit. Others are invalid."""

MAX_COUNT = 10**9
"""The largest quantity in a record; sums of many still fit into a column."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds characters that cannot be shown")
    return value


ExternalId = Annotated[str, RecordField(min_length=1, max_length=80), AfterValidator(_printable)]
"""A record's id in the outside system: short and printable, because it is shown, searched and sent."""

Indexed = Annotated[str, RecordField(max_length=320)]
"""An indexed text: its length is limited because PostgreSQL refuses rows that are too long to index."""


def row_number(text: str) -> int | None:
    """Return the id of a row that a person typed; None if the text cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def split_at_commas(value: object) -> object:
    """Return the parts of a text between commas, without blanks and empty ones; other values as they are."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


LONGEST_TEXT = 300
"""Longest printed text, in characters."""


def print_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text as one line; a text longer than `longest` is cut and ends in a visible mark."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


LANGUAGES = ("de", "en")
LONGEST_ADDRESS_LINE = 100

CENT = Decimal("0.01")


def half_up(amount: Decimal) -> Decimal:
    """Return an amount rounded to whole cents, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def describe_faults(error: ValidationError, model: type[BaseModel], group: str = "") -> list[str]:
    """Return a sentence for each setting that a person typed and that its model refuses.

    `group` stands before the names of the model's fields, as in "The setting 'bank.days' does not fit: …".
    """
    return [
        _describe_fault(str(fault["loc"][0]) if fault["loc"] else "", str(fault["msg"]), model, group)
        for fault in error.errors()
    ]


def _describe_fault(name: str, message: str, model: type[BaseModel], group: str) -> str:
    message = message.removeprefix("Value error, ")
    field = model.model_fields.get(name)
    if field is None:
        return f"The settings {group!r} do not fit each other: {message}."
    full = f"{group}.{name}" if group else name
    return f"The setting {full!r} does not fit: {message}{_allowed_in(field)}."


def _allowed_in(field: FieldInfo) -> str:
    """Return the allowed values of a choice, or of a yes or no; the message itself names a range."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f" (allowed are {', '.join(str(one.value) for one in annotation)})"
    if annotation is bool:
        return " (allowed are true, false)"
    return " (a list separated by commas)" if get_origin(annotation) is tuple else ""
