"""Mark runs as crashed in Prefect after their process died without reporting its end."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from deployments.work_pool import POOL
from models.database.session import read_scope
from models.sync.alarms import list_attempts
from models.sync.records import Cycle
from models.sync.runs import RunState

PAGE = 200
REPORTING_SECONDS = 120
"""How long a run may take to report its end to Prefect after its work: it still writes artifacts."""
STARTING_SECONDS = 300
"""How long a run may take from a worker until it opens its row here."""
OPEN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def tidy(*, pool: str = POOL, ended_pids: Collection[int] = ()) -> int:
    """Mark the flow runs of dead processes as crashed; return how many.

    A run is dead if its row here is vanished, was closed a while ago or was never opened, or if its process
    is one of `ended_pids`. Its concurrency slot becomes free, so that the next run of its cycle can start. No
    hook runs and no mail is sent: `tasks.watch.alarms.watch` does that. Several processes may call it.
    """
    count = 0
    with get_client(sync_client=True) as client:
        for run in _list_open(client, pool):
            reason = (
                "Its worker was stopped."
                if run.infrastructure_pid in {str(pid) for pid in ended_pids}
                else _why_dead(run)
            )
            if reason and _is_unchanged(client, run):
                client.set_flow_run_state(run.id, Crashed(message=reason), force=True)
                count += 1
    return count


def _list_open(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            # Operators may run flows of their own in this pool; those stay untouched.
            flow_filter=FlowFilter(name=FlowFilterName(any_=[str(cycle) for cycle in Cycle])),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=OPEN))),
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return found


def _why_dead(run: FlowRun) -> str:
    """Return why a run that Prefect shows as open is dead; empty if it may be alive."""
    now = datetime.now(UTC)
    with read_scope() as session:
        attempts = list_attempts(session, str(run.id))
    if not attempts:
        since = run.state.timestamp if run.state else now
        waited = now - since > timedelta(seconds=STARTING_SECONDS)
        return "Its process never began to work." if waited else ""
    if any(attempt.state is RunState.running for attempt in attempts):
        return ""
    if any(attempt.state is RunState.vanished for attempt in attempts):
        return "Its process ended without a word."
    ends = [attempt.finished_at for attempt in attempts if attempt.finished_at]
    waited = now - max(ends, default=now) > timedelta(seconds=REPORTING_SECONDS)
    return "Its work was closed, and its process did not report its end to Prefect." if waited else ""


def _is_unchanged(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Return whether a run still has the state that was read: it may have ended, or been retried."""
    try:
        return client.read_flow_run(run.id).state_id == run.state_id
    except ObjectNotFound:
        return False
