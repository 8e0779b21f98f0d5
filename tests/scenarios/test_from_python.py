"""A developer imports a flow and calls it, with a running `up` and without one, and names no password."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from sqlmodel import select

from connectors.afterbuy.simulator import Simulator, sample_state
from models.database.session import read_scope
from models.orders.order import Order
from models.sync.runs import list_runs
from tests.flows.conftest import open_shop
from tests.support.running import running

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]

CALL = """
from flows.order_import import order_import
state = order_import("{account}", test=True, return_state=True)
print(state.name, "|", state.message)
"""


def call(account: str, folder: Path) -> str:
    """Return what a script prints that runs in a folder of its own, with none of Prefect's variables."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", CALL.format(account=account)],
        env=env | {"HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_flow_that_python_calls_finds_the_server_by_itself(
    sqlite_database: str, data_dir: Path, tmp_path: Path
) -> None:
    """It is a run like others on the server of `up`; without one, Prefect starts one for the call."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Simulator(sample_state(products=2, orders=3)) as simulator:
        with running(data_dir) as up:
            shop = open_shop(simulator)
            assert call(shop.name, folder).startswith("Completed | 3 read, 3 new")
            with read_scope() as session:
                (run,) = list_runs(session)
            with get_client(sync_client=True) as client:
                assert client.read_flow_run(UUID(run.flow_run_id)).name == f"order-import {shop.name}"
            assert up.stop() == 0
        assert call(shop.name, folder).startswith("Completed | ")
    with read_scope() as session:
        assert len(list_runs(session)) == 2
        assert len(session.exec(select(Order)).all()) == 3
    # Prefect makes its usual folder when it is imported, and puts nothing into it.
    assert [path for path in folder.rglob("*") if path.is_file()] == []
