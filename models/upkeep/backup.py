"""Backup and restore of a database in use.

SQLite: its online backup, a consistent copy while others write. PostgreSQL: `pg_dump` and `pg_restore` from
the PATH. A restore moves the replaced database aside and never deletes it.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlmodel import func, select

from models.clock import utc_now
from models.database.engine import SIDE_FILES, dispose, get_engine
from models.database.schema import Schema, find_schema, newest_revision, upgrade
from models.database.session import read_scope
from models.errors import Action, Advice, RuleError
from models.files import write_whole
from models.settings import get_settings
from models.sync.runs import Lease


def back_up(file: Path) -> None:
    """Write a consistent copy of the database to a file; an older file of this name is replaced.

    The file appears only when it is complete and verified; only its owner can read it.
    Raises: RuleError, if the database has none of our tables, or the copy cannot be made.
    """
    if find_schema() not in (Schema.current, Schema.older):
        raise RuleError("The database cannot be backed up: it has no tables of this program.")
    url = make_url(get_settings().database_url)
    if url.get_backend_name() == "sqlite" and file.resolve() == Path(str(url.database)).resolve():
        raise RuleError(f"{file} is the database itself: name another file.")
    with write_whole(file) as part:
        if url.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(url.database)), part)
            _check_sqlite(part)
        else:
            _run(url, "pg_dump", "--format=custom", "--schema=public", "--no-owner", "--no-privileges",
                 "--file", str(part))  # fmt: skip
            _run(url, "pg_restore", "--list", str(part), connect=False)


def restore(file: Path, *, replace: bool = False) -> str:
    """Replace the database with a copy and upgrade its schema; return where the old database is now.

    The result is empty if there was no database. The caller marks what the copy does not know
    (`models.upkeep.after_restore`).
    Raises: RuleError, if there is a database and `replace` is False, if runs are in progress, or if this
    program cannot read the file; then nothing is changed.
    """
    if not file.is_file():
        raise RuleError(f"There is no file {file}.")
    url = make_url(get_settings().database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _check_sqlite(file)
    else:
        _run(url, "pg_restore", "--list", str(file), connect=False)
    schema = find_schema()
    if schema is Schema.foreign:
        raise RuleError("The database has tables of another program: give Warenfluss a database of its own.")
    if schema is not Schema.empty:
        if not replace:
            raise RuleError("There is a database already.", Advice(Action.database_replace, str(file)))
        _check_no_runs()
    dispose()
    stamp = f"{utc_now():%Y%m%d%H%M%S%f}"
    if is_sqlite:
        replaced = _restore_sqlite(file, Path(str(url.database)), stamp)
    else:
        replaced = _restore_postgres(url, file, stamp)
    upgrade()
    return replaced if schema is not Schema.empty else ""


def _check_no_runs() -> None:
    """Raises: RuleError, if runs are in progress."""
    with read_scope() as session:
        held = session.exec(select(func.count()).select_from(Lease).where(Lease.expires_at > utc_now())).one()
    if held:
        raise RuleError(
            f"{held} runs are in progress: stop Warenfluss and all its workers, wait a minute, and try again."
        )


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True)) as theirs,
            closing(sqlite3.connect(target)) as ours,
        ):
            # All pages in one go: a copy in steps starts again after each commit, and may never end.
            theirs.backup(ours)
            # A single file, without the two side files of write-ahead logging.
            ours.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise RuleError(f"The database cannot be copied ({error}).") from None


def _check_sqlite(file: Path) -> None:
    """Raises: RuleError, unless the file is an undamaged database of Warenfluss that this program knows."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("SELECT key FROM installation").fetchone()
    except sqlite3.Error:
        raise RuleError(f"{file} is no database of Warenfluss, or it is damaged.") from None
    if found != ("ok",):
        raise RuleError(f"{file} is damaged.")
    if revision is None or not revision[0].isdigit() or revision[0] > newest_revision():
        raise RuleError(f"{file} was made by a newer version of Warenfluss: update the program.")


def _restore_sqlite(file: Path, database: Path, stamp: str) -> str:
    """Replace the database; return the path of the replaced one."""
    replaced = database.with_name(f"{database.name}.before-{stamp}")
    with write_whole(database.with_name(f"{database.name}.restored")) as part:
        shutil.copyfile(file, part)
    for suffix in SIDE_FILES:
        side = database.with_name(f"{database.name}{suffix}")
        if side.exists():
            side.replace(replaced.with_name(f"{replaced.name}{suffix}"))
    database.with_name(f"{database.name}.restored").replace(database)
    return str(replaced)


def _restore_postgres(url: URL, file: Path, stamp: str) -> str:
    """Replace the database's schema; return the name of the replaced one."""
    replaced = f"before_{stamp}"
    with get_engine().begin() as connection:
        connection.execute(text(f"ALTER SCHEMA public RENAME TO {replaced}"))
        connection.execute(text("CREATE SCHEMA public"))
    try:
        _run(url, "pg_restore", "--single-transaction", "--schema=public", "--no-owner", "--no-privileges",
             "--dbname", _libpq(url), str(file), connect=False)  # fmt: skip
    except RuleError:
        with get_engine().begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text(f"ALTER SCHEMA {replaced} RENAME TO public"))
        raise
    return f"schema {replaced}"


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string()


def _run(url: URL, program: str, *arguments: str, connect: bool = True) -> None:
    """Run one of PostgreSQL's programs; the password is not in its arguments. Raises: RuleError."""
    found = shutil.which(program)
    if found is None:
        raise RuleError(f"{program} is not on the PATH: install PostgreSQL's client programs.")
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = [found, *arguments, *(["--dbname", _libpq(url)] if connect else [])]
    done = subprocess.run(command, env=env, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        # The lines after the first may quote rows.
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise RuleError(f"{program} failed: {said[:200]}")
