"""A Warenfluss worker for tests, as a separate process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
PROGRAM = """
import sys
from tasks.run.prefect_env import use_prefect
use_prefect()
from deployments.worker import run_worker
run_worker(name=sys.argv[2], limit=int(sys.argv[3]), pool=sys.argv[1])
"""

Found = TypeVar("Found")


@contextmanager
def serving(
    pool: str, name: str, *, limit: int = 1, query_seconds: int = 1
) -> "Iterator[subprocess.Popen[bytes]]":
    """Yield a worker that serves a pool of this process's Prefect server; it ends on leaving.

    It asks for runs every `query_seconds` seconds, and runs at most `limit` at once.
    """
    env = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_WORKER_QUERY_SECONDS": str(query_seconds),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, pool, name, str(limit)], cwd=ROOT, env=env, start_new_session=True
    )
    try:
        yield process
    finally:
        # A second SIGTERM means: do not wait for runs.
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            process.send_signal(number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue
            break


def wait_for(look: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
    """Return what `look` finds. Raises: AssertionError, if it finds nothing in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
    return found


def worker_of(run: FlowRun) -> str:
    """Return the name of the worker that took a run, empty before that."""
    return str(run.labels.get("prefect.worker.name", ""))


def ended(client: SyncPrefectClient, run_id: UUID) -> FlowRun | None:
    """Return a run that has ended, None before that."""
    run = client.read_flow_run(run_id)
    return run if run.state is not None and run.state.is_final() else None
