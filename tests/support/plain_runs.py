"""Cycles done as the plain functions that their flows and tasks are, in a tenth of the time."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

import tasks.run.artifacts
import tasks.run.work


def run_plainly(flow: Any, account: str, secrets: Mapping[str, str], **parameters: Any) -> State[Any]:
    """Do a cycle's work unknown to Prefect's server; return how it ended.

    For what comes before or after what a test is about: nothing is tried again, reported or shown.
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
    return state


def _call_plainly(task: Task[Any, Any], *arguments: Any, **parameters: Any) -> Any:
    return task.fn(*arguments, **parameters)
