"""Engines for SQLite and PostgreSQL, and the preparation of their connections."""

import os
import select
import sqlite3
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import configure_mappers
from sqlalchemy.pool import ConnectionPoolEntry

from models.database.errors import forget_values
from models.files import make_folder, open_private
from models.settings import get_settings

BUSY_TIMEOUT_SECONDS = 30
"""Longest wait for a lock, on both databases."""
FRESH_SECONDS = 5
"""A connection used within this time is assumed to be alive."""

_PREPARE_POSTGRES = f"""
SELECT set_config('lock_timeout', '{BUSY_TIMEOUT_SECONDS}s', false),
CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
"""After it a commit is on the server's disk when it returns, also if the server or a role is set otherwise.

Other values, such as `remote_apply`, stay.
"""

SIDE_FILES = ("", "-wal", "-shm")
"""What follows the name of an SQLite database in the names of its files."""

_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()


def get_engine(url: str | None = None) -> Engine:
    """Return this process's engine for a database URL, by default the one in the settings."""
    url = url or get_settings().database_url
    with _engines_lock:
        if url not in _engines:
            _engines[url] = _make_engine(url)
        return _engines[url]


def load_driver() -> None:
    """Load the driver and configure the ORM mappers now, so that the first query does not wait for it.

    No connection is opened.
    """
    configure_mappers()
    make_url(get_settings().database_url).get_dialect().import_dbapi()


def sqlite_file(url: str | None = None) -> Path | None:
    """Return the file of an SQLite database, by default of the one in the settings; it may be missing.

    None for PostgreSQL and for a database in memory.
    """
    parsed = make_url(url or get_settings().database_url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def close_engine(url: str) -> None:
    """Close the connections of this process to one database URL."""
    with _engines_lock:
        _engines.pop(url).dispose()


def dispose() -> None:
    """Close every connection of this process."""
    with _engines_lock:
        for engine in _engines.values():
            engine.dispose()
        _engines.clear()


def _make_engine(url: str) -> Engine:
    # Parameters contain buyers' data, so error messages must not show them.
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, hide_parameters=True)
        event.listen(engine, "handle_error", forget_values)
        event.listen(engine, "connect", _prepare_postgres)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_check_alive, engine))
        return engine
    if file := sqlite_file(url):
        make_folder(file.parent)
        # SQLite gives its other files the mode of this one.
        os.close(open_private(str(file), os.O_CREAT | os.O_WRONLY))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "handle_error", forget_values)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_postgres(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # One round trip: with autocommit there is no BEGIN and no COMMIT.
    connection.autocommit = True
    connection.execute(_PREPARE_POSTGRES)
    connection.autocommit = False


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used_at"] = time.monotonic()


def _check_alive(engine: Engine, connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Make the pool open a new connection if the server closed this one in the meantime.

    A connection used within `FRESH_SECONDS` is only pinged if it has data to read: a server that closes a
    connection says so. The pool's own `pool_pre_ping` would cost a round trip for every transaction.
    """
    used_at = entry.info.get("used_at")
    if used_at is None:
        return
    if time.monotonic() - used_at < FRESH_SECONDS:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        raise InvalidatePoolError from None


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
    _write_ahead(cursor)
    # A commit is on the disk when it returns: a request, a mail or a printed number may leave right after.
    cursor.execute("PRAGMA synchronous=FULL")
    # Deleted text is overwritten with zeros. Only some builds of SQLite do that by default.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Switch the file to write-ahead logging; several processes may open it for the first time at once."""
    end = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait when another process is switching.
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A writing transaction takes the write lock at its start: a reader that becomes a writer later would fail
    # with "database is locked" at once, without waiting.
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
