"""A run, or a person's command, in a process of its own, which dies by SIGKILL at a chosen moment."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from models.errors import RuleError
from tests.faults.clocks import Clocks, ruled_by
from tests.faults.moments import Moments, watched
from tests.support import forks


def run_and_die(at: datetime, work: Callable[[], object], kind: str, number: int) -> bool:
    """Do some work until it dies at a moment; return whether it did, or had ended before.

    `work` can be pickled. Raises: RuntimeError, if it ended in any other way, e.g. by an exception that
    nobody may see; what a rule refuses is an end like any other.
    """
    code = forks.end(forks.start(_run, at, work, kind, number))
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{work} ended with exit code {code}")
    return code == -signal.SIGKILL


def _run(at: datetime, work: Callable[[], object], kind: str, number: int) -> None:
    from tests.support.prefect_server import lean_runs

    moments = Moments(kind, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    with lean_runs(), ruled_by(Clocks(at)), watched(moments), suppress(RuleError):
        work()
