"""A run in a process of its own, which dies by SIGKILL at a chosen moment.

The processes are forked from a server that has imported everything and started nothing, so that a
death costs a tenth of a second instead of four.
"""

import multiprocessing
import os
import signal
from datetime import datetime

from deployments.worker import ON_THE_WAY
from models.cycle import Cycle

STARTING_SECONDS = 120
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([*ON_THE_WAY, "tests.faults.doomed", "tests.faults.world"])


def run_and_die(
    environment: dict[str, str], at: datetime, cycle: Cycle, account: str, kind: str, number: int
) -> bool:
    """Run a cycle until it dies at a moment; return whether it did, or had ended before.

    Raises: RuntimeError, if it ended in any other way, e.g. by an exception that nobody may see.
    """
    process = _context.Process(target=_run, args=(environment, at, cycle, account, kind, number))
    process.start()
    process.join(STARTING_SECONDS)
    if process.exitcode not in (0, -signal.SIGKILL):
        process.kill()
        raise RuntimeError(f"the run of {cycle} ended with exit code {process.exitcode}")
    return process.exitcode == -signal.SIGKILL


def _run(
    environment: dict[str, str], at: datetime, cycle: Cycle, account: str, kind: str, number: int
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    from models.settings import get_settings
    from tests.faults.clocks import Clocks, ruled_by
    from tests.faults.moments import Moments, watched
    from tests.faults.world import start
    from tests.support.prefect_server import lean_runs

    get_settings.cache_clear()
    moments = Moments(kind, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    with lean_runs(), ruled_by(Clocks(at)), watched(moments):
        start(cycle, account)
    # Prefect's threads would be waited for.
    os._exit(0)
