"""Child processes that are restarted when they die and that leave nothing behind when they stop."""

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

logger = logging.getLogger(__name__)

WAITS = (1, 2, 5, 10, 30, 60)
"""Seconds before a dead child is started again, longer each time."""
SETTLED_SECONDS = 60
"""A child that lived this long starts anew with the shortest wait."""
LOG_BYTES = 10_000_000
RUNS_AT_ONCE = (os.cpu_count() or 2) + 2
"""How many runs one machine works on at once: a run waits for the network most of its time."""
PR_SET_CHILD_SUBREAPER = 36


class Child:
    """A process of ours with a log file; only the main thread starts it, because it ends with that thread."""

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
        """Start it, in a session of its own: Ctrl-C in a terminal is for this process to hand on."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
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
        """Start it again if it died, after a wait that grows with each death."""
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
        """End it politely, and after so many seconds by force, with what it has started."""
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
        """Keep the log small: what is long goes to a second file, which replaces the one before."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                # The child appends, so that it goes on at the new end.
                os.truncate(self.log, 0)


def adopt_orphans() -> None:
    """Let orphaned descendants become children of this process, which can then end them; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(known: Iterable[int | None]) -> None:
    """Kill every descendant of this process that is not one of the known children or below one."""
    kept = {pid for pid in known if pid is not None}
    kept |= {pid for child in kept for pid in list_descendants(child)}
    for pid in list_descendants(os.getpid()):
        if pid not in kept:
            kill(pid, signal.SIGKILL)
    reap(kept)


def reap(known: Iterable[int | None]) -> None:
    """Take the exit codes of orphans that ended, so that they do not stay as zombies."""
    own = set(known)
    for pid, (parent, state) in _read_processes().items():
        if parent == os.getpid() and state == "Z" and pid not in own:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def list_descendants(pid: int) -> list[int]:
    """Return the processes below this one that are alive; always empty where there is no /proc."""
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
    """Send a signal; that the process is gone is fine."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _read_processes() -> dict[int, tuple[int, str]]:
    """Return parent and state of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold blanks and parentheses itself.
            rest = (folder / "stat").read_text().rpartition(")")[2].split()
            found[int(folder.name)] = (int(rest[1]), rest[0])
    return found
