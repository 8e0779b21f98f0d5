"""Prefect's server on PostgreSQL with Redis, and an `up` that uses it instead of one of its own."""

from pathlib import Path

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from redis import Redis
from sqlmodel import SQLModel, func, select

from connectors.afterbuy.simulator import Simulator, sample_state
from console.prefect_home import read_state
from deployments.accounts import request_run
from deployments.pool import POOL
from models.article import Article
from models.cycle import Cycle
from models.db import read_scope
from models.order import Order
from tests.console.running import running
from tests.flows.conftest import open_shop
from tests.support.debian import start_postgres, start_redis
from tests.support.prefect_server import find_port, start_prefect
from tests.support.worker import serving, wait_for

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
    """`up` uses the server it is told of; its worker and another serve it; events pass through Redis."""
    address, redis_port = start_postgres(), start_redis()
    port = find_port()
    url = f"http://127.0.0.1:{port}/api"
    server = start_prefect(tmp_path / "server", port, settings_of_a_large_server(address, redis_port))
    with (
        Simulator(sample_state(products=5, orders=3)) as simulator,
        temporary_settings({PREFECT_API_URL: url}),
    ):
        shops = [open_shop(simulator), open_shop(simulator)]
        with (
            running(data_dir, PREFECT_API_URL=url),
            temporary_settings({PREFECT_API_URL: url}),
            get_client(sync_client=True) as client,
            serving(POOL, "another"),
        ):
            assert "api_url" not in read_state(data_dir)
            for shop in shops:
                request_run(shop.name, Cycle.order_import)
            wait_for(lambda: count(Article) == 10 and count(Order) == 6)
            workers = client._client.post(f"/work_pools/{POOL}/workers/filter", json={}).json()
            assert {one["name"].partition(" at ")[0] for one in workers} == {"another", "warenfluss"}
            with psycopg.connect(f"postgresql://{address}", autocommit=True) as connection:
                wait_for(lambda: connection.execute("SELECT 1 FROM events LIMIT 1").fetchone())
            assert Redis(port=redis_port).dbsize() > 0
    server.terminate()
    server.wait(20)
