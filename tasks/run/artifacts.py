"""What Prefect's pages show of runs: figures, what test mode held back, tables and the overview."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact
from prefect.artifacts import update_progress_artifact as update_progress
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from documents.commands import command_of
from models.clock import LOCAL, utc_now
from models.database.session import read_scope
from models.errors import Action, Advice
from models.reconciliation.differences import (
    Difference,
    advice_on,
    count_differences,
    describe_difference,
    list_differences,
)
from models.reconciliation.records import DifferenceData
from models.settings import get_settings
from models.sync.cycles import CYCLES, has_cycle_now
from models.sync.records import Counts, Cycle
from models.sync.runs import Run, RunState
from models.tenants.account import Account
from models.upkeep.status import AccountStatus, CycleStatus, status_of_accounts

logger = logging.getLogger(__name__)

OUTSIDE = {spec.area: cycle for cycle, spec in CYCLES.items() if spec.area and not spec.in_house}
"""The columns of the overview for cycles with an outside system: the cycle by its area."""
HOUSE = {spec.area: cycle for cycle, spec in CYCLES.items() if spec.area and spec.in_house}
"""The columns for cycles without an outside system, in the same form."""
WAITING = ["account", "held orders", "rejected", "to be published", "parked", "differences", "slowest change"]
"""The head of the table of what waits at each account."""
TABLE_LIMIT = 2000
"""The most rows of a table: Prefect stores an artifact as one text."""


def artifact_key(*parts: str) -> str:
    """Return a key as Prefect allows it: lower-case letters, digits and hyphens."""
    return "-".join("".join(sign if sign.isalnum() else "-" for sign in part.lower()) for part in parts)


def run_link(flow_run_id: str, text: str) -> str:
    """Return a markdown link to a run in the Prefect UI, or the plain text if `flow_run_id` is empty."""
    if not flow_run_id:
        return text
    return f"[{text}]({str(get_settings().public_url).rstrip('/')}/runs/flow-run/{flow_run_id})"


def publish_report(run_id: int, would_send: list[dict[str, str]]) -> None:
    """Publish the figures of a finished run, and for a test run what it would have sent.

    The run's work is committed by now: if Prefect does not answer, only the tables are missing.
    """
    with read_scope() as session:
        run = session.get_one(Run, run_id)
        account = session.get_one(Account, run.account_id)
    figures = [{"figure": name, "value": value} for name, value in _figures(run, account).items()]
    description = f"Last run of {run.cycle} for {account.name}{' (test)' if run.test else ''}"
    _publish_table(artifact_key(run.cycle, account.name), figures, description)
    if run.test:
        key = artifact_key("would-send", run.cycle, account.name)
        description = _describe_would_send(run, account, would_send)
        _publish_table(key, would_send[:TABLE_LIMIT], description)


def publish_overview() -> None:
    """Publish the overview of all accounts: after a run by hand, and every minute while `warenfluss up` runs.

    Not after each run: with many accounts, each run would collect the figures of all the others again.
    """
    with read_scope() as session:
        overview = status_of_accounts(session)
    artifact = ArtifactCreate(
        type="markdown",
        key="status",
        data=overview_markdown(overview),
        description="All accounts at a glance",
    )
    try:
        # `create_markdown_artifact` needs a run, and the overview belongs to none.
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except Exception as error:
        logger.warning("The overview could not be published (%s)", type(error).__name__)


def publish_effects(run_id: int, rows: Sequence[Mapping[str, Any]], text: str) -> None:
    """Publish the table of a replay: what had been done before, and what is new."""
    with read_scope() as session:
        run = session.get_one(Run, run_id)
        account = session.get_one(Account, run.account_id)
    table = []
    for row in rows:
        at = f" at {row['at'].astimezone(LOCAL):%d.%m.%Y %H:%M:%S}" if row["at"] else ""
        table.append(
            {name: row[name] for name in ("order", "effect", "of", "value")}
            | {"outcome": f"{row['outcome']}{at}"}
        )
    description = f"{run.cycle} for {account.name}{' (test)' if run.test else ''}: {text}"
    _publish_table(artifact_key("effects", account.name), table, description)


def _difference(difference: Difference | DifferenceData, account: Account) -> dict[str, str]:
    return {**describe_difference(difference), "command": command_of(advice_on(difference, account.name))}


def publish_differences(run_id: int, found: Sequence[DifferenceData]) -> None:
    """Publish the open differences between an account and this database; for a test run, what it found."""
    with read_scope() as session:
        run = session.get_one(Run, run_id)
        account = session.get_one(Account, run.account_id)
        if run.test:
            count = len(found)
            rows = [_difference(finding, account) for finding in found[:TABLE_LIMIT]]
        else:
            count = count_differences(session, run.account_id)
            rows = [
                {
                    **_difference(row, account),
                    "since": _local(row.first_seen_at),
                    "mending": _local(row.mended_at) if row.mended_at else "",
                }
                for row in list_differences(session, run.account_id, limit=TABLE_LIMIT)
            ]
    text = f"{count} differences between {account.name} and this database{' (test)' if run.test else ''}"
    if count > TABLE_LIMIT:
        text += f", the first {TABLE_LIMIT} shown"
    _publish_table(artifact_key("differences", account.name), rows, text)


def _publish_table(key: str, table: Sequence[Mapping[str, Any]], description: str) -> None:
    """Publish a table; if Prefect does not answer, log a warning."""
    try:
        create_table_artifact(key=key, table=[dict(row) for row in table], description=description)
    except Exception as error:
        logger.warning("The table %s could not be published (%s)", key, type(error).__name__)


def start_progress(cycle: Cycle, account: str) -> UUID | None:
    """Open a progress bar in the UI; return its id, None if Prefect does not answer."""
    try:
        key = artifact_key("progress", cycle, account)
        return cast(UUID, create_progress_artifact(0.0, key=key, description=f"{cycle} of {account}"))
    except Exception as error:
        logger.warning("No progress bar could be shown (%s)", type(error).__name__)
        return None


def show_progress(progress: UUID | None, percent: float, text: str) -> None:
    """Move a progress bar, if there is one; `percent` is 0 while the total is not known."""
    if progress is None:
        return
    try:
        update_progress(progress, progress=percent, description=text)
    except Exception as error:
        logger.warning("The progress bar could not be moved (%s)", type(error).__name__)


def overview_markdown(overview: list[AccountStatus]) -> str:
    """Return the overview of all accounts: last success of each area, what waits, how long changes took."""
    now = utc_now()
    tables = (_successes(overview, areas, now) for areas in (OUTSIDE, HOUSE))
    successes = "".join(f"{_table(table)}\n\n" for table in tables if table)
    waiting = _table([WAITING, *(_waiting(status, now) for status in overview)])
    return f"Last success, as of {_local(now)}:\n\n{successes}What waits:\n\n{waiting}\n"


def _successes(overview: list[AccountStatus], areas: Mapping[str, Cycle], now: datetime) -> list[list[str]]:
    """Return a table of the last success of each account in these areas; no row, if no account has any."""
    rows = []
    for status in overview:
        runs = {item.cycle: item for item in status.cycles if has_cycle_now(status.account, item.cycle)}
        if any(cycle in runs for cycle in areas.values()):
            cells = (_success(runs[cycle], now) if cycle in runs else "-" for cycle in areas.values())
            rows.append([status.account.name, status.account.mode, *cells])
    return [["account", "mode", *areas], *rows] if rows else []


def _success(item: CycleStatus, now: datetime) -> str:
    text = "never" if item.last_success_at is None else f"{age(item.last_success_at, now)} ago"
    if item.last_state not in (None, RunState.completed):
        text += f" ({item.last_state})"
    return run_link(item.flow_run_id, text)


def _waiting(status: AccountStatus, now: datetime) -> list[str]:
    """Return an account's row below `WAITING`."""
    queue = ", ".join(f"{count} {kind}" for kind, count in status.waiting.items()) or "0"
    if status.oldest_waiting_at is not None:
        queue += f" (oldest {age(status.oldest_waiting_at, now)})"
    seconds = {item.cycle: item.slowest_seconds for item in status.cycles}
    slowest = [
        f"{area} {duration(took)}" for area, cycle in OUTSIDE.items() if (took := seconds[cycle]) is not None
    ]
    return [
        status.account.name,
        str(status.held_orders),
        str(status.rejected),
        queue,
        str(status.parked),
        str(status.differences),
        ", ".join(slowest) or "-",
    ]


def _table(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _local(at: datetime) -> str:
    return f"{at.astimezone(LOCAL):%d.%m.%Y %H:%M}"


def age(instant: datetime, now: datetime) -> str:
    """Return how long ago an instant was, in the largest unit that fits, e.g. "3 h"."""
    return duration(max(0, int((now - instant).total_seconds())))


def duration(seconds: int) -> str:
    """Return a length of time in the largest unit that fits, e.g. "3 h"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _figures(run: Run, account: Account) -> dict[str, Any]:
    counts = Counts.model_validate(run.counts)
    row: dict[str, Any] = {"account": account.name, "cycle": str(run.cycle), "test": run.test}
    row.update(counts.model_dump())
    if run.oldest_news_at is not None:
        row["oldest change"] = _local(run.oldest_news_at)
    if run.slowest_seconds is not None:
        row["slowest change"] = duration(run.slowest_seconds)
    row["run"] = run_link(run.flow_run_id, str(run.id))
    held = (
        Advice(Action.match_list, values={"account": account.name})
        if run.cycle is Cycle.order_import
        else Advice(Action.order_list, values={"held": "", "account": account.name})
    )
    for name, advice in (
        ("held", held),
        ("rejected", Advice(Action.rejected_list, values={"account": account.name})),
        ("failed", Advice(Action.outbound_list, values={"account": account.name})),
        ("different", Advice(Action.difference_list, values={"account": account.name})),
        ("parked", Advice(Action.outbound_list, values={"state": "parked", "account": account.name})),
    ):
        if row[name]:
            row[f"see {name}"] = command_of(advice)
    return row


def _describe_would_send(run: Run, account: Account, rows: list[dict[str, str]]) -> str:
    text = f"What {run.cycle} would have sent to {account.name}: {len(rows)} fields"
    return f"{text}, the first {TABLE_LIMIT} shown" if len(rows) > TABLE_LIMIT else text
