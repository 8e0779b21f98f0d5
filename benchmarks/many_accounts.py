"""`python -m benchmarks.many_accounts`: the load of many accounts without news on a small machine.

Runs a complete `warenfluss up` with server, worker and schedules against one stand-in, and reads from /proc
how much processor time each part used while all cycles of all accounts ran on schedule. It takes minutes and
is no part of `make bench`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.run.prefect_env import PASSWORD, find_password
from tests.support import prefect_server, session

CYCLES = 5
PAGE = 200
TICKS = os.sysconf("SC_CLK_TCK")
UP = """
import sys
from dataclasses import replace
from console.machine.up import run_up
from models.sync.cycles import CYCLES
CYCLES.update({{cycle: replace(CYCLES[cycle], every_minutes={minutes}) for cycle in list(CYCLES)[:{cycles}]}})
sys.exit(run_up())
"""
# A shop that answers by date windows, unlike the one with rendered pages. All its records are older than a
# window's overlap.
SHOP = """
import threading
from datetime import timedelta
from connectors.afterbuy.simulator import Simulator, State
state = State()
now = state.now
state.now = lambda: now() - timedelta(days=1)
product = state.add_product("Kaffeebecher", ean="BECHER-0001", quantity=100)
for number in range(3):
    state.place_order([product], paid=True)
state.now = now
with Simulator(state) as simulator:
    print(simulator.url, flush=True)
    threading.Event().wait()
"""


def main() -> int:
    """Measure, print the figures, and write them as JSON if a file is given."""
    parser = argparse.ArgumentParser(prog="benchmarks.many_accounts")
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--minutes", type=int, default=5, help="interval of every cycle")
    parser.add_argument("--intervals", type=int, default=1, help="how many of them to measure")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    session.begin()
    prefect_server.prepare_environment()
    try:
        with tempfile.TemporaryDirectory() as folder, _stand_in() as url:
            figures = _measure(Path(folder), url, options)
    finally:
        session.end()
    for name, value in figures.items():
        print(f"{name:<44}{value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


@contextmanager
def _stand_in() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SHOP], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _measure(folder: Path, url: str, options: argparse.Namespace) -> dict[str, Any]:
    port = prefect_server.find_port()
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    os.environ["WARENFLUSS_DATA_DIR"] = str(folder)
    os.environ[PASSWORD] = find_password(folder)
    os.environ["WARENFLUSS_PREFECT_PORT"] = str(port)
    os.environ["WARENFLUSS_ENV_FILE"] = str(folder / "none.env")
    if options.database == "postgresql":
        from tests.support.postgres import get_postgres

        server = get_postgres()
        server.execute("CREATE DATABASE many")
        os.environ["WARENFLUSS_DATABASE_URL"] = server.url("many")
    from models.database.schema import upgrade

    upgrade()
    _add_accounts(url, options.accounts)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with (folder / "up.txt").open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "-c", UP.format(minutes=options.minutes, cycles=CYCLES)],
            env=env,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(lambda: "is up" in (folder / "up.txt").read_text(), 120)
        _go_live(options.accounts)
        due = options.accounts * CYCLES
        _wait(lambda: _count_cycles() >= due, 1800)
        print("Every cycle of every account has run; now it counts.", file=sys.stderr)
        return _watch(up.pid, options.intervals * options.minutes * 60, due * options.intervals)
    finally:
        up.terminate()
        with suppress(subprocess.TimeoutExpired):
            up.wait(90)
        up.kill()


def _add_accounts(url: str, count: int) -> None:
    from models.database.session import session_scope
    from models.tenants.account import add_account
    from models.tenants.tenant import add_tenant

    with session_scope() as rows:
        tenant_id = add_tenant(rows, "merchant").row_id
        for number in range(count):
            settings = {"base_url": url, "start": "2020-01-01"}
            add_account(rows, tenant_id, f"shop-{number}", "afterbuy", settings)


def _go_live(count: int) -> None:
    from connectors.afterbuy.simulator import Switches
    from models.database.session import session_scope
    from models.intake.activation import set_mode
    from models.tenants.account import list_accounts
    from models.tenants.records import Mode
    from tasks.run.secrets import save_secrets

    switches = Switches()
    login = {"partner_token": switches.partner_token, "account_token": switches.account_token}
    for number in range(count):
        save_secrets(f"shop-{number}", login)
    with session_scope() as rows:
        for account in list_accounts(rows):
            set_mode(rows, account, Mode.live)


def _count_cycles() -> int:
    from sqlmodel import col, func, select

    from models.database.session import read_scope
    from models.sync.runs import Run, RunState

    with read_scope() as rows:
        done = (
            select(col(Run.account_id), col(Run.cycle)).where(Run.state == RunState.completed).distinct()
        ).subquery()
        return rows.exec(select(func.count()).select_from(done)).one()


def _watch(pid: int, seconds: int, due: int) -> dict[str, Any]:
    """Wait for this time and return what happened in it."""
    from sqlmodel import col, select

    from models.clock import utc_now
    from models.database.session import read_scope
    from models.sync.runs import Run

    began, before, clock = utc_now(), _processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    after, passed = _processor_seconds(pid), time.monotonic() - clock
    with read_scope() as rows:
        runs = rows.exec(select(Run).where(col(Run.started_at) >= began)).all()
    lasted = [(run.finished_at - run.started_at).total_seconds() for run in runs if run.finished_at]
    spent = {part: after[part] - before.get(part, 0.0) for part in after}
    total = sum(spent.values())
    return {
        "seconds": round(passed),
        "runs due": due,
        "runs that ended": len(lasted),
        "states": ", ".join(sorted({str(run.state) for run in runs})),
        "seconds a run works (median)": round(statistics.median(lasted), 2),
        **{f"processor seconds a run: {part}": round(spent[part] / len(lasted), 3) for part in spent},
        "processor seconds a run: all": round(total / len(lasted), 3),
        "cores in use": round(total / passed, 2),
        **_lateness(began),
    }


def _lateness(since: datetime) -> dict[str, Any]:
    """Return how late Prefect's runs began, compared with their schedule."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterStartTime

    runs: list[Any] = []
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(after_=since)),
                limit=PAGE,
                offset=len(runs),
            )
            runs += page
            if len(page) < PAGE:
                break
    late = sorted(
        (run.start_time - run.expected_start_time).total_seconds() for run in runs if run.start_time
    )
    return {
        "seconds late (median)": round(statistics.median(late), 1),
        "seconds late (95 of 100)": round(late[int(len(late) * 0.95)], 1),
    }


def _processor_seconds(pid: int) -> dict[str, float]:
    """Return the processor seconds used so far by each part of an `up`, including ended child processes."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            values = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(values[1])
            used[int(folder.name)] = sum(map(int, values[11:15])) / TICKS
    found: dict[str, float] = {"up": used[pid], "server": 0.0, "worker and runs": 0.0}
    for child in used:
        top, parent = child, parents[child]
        while parent not in (pid, 0):
            top, parent = parent, parents.get(parent, 0)
        if parent == pid:
            words = Path(f"/proc/{top}/cmdline").read_bytes()
            found["server" if b"server" in words else "worker and runs"] += used[child]
    return found


def _wait(look: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise RuntimeError("It takes too long.")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
