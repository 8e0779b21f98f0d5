"""A run in a process of its own, which dies by SIGKILL at a chosen moment."""

import os
import signal
from datetime import datetime

from models.cycle import Cycle
from tests.faults.clocks import Clocks, ruled_by
from tests.faults.moments import Moments, watched
from tests.support import forks


def run_and_die(at: datetime, cycle: Cycle, account: str, kind: str, number: int) -> bool:
    """Run a cycle until it dies at a moment; return whether it did, or had ended before.

    Raises: RuntimeError, if it ended in any other way, e.g. by an exception that nobody may see.
    """
    code = forks.end(forks.start(_run, at, cycle, account, kind, number))
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the run of {cycle} ended with exit code {code}")
    return code == -signal.SIGKILL


def _run(at: datetime, cycle: Cycle, account: str, kind: str, number: int) -> None:
    from tests.faults.world import start
    from tests.support.prefect_server import lean_runs

    moments = Moments(kind, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    with lean_runs(), ruled_by(Clocks(at)), watched(moments):
        start(cycle, account)
