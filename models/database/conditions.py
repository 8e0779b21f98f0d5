"""Conditions on many values, in the form in which each database takes them with the least work."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Boolean, ColumnElement, any_, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Key = TypeVar("Key", int, str)


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:
        """Stay as it is: SQLAlchemy would write `= 1` behind it for SQLite, which then uses no index."""
        return self


@compiles(_Among)
def _as_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # One parameter: a short statement, the same for lists of any length, which PostgreSQL parses once.
    _, array = element.clauses
    return compiler.process(array, **options)


@compiles(_Among, "sqlite")
def _as_list(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # There one parameter (by json_each) was measured to save nothing.
    plain, _ = element.clauses
    return compiler.process(plain, **options)


def among(column: Any, values: Iterable[str | int | None]) -> ColumnElement[bool]:
    """Return the condition that a column of texts or whole numbers is one of the values."""
    listed = list(values)
    array = bindparam("among", listed, type_=ARRAY(column.type), unique=True)
    return _Among(column.in_(listed), column == any_(array))


def in_batches(values: Sequence[Key], size: int = 5000) -> Iterable[Sequence[Key]]:
    """Yield values in parts that one statement takes: SQLite allows some thirty thousand."""
    return (values[start : start + size] for start in range(0, len(values), size))
