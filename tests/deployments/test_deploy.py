"""Deployments of accounts: what they are, and that what operators change stays."""

import time
from datetime import timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectNotFound

from deployments.deploy import deploy_account, deploy_accounts
from deployments.deployed import request_run
from deployments.schedules import copy_schedules, expect_usual_schedules, pause, resume, set_interval
from models.database.session import read_scope, session_scope
from models.errors import NotFoundError, RuleError
from models.intake.activation import set_mode
from models.sync.records import Cycle
from models.sync.schedules import list_schedules
from models.tenants.account import Installation, get_account
from models.tenants.account_kinds import MANUAL
from models.tenants.records import Mode
from tests.deployments.conftest import MINUTES, OWN_CYCLES, make_account, read

SCHEDULING_SECONDS = 60
BY_HAND = [cycle for cycle, spec in OWN_CYCLES.items() if spec.every_minutes is None]


def change_mode(name: str, mode: Mode) -> None:
    with session_scope() as session:
        set_mode(session, get_account(session, name), mode)


def test_a_new_account_gets_a_deployment_for_each_cycle(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """Each names its account, runs in our pool by its usual interval, and carries tags to find it by."""
    names = deploy_account(account, pool=pool)

    assert names == [f"{cycle}/{account}" for cycle in OWN_CYCLES]
    for cycle, minutes in MINUTES.items():
        deployment = read(client, account, cycle)
        module = cycle.replace("-", "_")
        assert deployment.entrypoint == f"flows.{module}.{module}"
        assert deployment.parameters == {"account": account}
        assert deployment.work_pool_name == pool
        assert {f"tenant:{account}", f"account:{account}", f"cycle:{cycle}"} < set(deployment.tags)
        assert not deployment.paused
        (schedule,) = deployment.schedules
        assert isinstance(schedule.schedule, IntervalSchedule)
        assert schedule.schedule.interval == timedelta(minutes=minutes)
        assert schedule.active


def test_an_account_without_a_channel_asks_none(client: SyncPrefectClient, pool: str, account: str) -> None:
    """It has the cycles alone that nobody outside is needed for, as its settings ask for them."""
    with session_scope() as session:
        row = get_account(session, account)
        row.kind = MANUAL.name
        session.add(row)

    assert deploy_account(account, pool=pool) == [
        f"{cycle}/{account}" for cycle in ("order-release", "payment-due", "invoicing", "buyer-mail")
    ]
    with pytest.raises(RuleError, match="of the kind 'manual' has no replay: it can have order-release, "):
        request_run(account, Cycle.replay)


def test_two_runs_of_a_cycle_never_overlap(client: SyncPrefectClient, pool: str, account: str) -> None:
    """A deployment has one slot, and a run that finds it taken is cancelled."""
    deploy_account(account, pool=pool)

    deployment = read(client, account, Cycle.order_import)
    assert deployment.global_concurrency_limit is not None
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options is not None
    assert deployment.concurrency_options.collision_strategy is ConcurrencyLimitStrategy.CANCEL_NEW


def test_what_people_start_has_no_schedule(client: SyncPrefectClient, pool: str, account: str) -> None:
    """It waits for a run of its own, has a form that explains itself, and is never expected."""
    deploy_account(account, pool=pool)
    copy_schedules()
    expect_usual_schedules()

    for cycle in BY_HAND:
        deployment = read(client, account, cycle)
        assert deployment.schedules == []
        assert deployment.concurrency_options is not None
        assert deployment.concurrency_options.collision_strategy is ConcurrencyLimitStrategy.ENQUEUE
        schema = deployment.parameter_openapi_schema or {}
        assert all("description" in form for form in schema["properties"].values())
        assert schema["required"] == ["account"]
        with pytest.raises(RuleError, match="has no schedule"):
            set_interval(account, cycle, 5)
    with read_scope() as session:
        assert {schedule.cycle for schedule in list_schedules(session)} == set(MINUTES)


def test_deploying_again_keeps_what_operators_changed(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """Interval, pause, parameters and tags stay; code and limits are brought up to date."""
    deploy_account(account, pool=pool)
    old = read(client, account, Cycle.order_import)
    client.update_deployment_schedule(
        old.id, old.schedules[0].id, schedule=IntervalSchedule(interval=timedelta(minutes=42)), active=False
    )
    client.update_deployment(
        old.id,
        DeploymentUpdate(
            paused=True,
            parameters={"account": account, "test": True},
            tags=[*old.tags, "night"],
            description="something else",
            entrypoint="flows.elsewhere.order_import",
            concurrency_limit=7,
        ),
    )

    deploy_account(account, pool=pool)
    deploy_accounts(pool=pool)

    new = read(client, account, Cycle.order_import)
    assert new.id == old.id
    assert new.paused
    assert new.parameters == {"account": account, "test": True}
    assert new.tags == [*old.tags, "night"]
    (schedule,) = new.schedules
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert (schedule.schedule.interval, schedule.active) == (timedelta(minutes=42), False)
    assert (new.description, new.entrypoint) == (old.description, old.entrypoint)
    assert new.global_concurrency_limit is not None
    assert new.global_concurrency_limit.limit == 1


def test_a_draft_is_not_deployed(client: SyncPrefectClient, pool: str, sqlite_database: str) -> None:
    """It gets deployments with its first other mode."""
    account = make_account(Mode.draft)

    assert deploy_account(account, pool=pool) == []
    with pytest.raises(ObjectNotFound):
        read(client, account, Cycle.order_import)
    with pytest.raises(NotFoundError, match="the account is a draft"):
        request_run(account, Cycle.order_import)

    change_mode(account, Mode.test)
    assert len(deploy_account(account, pool=pool)) == len(OWN_CYCLES)


def test_an_account_that_becomes_a_draft_pauses_until_it_is_none(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """What an operator had paused before stays paused afterwards."""
    deploy_account(account, pool=pool)
    pause(account, Cycle.stock_export)

    change_mode(account, Mode.draft)
    deploy_account(account, pool=pool)
    assert all(read(client, account, cycle).paused for cycle in MINUTES)

    change_mode(account, Mode.live)
    deploy_account(account, pool=pool)
    assert [cycle for cycle in MINUTES if read(client, account, cycle).paused] == [Cycle.stock_export]

    resume(account, Cycle.stock_export)
    assert not read(client, account, Cycle.stock_export).paused


@pytest.mark.parametrize(
    ("cycle", "setting", "here", "elsewhere"),
    [
        (Cycle.invoicing, "invoices", "warenfluss", "channel"),
        (Cycle.buyer_mail, "order_notice", "digest", "none"),
    ],
)
def test_an_account_invoices_and_mails_only_where_that_is_done_here(
    client: SyncPrefectClient,
    pool: str,
    sqlite_database: str,
    cycle: Cycle,
    setting: str,
    here: str,
    elsewhere: str,
) -> None:
    """No deployment and no schedule otherwise; one that it has pauses until it is wanted again."""
    account = make_account(Mode.live, **{setting: elsewhere})
    assert f"{cycle}/{account}" not in deploy_account(account, pool=pool)
    expect_usual_schedules()
    with read_scope() as session:
        assert cycle not in {schedule.cycle for schedule in list_schedules(session)}

    for value, paused in ((here, False), (elsewhere, True), (here, False)):
        with session_scope() as session:
            row = get_account(session, account)
            row.settings = {**row.settings, setting: value}
            session.add(row)
        deploy_account(account, pool=pool)
        assert read(client, account, cycle).paused is paused


def test_another_database_with_the_same_account_name_is_refused(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """Two installations on one Prefect server cannot take each other's deployments over."""
    deploy_account(account, pool=pool)
    before = read(client, account, Cycle.order_import)
    with session_scope() as session:
        session.get_one(Installation, 1).key = "another"

    with pytest.raises(RuleError, match="Another database has an account"):
        deploy_account(account, pool=pool)

    assert read(client, account, Cycle.order_import) == before


def test_a_scheduled_run_really_appears(client: SyncPrefectClient, pool: str, account: str) -> None:
    """Prefect's scheduler works with the locked packages: with SQLAlchemy 2.1 it died silently."""
    deploy_account(account, pool=pool)
    deployment = read(client, account, Cycle.order_import)

    end = time.monotonic() + SCHEDULING_SECONDS
    runs: list[FlowRun] = []
    while not runs and time.monotonic() < end:
        time.sleep(0.5)
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
        )

    assert runs
    assert all(run.auto_scheduled and run.parameters == {"account": account} for run in runs)
