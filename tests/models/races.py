"""Steps that many processes take at the same moment, and the starting gun.

The processes are forked from a clean server that has the models imported, so that sixteen start quickly.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

WAITING_SECONDS = 60

_barrier: "threading.Barrier | None" = None


def _prepare(url: str, barrier: "threading.Barrier") -> None:
    global _barrier
    from models.settings import get_settings

    os.environ["WARENFLUSS_DATABASE_URL"] = url
    get_settings.cache_clear()
    _barrier = barrier


def _run(step: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    from models.db import dispose

    assert _barrier is not None
    _barrier.wait(WAITING_SECONDS)
    try:
        return step(*arguments)
    except Exception as error:
        return type(error).__name__
    finally:
        dispose()


def run_at_once(url: str, step: Callable[..., Any], arguments: Sequence[Sequence[Any]]) -> list[Any]:
    """Run a step in one process for each of the arguments, all at once.

    Returns: what each returned, or the name of the error that it raised.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["models.order_intake", "models.match_choice", "psycopg", __name__])
    barrier = context.Barrier(len(arguments))
    with ProcessPoolExecutor(
        len(arguments), mp_context=context, initializer=_prepare, initargs=(url, barrier)
    ) as pool:
        futures = [pool.submit(_run, step, each) for each in arguments]
        return [future.result(2 * WAITING_SECONDS) for future in futures]
