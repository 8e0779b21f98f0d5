"""What the flows of all cycles have in common: how they are declared and how they end."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from models.sync.records import Counts, Cycle
from tasks.watch.alarms import report_crashed, report_failed


def declared(cycle: Cycle) -> dict[str, Any]:
    """Return how the flow of a cycle is declared: its name, the names of its runs, and the alarms."""
    return {
        "name": str(cycle),
        "flow_run_name": str(cycle) + " {account}",
        "on_failure": [report_failed],
        "on_crashed": [report_crashed],
        "persist_result": False,
        "validate_parameters": True,
    }


def finished(counts: Counts) -> State[Any]:
    """Return the end of a run that did its work, with its figures as the message."""
    return Completed(message=counts.text(), data=counts.model_dump())


def nothing_done(reason: str) -> State[Any]:
    """Return the end of a run that did nothing, for instance because another run is at work."""
    return Cancelled(message=reason)
