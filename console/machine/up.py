"""`warenfluss up`: starts, watches and stops everything that one machine needs."""

import errno
import fcntl
import logging
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from console.machine.chores import TICK_SECONDS, Chores
from console.machine.old_results import delete_old_results
from console.machine.open_files import close_open_files
from console.machine.processes import (
    RUNS_AT_ONCE,
    Child,
    adopt_orphans,
    end_orphans,
    kill,
    list_descendants,
    reap,
)
from documents.commands import explain
from models.database.erased_text import remove_old_remains
from models.database.schema import upgrade
from models.database.session import session_scope
from models.errors import RuleError, SettingsError
from models.files import make_folder, open_private
from models.mails.outbox import why_no_mail
from models.settings import PREFIX, Settings, get_settings
from models.sync.schedules import restart_overdue_clocks
from tasks.run.prefect_env import (
    ANYWHERE,
    base_url,
    clear_state,
    env_file,
    is_healthy,
    read_state,
    use_prefect,
    write_state,
)

logger = logging.getLogger(__name__)

LOCK_FILE = "up.lock"
SERVER = (sys.executable, "-m", "uvicorn", "--factory", "deployments.server:create_app")
STARTING_SECONDS = 120
REAPING_SECONDS = 60
STOPPING_SECONDS = 15


class UpError(Exception):
    """It cannot start; the message says why and what to do."""


class StoppedError(Exception):
    """A signal asked this process to stop."""


class Up:
    """The parts of a running installation: Prefect's server, a worker, and the chores."""

    def __init__(self, *, runs_at_once: int = RUNS_AT_ONCE, query_seconds: int = 5) -> None:
        """Prepare; `running` starts it. The worker asks for runs every `query_seconds`."""
        self._runs_at_once = runs_at_once
        self._query_seconds = query_seconds
        self._settings: Settings = get_settings()
        self.has_own_server = False
        """Whether it runs a Prefect server itself; else PREFECT_API_URL names one."""
        self._was_left_alone = False
        self._next_reap = 0.0
        self._api_url = ""
        self._server: Child | None = None
        self._worker: Child | None = None
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self.chores = Chores(self._stopping, self._trim_logs)

    @property
    def ui_url(self) -> str:
        """The address of Prefect's pages."""
        return str(self._settings.public_url).rstrip("/")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything; stop it in order on leaving.

        From here on SIGINT and SIGTERM make `wait` raise. Raises: UpError, SettingsError, StoppedError.
        """
        with taken(self._settings.data_dir), self._signals():
            adopt_orphans()
            try:
                self._start()
                yield
            finally:
                self._stop()

    def wait(self, seconds: float = TICK_SECONDS) -> None:
        """Wait for `seconds`, and start again what died meanwhile. Raises: StoppedError."""
        end = time.monotonic() + seconds
        while True:
            if self._stopping.wait(max(0.0, min(TICK_SECONDS, end - time.monotonic()))):
                raise StoppedError
            for child in self._children():
                child.restart_if_dead()
            if time.monotonic() > self._next_reap:
                reap(child.pid for child in self._children())
                self._next_reap = time.monotonic() + REAPING_SECONDS
            if time.monotonic() >= end:
                return

    def _start(self) -> None:
        self._prepare_environment()
        delete_old_results()
        if self.has_own_server:
            self._need_free_port()
        upgrade()
        remove_old_remains()
        with session_scope() as session:
            restart_overdue_clocks(session)
        if self.has_own_server:
            self._start_server()
        self._prepare_prefect()
        self._start_worker()
        self.chores.start()

    def _prepare_environment(self) -> None:
        settings = self._settings
        close_open_files(settings)
        os.environ[f"{PREFIX}DATA_DIR"] = str(settings.data_dir)
        # Each run has its own working directory, where the file would not be found.
        os.environ[f"{PREFIX}ENV_FILE"] = str(env_file())
        host = "127.0.0.1" if settings.prefect_host in ANYWHERE else settings.prefect_host
        address = base_url(host, settings.prefect_port)
        if "public_url" not in settings.model_fields_set:
            # Links in mails contain the port.
            os.environ[f"{PREFIX}PUBLIC_URL"] = address
            get_settings.cache_clear()
            self._settings = get_settings()
        os.environ.setdefault("PREFECT_UI_URL", self.ui_url)
        self._was_left_alone = bool(read_state(settings.data_dir))
        clear_state(settings.data_dir)
        self._api_url = use_prefect()
        self.has_own_server = not self._api_url
        if self.has_own_server:
            self._api_url = os.environ["PREFECT_API_URL"] = f"{address}/api"
        if "prefect" in sys.modules:
            from prefect.context import refresh_global_settings_context

            refresh_global_settings_context()

    def _need_free_port(self) -> None:
        """Check that the server can listen. Raises: UpError."""
        settings = self._settings
        family = socket.AF_INET6 if ":" in settings.prefect_host else socket.AF_INET
        # After an `up` was killed, its server needs a moment to end.
        end = time.monotonic() + (STOPPING_SECONDS if self._was_left_alone else 0)
        while True:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((settings.prefect_host, settings.prefect_port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise UpError(
                            f"This machine cannot listen on {settings.prefect_host!r} port "
                            f"{settings.prefect_port}: set {PREFIX}PREFECT_HOST to one of its addresses, or "
                            f"{PREFIX}PREFECT_PORT to a port above 1023."
                        ) from None
                    if time.monotonic() > end:
                        raise UpError(
                            f"Port {settings.prefect_port} is taken by another program: "
                            f"set {PREFIX}PREFECT_PORT to a free one."
                        ) from None
                else:
                    return
            self._pause()

    def _start_server(self) -> None:
        settings = self._settings
        env = {
            **os.environ,
            "PREFECT_SERVER_API_HOST": settings.prefect_host,
            "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
            # The pages call this address, wherever they were opened.
            "PREFECT_SERVER_UI_API_URL": f"{self.ui_url}/api",
            # For each schedule that it reads, Prefect checks the time zone against the list of all zones. The
            # list takes 7 ms to read from the system's files, and 2 ms from the package `tzdata`.
            "PYTHONTZPATH": "",
        }
        command = [*SERVER, "--host", settings.prefect_host, "--port", str(settings.prefect_port)]
        command += ["--log-level", env["PREFECT_SERVER_LOGGING_LEVEL"].lower(), "--no-server-header"]
        self._server = Child("Prefect's server", command, env, self._log("server"))
        self._server.start()
        # This import takes two seconds; the server starts meanwhile.
        import deployments.deploy  # noqa: F401

        end = time.monotonic() + STARTING_SECONDS
        while not is_healthy(self._api_url):
            if self._server.pid is None or time.monotonic() > end:
                raise UpError(f"Prefect's server did not start; its log says why: {self._server.log}")
            self._pause()

    def _prepare_prefect(self) -> None:
        from prefect.client.orchestration import get_client

        from deployments.deploy import deploy_accounts
        from deployments.ended_runs import tidy
        from deployments.silent_runs import ensure_automation
        from deployments.work_pool import ensure_pool

        end = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                with get_client(sync_client=True) as client:
                    ensure_pool(client)
                    ensure_automation(client)
                deploy_accounts()
                tidy()
            except RuleError as error:
                raise UpError(explain(error)) from None
            except Exception as error:
                if time.monotonic() > end:
                    raise UpError(
                        f"Prefect's server at {self._api_url} does not answer as it should "
                        f"({type(error).__name__}): check PREFECT_API_URL."
                    ) from error
                logger.warning("Prefect's server: %s; trying again.", type(error).__name__)
                self._pause(5)
            else:
                return

    def _start_worker(self) -> None:
        command = [sys.executable, "-m", "console", "worker"]
        command += ["--name", f"warenfluss at {platform.node()}", "--limit", str(self._runs_at_once)]
        env = {**os.environ, "PREFECT_WORKER_QUERY_SECONDS": str(self._query_seconds)}
        self._worker = Child("The worker", command, env, self._log("worker"))
        self._worker.start()
        state: dict[str, object] = {"pid": os.getpid(), "ui_url": self.ui_url}
        if self.has_own_server:
            state["api_url"] = self._api_url
        write_state(self._settings.data_dir, state)

    def _trim_logs(self) -> None:
        for child in self._children():
            child.trim_log()

    def _stop(self) -> None:
        self._stopping.set()
        runs = self._drain()
        if self._worker is not None:
            self._worker.stop(STOPPING_SECONDS)
            self._worker = None
        self.chores.join(STOPPING_SECONDS)
        if runs:
            self._release(runs)
        if self._server is not None:
            self._server.stop(STOPPING_SECONDS)
            self._server = None
        end_orphans([])
        clear_state(self._settings.data_dir)

    def _drain(self) -> list[int]:
        """Ask the worker to end after its runs; return the ids of the processes that it had."""
        from deployments.worker import DRAIN_SECONDS, ENDING_SECONDS

        pid = self._worker.pid if self._worker is not None else None
        if self._worker is None or pid is None:
            return []
        processes = list_descendants(pid)
        kill(pid, signal.SIGTERM)
        # One of the processes is the worker itself.
        if len(processes) > 1:
            logger.info("Waiting at most %d s for runs to end.", DRAIN_SECONDS)
        end = time.monotonic() + DRAIN_SECONDS + ENDING_SECONDS
        while self._worker.pid is not None and time.monotonic() < end and not self._hurry.wait(TICK_SECONDS):
            pass
        return processes

    def _release(self, runs: list[int]) -> None:
        """Mark runs that were cut off as ended in Prefect, so that their cycles can start again at once."""
        from deployments.ended_runs import tidy

        try:
            count = tidy(ended_pids=runs)
        except Exception as error:
            logger.warning("Runs that were cut off could not be noted in Prefect (%s).", type(error).__name__)
        else:
            if count:
                logger.info("%d runs were cut off; they are repeated with the next of their cycle.", count)

    def _children(self) -> list[Child]:
        return [child for child in (self._server, self._worker) if child is not None]

    def _log(self, name: str) -> Path:
        return self._settings.data_dir / "logs" / f"{name}.log"

    def _pause(self, seconds: float = TICK_SECONDS) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """On the first SIGINT or SIGTERM, stop; on the second, stop without waiting for runs."""

        def note(_number: int, _frame: FrameType | None) -> None:
            if self._stopping.is_set():
                self._hurry.set()
            self._stopping.set()

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def taken(data_dir: Path) -> Iterator[None]:
    """Lock the data folder for this process. Raises: UpError, if another `up` has locked it."""
    make_folder(data_dir)
    with open(data_dir / LOCK_FILE, "a", opener=open_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            state = read_state(data_dir)
            where = f" (process {state['pid']}, {state['ui_url']})" if state else ""
            raise UpError(f"Warenfluss is already up for {data_dir}{where}: stop that one first.") from None
        yield


def begin_log() -> None:
    """Write log lines to standard error, with their time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("httpx", "httpcore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def run_up() -> int:
    """Run the installation until SIGINT or SIGTERM; return 0, or 1 if it could not start."""
    begin_log()
    try:
        up = Up()
        with up.running():
            print(f"Warenfluss is up; Prefect's pages are at {up.ui_url}. Ctrl-C stops it.", flush=True)
            if up.has_own_server:
                print("The pages ask for the password once: `warenfluss password` prints it.", flush=True)
            if silence := why_no_mail(get_settings()):
                print(silence, flush=True)
            while True:
                up.wait()
    except StoppedError:
        print("Warenfluss has stopped.", flush=True)
        return 0
    except (UpError, SettingsError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
