"""The work pool, and the example for other machines."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy

from deployments.work_pool import POOL, PoolService, ensure_pool, find_service
from models.clock import utc_now

PREFECT_YAML = Path(__file__).parents[2] / "deployments" / "prefect.yaml"


def test_a_pool_is_made_once_and_stays_as_operators_left_it(client: SyncPrefectClient) -> None:
    """A limit that somebody set survives the next start."""
    name = f"pool-{uuid4().hex[:8]}"
    ensure_pool(client, name)
    client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=3))

    ensure_pool(client, name)

    pool = client.read_work_pool(name)
    assert (pool.type, pool.concurrency_limit) == ("process", 3)
    assert "env" in pool.base_job_template["variables"]["properties"]


def test_a_pool_says_who_serves_it(client: SyncPrefectClient, pool: str) -> None:
    """Nobody at first; a worker from its first sign of life on; and whether operators paused it."""
    assert find_service(client, f"{pool}-missing") is None
    assert find_service(client, pool) == PoolService()
    before = utc_now()

    client.send_worker_heartbeat(pool, "left", heartbeat_interval_seconds=30)
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))

    service = find_service(client, pool)
    assert service is not None
    assert (service.is_paused, service.online) == (True, 1)
    assert service.last_seen_at is not None
    assert service.last_seen_at >= before


@pytest.mark.usefixtures("prefect_api")
def test_the_example_for_other_machines_can_be_deployed(client: SyncPrefectClient, tmp_path: Path) -> None:
    """Prefect's own command takes the file, and nothing of this machine gets into the deployment."""
    ensure_pool(client, POOL)
    file = shutil.copy(PREFECT_YAML, tmp_path / "prefect.yaml")

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
        cwd=PREFECT_YAML.parents[1],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    deployment = client.read_deployment_by_name("stock-export/my-shop-at-night")
    assert deployment.entrypoint == "flows.stock_export.stock_export"
    assert deployment.parameters == {"account": "my-shop", "full": True}
    assert deployment.work_pool_name == POOL
    assert (deployment.path, deployment.pull_steps) == (None, [])
    assert deployment.concurrency_options is not None
    assert deployment.concurrency_options.collision_strategy is ConcurrencyLimitStrategy.CANCEL_NEW
