"""Deploying: one deployment with its schedule for each cycle of an account.

Prefect holds the schedules. What operators change there stays: deploying again brings a deployment's
code and limits up to date and leaves its schedules, parameters, pauses and additional tags alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    ConcurrencyOptions,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from deployments.deployed import read_deployments
from deployments.prefect_private import parameter_schema_of
from deployments.work_pool import POOL
from models.clock import utc_now
from models.database.session import read_scope
from models.errors import RuleError
from models.sync.cycles import CYCLES, has_cycle_now
from models.sync.records import Cycle
from models.tenants.account import Account, get_account, installation_key, list_accounts
from models.tenants.records import Mode
from models.tenants.tenant import Tenant

SLUG = "default"
"""Prefect's name for the schedule that Warenfluss made."""
DRAFT_TAG = "paused-as-draft"
"""On a deployment that Warenfluss paused, because its account became a draft or lost the cycle."""
SOON = timedelta(seconds=10)
DAY_MINUTES = 1440
NIGHT_MINUTES = 180
"""How long the night of daily cycles lasts, from 01:00 UTC."""
APART = timedelta(seconds=30)
"""Time between the first runs of a new account's cycles: articles are imported before orders."""


def find_flow(cycle: Cycle) -> "Flow[..., Any]":
    """Return the flow of a cycle, from the module of its name."""
    name = cycle.replace("-", "_")
    found: Flow[..., Any] = getattr(import_module(f"flows.{name}"), name)
    return found


def deploy_account(name: str, *, pool: str = POOL, active: bool = True) -> list[str]:
    """Bring an account's deployments up to date; return the names of its deployments.

    New ones run by their schedules unless `active` is false. A draft gets no new one; its existing ones are
    paused until it is no longer a draft. Repeating it is harmless.

    Raises: NotFoundError; RuleError, if another installation on this Prefect server has an account of this
    name.
    """
    with read_scope() as session:
        account = get_account(session, name)
    with get_client(sync_client=True) as client:
        found = {cycle: read_deployments(client, cycle, (name,)) for cycle in CYCLES}
        return _deploy(client, account, found, pool=pool, active=active)


def deploy_accounts(*, pool: str = POOL) -> int:
    """Deploy all accounts as `deploy_account` does; return how many deployments exist. Raises: RuleError."""
    with read_scope() as session:
        accounts = list_accounts(session)
    count = 0
    with get_client(sync_client=True) as client:
        found = {cycle: read_deployments(client, cycle) for cycle in CYCLES}
        for account in accounts:
            count += len(_deploy(client, account, found, pool=pool, active=True))
    return count


def tags_of(tenant: str, account: str, cycle: Cycle) -> list[str]:
    """Return the tags of a cycle's runs; people find runs in Prefect by them."""
    return [f"tenant:{tenant}", f"account:{account}", f"cycle:{cycle}"]


def _deploy(
    client: SyncPrefectClient,
    account: Account,
    found: Mapping[Cycle, Mapping[str, DeploymentResponse]],
    *,
    pool: str,
    active: bool,
) -> list[str]:
    with read_scope() as session:
        tenant = session.get_one(Tenant, account.tenant_id).name
        installation = f"installation:{installation_key(session)}"
    names = []
    for cycle in CYCLES:
        old = found[cycle].get(account.name)
        idle = account.mode is Mode.draft or not has_cycle_now(account, cycle)
        if old is None and idle:
            continue
        tags = [*tags_of(tenant, account.name, cycle), installation]
        wanted = _describe(account, cycle, tags=tags, pool=pool)
        if old is None:
            wanted.paused = not active
            wanted.apply()
        else:
            _refuse_foreign(old, installation, account.name)
            _update(client, old, wanted, draft=idle)
        names.append(wanted.full_name)
    return names


def _describe(account: Account, cycle: Cycle, *, tags: list[str], pool: str) -> RunnerDeployment:
    """Return the deployment of an account's cycle as it begins: with its usual schedule, if it has one."""
    minutes = CYCLES[cycle].every_minutes
    schedules: list[Schedule] = []
    # A run that a person asked for is never dropped: it waits.
    collision = ConcurrencyLimitStrategy.ENQUEUE
    if minutes is not None:
        first = _first_at(minutes, account, cycle)
        every = timedelta(minutes=minutes)
        schedules = [Interval(every, anchor_date=first, timezone="UTC", active=True, slug=SLUG)]
        # A second run of a scheduled cycle would find the lease taken and has nothing to add.
        collision = ConcurrencyLimitStrategy.CANCEL_NEW
    deployment = find_flow(cycle).to_deployment(
        account.name,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=collision),
        schedules=schedules,
        tags=tags,
        parameters={"account": account.name},
    )
    return cast(RunnerDeployment, deployment)


def _first_at(minutes: int, account: Account, cycle: Cycle) -> datetime:
    """Return when a cycle first runs: soon, in business order; a daily one at night, each account later."""
    soon = utc_now() + SOON + list(CYCLES).index(cycle) * APART
    if minutes < DAY_MINUTES:
        return soon
    night = soon.replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return night + timedelta(minutes=7 * account.row_id % NIGHT_MINUTES)


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
