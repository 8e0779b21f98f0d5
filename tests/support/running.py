"""A running `warenfluss up` for tests, as a separate process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from console.machine.processes import list_descendants
from tasks.run.prefect_env import PASSWORD_FILE, read_state
from tests.support.prefect_server import SETTINGS, find_port

ROOT = Path(__file__).parents[2]
STARTING_SECONDS = 90
ENDING_SECONDS = 60
UP = "import sys; from console.machine.up import run_up; sys.exit(run_up())"

Found = TypeVar("Found")


class Running:
    """A process of `up` and its output."""

    def __init__(self, folder: Path, port: int, env: Mapping[str, str]) -> None:
        self.port = port
        self.output = folder / f"up-{port}.txt"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            **SETTINGS,
            "WARENFLUSS_PREFECT_PORT": str(port),
            "WARENFLUSS_ENV_FILE": str(folder / "none.env"),
            **env,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP], cwd=ROOT, env=self.env, stdout=output, stderr=output
            )

    @property
    def text(self) -> str:
        """Return its output so far."""
        return self.output.read_text("utf-8")

    @property
    def api_url(self) -> str:
        """Return the API URL of its Prefect server."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def processes(self) -> list[int]:
        """Return the ids of all living processes below it."""
        return list_descendants(self.process.pid)

    def wait_until_up(self) -> None:
        """Wait until it reports that it is up. Raises: AssertionError, if it does not in time."""
        self.wait_for(lambda: "Warenfluss is up" in self.text or self.process.poll() is not None)
        assert self.process.poll() is None, self.text

    def wait_for(self, look: Callable[[], Found | None], seconds: float = STARTING_SECONDS) -> Found:
        """Return what `look` finds. Raises: AssertionError, if it finds nothing in time."""
        end = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < end, self.text
            time.sleep(0.2)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(ENDING_SECONDS)


@contextmanager
def running(folder: Path, **env: str) -> Iterator[Running]:
    """Yield a started `up`; this process's Prefect client uses its server. It ends on leaving."""
    up = Running(folder, find_port(), env)
    try:
        up.wait_until_up()
        password = None if "PREFECT_API_URL" in env else (folder / PASSWORD_FILE).read_text().strip()
        with temporary_settings({PREFECT_API_URL: up.api_url, PREFECT_API_AUTH_STRING: password}):
            yield up
    finally:
        left = up.processes
        if up.process.poll() is None:
            up.stop(signal.SIGKILL)
        end = time.monotonic() + ENDING_SECONDS
        while any(is_alive(pid) for pid in left) and time.monotonic() < end:
            time.sleep(0.2)


def is_alive(pid: int) -> bool:
    """Return whether a process still runs; a zombie does not count."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def find_child(folder: Path, words: str) -> int:
    """Return the id of the process below the `up` of a data folder whose command contains `words`."""
    pid = read_state(folder)["pid"]
    assert isinstance(pid, int)
    for child in list_descendants(pid):
        # A process that a worker forked has the worker's command.
        if parent_of(child) != pid:
            continue
        command = (Path("/proc") / str(child) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        if words in command:
            return child
    raise AssertionError(f"{pid} has no child {words!r}")


def parent_of(pid: int) -> int:
    """Return the id of a process's parent, or of the process that adopted it."""
    return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
