"""The one policy by which tasks try again: only for errors that may pass, and waiting longer each time."""

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


def step(function: Callable[P, R]) -> Task[P, R]:
    """Declare a task of this room: by the one policy, and without a record's content in its errors.

    Prefect keeps the text of every error. Errors of ours, and those of the database as
    `models.database.session` leaves them, hold no buyer's data; of any other only its kind and place go on,
    as UnexpectedError.
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
    """Return the innermost calls of an error, the deepest first, as file:line and function."""
    # The outermost frame is the wrapper above.
    frames = reversed(extract_tb(error.__traceback__)[1:])
    return " < ".join(
        f"{'/'.join(Path(f.filename).parts[-2:])}:{f.lineno} {f.name}" for f in islice(frames, 5)
    )
