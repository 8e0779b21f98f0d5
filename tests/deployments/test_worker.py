"""What the worker's own process loads, for the runs that it forks."""

import json
import subprocess
import sys
from pathlib import Path

from connectors.afterbuy.simulator import Simulator, sample_state
from tests.flows.conftest import open_shop

ROOT = Path(__file__).parents[2]

RUN_CYCLES = """
import json, sys

from deployments.worker import load

load()

from tests.support.plain_runs import run_plainly
from tests.support.steps import FLOWS

account, secrets = sys.argv[1], json.loads(sys.argv[2])
before = set(sys.modules)
for flow in FLOWS.values():
    run_plainly(flow, account, secrets)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_a_run_has_nothing_left_to_import(sqlite_database: str, prefect_api: str) -> None:
    """Cycles that import, export and compare find their connector and its libraries loaded."""
    with Simulator(sample_state(products=5, orders=5)) as simulator:
        shop = open_shop(simulator)
        switches = simulator.switches
        secrets = {"partner_token": switches.partner_token, "account_token": switches.account_token}
        done = subprocess.run(
            [sys.executable, "-c", RUN_CYCLES, shop.name, json.dumps(secrets)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
