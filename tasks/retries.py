"""The one policy by which tasks try again: only for errors that may pass, and waiting longer each time."""

from contextvars import ContextVar
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy.exc import IntegrityError, OperationalError

from connectors.errors import TransientError
from models.settings import get_settings

RETRIES = 3

_asked_to_wait: ContextVar[float | None] = ContextVar("asked_to_wait", default=None)


class Delays(list[float]):
    """Seconds before each further try: what the channel asked for, else what the settings say.

    Prefect reads the delay of a try by its index, right after the condition below has seen the error.
    """

    def __getitem__(self, index: Any) -> Any:
        asked = _asked_to_wait.get()
        if asked is not None:
            return asked
        delays = get_settings().retry_delays
        return delays[min(int(index), len(delays) - 1)]


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Say whether a failed try may work later.

    The database counts: a lock that was not granted in time, a lost connection, and a row that another
    process inserted first, which the next try finds.
    """
    error = state.result(raise_on_failure=False)
    _asked_to_wait.set(error.retry_after if isinstance(error, TransientError) else None)
    return isinstance(error, (TransientError, OperationalError, IntegrityError))


RETRY: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": Delays([0.0] * RETRIES),
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""What every task of this room is declared with."""
