"""Records of manual orders and offers, and how JSON is read into them."""

from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic import Field as RecordField

from models.errors import RuleError
from models.orders.records import AddressData
from models.tenants.records import PaymentKind
from models.values import MAX_COUNT, Amount, half_up

MOST_LINES = 500
"""Lines of one manual order, at most."""
TOO_MUCH = 10**12


def _in_cents(value: Decimal) -> Decimal:
    if value < 0 or value != half_up(value):
        raise ValueError("an amount is at least zero, in whole cents")
    return value


def _is_rate(value: Decimal) -> Decimal:
    if not 0 <= value < 100:
        raise ValueError("a tax rate is at least 0 and less than 100 percent")
    return value


def _without_control(value: str) -> str:
    if not "".join(value.split()).isprintable():
        raise ValueError("it holds characters that cannot be printed")
    return value


Cents = Annotated[Amount, AfterValidator(_in_cents)]
Rate = Annotated[Amount, AfterValidator(_is_rate)]
Word = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=300), AfterValidator(_without_control)
]
Remark = Annotated[str, RecordField(max_length=2000), AfterValidator(_without_control)]


class ManualLine(BaseModel):
    """Goods as a person orders them; missing values come from the article."""

    model_config = ConfigDict(extra="forbid")

    article: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    """SKU or GTIN."""
    quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)
    price: Cents | None = None
    """Gross unit price in the order's currency."""
    tax_rate: Rate | None = None
    """In percent."""
    title: Word = ""


class ManualAddress(AddressData):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, str_max_length=320)

    _printable = field_validator("*")(_without_control)


class ManualOrder(BaseModel):
    """An order or an offer as a person enters it."""

    model_config = ConfigDict(extra="forbid")

    billing: ManualAddress
    shipping: ManualAddress | None = None
    """None means the billing address."""
    lines: list[ManualLine] = RecordField(min_length=1, max_length=MOST_LINES)
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    """Default: the tenant's currency."""
    shipping_amount: Cents = Decimal(0)
    payment: PaymentKind
    shipping_method: Word = ""
    """Name of one of the tenant's shipping methods."""
    comment: Remark = ""
    """The buyer's comment."""
    memo: Remark = ""
    partial_shipping: bool | None = None
    """Whether available units may be shipped before missing ones; None: the buyer's or account's setting."""
    reference: Annotated[Word, StringConstraints(max_length=80)] = ""
    """A second order with the same reference is not created."""


def read_manual_order(text: str) -> ManualOrder:
    """Return an order from JSON. Raises: RuleError, with one sentence per mistake."""
    try:
        return ManualOrder.model_validate_json(text)
    except ValidationError as error:
        raise RuleError("\n".join(word_faults(error))) from None


def read_manual_line(
    article: str, quantity: int = 1, price: Decimal | None = None, tax_rate: Decimal | None = None
) -> ManualLine:
    """Return a line of goods. Raises: RuleError, with one sentence per mistake."""
    try:
        return ManualLine(article=article, quantity=quantity, price=price, tax_rate=tax_rate)
    except ValidationError as error:
        raise RuleError("\n".join(word_faults(error))) from None


def word_faults(error: ValidationError) -> list[str]:
    """Return one sentence per mistake, without the value: it may be a buyer's data."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        parts = [str(part + 1) if isinstance(part, int) else part for part in fault["loc"]]
        where = ".".join(parts).replace("lines.", "line ")
        faults.append(f"{where or 'the file'}: {fault['msg'].removeprefix('Value error, ')}")
    return faults
