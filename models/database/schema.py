"""The schema: its revision, upgrades and downgrades."""

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from models.database.engine import close_engine, get_engine, sqlite_file
from models.database.session import was_aborted
from models.errors import RuleError
from models.settings import get_settings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_TRIES = 30
MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Schema(StrEnum):
    """The state of a database's schema compared with this program."""

    empty = "empty"
    """No tables, or no file yet."""
    older = "older"
    current = "current"
    newer = "newer"
    foreign = "foreign"
    """There are tables, but not Warenfluss's."""


def newest_revision() -> str:
    """Return the newest revision of this program; the names of revision files begin with their number."""
    return max(file.name[1:5] for file in (MIGRATIONS / "versions").glob("v[0-9]*.py"))


def find_schema(url: str | None = None) -> Schema:
    """Return the state of a database's schema; a missing SQLite file is not created.

    Raises: RuleError, if the database cannot be reached.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():
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
        # A database downgraded to its beginning keeps an empty table of versions.
        return Schema.foreign if others else Schema.empty
    if revision == newest:
        return Schema.current
    if not revision.isdigit():
        return Schema.foreign
    return Schema.older if revision < newest else Schema.newer


def migration_config(url: str | None = None) -> "Config":
    """Return Alembic's configuration for a database URL, by default the one in the settings."""
    # Imported late, here and below: the import takes a quarter of a second, and few commands migrate.
    from alembic.config import Config

    # Alembic's default would be the standard output at the time of the import.
    config = Config(stdout=sys.stdout)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url or get_settings().database_url
    return config


def upgrade(url: str | None = None, revision: str = "head") -> None:
    """Bring the schema to a revision. Safe to repeat; if several processes do it at once, one does the work.

    A revision that does not get its locks within seconds gives up, so that waiting transactions can pass, and
    is tried again.
    Raises: RuleError, if the revision is unknown or gets no locks for a long time.
    """
    from alembic import command

    with _named_revision(revision):
        _retry_without_locks(lambda: command.upgrade(migration_config(url), revision))


def downgrade(revision: str, url: str | None = None) -> None:
    """Return the schema to an older revision. Raises: RuleError, as `upgrade`."""
    from alembic import command

    with _named_revision(revision):
        _retry_without_locks(lambda: command.downgrade(migration_config(url), revision))


def find_losses(revision: str) -> dict[str, int]:
    """Return what a downgrade to a revision would delete: number of rows by `table` or `table.column`."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/older.db"
        if revision != "base":
            upgrade(url, revision)
        older = _columns(url)
        close_engine(url)
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


def _retry_without_locks(migrate: Callable[[], None]) -> None:
    for _ in range(MIGRATION_TRIES):
        try:
            return migrate()
        except DBAPIError as error:
            if not was_aborted(error):
                raise
        time.sleep(1 + random.random())  # noqa: S311 - no secret
    raise RuleError(
        "The migration gets no lock, because the tables are in use all the time: try again later, or stop "
        "the workers meanwhile. Completed steps stay, and the next try continues after them."
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
