"""Processes for tests, forked from a server that has imported everything and started nothing.

Such a process costs a tenth of a second instead of three.
"""

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from typing import Any

ENDING_SECONDS = 120
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.preload"])


def start(work: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    """Start a function in a new process with this process's environment.

    The process does not wait for threads that are still running; its exit code is 1 if the function raises.
    """
    process = CONTEXT.Process(target=_work, args=(dict(os.environ), work, arguments))
    process.start()
    return process


def end(process: ForkServerProcess) -> int | None:
    """Return a process's exit code; None if it takes too long and is killed."""
    process.join(ENDING_SECONDS)
    code = process.exitcode
    process.kill()
    return code


def enter(environment: Mapping[str, str]) -> None:
    """Give this process the environment of the process that requested it."""
    from models.settings import get_settings

    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()


def _work(environment: Mapping[str, str], work: Callable[..., object], arguments: Sequence[Any]) -> None:
    enter(environment)
    work(*arguments)
    # A normal exit would wait for Prefect's threads.
    os._exit(0)
