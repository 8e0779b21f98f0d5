"""Conditions on many values, in the form that is cheapest for each database."""

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
        """Return itself: SQLAlchemy would append `= 1` for SQLite, which then would not use an index."""
        return self


@compiles(_Among)
def _as_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # One array parameter: the statement is short and the same for any number of values, so it is parsed once.
    _, array = element.clauses
    return compiler.process(array, **options)


@compiles(_Among, "sqlite")
def _as_list(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # measured: a single parameter (with json_each) saves nothing on SQLite.
    plain, _ = element.clauses
    return compiler.process(plain, **options)


def among(column: Any, values: Iterable[str | int | None]) -> ColumnElement[bool]:
    """Return the condition that a column of texts or whole numbers has one of these values."""
    listed = list(values)
    array = bindparam("among", listed, type_=ARRAY(column.type), unique=True)
    return _Among(column.in_(listed), column == any_(array))


def in_batches(values: Sequence[Key], size: int = 5000) -> Iterable[Sequence[Key]]:
    """Yield the values in batches for one statement each: SQLite allows about thirty thousand parameters."""
    return (values[start : start + size] for start in range(0, len(values), size))
