"""Schedules: what operators set here and in Prefect is known on both sides."""

from datetime import timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from deployments.deploy import deploy_account
from deployments.schedules import copy_schedules, expect_usual_schedules, pause, set_interval
from models.database.session import read_scope
from models.errors import Action, Advice, NotFoundError, RuleError
from models.sync.records import Cycle
from models.sync.schedules import CycleSchedule, list_schedules
from models.tenants.account import Account, get_account
from models.tenants.records import Mode
from tests.deployments.conftest import MINUTES, make_account, read


def schedule_of(name: str, cycle: Cycle) -> CycleSchedule:
    with read_scope() as session:
        account: Account = get_account(session, name)
        return session.get_one(CycleSchedule, (account.row_id, cycle))


def test_an_interval_is_set_and_known_here_at_once(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """A command changes the schedule in Prefect and the interval by which the cycle becomes overdue."""
    deploy_account(account, pool=pool)

    set_interval(account, Cycle.order_import, 3)

    (schedule,) = read(client, account, Cycle.order_import).schedules
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert schedule.schedule.interval == timedelta(minutes=3)
    assert schedule_of(account, Cycle.order_import).interval_seconds == 180


def test_an_interval_that_makes_no_sense_changes_nothing(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """Less than a minute is refused, and so is an account that nobody knows or deployed."""
    with pytest.raises(NotFoundError, match="is not deployed") as refused:
        set_interval(account, Cycle.order_import, 3)
    assert refused.value.advice == (Advice(Action.start),)
    deploy_account(account, pool=pool)

    with pytest.raises(RuleError, match="one minute"):
        set_interval(account, Cycle.order_import, 0)
    with pytest.raises(NotFoundError, match="no account"):
        set_interval("nobody", Cycle.order_import, 3)

    (schedule,) = read(client, account, Cycle.order_import).schedules
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert schedule.schedule.interval == timedelta(minutes=MINUTES[Cycle.order_import])


def test_schedules_follow_what_operators_do_in_prefect(
    client: SyncPrefectClient, pool: str, account: str
) -> None:
    """A changed interval, a pause, a schedule switched off and a calendar are all known here."""
    deploy_account(account, pool=pool)
    copy_schedules()
    assert schedule_of(account, Cycle.order_import).interval_seconds == MINUTES[Cycle.order_import] * 60

    order, stock = read(client, account, Cycle.order_import), read(client, account, Cycle.stock_export)
    client.update_deployment_schedule(
        order.id, order.schedules[0].id, schedule=IntervalSchedule(interval=timedelta(minutes=42))
    )
    client.update_deployment_schedule(stock.id, stock.schedules[0].id, active=False)
    pause(account, Cycle.payment_sync)
    article = read(client, account, Cycle.article_import)
    client.update_deployment_schedule(
        article.id, article.schedules[0].id, schedule=CronSchedule(cron="0 3 * * *")
    )
    copy_schedules()

    assert schedule_of(account, Cycle.order_import).interval_seconds == 42 * 60
    assert not schedule_of(account, Cycle.stock_export).active
    assert not schedule_of(account, Cycle.payment_sync).active
    assert schedule_of(account, Cycle.article_import).interval_seconds <= 24 * 3600
    assert schedule_of(account, Cycle.article_import).interval_seconds > 1800
    assert schedule_of(account, Cycle.shipping_sync).active


def test_a_cycle_is_expected_even_if_prefect_was_never_there(sqlite_database: str) -> None:
    """A live account has the usual schedules from the start; a draft has none, and what is known stays."""
    live, draft = make_account(Mode.live), make_account(Mode.draft)

    expect_usual_schedules()
    expect_usual_schedules()

    with read_scope() as session:
        ids = {get_account(session, name).id: name for name in (live, draft)}
        found = {(ids[row.account_id], row.cycle): row.interval_seconds for row in list_schedules(session)}
    assert found == {(live, cycle): minutes * 60 for cycle, minutes in MINUTES.items()}
