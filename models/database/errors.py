"""Errors of the database without the values that they quote."""

import sqlite3

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

TELLING = frozenset({"08", "23", "40", "42", "53", "55", "57", "P0"})
"""Classes of PostgreSQL's error codes whose first line names tables, columns and constraints, but no value.

Others, above all class 22 (data), quote the value that was refused. "P0" is raised by our own triggers.
"""
SYNTAX = "42601"
"""The one code of class 42 that may quote a value: a search word with an error in it."""
WITHOUT_CODE = ("OperationalError", "InterfaceError")
"""Errors of psycopg itself; they describe the connection and quote no value."""


def code_of(error: SQLAlchemyError) -> str:
    """Return the database's own code, e.g. "57P01" or "SQLITE_BUSY"; empty if there is none."""
    return _code(getattr(error, "orig", None))


def forget_values(context: ExceptionContext) -> None:
    """Remove from an error what may hold buyers' data: parameters, refused rows and quoted values.

    A listener for the event `handle_error`. Class and code stay, and the text if it names no value. Column
    types refuse amounts, times and codes, never texts of buyers; what they say stays, too.
    """
    wrapped, original = context.sqlalchemy_exception, context.original_exception
    if wrapped is None:
        return
    wrapped.params = None
    if not isinstance(wrapped, DBAPIError):
        return
    text = _harmless_text(original)
    original.args = (text,)
    if hasattr(original, "diag"):
        # psycopg keeps all that the server said here, with the refused row.
        original._info = None  # type: ignore[attr-defined]
    kind = type(original)
    wrapped.args = (f"({kind.__module__}.{kind.__qualname__}) {text}".rstrip(),)


def _code(original: object) -> str:
    return str(getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or "")


def _harmless_text(original: BaseException) -> str:
    code, text = _code(original), str(original).partition("\n")[0]
    if isinstance(original, sqlite3.Error):
        # Without a code it is Python's own error, which quotes a text that it cannot read.
        return text if code else text.partition("'")[0].rstrip()
    if code:
        return text if code[:2] in TELLING and code != SYNTAX else code
    return text if type(original).__name__ in WITHOUT_CODE else ""
