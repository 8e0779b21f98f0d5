"""Processes forked from one that has imported everything: they start at once and import nothing.

`serve` makes its caller the parent of all of them. The parent has one thread and no open connection, so its
forks start clean. The worker has an event loop with threads and connections; it is the first child. Fork is
safe on Linux only.
"""

import asyncio
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NoReturn

Call = Callable[..., int]
"""What a process does: a function of a module, called with plain arguments. It returns the exit code."""


@dataclass(frozen=True)
class Job:
    """A process to be started."""

    number: int
    call: Call
    arguments: tuple[Any, ...]
    env: Mapping[str, str]
    folder: Path
    quiet: bool


@dataclass(frozen=True)
class Started:
    """A process was started, or could not be: `error` says why."""

    number: int
    pid: int = 0
    error: str = ""


@dataclass(frozen=True)
class Ended:
    """A process has ended; a negative code is the signal that ended it."""

    number: int
    code: int


@dataclass
class Forked:
    """A process as the worker sees it."""

    pid: int
    returncode: int | None = None
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Return when the process has ended and `returncode` is known."""
        await self._gone.wait()

    def note_end(self, code: int) -> None:
        """Set the exit code; every `wait` returns."""
        self.returncode = code
        self._gone.set()


class Forks:
    """The worker's side: asks the parent for processes, and learns how they ended."""

    def __init__(self, connection: Connection) -> None:
        """`connection` leads to the parent; `listen` starts reading from it."""
        self._connection = connection
        self._numbers = itertools.count()
        self._starting: dict[int, asyncio.Future[Forked]] = {}
        self._running: dict[int, Forked] = {}

    def listen(self) -> None:
        """Read the parent's messages in the running event loop."""
        asyncio.get_running_loop().add_reader(self._connection.fileno(), self._receive)

    async def start(
        self, call: Call, *arguments: Any, env: Mapping[str, str], folder: Path, quiet: bool = False
    ) -> Forked:
        """Start a process with this environment alone; the output of a `quiet` one is dropped.

        Raises: OSError, if there is no room for another.
        """
        number = next(self._numbers)
        future = self._starting[number] = asyncio.get_running_loop().create_future()
        self._connection.send(Job(number, call, arguments, env, folder, quiet))
        # If the caller stops waiting, the process must stay known.
        return await asyncio.shield(future)

    def _receive(self) -> None:
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            # The parent was killed. Runs continue, as they do when a worker is killed.
            os._exit(1)
        if isinstance(message, Ended):
            self._running.pop(message.number).note_end(message.code)
            return
        future = self._starting.pop(message.number)
        if message.error:
            future.set_exception(OSError(message.error))
            return
        self._running[message.number] = Forked(message.pid)
        future.set_result(self._running[message.number])


def serve(work: Callable[[Forks], int]) -> NoReturn:
    """Fork a worker that does `work`, and the processes it asks for; exit with its code when it ends.

    SIGINT and SIGTERM are passed on to the worker. Processes that it asked for continue after its end.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    # The garbage collectors of the children then neither visit nor copy the shared objects.
    gc.collect()
    gc.freeze()
    worker = context.Process(target=_work, args=(work, here, there), name="worker")
    _fork(worker)
    there.close()

    def pass_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(worker.pid or 0, number)

    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    running: dict[int, tuple[int, ForkProcess]] = {}
    while worker.exitcode is None:
        for ready in wait([here, worker.sentinel, *running]):
            # The end of the worker is noticed by its sentinel.
            with suppress(OSError, EOFError):
                if ready is here:
                    job: Job = here.recv()
                    process = context.Process(target=_become, args=(job, here), name=f"run {job.number}")
                    try:
                        _fork(process)
                    except OSError as error:
                        here.send(Started(job.number, error=f"No process: {error.strerror}."))
                        continue
                    running[process.sentinel] = (job.number, process)
                    here.send(Started(job.number, process.pid or 0))
                elif isinstance(ready, int) and ready in running:
                    number, process = running.pop(ready)
                    process.join()
                    code = process.exitcode or 0
                    process.close()
                    here.send(Ended(number, code))
    # A normal exit would wait for every child.
    os._exit(worker.exitcode if worker.exitcode >= 0 else 1)


def _fork(process: ForkProcess) -> None:
    """Start a process with signals blocked: a child that is not ready must not run this one's handlers."""
    if threading.active_count() > 1:
        raise RuntimeError("A process with threads must not be forked.")
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_a_child(connection: Connection) -> None:
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _work(work: Callable[[Forks], int], here: Connection, there: Connection) -> None:
    _be_a_child(here)
    sys.exit(work(Forks(there)))


def _become(job: Job, here: Connection) -> None:
    # In its own session, so that the worker can end a run with all that it started.
    os.setsid()
    os.environ.clear()
    os.environ.update(job.env)
    os.chdir(job.folder)
    _be_a_child(here)
    if job.quiet:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.dup2(sink, sys.stderr.fileno())
        os.close(sink)
    sys.exit(job.call(*job.arguments))
