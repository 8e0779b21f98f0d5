"""A Prefect server for tests, offline and without its UI."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tasks.run.prefect_env import write_one_authority
from tests.support import session

STARTING_SECONDS = 90

# Set for the whole session before Prefect is imported, so threads and child processes use the same.
SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # A test without the fixture fails at once instead of starting its own server.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
}


EMITS_EVENTS = "prefect.events.utilities.should_emit_events"

# Services that no test of the shared server needs and that took most of its processor time.
LEAN = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    # With a database file, writers of one server lock each other out and it answers 503.
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:///file::memory:"
    "?cache=shared&uri=true&check_same_thread=false",
}


def prepare_environment() -> None:
    """Point Prefect at a server of this session that `get_prefect` starts later."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(SETTINGS)
    os.environ["PREFECT_HOME"] = str(session.get_memory() / "prefect")
    os.environ["PREFECT_API_SSL_CERT_FILE"] = str(write_one_authority(session.get_folder()))
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{find_port()}/api"
    if "prefect" in sys.modules:
        # A folder's conftest was imported earlier, and Prefect reads its settings on import.
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def find_port() -> int:
    """Return a free port for a server that starts later, below the range that the system assigns itself."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def lean_runs() -> Iterator[None]:
    """Run flows of this process without heartbeat, logs and events.

    The end of a `def` flow waits for the heartbeat. Logs and events are half of a run's cost for the server;
    without events the server does not know the run's tasks.
    """
    from prefect.settings import (
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    lean: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(lean), patch(EMITS_EVENTS, return_value=False):
        yield


@contextmanager
def told_runs() -> Iterator[None]:
    """Run flows of this process with logs and events, as outside of tests."""
    from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}), patch(EMITS_EVENTS, return_value=True):
        yield


def get_prefect() -> str:
    """Return the API URL of the session's Prefect server; the first call starts it."""
    url = os.environ["PREFECT_API_URL"]
    port = int(url.removesuffix("/api").rpartition(":")[2])

    def start() -> dict[str, str]:
        start_prefect(Path(os.environ["PREFECT_HOME"]), port, LEAN)
        return {"url": url}

    answer: str = session.once("prefect", start)["url"]
    return answer


def start_prefect(home: Path, port: int, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start a server with its own database in `home` and wait until it answers; return its keeper process.

    It ends with the session, or earlier by `terminate()` and `wait()` of the keeper.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    keeper = session.keep(
        command,
        log=log,
        stop_signal=signal.SIGKILL,
        env={
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT__SERVER_FINAL": "1",
            **(env or {}),
        },
    )
    deadline = time.monotonic() + STARTING_SECONDS
    while not _is_healthy(port):
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Prefect's server did not start:\n{log.read_text()}")
        time.sleep(0.1)
    return keeper


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
