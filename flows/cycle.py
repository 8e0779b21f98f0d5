"""What the flows of all cycles have in common: how they are declared and how they end."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from models.errors import LeaseHeldError
from models.sync.records import Counts, Cycle
from tasks.run.boundary import guarded
from tasks.run.prefect_env import use_prefect_now
from tasks.watch.alarms import report_crashed, report_failed, safe_error

P = ParamSpec("P")


class CycleFlow(Flow[P, State[Any]]):
    """A flow that finds the installation's Prefect server and its password when Python code calls it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow in this process, as Prefect's flows do; `return_state=True` returns its state.

        Raises: SettingsError, and the error of a failed run.
        """
        use_prefect_now()
        return super().__call__(*args, **kwargs)


def cycle_flow(cycle: Cycle) -> Callable[[Callable[P, State[Any]]], CycleFlow[P]]:
    """Declare the flow of a cycle: its name, the names of its runs, its alarms and how it fails."""

    def declare(function: Callable[P, State[Any]]) -> CycleFlow[P]:
        return CycleFlow(
            _ending_as_state(function),
            name=str(cycle),
            flow_run_name=str(cycle) + " {account}",
            on_failure=[report_failed],
            on_crashed=[report_crashed],
            persist_result=False,
            validate_parameters=True,
        )

    return declare


def _ending_as_state(function: Callable[P, State[Any]]) -> Callable[P, State[Any]]:
    """Return a function that returns a state for what this one raises.

    Nothing is done while another run holds the lease; any other error ends in a failed state. Prefect writes
    an exception that leaves a flow into a file, whatever `persist_result` says, and its traceback into the
    log. It does neither with a state that the flow returns. A caller from Python gets the same exception.
    """
    plain = guarded(function)

    @wraps(function)
    def careful(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        try:
            return plain(*args, **kwargs)
        except LeaseHeldError as error:
            return nothing_done(str(error))
        except Exception as error:
            return Failed(message=safe_error(error), data=error.with_traceback(None))

    return careful


def finished(counts: Counts) -> State[Any]:
    """Return the end of a run that did its work, with its figures as the message."""
    return Completed(message=counts.text(), data=counts.model_dump())


def nothing_done(reason: str) -> State[Any]:
    """Return the end of a run that did nothing, for instance because another run is at work."""
    return Cancelled(message=reason)
