"""Everything that Warenfluss uses of Prefect's private parts: a new Prefect changes only this file.

Private are modules and names with an underscore, variables that begin with `PREFECT__`, and the list of
modules that a run imports. Written for Prefect 3.8.8.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Literal, Protocol, cast
from uuid import UUID

import anyio.abc
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessHandle as ProcessHandle
from prefect.runner._process_manager import create_isolated_termination_scope
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessJobConfiguration

IMPORTED_BY_RUNS = (
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "fastapi.encoders",
    "anyio._backends._asyncio",
    "encodings.idna",
    "rich._emoji_codes",
    "email_validator",
    "stdnum.eu.vat",
    "stdnum.iban",
)
"""Modules that each run would import itself, which takes half a second."""
UNBUILT_MODELS = ("prefect.client.schemas.", "prefect.events.", "prefect.artifacts")
"""Where Prefect declares models that it builds on first use: thirty milliseconds in each run."""
OF_A_RUN = "PREFECT__"
"""The prefix of variables that describe a run; all others with PREFECT_ are settings."""
ENTRYPOINT = f"{OF_A_RUN}FLOW_ENTRYPOINT"

Hooks = Literal["cancellation", "crashed"]


class Starter(Protocol):
    """Starts a run for Prefect's executor."""

    async def start(self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = ...) -> None:
        """Return when the run's process has ended."""


class HooksOfRuns(Protocol):
    """Runs a flow's hooks for Prefect's executor."""

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when the hooks have ended."""

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when the hooks have ended."""


class Process(Protocol):
    """A process of a run."""

    pid: int
    returncode: int | None


class Executors(FlowRunExecutorContext):
    """What the runs of a worker share: a client of Prefect, and the subscription to cancellations."""

    is_deaf = False
    """Whether cancellations no longer arrive, because the server was away for a long time."""

    def _handle_cancellation_observer_failure(self, flow_run_ids: set[UUID]) -> None:
        self.is_deaf = True

    async def execute(
        self,
        flow_run: FlowRun,
        starter: Starter,
        hooks: HooksOfRuns,
        task_status: anyio.abc.TaskStatus[ProcessHandle],
    ) -> int | None:
        """Start a run and return its exit code when it has ended; None if it could not be started."""
        executor = self.create_executor(
            flow_run, cast(Any, starter), hook_runner=cast(Any, hooks), propose_submitting=False
        )
        result = await executor.submit(task_status=task_status)
        return None if result is None else result.status_code

    def variables_of(self, flow_run: FlowRun, entrypoint: str) -> dict[str, str]:
        """Return the environment variables from which a process knows its run."""
        # Over this channel a run learns that it is cancelled, and reports that it has ended well.
        port, token = self.control_channel.register(flow_run.id)
        return {
            f"{OF_A_RUN}FLOW_RUN_ID": str(flow_run.id),
            ENTRYPOINT: entrypoint,
            f"{OF_A_RUN}ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            f"{OF_A_RUN}CONTROL_PORT": str(port),
            f"{OF_A_RUN}CONTROL_TOKEN": token,
        }


def handle_of(process: Process) -> ProcessHandle:
    """Return a process as Prefect's executor knows it: anything with an id and a return code."""
    return ProcessHandle(cast(Any, process), create_isolated_termination_scope(process.pid))


def has_own_command(configuration: ProcessJobConfiguration) -> bool:
    """Return whether an operator set a command of their own for a run."""
    return bool(configuration._command_configured)


def count_runs(worker: BaseWorker[Any, Any, Any]) -> int:
    """Return how many runs a worker has now."""
    return int(worker._limiter.borrowed_tokens) if worker._limiter else 0


def has_room(worker: BaseWorker[Any, Any, Any]) -> bool:
    """Return whether a worker may take one more run."""
    return not worker._limiter or worker._limiter.available_tokens > 0


def run_hooks_of(hooks: Hooks, flow_run: FlowRun, state: State) -> None:
    """Run the hooks for a crash or a cancellation of the flow that this process runs."""

    async def find(_flow_run: FlowRun) -> "Flow[..., Any]":
        return load_flow_from_entrypoint(os.environ[ENTRYPOINT], use_placeholder_flow=False)

    runner = HookRunner(resolve_flow=find)
    run = runner.run_crashed_hooks if hooks == "crashed" else runner.run_cancellation_hooks
    asyncio.run(run(flow_run, state))


def parameter_schema_of(deployment: RunnerDeployment) -> dict[str, Any]:
    """Return the schema of a deployment's parameters, as Prefect's server stores it."""
    schema: dict[str, Any] = deployment._parameter_openapi_schema.model_dump(exclude_unset=True)
    return schema


def settings_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are settings of Prefect."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PREFECT_") and not name.startswith(OF_A_RUN)
    }


def load_modules() -> None:
    """Import the modules that each run needs, and build the models that Prefect builds on first use.

    Starts no thread and opens nothing.
    """
    for name in IMPORTED_BY_RUNS:
        import_module(name)
    for model in _unbuilt_models():
        model.model_rebuild()


def _unbuilt_models() -> Iterator[Any]:
    modules = [module for name, module in sys.modules.items() if name.startswith(UNBUILT_MODELS)]
    for each in [value for module in modules for value in vars(module).values()]:
        # The modules also hold pydantic's own base class, which is never complete.
        if getattr(each, "__pydantic_complete__", True) is False and each.__module__.startswith("prefect."):
            yield each
