"""The worker of Warenfluss: Prefect's process worker, but it forks the runs of cycles.

Importing Prefect and the cycles takes much longer than a cycle without work. A fork has them loaded already.
Each run is still a process of its own.
"""

import abc
import asyncio
import contextlib
import math
import os
import runpy
import signal
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

import flows
from connectors.registry import SPECS
from deployments.forking import Forked, Forks, serve
from deployments.prefect_private import (
    Executors,
    Hooks,
    ProcessHandle,
    count_runs,
    handle_of,
    has_own_command,
    has_room,
    load_modules,
    run_hooks_of,
    settings_in,
)
from deployments.work_pool import POOL
from models.database.engine import load_driver
from models.settings import PREFIX, get_settings
from models.sync.cycles import CYCLES

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

DRAIN_SECONDS = 20
"""How long runs may take to end after the worker was asked to end."""
ENDING_SECONDS = 5
"""How long a run may take to end after SIGTERM before it is killed."""
LOOK_SECONDS = 0.2
OURS = frozenset(f"flows.{name}.{name}" for name in (cycle.replace("-", "_") for cycle in CYCLES))
"""The entrypoints of this program's flows."""


@dataclass(frozen=True)
class Launch:
    """Environment and folder of a run's process and its hooks; if `quiet` is true, output is dropped."""

    env: Mapping[str, str]
    folder: Path
    quiet: bool


class OtherFlowError(Exception):
    """A run asks this worker for more than a flow of Warenfluss as it is."""


class Configuration(ProcessJobConfiguration):
    """How a run is started, according to its work pool, its deployment and the run itself."""

    _entrypoint: str = ""
    _others: tuple[str, ...] = ()

    @property
    def can_fork(self) -> bool:
        """Return whether the flow can be imported here, without fetching code or starting a command first."""
        return bool(self._entrypoint) and not has_own_command(self)

    @property
    def entrypoint(self) -> str:
        """Return the flow's entrypoint; empty if its code must be fetched first, or is not Warenfluss's."""
        return self._entrypoint

    @property
    def others(self) -> tuple[str, ...]:
        """What the run asks for beside a flow of Warenfluss as it is, in words; empty for our own runs."""
        return self._others

    def prepare_for_flow_run(
        self, flow_run: FlowRun, deployment: "DeploymentResponse | None" = None, *more: Any, **named: Any
    ) -> None:
        """Note the flow's entrypoint, if its code is here, and what else the run asks for."""
        # Afterwards these fields also hold what Prefect adds to each run.
        asked: dict[str, object] = {
            "a command": self.command,
            "variables": self.env,
            "a folder": self.working_dir,
        }
        super().prepare_for_flow_run(flow_run, deployment, *more, **named)
        if deployment is not None and (
            deployment.entrypoint in OURS
            and not deployment.pull_steps
            and not deployment.path
            and not deployment.storage_document_id
        ):
            self._entrypoint = deployment.entrypoint or ""
        else:
            asked["a flow"] = True
        self._others = tuple(sorted(f"{name} of its own" for name, value in asked.items() if value))


class ForkStarter:
    """Starts one run as a fork."""

    def __init__(self, forks: Forks, launch: Launch) -> None:
        """Prepare; `start` starts it."""
        self._forks = forks
        self._launch = launch

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Return when the run's process has ended. If this call is cancelled, the process is ended."""
        launch = self._launch
        process = await self._forks.start(
            run_engine, env=launch.env, folder=launch.folder, quiet=launch.quiet
        )
        task_status.started(handle_of(process))
        try:
            await process.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await end(process)
            raise


class ForkedHooks:
    """Runs a flow's hooks for a crash or a cancellation, each in a process of its own."""

    def __init__(self, forks: Forks, launches: Mapping[UUID, Launch]) -> None:
        """`launches` holds environment and folder of each run of the worker."""
        self._forks = forks
        self._launches = launches

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when they have ended, or failed."""
        await self._run("cancellation", flow_run, state)

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when they have ended, or failed."""
        await self._run("crashed", flow_run, state)

    async def _run(self, hooks: Hooks, flow_run: FlowRun, state: State) -> None:
        launch = self._launches.get(flow_run.id)
        if launch is None:
            return
        process = await self._forks.start(
            run_hooks,
            hooks,
            flow_run.model_dump_json(),
            state.model_dump_json(),
            env=launch.env,
            # The run's own folder may be gone.
            folder=Path(tempfile.gettempdir()),
            quiet=launch.quiet,
        )
        await process.wait()


# Prefect registers every worker class by its type unless the class is abstract: this one must not replace
# the process worker of other people's flows.
class Worker(ProcessWorker, abc.ABC):
    """Takes runs from the work pool.

    If a setting allows it, deployments of other people's flows run as Prefect runs them.
    """

    job_configuration = Configuration

    def __init__(self, *arguments: Any, forks: Forks | None, **named: Any) -> None:
        """Prepare; `start` starts it. Without `forks` every run is started as Prefect starts it."""
        super().__init__(*arguments, **named)
        self._forks = forks
        self._executors = Executors()
        self._launches: dict[UUID, Launch] = {}
        self._is_draining = False

    @property
    def is_idle(self) -> bool:
        """Whether it has no runs."""
        return count_runs(self) == 0

    @property
    def is_deaf(self) -> bool:
        """Whether cancellations no longer arrive."""
        return self._executors.is_deaf

    def drain(self) -> None:
        """Take no more runs."""
        self._is_draining = True

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take the runs that are due, until the worker is draining.

        A worker at its limit takes the next run as soon as one has ended. Prefect's worker waits until it
        polls again: even if runs are short, it starts no more between two polls than may run at once.
        """
        taken: list[FlowRun] = []
        while not self._is_draining:
            taken += await super().get_and_submit_flow_runs()
            if has_room(self):
                break
            while not has_room(self) and not self._is_draining:
                await anyio.sleep(LOOK_SECONDS)
        return taken

    async def __aenter__(self) -> "Worker":
        if self._forks is not None:
            self._forks.listen()
        await self._executors.__aenter__()
        try:
            await super().__aenter__()
        except BaseException:
            await self._executors.__aexit__(*sys.exc_info())
            raise
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            await self._executors.__aexit__(None, None, None)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run a flow in a process of its own and return how the process ended.

        Raises: OtherFlowError, if the run asks for more than a flow of Warenfluss and no setting allows it.
        """
        others = configuration.others if isinstance(configuration, Configuration) else ()
        if others and not get_settings().run_other_flows:
            raise OtherFlowError(
                f"This worker runs only Warenfluss's flows, and the run has {' and '.join(others)}. "
                f"Set {PREFIX}RUN_OTHER_FLOWS=true for workers that may."
            )
        forks = self._forks
        if forks is None or not isinstance(configuration, Configuration) or not configuration.can_fork:
            return await super().run(flow_run, configuration, task_status)
        with contextlib.ExitStack() as stack:
            folder = configuration.working_dir or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="warenfluss-"))
            )
            launch = Launch(
                self._environment(flow_run, configuration), folder, not configuration.stream_output
            )
            self._launches[flow_run.id] = launch
            stack.callback(self._launches.pop, flow_run.id)
            starter, hooks = ForkStarter(forks, launch), ForkedHooks(forks, self._launches)
            code: int | None = None

            async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
                nonlocal code
                code = await self._executors.execute(flow_run, starter, hooks, task_status)

            async with anyio.create_task_group() as group:
                handle: ProcessHandle = await group.start(execute)
                if task_status is not None:
                    task_status.started(handle.pid or 0)
        if code is None:
            raise RuntimeError("The run's process could not be started.")
        return ProcessWorkerResult(status_code=code, identifier=str(handle.pid))

    def _environment(self, flow_run: FlowRun, configuration: Configuration) -> dict[str, str]:
        return {
            **get_current_settings().to_environment_variables(exclude_unset=True),
            **{name: value for name, value in configuration.env.items() if value is not None},
            **self._executors.variables_of(flow_run, configuration.entrypoint),
        }


async def end(process: Forked) -> None:
    """End a process and all that it started: with SIGTERM, then SIGKILL if it does not end in time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with anyio.move_on_after(ENDING_SECONDS):
            await process.wait()
            return


def run_engine() -> int:
    """Do in this process what Prefect starts for a run: `python -m prefect.engine`."""
    _read_environment()
    sys.argv = ["prefect.engine"]
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    # The worker and the lease notice a run that died. Prefect's heartbeat would delay the end of each run by
    # a second; after a short run it arrives when Prefect already knows the end, and raises an alarm.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        runpy.run_module("prefect.engine", run_name="__main__")
    return 0


def run_hooks(hooks: Hooks, flow_run: str, state: str) -> int:
    """Run a flow's hooks for the end of its run in this process; `flow_run` and `state` are JSON."""
    _read_environment()
    run_hooks_of(hooks, FlowRun.model_validate_json(flow_run), State.model_validate_json(state))
    return 0


def run_worker(*, name: str, limit: int, pool: str = POOL) -> NoReturn:
    """Serve a work pool with at most `limit` runs at once, until SIGINT or SIGTERM.

    Then runs get `DRAIN_SECONDS` to end; a second signal ends them at once. Exits with code 0, or 1 if the
    worker ended without a signal. Call it in a process without other threads.
    """
    if sys.platform != "linux":
        # Other systems have no fork, or none that is safe.
        sys.exit(asyncio.run(_serve_pool(None, name, limit, pool)))
    load()
    setup_logging()
    _inherited.update(
        settings_in(os.environ), **get_current_settings().to_environment_variables(exclude_unset=True)
    )
    serve(lambda forks: asyncio.run(_serve_pool(forks, name, limit, pool)))


def load() -> None:
    """Import what every run needs, before the first fork; starts no thread and opens nothing."""
    for module in iter_modules(flows.__path__):
        import_module(f"flows.{module.name}")
    for load_spec in SPECS.values():
        load_spec()
    load_driver()
    load_modules()


async def _serve_pool(forks: Forks | None, name: str, limit: int, pool: str) -> int:
    # A fork starts at once: a run that is taken early would only hold a slot and wait.
    worker = Worker(work_pool_name=pool, name=name, limit=limit, prefetch_seconds=0, forks=forks)
    signals = 0

    def note() -> None:
        nonlocal signals
        signals += 1

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, note)
    task = asyncio.create_task(worker.start())
    while not signals and not worker.is_deaf and not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    worker.drain()
    # A worker that only misses cancellations waits for its runs to end; `up` starts it again.
    until = loop.time() + DRAIN_SECONDS if signals else math.inf
    while not task.done() and not worker.is_idle and signals < 2 and loop.time() < until:
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return 0 if signals else 1


_inherited: dict[str, str] = {}
"""Prefect's settings in the process that forks runs."""


def _read_environment() -> None:
    """Read the settings from this process's environment; until then they are its parent's."""
    get_settings.cache_clear()
    # Reading Prefect's settings takes a tenth of a second of processor time, and usually changes nothing.
    if settings_in(os.environ) != _inherited:
        refresh_global_settings_context()
        setup_logging()
