"""Column types that mean the same on SQLite and PostgreSQL, and the helpers that tables share."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from models.clock import utc_now
from models.values import from_ten_thousandths, to_ten_thousandths

# Constraints need names that are the same on both databases; otherwise no migration can change them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal with at most four places, stored as a whole number of ten-thousandths.

    SQLite stores decimals as floating point, so sums would drift there.
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


class UtcInstant(TypeDecorator[datetime]):
    """An instant: written with any time zone, read in UTC. Naive times are refused."""

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
    """A `StrEnum` stored as its text: a new value needs no schema change."""

    impl = String(40)
    cache_ok = True

    def __init__(self, codes: type[StrEnum]) -> None:
        super().__init__()
        self.codes = codes

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else str(self.codes(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.codes(value)


def money(default: Decimal | None = None, *, nullable: bool = False) -> Any:
    """Declare a column of `ExactDecimal`."""
    if default is None and not nullable:
        return Field(sa_type=ExactDecimal, nullable=False)
    return Field(default=default, sa_type=ExactDecimal, nullable=nullable)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """Declare a column of `UtcInstant`; it defaults to now unless it is nullable."""
    if nullable:
        return Field(default=None, sa_type=UtcInstant, nullable=True, index=index)
    return Field(default_factory=utc_now, sa_type=UtcInstant, nullable=False, index=index)


def code(codes: type[StrEnum], default: StrEnum | None = None, *, index: bool = False) -> Any:
    """Declare a column of `Code`."""
    if default is None:
        return Field(sa_type=Code(codes), nullable=False, index=index)
    return Field(default=default, sa_type=Code(codes), nullable=False, index=index)


class Numbered(SQLModel):
    """The base of every table with rows that the database numbers."""

    id: int | None = Field(default=None, primary_key=True)
    """None until the row is flushed; `row_id` for code that needs it."""

    @property
    def row_id(self) -> int:
        """The id of a row that has been flushed; a missing id is a bug."""
        return need_id(self.id)


def need_id(value: int | None) -> int:
    """Return the id of a row that has been flushed; a missing id is a bug."""
    if value is None:
        raise TypeError("the row has no id yet")
    return value
