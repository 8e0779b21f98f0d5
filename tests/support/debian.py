"""Debian's PostgreSQL and Redis as temporary servers, for features missing in the wheel of `postgres`."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg

from tests.support import session
from tests.support.postgres import OPTIONS, UNPRIVILEGED_USER
from tests.support.prefect_server import find_port
from tests.support.required import missing

WHAT = "prefect-scale"
STARTING_SECONDS = 60


def start_postgres() -> str:
    """Start a cluster that has `pg_trgm`; return the address of an empty database without its scheme."""
    programs = _find_postgres()
    if programs is None:
        missing(WHAT, "no PostgreSQL with pg_trgm; install Debian's package postgresql")
    data = _folder("debian-postgres")
    user = _user()
    initdb = [str(programs / "initdb"), "--pgdata", str(data), "--username", "postgres", "--auth", "trust"]
    subprocess.run(
        [*initdb, "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user or None,
        extra_groups=[] if user else None,
        cwd=session.get_folder(),
    )
    port = find_port()
    options = {**OPTIONS, "listen_addresses": "127.0.0.1"}
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(data), "-p", str(port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    session.keep(
        command, log=session.get_folder() / "debian-postgres.log", stop_signal=signal.SIGQUIT, user=user
    )
    address = f"postgres@127.0.0.1:{port}"
    end = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE prefect")
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return f"{address}/prefect"


def start_redis() -> int:
    """Start a server that stores nothing on disk; return its port."""
    program = shutil.which("redis-server")
    if program is None:
        missing(WHAT, "no 'redis-server' on PATH; install Debian's package redis-server")
    port = find_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--dir", str(_folder("debian-redis"))]
    log = session.get_folder() / "debian-redis.log"
    session.keep(command, log=log, stop_signal=signal.SIGKILL, user=_user())
    end = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return port


def _find_postgres() -> Path | None:
    """Return the folder of the newest PostgreSQL with the extension that Prefect's server needs."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: -int(one.parent.name)):
        extension = Path("/usr/share/postgresql") / folder.parent.name / "extension" / "pg_trgm.control"
        if (folder / "initdb").exists() and extension.exists():
            return folder
    return None


def _user() -> str:
    """Return the user that runs the servers: PostgreSQL refuses root, and Redis should not run as root."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else ""


def _folder(name: str) -> Path:
    folder = session.get_memory() / name
    folder.mkdir(mode=0o700)
    if user := _user():
        shutil.chown(folder, user)
    return folder
