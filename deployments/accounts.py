"""What runs for an account and when: one deployment with its schedule for each of its cycles.

Prefect holds the schedules. What operators change there stays: deploying again brings a deployment's
code and limits up to date and leaves its schedules, parameters, pauses and additional tags alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    ConcurrencyOptions,
    DeploymentSchedule,
    StateType,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from deployments.prefect_private import parameter_schema_of
from deployments.work_pool import POOL
from models.database.columns import need_id
from models.database.session import read_scope, session_scope
from models.errors import Action, Advice, NotFoundError, RuleError
from models.sync.cycles import CYCLES, CycleSpec, check_has_cycle, has_cycle_now
from models.sync.records import Cycle
from models.sync.schedules import CycleSchedule, list_schedules, save_schedule
from models.tenants.account import Account, get_account, installation_key, list_accounts
from models.tenants.account_kinds import kind_of
from models.tenants.records import Mode
from models.tenants.tenant import Tenant

SLUG = "default"
DRAFT_TAG = "paused-as-draft"
"""On a deployment that Warenfluss paused, because its account became a draft or lost the cycle."""
PAGE = 200
UNPLANNED_SECONDS = 24 * 3600
"""The interval of a calendar for which Prefect has not planned any run yet."""
SOON = timedelta(seconds=10)
DAY_MINUTES = 1440
NIGHT_MINUTES = 180
"""How long the night of daily cycles lasts, from 01:00 UTC."""
APART = timedelta(seconds=30)
"""Time between the first runs of a new account's cycles: articles are imported before orders."""

FindFlow = Callable[[Cycle], "Flow[..., Any]"]


def find_flow(cycle: Cycle) -> "Flow[..., Any]":
    """Return the flow of a cycle, from the module of its name."""
    name = cycle.replace("-", "_")
    found: Flow[..., Any] = getattr(import_module(f"flows.{name}"), name)
    return found


def deploy_account(
    name: str, *, pool: str = POOL, active: bool = True, find_flow: FindFlow = find_flow
) -> list[str]:
    """Bring an account's deployments up to date; return the names of its deployments.

    New ones run by their schedules unless `active` is false. A draft gets no new one; its existing ones are
    paused until it is no longer a draft. Repeating it is harmless.

    Raises: NotFoundError; RuleError, if another installation on this Prefect server has an account of this
    name.
    """
    with read_scope() as session:
        account = get_account(session, name)
    with get_client(sync_client=True) as client:
        found = {cycle: _read_deployments(client, cycle, (name,)) for cycle in CYCLES}
        return _deploy(client, account, found, pool=pool, active=active, find_flow=find_flow)


def deploy_accounts(*, pool: str = POOL, find_flow: FindFlow = find_flow) -> int:
    """Deploy all accounts as `deploy_account` does; return how many deployments exist. Raises: RuleError."""
    with read_scope() as session:
        accounts = list_accounts(session)
    count = 0
    with get_client(sync_client=True) as client:
        found = {cycle: _read_deployments(client, cycle) for cycle in CYCLES}
        for account in accounts:
            count += len(_deploy(client, account, found, pool=pool, active=True, find_flow=find_flow))
    return count


def expect_rhythms() -> None:
    """Save the usual schedule of every cycle without a known one.

    It needs no Prefect: a cycle becomes overdue even if Prefect was never there to schedule it.
    """
    with read_scope() as session:
        known = {(row.account_id, row.cycle) for row in list_schedules(session)}
        missing = [
            (need_id(account.id), cycle, minutes * 60)
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


def read_rhythms() -> int:
    """Copy Prefect's schedules into `CycleSchedule`; return how many cycles are scheduled.

    A cycle is inactive there if its deployment is paused, or if it has no schedule that is active.
    """
    with read_scope() as session:
        accounts = {account.name: need_id(account.id) for account in list_accounts(session)}
    usual = {cycle: spec.every_minutes * 60 for cycle, spec in CYCLES.items() if spec.every_minutes}
    scheduled: dict[tuple[int, Cycle], int | None] = {}
    with get_client(sync_client=True) as client:
        for cycle in usual:
            for name, deployment in _read_deployments(client, cycle).items():
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


def tags_of(tenant: str, account: str, cycle: Cycle) -> list[str]:
    """Return the tags of a cycle's runs; people find runs in Prefect by them."""
    return [f"tenant:{tenant}", f"account:{account}", f"cycle:{cycle}"]


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
        deployment = _get_deployment(client, name, cycle)
        schedule = _main_schedule(deployment.schedules)
        if schedule is None:
            client.create_deployment_schedules(
                deployment.id, [DeploymentScheduleCreate(schedule=interval, active=True, slug=SLUG)]
            )
        else:
            client.update_deployment_schedule(deployment.id, schedule.id, schedule=interval)
        active = not deployment.paused and (schedule is None or schedule.active)
    with session_scope() as session:
        account_id = need_id(get_account(session, name).id)
        save_schedule(session, account_id, cycle, minutes * 60, active=active)


def pause(name: str, cycle: Cycle) -> None:
    """Stop the schedule of a cycle until `resume`; it can still be started by hand. Raises: NotFoundError."""
    with get_client(sync_client=True) as client:
        client.pause_deployment(_get_deployment(client, name, cycle).id)


def resume(name: str, cycle: Cycle) -> None:
    """Start the schedule of a cycle again. Raises: NotFoundError."""
    with get_client(sync_client=True) as client:
        client.resume_deployment(_get_deployment(client, name, cycle).id)


def request_run(name: str, cycle: Cycle, parameters: Mapping[str, Any] | None = None) -> UUID:
    """Ask Prefect to run a cycle of an account now; return the flow run's id.

    `parameters` replace or extend the parameters of the deployment. Raises: NotFoundError.
    """
    with get_client(sync_client=True) as client:
        deployment = _get_deployment(client, name, cycle)
        return client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters or {})).id


def _deploy(
    client: SyncPrefectClient,
    account: Account,
    found: Mapping[Cycle, Mapping[str, DeploymentResponse]],
    *,
    pool: str,
    active: bool,
    find_flow: FindFlow,
) -> list[str]:
    with read_scope() as session:
        tenant = session.get_one(Tenant, account.tenant_id).name
        installation = f"installation:{installation_key(session)}"
    names = []
    for position, (cycle, spec) in enumerate(CYCLES.items()):
        old = found[cycle].get(account.name)
        idle = account.mode is Mode.draft or not has_cycle_now(account, cycle)
        if old is None and idle:
            continue
        wanted = _describe(
            find_flow(cycle),
            account.name,
            [*tags_of(tenant, account.name, cycle), installation],
            pool=pool,
            schedules=_usual_schedules(spec, account, position),
            # A second run of a scheduled cycle would find the lease taken and has nothing to add: it is
            # cancelled. A run that a person asked for is never dropped: it waits.
            collision=ConcurrencyLimitStrategy.ENQUEUE
            if spec.every_minutes is None
            else ConcurrencyLimitStrategy.CANCEL_NEW,
        )
        if old is None:
            wanted.paused = not active
            wanted.apply()
        else:
            _refuse_foreign(old, installation, account.name)
            _update(client, old, wanted, draft=idle)
        names.append(wanted.full_name)
    return names


def _usual_schedules(spec: CycleSpec, account: Account, position: int) -> list[Schedule]:
    if spec.every_minutes is None:
        return []
    first = _first_at(spec.every_minutes, account, position)
    every = timedelta(minutes=spec.every_minutes)
    return [Interval(every, anchor_date=first, timezone="UTC", active=True, slug=SLUG)]


def _first_at(minutes: int, account: Account, position: int) -> datetime:
    """Return when a cycle first runs: soon, in business order; a daily one at night, each account later."""
    soon = datetime.now(UTC) + SOON + position * APART
    if minutes < DAY_MINUTES:
        return soon
    night = soon.replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return night + timedelta(minutes=7 * need_id(account.id) % NIGHT_MINUTES)


def _describe(
    flow: "Flow[..., Any]",
    name: str,
    tags: list[str],
    *,
    pool: str,
    schedules: list[Schedule],
    collision: ConcurrencyLimitStrategy,
) -> RunnerDeployment:
    deployment = flow.to_deployment(
        name,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=collision),
        schedules=schedules,
        tags=tags,
        parameters={"account": name},
    )
    return cast(RunnerDeployment, deployment)


def _refuse_foreign(deployment: DeploymentResponse, installation: str, name: str) -> None:
    others = [tag for tag in deployment.tags if tag.startswith("installation:") and tag != installation]
    if others:
        raise RuleError(
            f"Another database has an account {name!r} on this Prefect server: "
            "give each its own server, or name the accounts apart."
        )


def _update(
    client: SyncPrefectClient, old: DeploymentResponse, wanted: RunnerDeployment, *, draft: bool
) -> None:
    """Bring a deployment's code and limits up to date; pause it for a draft, or end that pause."""
    schema = parameter_schema_of(wanted)
    limit = old.global_concurrency_limit
    is_current = (
        old.entrypoint == wanted.entrypoint
        and old.description == wanted.description
        and old.parameter_openapi_schema == schema
        and old.enforce_parameter_schema == wanted.enforce_parameter_schema
        and old.work_pool_name == wanted.work_pool_name
        and limit is not None
        and limit.limit == wanted.concurrency_limit
        and old.concurrency_options is not None
        and wanted.concurrency_options is not None
        and old.concurrency_options.collision_strategy == wanted.concurrency_options.collision_strategy
    )
    if not is_current:
        client.update_deployment(
            old.id,
            DeploymentUpdate(
                entrypoint=wanted.entrypoint,
                description=wanted.description,
                path=None,
                parameter_openapi_schema=schema,
                enforce_parameter_schema=wanted.enforce_parameter_schema,
                work_pool_name=wanted.work_pool_name,
                concurrency_limit=wanted.concurrency_limit,
                concurrency_options=wanted.concurrency_options
                or ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            ),
        )
    if draft and not old.paused:
        client.update_deployment(old.id, DeploymentUpdate(paused=True, tags=[*old.tags, DRAFT_TAG]))
    elif not draft and DRAFT_TAG in old.tags:
        tags = [tag for tag in old.tags if tag != DRAFT_TAG]
        client.update_deployment(old.id, DeploymentUpdate(paused=False, tags=tags))


def _read_deployments(
    client: SyncPrefectClient, cycle: Cycle, names: Sequence[str] = ()
) -> dict[str, DeploymentResponse]:
    """Return the deployments of a cycle by name, all of them if no names are given."""

    def pages() -> Iterator[DeploymentResponse]:
        offset = 0
        while True:
            page = client.read_deployments(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[cycle])),
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=list(names)))
                if names
                else None,
                limit=PAGE,
                offset=offset,
            )
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    return {deployment.name: deployment for deployment in pages()}


def _get_deployment(client: SyncPrefectClient, name: str, cycle: Cycle) -> DeploymentResponse:
    with read_scope() as session:
        account = get_account(session, name)
    check_has_cycle(name, kind_of(account.kind), cycle)
    deployment = _read_deployments(client, cycle, (name,)).get(name)
    if deployment is None:
        if account.mode is Mode.draft:
            raise NotFoundError(
                f"{cycle} of account {name!r} is not deployed: the account is a draft.",
                Advice(Action.account_mode, name, {"mode": "test"}),
            )
        raise NotFoundError(f"{cycle} of account {name!r} is not deployed.", Advice(Action.start))
    return deployment


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


def _is_news(rhythm: CycleSchedule | None, seconds: int | None) -> bool:
    if rhythm is None:
        return True
    if seconds is None:
        return rhythm.active
    return not rhythm.active or rhythm.interval_seconds != seconds
