"""Sessions that commit on leaving, and steps that are tried again when the database gave way."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from models.database.engine import get_engine

T = TypeVar("T")

RETRY_SECONDS = (0.05, 0.2, 1.0)

GAVE_WAY = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: the transaction could not be serialised, was in a deadlock, or waited too long for a lock."""


@contextmanager
def session_scope() -> Iterator[Session]:
    """Yield a session that commits on leaving and rolls back on an error; rows stay readable after it."""
    with Session(get_engine(), expire_on_commit=False) as session:
        yield session
        try:
            session.commit()
        except BaseException:
            # Its transaction may still be open, and SQLAlchemy would hand it to the next one as it is.
            session.invalidate()
            raise


def in_transaction(step: Callable[[Session], T]) -> T:
    """Take a step in a transaction of its own and return its result; the frame of a person's command.

    Where the database undid the transaction because of others at work, the whole step is taken again, a few
    times; so it changes nothing but what its session holds. Cycles need this not: their tasks try again.
    """
    for seconds in RETRY_SECONDS:
        try:
            with session_scope() as session:
                return step(session)
        except DBAPIError as error:
            if not gave_way(error):
                raise
        # Two that met must not meet again.
        time.sleep(seconds * (0.5 + random.random()))  # noqa: S311 - no secret
    with session_scope() as session:
        return step(session)


def gave_way(error: DBAPIError) -> bool:
    """Say whether the database undid a transaction for others' sake, so that all of it can be tried again.

    A lost connection is none of these: it may have broken after the commit.
    """
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", "") in GAVE_WAY


@contextmanager
def read_scope() -> Iterator[Session]:
    """Yield a session for reading; it waits for no writer and nothing is committed."""
    with Session(get_engine(), expire_on_commit=False, autoflush=False) as session:
        session.connection(execution_options={"reads_only": True})
        yield session
        # A rollback would expire the rows that were read.
        session.expunge_all()
