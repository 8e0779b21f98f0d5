"""The worker of Warenfluss: Prefect's process worker, except that runs of cycles are forked.

Importing Prefect and the cycles costs much more than an idle cycle does. Each run is a process of its own
all the same.
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
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import refresh_global_settings_context
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.logging.configuration import setup_logging
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

import flows
from deployments.forking import Forked, Forks, serve
from deployments.work_pool import POOL
from models.database.engine import prepare
from models.settings import get_settings

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

DRAIN_SECONDS = 20
"""Time for runs to end when the worker is asked to."""
ENDING_SECONDS = 5
"""Time for a run to end after it was told to, before it is killed."""
LOOK_SECONDS = 0.2
ON_THE_WAY = (
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
"""What each run imports only when it comes by, which took it half a second."""
LATE_MODELS = ("prefect.client.schemas.", "prefect.events.", "prefect.artifacts")
"""Where Prefect declares models that are built when they are first used, thirty milliseconds of a run."""
OURS = "flows."
"""How the entrypoint of a flow that is here already begins."""

Hooks = Literal["cancellation", "crashed"]


@dataclass(frozen=True)
class Launch:
    """In which surroundings a run and its hooks work."""

    env: Mapping[str, str]
    folder: Path
    quiet: bool


class Configuration(ProcessJobConfiguration):
    """What a work pool and a deployment say about how to run."""

    _entrypoint: str = ""

    @property
    def can_fork(self) -> bool:
        """Return whether the flow is one that is imported here, with nothing to fetch or to start before."""
        return bool(self._entrypoint) and not self._command_configured

    @property
    def entrypoint(self) -> str:
        """Return where the flow is, empty if it must be fetched first."""
        return self._entrypoint

    def prepare_for_flow_run(
        self, flow_run: FlowRun, deployment: "DeploymentResponse | None" = None, *others: Any, **named: Any
    ) -> None:
        """Note where the flow is found."""
        super().prepare_for_flow_run(flow_run, deployment, *others, **named)
        if (
            deployment is not None
            and (deployment.entrypoint or "").startswith(OURS)
            and not deployment.pull_steps
            and not deployment.path
            and not deployment.storage_document_id
        ):
            self._entrypoint = deployment.entrypoint or ""


class Executors(FlowRunExecutorContext):
    """What Prefect shares among the runs of a worker: a client, and an ear for cancellations."""

    is_deaf = False
    """Whether it hears of cancellations no more, because the server was away for long."""

    def _handle_cancellation_observer_failure(self, flow_run_ids: set[UUID]) -> None:
        self.is_deaf = True


class ForkStarter:
    """Starts one run as a fork, in the way that Prefect's executor asks for."""

    def __init__(self, forks: Forks, launch: Launch) -> None:
        """Prepare; `start` starts it."""
        self._forks = forks
        self._launch = launch

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Return when the run's process is gone; if this is cancelled, the process is ended."""
        launch = self._launch
        process = await self._forks.start(
            run_engine, env=launch.env, folder=launch.folder, quiet=launch.quiet
        )
        # A process to Prefect is whatever has an id and a return code.
        handle = ProcessHandle(cast(Any, process), create_isolated_termination_scope(process.pid))
        task_status.started(handle)
        try:
            await process.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await end(process)
            raise


class ForkedHooks:
    """Runs what a flow wants to be done after a crash or cancellation, in a process of its own."""

    def __init__(self, forks: Forks, launches: Mapping[UUID, Launch]) -> None:
        """Take the surroundings of the runs that there are."""
        self._forks = forks
        self._launches = launches

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when they are done, or have failed."""
        await self._run("cancellation", flow_run, state)

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Return when they are done, or have failed."""
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


# Named as abstract so that Prefect does not take it for the process worker of everybody.
class Worker(ProcessWorker, abc.ABC):
    """Takes runs from the work pool; deployments of other people's flows run as Prefect runs them."""

    job_configuration = Configuration

    def __init__(self, *arguments: Any, forks: Forks | None, **named: Any) -> None:
        """Prepare; `start` starts it. Without `forks` every run is started as Prefect does."""
        super().__init__(*arguments, **named)
        self._forks = forks
        self._executors = Executors()
        self._launches: dict[UUID, Launch] = {}
        self._is_draining = False

    @property
    def is_idle(self) -> bool:
        """Whether it has no runs."""
        return not self._limiter or not self._limiter.borrowed_tokens

    @property
    def is_deaf(self) -> bool:
        """Whether it hears of cancellations no more."""
        return self._executors.is_deaf

    def drain(self) -> None:
        """Take no more runs."""
        self._is_draining = True

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take what is due, as long as runs are wanted.

        With as many runs as it may have, it goes on when one of them has ended, not when it is time to ask
        again: otherwise no more runs begin in an interval than run at once, however short they are.
        """
        taken: list[FlowRun] = []
        while not self._is_draining:
            taken += await super().get_and_submit_flow_runs()
            if not self._limiter or self._limiter.available_tokens > 0:
                break
            while self._limiter.available_tokens <= 0 and not self._is_draining:
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
        """Run a flow in a process of its own and return how that ended."""
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
            executor = self._executors.create_executor(
                flow_run,
                ForkStarter(forks, launch),
                hook_runner=ForkedHooks(forks, self._launches),
                propose_submitting=False,
            )
            code: int | None = None

            async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
                nonlocal code
                result = await executor.submit(task_status=task_status)
                code = None if result is None else result.status_code

            async with anyio.create_task_group() as group:
                handle: ProcessHandle = await group.start(execute)
                if task_status is not None:
                    task_status.started(handle.pid or 0)
        if code is None:
            raise RuntimeError("The run's process could not be started.")
        return ProcessWorkerResult(status_code=code, identifier=str(handle.pid))

    def _environment(self, flow_run: FlowRun, configuration: Configuration) -> dict[str, str]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        env = {name: value for name, value in configuration.env.items() if value is not None}
        # By way of this channel a run hears that it is cancelled, and tells that it has ended well.
        port, token = self._executors.control_channel.register(flow_run.id)
        return {
            **settings,
            **env,
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__FLOW_ENTRYPOINT": configuration.entrypoint,
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            "PREFECT__CONTROL_PORT": str(port),
            "PREFECT__CONTROL_TOKEN": token,
        }


async def end(process: Forked) -> None:
    """End a process with all that it has started, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with anyio.move_on_after(ENDING_SECONDS):
            await process.wait()
            return


def run_engine() -> int:
    """Be what Prefect starts for a run: `python -m prefect.engine`."""
    _read_environment()
    sys.argv = ["prefect.engine"]
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    # A run that is gone is missed by its worker and by its lease. Prefect's sign of life holds up each end by
    # a second, and that of a short run arrives when Prefect knows the end already, which then alarms it.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        runpy.run_module("prefect.engine", run_name="__main__")
    return 0


def run_hooks(hooks: Hooks, flow_run: str, state: str) -> int:
    """Do what the flow of a run wants to be done after its end; both are given as JSON."""
    _read_environment()

    async def find(_flow_run: FlowRun) -> "Flow[..., Any]":
        entrypoint = os.environ["PREFECT__FLOW_ENTRYPOINT"]
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)

    runner = HookRunner(resolve_flow=find)
    run = runner.run_crashed_hooks if hooks == "crashed" else runner.run_cancellation_hooks
    asyncio.run(run(FlowRun.model_validate_json(flow_run), State.model_validate_json(state)))
    return 0


def run_worker(*, name: str, limit: int, pool: str = POOL) -> NoReturn:
    """Serve a work pool with at most so many runs at once, until SIGINT or SIGTERM.

    Then runs get some time to end; a second signal is the wish not to wait. Leaves with exit code 0, or 1 if
    the worker ended by itself. To be called in a process without other threads.
    """
    if sys.platform != "linux":
        # Elsewhere a fork is not safe, or not there.
        sys.exit(asyncio.run(_serve_pool(None, name, limit, pool)))
    load()
    setup_logging()
    _inherited.update(
        _settings_of_prefect(), **get_current_settings().to_environment_variables(exclude_unset=True)
    )
    serve(lambda forks: asyncio.run(_serve_pool(forks, name, limit, pool)))


def load() -> None:
    """Load what any run needs; no thread begins and nothing is opened."""
    for module in (*ON_THE_WAY, *(f"flows.{module.name}" for module in iter_modules(flows.__path__))):
        import_module(module)
    prepare()
    _build_models()


async def _serve_pool(forks: Forks | None, name: str, limit: int, pool: str) -> int:
    # A fork needs no head start: a run taken before its time would have a slot and only wait.
    worker = Worker(work_pool_name=pool, name=name, limit=limit, prefetch_seconds=0, forks=forks)
    wishes = 0

    def note() -> None:
        nonlocal wishes
        wishes += 1

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, note)
    task = asyncio.create_task(worker.start())
    while not wishes and not worker.is_deaf and not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    worker.drain()
    # One that only went deaf has time, and starts anew afterwards.
    end = loop.time() + DRAIN_SECONDS if wishes else math.inf
    while not task.done() and not worker.is_idle and wishes < 2 and loop.time() < end:
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return 0 if wishes else 1


_inherited: dict[str, str] = {}
"""What Prefect was set to in the process from which runs are forked."""


def _read_environment() -> None:
    """Let this process, forked from another, see its own environment."""
    get_settings.cache_clear()
    # Prefect takes a tenth of a second of processor time to read settings, most often the same.
    if _settings_of_prefect() != _inherited:
        refresh_global_settings_context()
        setup_logging()


def _settings_of_prefect() -> dict[str, str]:
    """Return the variables of the environment that Prefect takes for settings, not those that name a run."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


def _build_models() -> None:
    """Build the models that Prefect leaves to their first use, which would come again in each run."""
    modules = [module for name, module in sys.modules.items() if name.startswith(LATE_MODELS)]
    for each in [value for module in modules for value in vars(module).values()]:
        # pydantic's own base is in there, too, and never complete.
        if getattr(each, "__pydantic_complete__", True) is False and each.__module__.startswith("prefect."):
            each.model_rebuild()
