"""Erased text leaves the database's files, too.

SQLite overwrites deleted text with zeros (`secure_delete`), but only where it stands now. Older copies can
stand in the write-ahead log, and in unused parts of pages from which SQLite has moved a row to another page.
PostgreSQL overwrites nothing by itself: a vacuum only lets the space be used again.
"""

import sqlite3
import time
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.database.engine import BUSY_TIMEOUT_SECONDS, get_engine, sqlite_file
from models.errors import RuleError

ATTEMPT_SECONDS = 0.1
"""How long one attempt to empty the log waits for readers; writers wait meanwhile."""
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 0.0)
"""After each attempt."""
SMALL_BYTES = 100_000_000
"""Largest SQLite file that is rewritten while others work with it: writers wait a few seconds."""
REWRITTEN = 1
"""The file's `user_version` once it was rewritten; 0 before that."""


def remove_remains() -> bool:
    """Remove the remains of erased text from the database's files; return whether all are gone.

    A large SQLite file and PostgreSQL keep some until `rewrite`. Never fails.
    """
    file = sqlite_file()
    if file is None:
        return False
    try:
        if file.stat().st_size <= SMALL_BYTES:
            rewrite()
            return True
    except (OSError, RuleError):
        pass
    empty_log()
    return False


def remove_old_remains() -> None:
    """Rewrite a small SQLite file once: programs before this one did not overwrite what they erased.

    Never fails.
    """
    file = sqlite_file()
    if file is None:
        return
    try:
        with closing(sqlite3.connect(file)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return
    if version < REWRITTEN:
        remove_remains()


def empty_log() -> bool:
    """Move what SQLite's write-ahead log holds into the file and empty it; return whether that worked.

    It does not if others read older pages for more than two seconds. Always True for PostgreSQL. Never fails.
    """
    file = sqlite_file()
    if file is None:
        return True
    try:
        with closing(sqlite3.connect(file, timeout=ATTEMPT_SECONDS, isolation_level=None)) as connection:
            for pause in PAUSES_SECONDS:
                # The row is (busy, pages in the log, pages moved).
                if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return True
                time.sleep(pause)
    except sqlite3.Error:
        # For example a full disk: the next call tries again.
        pass
    return False


def rewrite() -> None:
    """Write the whole database anew, without the remains of erased text.

    Takes free space of twice its size. Writers wait meanwhile; on PostgreSQL readers, too.
    Raises: RuleError, if others keep it busy, or the disk is full.
    """
    file = sqlite_file()
    try:
        if file is None:
            with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM FULL"))
            return
        with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)) as opened:
            opened.execute("VACUUM")
            opened.execute(f"PRAGMA user_version={REWRITTEN}")
    except (sqlite3.Error, DBAPIError) as error:
        reason = getattr(error, "orig", error)
        raise RuleError(f"The database cannot be rewritten now ({reason}): try again later.") from None
    if not empty_log():
        raise RuleError("The database cannot be rewritten now, because others read it all the time.")
