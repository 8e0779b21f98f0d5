"""Sessions that commit on leaving, and steps that are retried when the database aborted them."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session as Session

from models.database.engine import get_engine

T = TypeVar("T")

RETRY_SECONDS = (0.05, 0.2, 1.0)

ABORTED_CODES = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL error codes: serialisation failure, deadlock, lock timeout."""


@contextmanager
def session_scope() -> Iterator[Session]:
    """Yield a session that commits on leaving and rolls back on an error; its rows stay readable after it."""
    with Session(get_engine(), expire_on_commit=False) as session:
        yield session
        try:
            session.commit()
        except BaseException:
            # The connection may still be in a transaction, and the pool would hand it out like that.
            session.invalidate()
            raise


def in_transaction(step: Callable[[Session], T]) -> T:
    """Run a step in a transaction of its own and return its result; used for a person's commands.

    If the database aborts the transaction because of concurrent ones, the whole step is repeated, a few
    times: a step may change nothing outside its session. Cycles do not need this: their tasks are retried.
    """
    for seconds in RETRY_SECONDS:
        try:
            with session_scope() as session:
                return step(session)
        except DBAPIError as error:
            if not was_aborted(error):
                raise
        # Random, so that two conflicting transactions do not meet again.
        time.sleep(seconds * (0.5 + random.random()))  # noqa: S311 - no secret
    with session_scope() as session:
        return step(session)


def was_aborted(error: DBAPIError) -> bool:
    """Return whether the database aborted a transaction in favour of others, so that it can be repeated.

    A lost connection does not count: it may have broken after the commit.
    """
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", "") in ABORTED_CODES


@contextmanager
def read_scope() -> Iterator[Session]:
    """Yield a session for reading; it waits for no writer, and nothing is committed."""
    with Session(get_engine(), expire_on_commit=False, autoflush=False) as session:
        session.connection(execution_options={"reads_only": True})
        yield session
        # The rollback at the end would otherwise expire the rows that were read.
        session.expunge_all()
