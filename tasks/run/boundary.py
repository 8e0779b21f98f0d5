"""What may leave a step or a flow: errors of our own, made anew.

Prefect keeps an exception in many places: its text in states, events and logs, its traceback with all that it
came from in logs, and the whole of it as a file.
"""

from collections.abc import Callable
from functools import wraps
from itertools import islice
from pathlib import Path
from traceback import extract_tb
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from connectors.errors import RecordError, TransientError
from models.database.errors import code_of
from models.errors import DatabaseError, RuleError, UnexpectedError
from tasks.watch.alarms import OWN_ERRORS, message_of

P = ParamSpec("P")
R = TypeVar("R")

PLACES = 5
"""How many calls of a traceback are named."""


def plain_error(error: Exception) -> Exception:
    """Return what may be kept of an error: one of our own, made anew, with no error that it came from.

    The message of one of our own errors holds no buyer's data and no secret, and stays; so does what the
    caller acts on, such as the advice of a rule. Of an error of the database its class and code stay. Of any
    other error only its class and place stay.
    """
    if isinstance(error, SQLAlchemyError):
        # A lock that was not granted in time, a lost connection, and a row that another process inserted
        # first, which the next attempt finds.
        may_pass = isinstance(error, (OperationalError, IntegrityError))
        name = " ".join(filter(None, (type(error).__name__, code_of(error))))
        return DatabaseError(f"{name} at {_place(error, ours=True)}", may_pass)
    own = next((own for own in OWN_ERRORS if isinstance(error, own)), None)
    if own is None:
        return UnexpectedError(f"{type(error).__name__} at {_place(error)}")
    if isinstance(error, DatabaseError):
        return DatabaseError(message_of(error), error.may_pass)
    if isinstance(error, TransientError):
        return TransientError(message_of(error), error.retry_after)
    if isinstance(error, RecordError):
        external_id, _, reason = message_of(error).partition(": ")
        return RecordError(external_id, reason)
    if isinstance(error, RuleError):
        return own(message_of(error), *error.advice)
    return own(message_of(error))


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that raises `plain_error` of what this one raises.

    What ends the process, such as a signal, passes without its text and the errors that it interrupted.
    """

    @wraps(function)
    def careful(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            plain = plain_error(error)
        except BaseException as ending:
            ending.args = ()
            ending.__cause__ = ending.__context__ = None
            raise
        # Not raised above: Python would note the first error as its context.
        raise plain from None

    return careful


def _place(error: BaseException, *, ours: bool = False) -> str:
    """Return the innermost calls of an error, deepest first, as file:line and function.

    If `ours` is true, calls within libraries are left out.
    """
    # The outermost frame is the wrapper above.
    frames = [
        frame
        for frame in reversed(extract_tb(error.__traceback__)[1:])
        if not ours or "site-packages" not in frame.filename
    ]
    return " < ".join(
        f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}"
        for frame in islice(frames, PLACES)
    )
