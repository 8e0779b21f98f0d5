"""The retry policy of all tasks: only errors that may pass are retried, each time after a longer wait."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from connectors.errors import TransientError
from models.errors import DatabaseError
from models.settings import get_settings
from tasks.run.boundary import guarded

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3

_asked_to_wait: ContextVar[float | None] = ContextVar("asked_to_wait", default=None)


class Delays(list[float]):
    """Seconds before each retry: what the channel asked for, else what the settings say.

    Prefect reads the delay of a retry by its index, right after `is_transient` below has seen the error.
    """

    def __getitem__(self, index: Any) -> Any:
        asked = _asked_to_wait.get()
        if asked is not None:
            return asked
        delays = get_settings().retry_delays
        return delays[min(int(index), len(delays) - 1)]


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failed attempt may work later."""
    error = state.result(raise_on_failure=False)
    _asked_to_wait.set(error.retry_after if isinstance(error, TransientError) else None)
    return isinstance(error, TransientError) or (isinstance(error, DatabaseError) and error.may_pass)


def step(function: Callable[P, R]) -> Task[P, R]:
    """Declare a task with the retry policy above, which raises our own errors alone.

    Prefect saves the text of every error; `guarded` leaves in it what may be saved.
    """
    return task(
        retries=RETRIES,
        retry_delay_seconds=Delays([0.0] * RETRIES),
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(guarded(function))
