"""Cycles run as plain functions instead of Prefect flows and tasks, in a tenth of the time."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

import tasks.run.artifacts
import tasks.run.work


def run_plainly(flow: Any, account: str, secrets: Mapping[str, str], **parameters: Any) -> State[Any]:
    """Do a cycle's work without Prefect's server; return the state in which it ended.

    For steps before or after the subject of a test: nothing is retried, reported or shown in Prefect.
    Raises: whatever the work raises.
    """
    with (
        disable_run_logger(),
        patch.object(Task, "__call__", _call_plainly),
        patch.object(tasks.run.work, "load_secrets", lambda _: secrets),
        patch.object(tasks.run.artifacts, "create_table_artifact"),
        patch.object(tasks.run.artifacts, "create_progress_artifact"),
        patch.object(tasks.run.artifacts, "update_progress"),
    ):
        state: State[Any] = flow.fn(account, **parameters)
    if isinstance(state.data, Exception):
        raise state.data
    return state


def _call_plainly(task: Task[Any, Any], *arguments: Any, **parameters: Any) -> Any:
    return task.fn(*arguments, **parameters)
