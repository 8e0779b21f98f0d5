"""Child processes that are restarted when they die, and stopped with all that they started."""

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from console.machine import die_with_parent
from models.files import make_folder, open_private, write_whole

logger = logging.getLogger(__name__)

WAITS = (1, 2, 5, 10, 30, 60)
"""Seconds until a dead child is started again; each death takes the next value."""
SETTLED_SECONDS = 60
"""A child that lived longer than this is started again after the shortest wait."""
LOG_BYTES = 10_000_000
RUNS_AT_ONCE = (os.cpu_count() or 2) + 2
"""How many runs one machine works on at once: a run waits for the network most of its time."""
PR_SET_CHILD_SUBREAPER = 36


class Child:
    """A child process with a log file. Start it from the main thread: it ends when that thread ends."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Prepare; `start` starts it."""
        self.name = name
        self.log = log
        self._command = [sys.executable, "-I", die_with_parent.__file__, str(os.getpid()), *command]
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._deaths = 0
        self._next_start = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it in its own session, so that Ctrl-C in a terminal reaches this process alone."""
        make_folder(self.log.parent)
        with open(self.log, "ab", opener=open_private) as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def restart_if_dead(self) -> None:
        """Start it again if it died; the wait grows with each death."""
        if self._process is None or self._process.poll() is None:
            return
        now = time.monotonic()
        if self._started:
            if now - self._started > SETTLED_SECONDS:
                self._deaths = 0
            wait = WAITS[min(self._deaths, len(WAITS) - 1)]
            self._deaths += 1
            self._started, self._next_start = 0.0, now + wait
            logger.warning(
                "%s ended (code %s); it starts again in %d s. Its log: %s",
                self.name,
                self._process.returncode,
                wait,
                self.log,
            )
        if now >= self._next_start:
            self.start()

    def stop(self, seconds: float) -> None:
        """End it by SIGTERM, after `seconds` by SIGKILL, with all processes that it started."""
        process = self._process
        if process is None:
            return
        below = list_descendants(process.pid)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        for pid in [process.pid, *below] if process.poll() is None else below:
            kill(pid, signal.SIGKILL)
        process.wait()
        self._process = None

    def trim_log(self) -> None:
        """Move a long log to a second file, which replaces the one before."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                with write_whole(self.log.with_suffix(".log.1")) as part:
                    shutil.copyfile(self.log, part)
                # The child appends, so it continues at the new end.
                os.truncate(self.log, 0)


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that it can end them; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(known: Iterable[int | None]) -> None:
    """Kill every descendant of this process except the known children and their descendants."""
    kept = {pid for pid in known if pid is not None}
    kept |= {pid for child in kept for pid in list_descendants(child)}
    for pid in list_descendants(os.getpid()):
        if pid not in kept:
            kill(pid, signal.SIGKILL)
    reap(kept)


def reap(known: Iterable[int | None]) -> None:
    """Collect the exit codes of orphans that have ended, so that no zombies remain."""
    own = set(known)
    for pid, (parent, state) in _read_processes().items():
        if parent == os.getpid() and state == "Z" and pid not in own:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def list_descendants(pid: int) -> list[int]:
    """Return the living descendants of a process; always empty on systems without /proc."""
    children: dict[int, list[int]] = defaultdict(list)
    processes = _read_processes()
    for child, (parent, _) in processes.items():
        children[parent].append(child)
    found: list[int] = []
    queue = list(children[pid])
    while queue:
        child = queue.pop()
        if processes[child][1] != "Z":
            found.append(child)
        queue += children[child]
    return found


def kill(pid: int, number: int) -> None:
    """Send a signal; do nothing if the process has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _read_processes() -> dict[int, tuple[int, str]]:
    """Return (parent, state) of every process, by its id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may itself contain blanks and parentheses.
            rest = (folder / "stat").read_text().rpartition(")")[2].split()
            found[int(folder.name)] = (int(rest[1]), rest[0])
    return found
