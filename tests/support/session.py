"""One folder for a test session and its servers, shared by all of its xdist workers.

The controller holds the lock of the file `alive`. Each server runs under a keeper process that waits for this
lock, so a server ends with its session, even if the session was killed. The last process removes the folder.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

VARIABLE = "WARENFLUSS_TEST_SESSION"
STOPPING_SECONDS = 10

# Copying a database is fifty times faster in memory, but containers often have too little memory.
SHARED_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 1_000_000_000

_alive: IO[str] | None = None
_keepers: list["subprocess.Popen[bytes]"] = []


def begin() -> None:
    """Begin a session; the controller calls this once, before the workers start."""
    global _alive
    folder = Path(tempfile.mkdtemp(prefix="warenfluss-tests-"))
    # PostgreSQL refuses to run as root. It then runs as another user, who needs access to its folder.
    folder.chmod(0o711)
    (folder / "running").touch()
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= ENOUGH_BYTES:
        memory = SHARED_MEMORY / folder.name
        memory.mkdir(mode=0o711)
        (folder / "memory").symlink_to(memory)
    else:
        (folder / "memory").mkdir(mode=0o711)
    _alive = (folder / "alive").open("w")
    fcntl.flock(_alive, fcntl.LOCK_EX)
    os.environ[VARIABLE] = str(folder)


def end() -> None:
    """Stop every server of the session."""
    if _alive is not None:
        _alive.close()
        for keeper in _keepers:
            keeper.wait(2 * STOPPING_SECONDS)
        _leave(get_folder())


def get_folder() -> Path:
    """Return the session's folder."""
    return Path(os.environ[VARIABLE])


def get_memory() -> Path:
    """Return the session's folder for server data, in memory if there is enough."""
    return (get_folder() / "memory").resolve()


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Admit one worker at a time."""
    with (get_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(name: str, start: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Call `start` in the first worker that asks; return its result in every worker."""
    with exclusive(name):
        answer = get_folder() / f"{name}.json"
        if not answer.exists():
            answer.write_text(json.dumps(start()))
        result: dict[str, Any] = json.loads(answer.read_text())
        return result


def keep(
    command: Sequence[str],
    *,
    log: Path,
    stop_signal: int,
    user: str = "",
    env: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a server that ends with the session at the latest; return its keeper, which ends with it."""
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(get_folder()), str(stop_signal), user, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            start_new_session=True,
        )
    _keepers.append(keeper)
    return keeper


def _leave(folder: Path) -> None:
    try:
        running = (folder / "running").open()
    except FileNotFoundError:
        return
    with running:
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree((folder / "memory").resolve(), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _keep(folder: Path, stop_signal: int, user: str, command: Sequence[str]) -> None:
    # Ctrl-C and SIGTERM of the session reach the server by way of the lock.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (folder / "running").open() as running:
        fcntl.flock(running, fcntl.LOCK_SH)
        server = subprocess.Popen(command, user=user or None, extra_groups=[] if user else None)
        signal.signal(signal.SIGTERM, lambda *_: server.send_signal(stop_signal))
        threading.Thread(target=_stop_with_session, args=(folder, server, stop_signal), daemon=True).start()
        server.wait()
    _leave(folder)


def _stop_with_session(folder: Path, server: "subprocess.Popen[bytes]", stop_signal: int) -> None:
    with (folder / "alive").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
        server.send_signal(stop_signal)
        try:
            server.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
