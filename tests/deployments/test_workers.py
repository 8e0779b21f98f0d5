"""Workers of our own: they share work, die without loss, and hear of cancellations."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling
from sqlalchemy import text
from sqlmodel import col, select

from connectors.afterbuy.simulator import Address, Fault, Simulator, sample_state
from deployments.deploy import deploy_account
from deployments.deployed import request_run
from deployments.ended_runs import tidy
from models.catalog.article import Article
from models.database.engine import get_engine
from models.database.session import read_scope, session_scope
from models.mails.outbox import Mail
from models.sync.records import Cycle
from models.sync.runs import LEASE_SECONDS, Run, RunState
from tasks.watch.alarms import watch
from tests.flows.conftest import Shop, open_shop
from tests.support.prefect_keeps import find_words
from tests.support.running import is_alive
from tests.support.steps import expire_lease
from tests.support.worker import PATIENCE_SECONDS, ROOT, ended, serving, wait_for, worker_of

pytestmark = pytest.mark.timeout(300)

CALL = "GetShopProducts"
LONG = 600
MOMENT = 8
"""Seconds of an answer during which another worker comes by."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A channel with a few articles."""
    with Simulator(sample_state(products=5, orders=0)) as simulator:
        yield simulator


def open_deployed(simulator: Simulator, pool: str) -> Shop:
    """Return a live account whose cycles run when they are asked for."""
    shop = open_shop(simulator)
    deploy_account(shop.name, pool=pool, active=False)
    return shop


def deploy_twin(client: SyncPrefectClient, shop: Shop, pool: str) -> UUID:
    """Return another deployment of the same cycle and account, as operators may make one."""
    original = client.read_deployment_by_name(f"{Cycle.article_import}/{shop.name}")
    return client.create_deployment(
        flow_id=original.flow_id,
        name=f"{shop.name}-twin",
        entrypoint=original.entrypoint,
        work_pool_name=pool,
        parameters={"account": shop.name},
    )


def at_work(client: SyncPrefectClient, run_id: UUID) -> FlowRun | None:
    """Return a run once its cycle works, with its process and its worker."""
    run = client.read_flow_run(run_id)
    if run.state_type is not StateType.RUNNING or not run.infrastructure_pid or not worker_of(run):
        return None
    with read_scope() as session:
        rows = session.exec(select(Run).where(Run.flow_run_id == str(run_id))).all()
    return run if rows else None


def message_of(run: FlowRun) -> str:
    return (run.state.message or "") if run.state is not None else ""


def row_of(run_id: UUID) -> Run:
    with read_scope() as session:
        return session.exec(select(Run).where(Run.flow_run_id == str(run_id))).one()


def test_two_workers_share_and_one_may_die(
    database: str, client: SyncPrefectClient, pool: str, simulator: Simulator
) -> None:
    """A killed one's run is told by mail once its lease is over; nothing is lost, the other goes on."""
    first, second = open_deployed(simulator, pool), open_deployed(simulator, pool)
    with serving(pool, "left") as left, serving(pool, "right") as right:
        simulator.faults.add(Fault.slow(LONG), call=CALL)
        simulator.faults.add(Fault.slow(MOMENT), call=CALL)
        lost = request_run(first.name, Cycle.article_import)
        run = wait_for(lambda: at_work(client, lost))
        kept = request_run(second.name, Cycle.article_import)
        other = wait_for(lambda: at_work(client, kept))
        assert {worker_of(run), worker_of(other)} == {"left", "right"}

        # As when a machine loses power: the worker, what it forked, and the run.
        dead = left if worker_of(run) == "left" else right
        os.killpg(dead.pid, signal.SIGKILL)
        os.kill(int(run.infrastructure_pid or 0), signal.SIGKILL)
        assert message_of(wait_for(lambda: ended(client, kept))) == "5 read, 5 new"
        assert client.read_flow_run(lost).state_type is StateType.RUNNING
        assert row_of(lost).state is RunState.running

        expire_lease(first)
        with session_scope() as session:
            session.get_one(Run, row_of(lost).id).started_at -= timedelta(seconds=2 * LEASE_SECONDS)
        watch()
        assert row_of(lost).state is RunState.vanished
        assert tidy(pool=pool) == 1
        assert client.read_flow_run(lost).state_type is StateType.CRASHED
        with read_scope() as session:
            (mail,) = session.exec(select(Mail)).all()
        assert str(lost) in mail.text

        repeated = request_run(first.name, Cycle.article_import)
        again = wait_for(lambda: ended(client, repeated))
        assert again.state_type is StateType.COMPLETED
        assert worker_of(again) == worker_of(other)
    with read_scope() as session:
        tenants = session.exec(select(Article.tenant_id).order_by(col(Article.id))).all()
    assert len(tenants) == 10
    assert len(set(tenants)) == 2


def test_a_forked_run_that_fails_is_told_by_mail_and_stores_no_result(
    sqlite_file: str,
    client: SyncPrefectClient,
    pool: str,
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its hook finds the error in the run's own process, and Prefect's folder holds no buyer."""
    home = tmp_path / "prefect"
    monkeypatch.setenv("PREFECT_HOME", str(home))
    monkeypatch.setenv("WARENFLUSS_RETRY_DELAYS", "0")
    shop = open_deployed(simulator, pool)
    buyer = Address(first_name="Wunderlich", last_name="Wunderlich", city="Leipzig", postal_code="04229")
    shop.channel.place_order([(shop.channel.product_ids()[0], 1)], billing=buyer)
    with get_engine().begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON order_address "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        )
    with serving(pool, "one"):
        run_id = request_run(shop.name, Cycle.order_import)
        run = wait_for(lambda: ended(client, run_id))

    assert run.state_type is StateType.FAILED
    assert message_of(run).startswith("DatabaseError: IntegrityError SQLITE_CONSTRAINT_TRIGGER at ")
    assert row_of(run_id).error == message_of(run)
    with read_scope() as session:
        (mail,) = session.exec(select(Mail)).all()
    assert str(run_id) in mail.text
    assert "DatabaseError: IntegrityError" in mail.text
    assert find_words(home, ["Wunderlich"]) == {}
    assert list((home / "storage").glob("*")) == []


def test_two_workers_never_run_one_cycle_of_an_account_at_once(
    sqlite_database: str, client: SyncPrefectClient, pool: str, simulator: Simulator
) -> None:
    """Prefect's limit holds off the same deployment, our lease any other; a cancelled run ends at once."""
    shop = open_deployed(simulator, pool)
    twin_id = deploy_twin(client, shop, pool)
    with serving(pool, "left") as left, serving(pool, "right"):
        simulator.faults.add(Fault.slow(LONG), call=CALL)
        working = request_run(shop.name, Cycle.article_import)
        run = wait_for(lambda: at_work(client, working))
        limited = request_run(shop.name, Cycle.article_import)
        assert wait_for(lambda: ended(client, limited)).state_type is StateType.CANCELLED
        doubled = client.create_flow_run_from_deployment(twin_id).id
        aside = wait_for(lambda: ended(client, doubled))
        assert aside.state_type is StateType.CANCELLED
        assert "works on article-import" in message_of(aside)
        assert worker_of(aside) != worker_of(run)
        assert simulator.calls_by_name[CALL] == 1

        client.set_flow_run_state(working, Cancelling())
        assert wait_for(lambda: ended(client, working)).state_type is StateType.CANCELLED
        wait_for(lambda: not is_alive(int(run.infrastructure_pid or 0)))
        assert left.poll() is None
        done = request_run(shop.name, Cycle.article_import)
        assert wait_for(lambda: ended(client, done)).state_type is StateType.COMPLETED


def test_a_full_worker_goes_on_when_a_run_has_ended(
    sqlite_database: str, client: SyncPrefectClient, pool: str, simulator: Simulator
) -> None:
    """Waiting runs begin one after the other, though it is not time to ask for runs again."""
    shop = open_deployed(simulator, pool)
    cycles = (Cycle.article_import, Cycle.stock_export, Cycle.payment_sync)
    asked = [request_run(shop.name, cycle) for cycle in cycles]
    with serving(pool, "only", limit=1, query_seconds=10 * PATIENCE_SECONDS):
        for run_id in asked:
            assert wait_for(partial(ended, client, run_id)).state_type is StateType.COMPLETED


def ask_for_others(client: SyncPrefectClient, shop: Shop, pool: str, folder: Path) -> list[UUID]:
    """Ask for runs that would each leave a file in a folder, by everything that a run can set."""
    original = client.read_deployment_by_name(f"{Cycle.article_import}/{shop.name}")
    evil = folder / "evil.py"
    evil.write_text(f"from pathlib import Path\nPath({str(folder)!r}, 'imported').touch()\n")
    pulled = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {folder / 'pulled'}"}}
    wanted: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"command": f"touch {folder / 'command'}"}),
        ({}, {"env": {"WARENFLUSS_DATA_DIR": str(folder / "variables")}}),
        ({}, {"working_dir": str(folder)}),
        ({"job_variables": {"command": f"touch {folder / 'deployed'}"}}, {}),
        ({"entrypoint": f"flows./../{os.path.relpath(evil, ROOT)}:flow"}, {}),
        ({"entrypoint": "flows.cycle.finished"}, {}),
        ({"path": str(folder)}, {}),
        ({"pull_steps": [pulled]}, {}),
    ]
    asked = []
    for number, (deployment, job) in enumerate(wanted):
        deployment_id = client.create_deployment(
            flow_id=original.flow_id,
            name=f"{shop.name}-{number}",
            work_pool_name=pool,
            parameters={"account": shop.name},
            **{"entrypoint": original.entrypoint, **deployment},
        )
        asked.append(client.create_flow_run_from_deployment(deployment_id, job_variables=job).id)
    return asked


def test_a_worker_runs_our_flows_only(
    sqlite_database: str, client: SyncPrefectClient, pool: str, simulator: Simulator, tmp_path: Path
) -> None:
    """Whatever else a run asks for, it ends with the reason, and nothing of it was done."""
    shop = open_deployed(simulator, pool)
    with serving(pool, "only", limit=4):
        asked = ask_for_others(client, shop, pool, tmp_path)
        for run_id in asked:
            run = wait_for(partial(ended, client, run_id))
            assert run.state_type is StateType.CRASHED
            assert "This worker runs only Warenfluss's flows, and the run has " in message_of(run)
            assert "WARENFLUSS_RUN_OTHER_FLOWS" in message_of(run)
        assert simulator.calls_by_name[CALL] == 0
        done = request_run(shop.name, Cycle.article_import)
        assert wait_for(partial(ended, client, done)).state_type is StateType.COMPLETED
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"command", "variables", "deployed", "imported", "pulled"}


def test_a_worker_runs_others_if_a_setting_says_so(
    sqlite_database: str,
    client: SyncPrefectClient,
    pool: str,
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command of the run's own, as Prefect's process worker would run it."""
    monkeypatch.setenv("WARENFLUSS_RUN_OTHER_FLOWS", "true")
    shop = open_deployed(simulator, pool)
    original = client.read_deployment_by_name(f"{Cycle.article_import}/{shop.name}")
    job = {"command": f"touch {tmp_path / 'command'}"}
    with serving(pool, "only"):
        client.create_flow_run_from_deployment(original.id, job_variables=job)
        wait_for((tmp_path / "command").exists)
