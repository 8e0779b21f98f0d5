"""The run that writes a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlmodel import Field

_acting_run: ContextVar[int | None] = ContextVar("acting_run", default=None)


@contextmanager
def acting_as(run_id: int) -> Iterator[None]:
    """Within this context, new rows store this run in their `by_run` column, if their table has one."""
    token = _acting_run.set(run_id)
    try:
        yield
    finally:
        _acting_run.reset(token)


def acting_run() -> int | None:
    """Return the run that this code belongs to; None in a person's command."""
    return _acting_run.get()


def by_run() -> Any:
    """Declare a column for the run that wrote the row; null if a person did or it is unknown."""
    # No foreign key and no index: both would slow down every order import, and only replays read this column.
    return Field(default_factory=acting_run, nullable=True)
