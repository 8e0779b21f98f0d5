"""The stand-in runs as a process of its own."""

import json
import signal
import subprocess
import sys
import time

import httpx


def test_the_simulator_runs_by_itself() -> None:
    """It prints its address, answers, lets orders arrive, and ends on SIGTERM with exit code 0."""
    program = (
        "from connectors.afterbuy.simulator import serve; serve(0, sample=True, arrivals_every_seconds=0.05)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        control = url.partition("/afterbuy/")[0] + "/_control/state"
        deadline = time.monotonic() + 5
        while (counters := json.loads(httpx.get(control, trust_env=False, verify=False).text))[
            "orders"
        ] <= 300:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert counters["products"] == 500
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
    assert process.returncode == 0
