"""A run, or a person's command, in a separate process that dies by SIGKILL at a chosen moment."""

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
    """Do some work in a process that is killed at a moment; return whether it was killed before its end.

    `work` must be picklable. A refusal by a rule is a normal end.
    Raises: RuntimeError, if the process ended in another way, such as by an exception.
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
