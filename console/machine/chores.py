"""What a running installation does again and again beside its cycles, in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from documents.commands import explain
from models.database.session import read_scope
from models.errors import RuleError
from models.tenants.account import list_accounts
from models.tenants.records import Mode

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
CHORES_SECONDS = 15
OVERVIEW_SECONDS = 60
PRUNING_SECONDS = 600
ALL_DEPLOYMENTS_SECONDS = 300
"""How often all deployments are compared; new accounts and changed modes are seen every `CHORES_SECONDS`."""
RESTS = 30
"""A chore that looks at every account pauses for this many times as long as it took."""


@dataclass
class Chore:
    """One thing to do again and again; its failure stops nothing else."""

    name: str
    action: Callable[[], object]
    every_seconds: float
    rests: int = 0
    """The pause is at least this many times as long as the chore took."""
    due_at: float = 0.0
    trouble: str = ""

    def do_if_due(self) -> None:
        """Do the chore if it is due; log a failure once, until the chore works again. Never raises."""
        began = time.monotonic()
        if began < self.due_at:
            return
        try:
            self.action()
            trouble = ""
        except RuleError as error:
            trouble = explain(error)
        except Exception as error:
            # The text of an unknown error may quote what no log may hold.
            trouble = type(error).__name__
        if trouble and trouble != self.trouble:
            logger.warning("%s: %s; trying again.", self.name, trouble)
        elif self.trouble and not trouble:
            logger.info("%s: works again.", self.name)
        self.trouble = trouble
        ended = time.monotonic()
        pause = max(self.every_seconds, self.rests * (ended - began))
        self.due_at = ended + (CHORES_SECONDS if trouble else pause)


class Chores:
    """The thread that does the chores until `stopping` is set."""

    def __init__(self, stopping: threading.Event, trim_logs: Callable[[], None]) -> None:
        """Prepare; `start` starts the thread. `trim_logs` keeps the logs of child processes small."""
        self.deploying = threading.Lock()
        """Held while deployments are brought up to date."""
        self._stopping = stopping
        self._trim_logs = trim_logs
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)
        self._deployed: tuple[float, list[tuple[str, Mode]]] = (0.0, [])

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, at most this long."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        from deployments.ended_runs import tidy
        from deployments.schedules import copy_schedules, expect_usual_schedules
        from tasks.run.artifacts import publish_overview
        from tasks.upkeep import prune
        from tasks.watch.alarms import watch

        # First what needs no Prefect: a mail must go out also while Prefect is gone.
        chores = [
            Chore("Status mails", watch, CHORES_SECONDS),
            Chore("Expected cycles", expect_usual_schedules, CHORES_SECONDS),
            Chore("Deployments", self._deploy, CHORES_SECONDS),
            # With many accounts a look at all of them takes seconds, half of them the server's.
            Chore("Overview", publish_overview, OVERVIEW_SECONDS, rests=RESTS),
            Chore("Schedules", copy_schedules, OVERVIEW_SECONDS, rests=RESTS),
            Chore("Ended runs", tidy, CHORES_SECONDS),
            Chore("Logs", self._trim_logs, OVERVIEW_SECONDS),
            Chore("Old records", prune, PRUNING_SECONDS),
        ]
        while not self._stopping.is_set():
            for chore in chores:
                if not self._stopping.is_set():
                    chore.do_if_due()
            self._stopping.wait(TICK_SECONDS)

    def _deploy(self) -> None:
        """Deploy new accounts and changed modes at once; compare all deployments only now and then.

        A full comparison costs Prefect many requests.
        """
        from deployments.deploy import deploy_accounts

        with self.deploying:
            with read_scope() as session:
                accounts = [(account.name, account.mode) for account in list_accounts(session)]
            at, known = self._deployed
            if accounts != known or time.monotonic() - at > ALL_DEPLOYMENTS_SECONDS:
                deploy_accounts()
                self._deployed = (time.monotonic(), accounts)
