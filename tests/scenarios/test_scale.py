"""Prefect's server on PostgreSQL with Redis, and an `up` that uses it instead of one of its own."""

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from redis import Redis
from sqlmodel import SQLModel, func, select

from connectors.afterbuy.simulator import Simulator, sample_state
from console.machine.processes import list_descendants
from deployments.deploy import deploy_account
from deployments.deployed import request_run
from deployments.work_pool import POOL, ensure_pool
from models.database.session import read_scope
from models.orders.order import Order
from models.sync.records import Cycle
from tasks.run.prefect_env import read_state
from tests.flows.conftest import open_shop
from tests.support.debian import start_postgres, start_redis
from tests.support.prefect_server import find_port, start_prefect
from tests.support.running import find_child, running
from tests.support.worker import ended, serving, wait_for, worker_of

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]


def settings_of_a_large_server(address: str, redis_port: int) -> dict[str, str]:
    """Return the settings that the guide for going live names."""
    redis = f"redis://127.0.0.1:{redis_port}"
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{address}",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
    }


def count(table: type[SQLModel]) -> int:
    """Return how many rows a table has."""
    with read_scope() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_cycles_run_by_a_server_on_postgresql_and_redis(
    sqlite_database: str, data_dir: Path, tmp_path: Path
) -> None:
    """`up` uses the server that it is told of; both its worker and another take runs; events go by Redis."""
    address, redis_port = start_postgres(), start_redis()
    port = find_port()
    url = f"http://127.0.0.1:{port}/api"
    server = start_prefect(tmp_path / "server", port, settings_of_a_large_server(address, redis_port))
    with (
        Simulator(sample_state(products=5, orders=3)) as simulator,
        temporary_settings({PREFECT_API_URL: url}),
    ):
        shops = [open_shop(simulator), open_shop(simulator)]
        with get_client(sync_client=True) as client:
            ensure_pool(client)
        for shop in shops:
            # No schedule starts a run of its own in between.
            deploy_account(shop.name, active=False)
        with (
            running(data_dir, PREFECT_API_URL=url),
            temporary_settings({PREFECT_API_URL: url}),
            get_client(sync_client=True) as client,
            serving(POOL, "another") as another,
        ):
            assert "api_url" not in read_state(data_dir)
            wait_for(
                lambda: len(client._client.post(f"/work_pools/{POOL}/workers/filter", json={}).json()) == 2
            )
            # Each in turn stands still, so that the other has to take what there is.
            turns = ((find_child(data_dir, "worker"), "another"), (another.pid, "warenfluss"))
            for shop, (stopped, taker) in zip(shops, turns, strict=True):
                # A worker is two processes: one that asks for runs, and above it one that forks them.
                processes = [stopped, *list_descendants(stopped)]
                for pid in processes:
                    os.kill(pid, signal.SIGSTOP)
                run_id = request_run(shop.name, Cycle.order_import)
                run = wait_for(partial(ended, client, run_id))
                for pid in processes:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
                assert (run.state_type, worker_of(run).partition(" at ")[0]) == (StateType.COMPLETED, taker)
            assert count(Order) == 6
            with psycopg.connect(f"postgresql://{address}", autocommit=True) as connection:
                wait_for(lambda: connection.execute("SELECT 1 FROM events LIMIT 1").fetchone())
            assert Redis(port=redis_port).dbsize() > 0
    server.terminate()
    server.wait(20)
