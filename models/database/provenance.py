"""Which run writes a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlmodel import Field

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
