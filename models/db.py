"""The database: one engine for each address, sessions that commit on leaving, and migrations."""

import random
import select
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import configure_mappers
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from models.errors import RuleError
from models.settings import get_settings

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 30
"""How long a lock is waited for, on both databases."""
FRESH_SECONDS = 5
"""A connection that was in use so shortly before is taken to be alive."""
RETRY_SECONDS = (0.05, 0.2, 1.0)
MIGRATION_TRIES = 30
GAVE_WAY = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: the transaction could not be serialised, was in a deadlock, or waited too long for a lock."""
MIGRATIONS = Path(__file__).with_name("migrations")

_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()


def get_engine(url: str | None = None) -> Engine:
    """Return this process's engine for an address, by default the one in the settings."""
    url = url or get_settings().database_url
    with _engines_lock:
        if url not in _engines:
            _engines[url] = _make_engine(url)
        return _engines[url]


def prepare() -> None:
    """Load the driver and work out how the tables hang together, which the first question would wait for.

    Nothing is opened.
    """
    configure_mappers()
    make_url(get_settings().database_url).get_dialect().import_dbapi()


def dispose() -> None:
    """Close every connection of this process."""
    with _engines_lock:
        for engine in _engines.values():
            engine.dispose()
        _engines.clear()


def _make_engine(url: str) -> Engine:
    # Parameters hold buyers' data, so database errors must not print them.
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, hide_parameters=True)
        event.listen(engine, "handle_error", _quote_no_row)
        event.listen(engine, "connect", _prepare_postgres)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_check_alive, engine))
        return engine
    file = make_url(url).database
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _quote_no_row(context: ExceptionContext) -> None:
    """Leave the first line of an error alone: below it PostgreSQL quotes the refused row, buyer and all."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _prepare_postgres(connection: Any, _entry: ConnectionPoolEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'")
    connection.commit()


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used_at"] = time.monotonic()


def _check_alive(engine: Engine, connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Let the pool begin anew if the server ended a connection meanwhile.

    One that was in use a moment ago is not asked, unless something waits to be read from it: the server says
    farewell. To ask each time, as the pool would by itself, is a way there and back for every transaction.
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
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Let the file have a write-ahead log; several processes may be the first to open it."""
    end = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself while another process changes this.
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the write lock at once: a reader that turns into a writer later
    # would fail with "database is locked" without waiting.
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


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


class Schema(StrEnum):
    """How the tables of a database stand to this program."""

    empty = "empty"
    """There is no table at all, or no file yet."""
    older = "older"
    current = "current"
    newer = "newer"
    foreign = "foreign"
    """There are tables, and they are not Warenfluss's."""


def newest_revision() -> str:
    """Return the last revision that this program knows; the files' names begin with theirs."""
    return max(file.name[1:5] for file in (MIGRATIONS / "versions").glob("v[0-9]*.py"))


def find_schema(url: str | None = None) -> Schema:
    """Return how a database stands to this program; one that is only looked at is not created.

    Raises: RuleError, if it cannot be reached.
    """
    address = make_url(url or get_settings().database_url)
    if address.get_backend_name() == "sqlite" and address.database and not Path(address.database).exists():
        return Schema.empty
    try:
        with get_engine(url).connect().execution_options(reads_only=True) as connection:
            tables = inspect(connection).get_table_names()
            if "alembic_version" not in tables:
                return Schema.foreign if tables else Schema.empty
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            others = bool(set(tables) - {"alembic_version"})
    except (DBAPIError, OSError) as error:
        raise RuleError(
            f"The database cannot be reached ({type(error).__name__}); check WARENFLUSS_DATABASE_URL."
        ) from None
    newest = newest_revision()
    if revision is None:
        # A database that was taken back to its beginning keeps the empty table of versions.
        return Schema.foreign if others else Schema.empty
    if revision == newest:
        return Schema.current
    if not revision.isdigit():
        return Schema.foreign
    return Schema.older if revision < newest else Schema.newer


def migration_config(url: str | None = None) -> "Config":
    """Return Alembic's configuration for an address, by default the one in the settings."""
    # Imported late, as below: it takes a quarter of a second, and few commands migrate.
    from alembic.config import Config

    # By itself it would write to what was standard output when it was imported.
    config = Config(stdout=sys.stdout)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url or get_settings().database_url
    return config


def upgrade(url: str | None = None, revision: str = "head") -> None:
    """Bring the schema to a revision; repeating it changes nothing, and of several at once one does it.

    A revision that does not get its locks within seconds lets those pass that wait behind it, and is tried
    again. Raises: RuleError, if the revision is unknown, or is not let in for long.
    """
    from alembic import command

    with _named_revision(revision):
        _insist(lambda: command.upgrade(migration_config(url), revision))


def downgrade(revision: str, url: str | None = None) -> None:
    """Take the schema back to an older revision. Raises: RuleError, like `upgrade`."""
    from alembic import command

    with _named_revision(revision):
        _insist(lambda: command.downgrade(migration_config(url), revision))


def find_losses(revision: str) -> dict[str, int]:
    """Return what taking the schema back to a revision would lose: rows by `table` or `table.column`."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/older.db"
        if revision != "base":
            upgrade(url, revision)
        older = _columns(url)
        with _engines_lock:
            _engines.pop(url).dispose()
    losses: dict[str, int] = {}
    with get_engine().connect().execution_options(reads_only=True) as connection:
        for table, columns in _columns().items():
            gone = [table] if table not in older else [f"{table}.{name}" for name in columns - older[table]]
            count = connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one() if gone else 0  # noqa: S608
            losses.update({name: count for name in gone if count})
    return losses


def _columns(url: str | None = None) -> dict[str, set[str]]:
    inspector = inspect(get_engine(url))
    return {
        table: {column["name"] for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def _insist(migrate: Callable[[], None]) -> None:
    for _ in range(MIGRATION_TRIES):
        try:
            return migrate()
        except DBAPIError as error:
            if not gave_way(error):
                raise
        time.sleep(1 + random.random())  # noqa: S311 - no secret
    raise RuleError(
        "The change gets no lock, because others have the tables in use all the time: try again at a quiet "
        "hour, or stop the workers meanwhile. What was done stays, and the next try goes on from there."
    )


@contextmanager
def _named_revision(revision: str) -> Iterator[None]:
    from alembic.util import CommandError

    try:
        yield
    except CommandError:
        raise RuleError(
            f"There is no way to revision {revision!r}; the newest is {newest_revision()}."
        ) from None
