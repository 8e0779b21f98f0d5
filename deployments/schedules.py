"""When cycles run: what Prefect has planned, and what operators set, copied into `CycleSchedule`.

A cycle becomes overdue by `CycleSchedule`, also while Prefect cannot be reached.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import (
    DeploymentSchedule,
    StateType,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort

from deployments.deploy import SLUG
from deployments.deployed import PAGE, get_deployment, read_deployments
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.sync.cycles import CYCLES, has_cycle_now
from models.sync.records import Cycle
from models.sync.schedules import CycleSchedule, list_schedules, save_schedule
from models.tenants.account import get_account, list_accounts
from models.tenants.records import Mode

UNPLANNED_SECONDS = 24 * 3600
"""The interval of a calendar for which Prefect has not planned any run yet."""


def expect_usual_schedules() -> None:
    """Save the usual schedule of every cycle without a known one.

    It needs no Prefect: a cycle becomes overdue even if Prefect was never there to schedule it.
    """
    with read_scope() as session:
        known = {(row.account_id, row.cycle) for row in list_schedules(session)}
        missing = [
            (account.row_id, cycle, minutes * 60)
            for account in list_accounts(session)
            if account.mode is not Mode.draft
            for cycle, spec in CYCLES.items()
            if (minutes := spec.every_minutes) is not None
            and (account.id, cycle) not in known
            and has_cycle_now(account, cycle)
        ]
    if missing:
        with session_scope() as session:
            for account_id, cycle, seconds in missing:
                save_schedule(session, account_id, cycle, seconds, active=True)


def copy_schedules() -> int:
    """Copy Prefect's schedules into `CycleSchedule`; return how many cycles are scheduled.

    A cycle is inactive there if its deployment is paused, or if it has no schedule that is active.
    """
    with read_scope() as session:
        accounts = {account.name: account.row_id for account in list_accounts(session)}
    usual = {cycle: spec.every_minutes * 60 for cycle, spec in CYCLES.items() if spec.every_minutes}
    scheduled: dict[tuple[int, Cycle], int | None] = {}
    with get_client(sync_client=True) as client:
        for cycle in usual:
            for name, deployment in read_deployments(client, cycle).items():
                if name in accounts:
                    scheduled[accounts[name], cycle] = _interval_of(client, deployment)
    with read_scope() as session:
        known = {(row.account_id, row.cycle): row for row in list_schedules(session)}
    changed = [(key, seconds) for key, seconds in scheduled.items() if _is_news(known.get(key), seconds)]
    if changed:
        with session_scope() as session:
            for (account_id, cycle), seconds in changed:
                old = session.get(CycleSchedule, (account_id, cycle))
                interval = seconds or (old.interval_seconds if old else usual[cycle])
                save_schedule(session, account_id, cycle, interval, active=seconds is not None)
    return sum(seconds is not None for seconds in scheduled.values())


def set_interval(name: str, cycle: Cycle, minutes: int) -> None:
    """Set the interval of an account's cycle in minutes; a paused cycle stays paused.

    Raises: NotFoundError, if it is not deployed; RuleError, for less than a minute or without a schedule.
    """
    if minutes < 1:
        raise RuleError("The shortest interval is one minute.")
    if CYCLES[cycle].every_minutes is None:
        raise RuleError(f"{cycle} has no schedule: people start it.")
    interval = IntervalSchedule(interval=timedelta(minutes=minutes), timezone="UTC")
    with get_client(sync_client=True) as client:
        deployment = get_deployment(client, name, cycle)
        schedule = _main_schedule(deployment.schedules)
        if schedule is None:
            client.create_deployment_schedules(
                deployment.id, [DeploymentScheduleCreate(schedule=interval, active=True, slug=SLUG)]
            )
        else:
            client.update_deployment_schedule(deployment.id, schedule.id, schedule=interval)
        active = not deployment.paused and (schedule is None or schedule.active)
    with session_scope() as session:
        account_id = get_account(session, name).row_id
        save_schedule(session, account_id, cycle, minutes * 60, active=active)


def pause(name: str, cycle: Cycle) -> None:
    """Stop the schedule of a cycle until `resume`; it can still be started by hand. Raises: NotFoundError."""
    with get_client(sync_client=True) as client:
        client.pause_deployment(get_deployment(client, name, cycle).id)


def resume(name: str, cycle: Cycle) -> None:
    """Start the schedule of a cycle again. Raises: NotFoundError."""
    with get_client(sync_client=True) as client:
        client.resume_deployment(get_deployment(client, name, cycle).id)


def _main_schedule(schedules: Sequence[DeploymentSchedule]) -> DeploymentSchedule | None:
    """Return the schedule that `set_interval` changes: ours, else the first interval, else the first one."""
    ours = [schedule for schedule in schedules if schedule.slug == SLUG]
    intervals = [schedule for schedule in schedules if isinstance(schedule.schedule, IntervalSchedule)]
    return next(iter([*ours, *intervals, *schedules]), None)


def _interval_of(client: SyncPrefectClient, deployment: DeploymentResponse) -> int | None:
    """Return the seconds between a deployment's runs, None if no schedule of it is active.

    The interval of a calendar (cron, rrule) is the longest gap between now and the runs that Prefect planned.
    """
    active = [schedule.schedule for schedule in deployment.schedules if schedule.active]
    if deployment.paused or not active:
        return None
    intervals = [
        schedule.interval.total_seconds() for schedule in active if isinstance(schedule, IntervalSchedule)
    ]
    if intervals:
        return max(1, round(min(intervals)))
    planned = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=PAGE,
    )
    now = datetime.now(UTC)
    starts = [now, *(run.expected_start_time for run in planned if run.expected_start_time)]
    if len(starts) < 3:
        # A single run may be left over from a schedule that was just changed.
        return UNPLANNED_SECONDS
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    return max(1, round(max(gaps).total_seconds()))


def _is_news(known: CycleSchedule | None, seconds: int | None) -> bool:
    if known is None:
        return True
    if seconds is None:
        return known.active
    return not known.active or known.interval_seconds != seconds
