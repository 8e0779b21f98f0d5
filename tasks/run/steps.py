"""The retry policy of all tasks: only errors that may pass are retried, each time after a longer wait."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from itertools import islice
from pathlib import Path
from traceback import extract_tb
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from connectors.errors import ConnectorError, TransientError
from models.errors import LeaseLostError, RuleError, UnexpectedError
from models.settings import get_settings

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
    """Return whether a failed attempt may work later.

    Errors of the database may: a lock that was not granted in time, a lost connection, and a row that another
    process inserted first, which the next attempt finds.
    """
    error = state.result(raise_on_failure=False)
    _asked_to_wait.set(error.retry_after if isinstance(error, TransientError) else None)
    return isinstance(error, (TransientError, OperationalError, IntegrityError))


def step(function: Callable[P, R]) -> Task[P, R]:
    """Declare a task with the retry policy above, whose errors quote no record.

    Prefect saves the text of every error. Our own errors contain no buyer's data, nor do errors of the
    database, which leave out their parameters. Any other error is raised as UnexpectedError, with nothing but
    its class and place.
    """

    @wraps(function)
    def careful(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (ConnectorError, RuleError, LeaseLostError, SQLAlchemyError):
            raise
        except Exception as error:
            raise UnexpectedError(f"{type(error).__name__} at {_place(error)}") from None

    return task(
        retries=RETRIES,
        retry_delay_seconds=Delays([0.0] * RETRIES),
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(careful)


def _place(error: BaseException) -> str:
    """Return the innermost calls of an error, deepest first, as file:line and function."""
    # The outermost frame is the wrapper above.
    frames = reversed(extract_tb(error.__traceback__)[1:])
    return " < ".join(
        f"{'/'.join(Path(f.filename).parts[-2:])}:{f.lineno} {f.name}" for f in islice(frames, 5)
    )
