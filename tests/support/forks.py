"""Processes of a test's own, forked from a server that has imported everything and started nothing.

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
    """Start a function in a process of its own, with this process's environment.

    Nothing that it leaves running is waited for; its exit code is 1 if it raises.
    """
    process = CONTEXT.Process(target=_work, args=(dict(os.environ), work, arguments))
    process.start()
    return process


def end(process: ForkServerProcess) -> int | None:
    """Return a process's exit code; one that goes on for too long is killed and has none."""
    process.join(ENDING_SECONDS)
    code = process.exitcode
    process.kill()
    return code


def enter(environment: Mapping[str, str]) -> None:
    """Give this process the environment of the one that asked for it."""
    from models.settings import get_settings

    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()


def _work(environment: Mapping[str, str], work: Callable[..., object], arguments: Sequence[Any]) -> None:
    enter(environment)
    work(*arguments)
    # Prefect's threads would be waited for.
    os._exit(0)
