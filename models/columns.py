"""Column types that mean the same on SQLite and PostgreSQL, and the helpers that tables share."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic import Field as RecordField
from sqlalchemy import BigInteger, DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

# Constraints need names that both databases share, or no migration can change them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

MONEY_PLACES = 4
_MONEY_DIGITS = 18
# Python's default context would round a long number to 28 digits without a word.
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal of at most four places, stored as whole ten-thousandths.

    SQLite keeps decimals as floating point, so that sums would drift there.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        return to_ten_thousandths(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return from_ten_thousandths(value)


def to_ten_thousandths(value: Decimal) -> int:
    """Return the stored form. Raises: ValueError, for more than four places or too large a number."""
    try:
        scaled = Decimal(value).scaleb(MONEY_PLACES, context=_EXACT)
        if not scaled.is_finite():
            raise ValueError("not a finite decimal")
        # Before it becomes a whole number, which may have a million digits.
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
    """Return the decimal with two places, or with as many as it needs."""
    cents, rest = divmod(value, 100)
    return Decimal(value).scaleb(-MONEY_PLACES) if rest else Decimal(cents).scaleb(-2)


class UtcInstant(TypeDecorator[datetime]):
    """An instant; it goes in with any time zone and comes out in UTC. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without time zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Code(TypeDecorator[StrEnum]):
    """A `StrEnum` stored as its text: adding a value needs no change of the schema."""

    impl = String(40)
    cache_ok = True

    def __init__(self, codes: type[StrEnum]) -> None:
        super().__init__()
        self.codes = codes

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else str(self.codes(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.codes(value)


_LARGEST_AMOUNT = 10**12


def _storable(value: Decimal) -> Decimal:
    to_ten_thousandths(value)
    if abs(value) >= _LARGEST_AMOUNT:
        raise ValueError("number too large")
    return value


Amount = Annotated[Decimal, AfterValidator(_storable)]
"""A decimal of a plain record that `ExactDecimal` can store, and sums of many; others make it invalid."""

MAX_COUNT = 10**9
"""The largest quantity that a record may name; sums of many of them still fit into a column."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds characters that cannot be shown")
    return value


ExternalId = Annotated[str, RecordField(min_length=1, max_length=80), AfterValidator(_printable)]
"""What a record is called on the other side; it is shown, searched and sent, so it is short and plain."""

Indexed = Annotated[str, RecordField(max_length=320)]
"""A text of a record by which rows are searched: PostgreSQL refuses a row that it cannot index."""


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


def money(default: Decimal | None = None, *, nullable: bool = False) -> Any:
    """Declare a column of `ExactDecimal`."""
    if default is None and not nullable:
        return Field(sa_type=ExactDecimal, nullable=False)
    return Field(default=default, sa_type=ExactDecimal, nullable=nullable)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """Declare a column of `UtcInstant`; one that may not be null defaults to now."""
    if nullable:
        return Field(default=None, sa_type=UtcInstant, nullable=True, index=index)
    return Field(default_factory=utc_now, sa_type=UtcInstant, nullable=False, index=index)


def code(codes: type[StrEnum], default: StrEnum | None = None, *, index: bool = False) -> Any:
    """Declare a column of `Code`."""
    if default is None:
        return Field(sa_type=Code(codes), nullable=False, index=index)
    return Field(default=default, sa_type=Code(codes), nullable=False, index=index)


_acting_run: ContextVar[int | None] = ContextVar("acting_run", default=None)


@contextmanager
def acting(run_id: int) -> Iterator[None]:
    """Let the rows that are written meanwhile name this run, where their table has `by_run`."""
    token = _acting_run.set(run_id)
    try:
        yield
    finally:
        _acting_run.reset(token)


def acting_run() -> int | None:
    """Return the run in whose transaction this is called, None for a person's step."""
    return _acting_run.get()


def by_run() -> Any:
    """Declare a column with the run that wrote the row; null if a person did, or nobody noted it."""
    # No foreign key and no index: both cost the import of every order, and only a replay looks here.
    return Field(default_factory=acting_run, nullable=True)


def need_id(value: int | None) -> int:
    """Return the id of a row that has been flushed; a row without one is a bug."""
    if value is None:
        raise TypeError("the row has no id yet")
    return value
