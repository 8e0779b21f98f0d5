"""`warenfluss up`: it starts, notices, restarts and ends everything, and refuses what cannot work.

These tests start real servers and workers and kill them; each has ports of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from sqlmodel import select

from connectors.afterbuy.simulator import Fault, Simulator, sample_state
from deployments.deployed import request_run
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.intake.activation import set_mode
from models.mails.outbox import Mail
from models.sync.records import Cycle
from models.sync.runs import LEASE_SECONDS, Lease, Run, RunState
from models.tenants.account import add_account
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant
from tasks.run.prefect_env import find_server, is_healthy, read_state
from tasks.run.secrets import save_secrets
from tests.support.running import ROOT, UP, Running, find_child, is_alive, running

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(240)]

ACCOUNT = "shop"
CALL = "GetShopProducts"
PATIENCE_SECONDS = 8
"""An answer that takes so long arrives while `up` waits for runs to end."""


def add_live_account(simulator: Simulator) -> None:
    """Add a live account that reads from a simulator; its secrets come with a Prefect server."""
    with session_scope() as session:
        tenant = add_tenant(session, "merchant")
        settings = {"base_url": simulator.url, "start": "2020-01-01"}
        account = add_account(session, tenant.row_id, ACCOUNT, "afterbuy", settings)
        set_mode(session, account, Mode.live)


def save_login(simulator: Simulator) -> None:
    switches = simulator.switches
    save_secrets(ACCOUNT, {"partner_token": switches.partner_token, "account_token": switches.account_token})


def find_run(cycle: Cycle) -> FlowRun | None:
    """Return the first run of a cycle that has a process."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[cycle])))
    return next((run for run in runs if run.infrastructure_pid), None)


def state_of(run: FlowRun) -> StateType | None:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.id).state_type


def hang(up: Running, simulator: Simulator) -> FlowRun:
    """Return the scheduled article import once it waits for an answer that does not come."""
    run = up.wait_for(lambda: find_run(Cycle.article_import))
    up.wait_for(lambda: simulator.calls_by_name[CALL])
    return run


def list_mails() -> list[Mail]:
    with read_scope() as session:
        return list(session.exec(select(Mail)).all())


def kill_hard(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_it_starts_survives_its_server_and_ends_without_orphans(sqlite_database: str, data_dir: Path) -> None:
    """Pages know their address, a second start is refused, a dead server comes back, nothing stays."""
    old_result = data_dir / "prefect" / "storage" / "0123456789abcdef0123456789abcdef"
    old_result.parent.mkdir(parents=True)
    old_result.write_text("{}")
    with running(data_dir, PREFECT_SERVER_UI_ENABLED="true") as up:
        with urlopen(f"http://127.0.0.1:{up.port}/ui-settings", timeout=10) as answer:
            assert json.load(answer)["api_url"] == f"http://127.0.0.1:{up.port}/api"
        with urlopen(f"http://127.0.0.1:{up.port}/", timeout=10) as answer:
            assert b"<html" in answer.read()
        assert find_server(data_dir) == up.api_url
        assert not old_result.exists()

        second = subprocess.run(
            [sys.executable, "-c", UP], env=up.env, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 1
        assert second.stderr.startswith(
            f"Warenfluss is already up for {data_dir} (process {up.process.pid}, "
        )
        assert second.stdout == ""

        server = find_child(data_dir, "deployments.server")
        kill_hard(server)
        up.wait_for(lambda: not is_healthy(up.api_url) or None)
        up.wait_for(lambda: is_healthy(up.api_url))
        assert find_child(data_dir, "deployments.server") != server
        assert "Prefect's server ended (code -9)" in up.text

        processes = up.processes
        assert len(processes) >= 2
        assert up.stop() == 0
        assert not [pid for pid in processes if is_alive(pid)]
        assert up.text.endswith("Warenfluss has stopped.\n")
        assert read_state(data_dir) == {}
        assert find_server(data_dir) == ""


def test_a_taken_port_is_named_with_its_setting(sqlite_database: str, data_dir: Path) -> None:
    """It ends in one sentence, and nothing was started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        up = Running(data_dir, other.getsockname()[1], {})

        assert up.process.wait(60) == 1

    assert up.text == (
        f"Port {up.port} is taken by another program: set WARENFLUSS_PREFECT_PORT to a free one.\n"
    )
    assert not (data_dir / "logs").exists()


def test_a_killed_run_of_an_account_that_came_later_is_told_by_mail(
    sqlite_database: str, data_dir: Path
) -> None:
    """It is deployed and scheduled by itself; a run of another cycle may end its work while all stops."""
    with Simulator(sample_state(products=5, orders=0)) as simulator, running(data_dir) as up:
        simulator.faults.add(Fault("slow", seconds=100), call=CALL)
        simulator.faults.add(Fault("slow", seconds=PATIENCE_SECONDS), call="GetSoldItems")
        save_login(simulator)
        add_live_account(simulator)
        run = hang(up, simulator)
        assert run.auto_scheduled
        assert list_mails() == []

        kill_hard(int(run.infrastructure_pid or 0))

        up.wait_for(list_mails)
        (mail,) = list_mails()
        assert ACCOUNT in mail.subject
        assert str(run.id) in mail.text
        assert state_of(run) is StateType.CRASHED

        # Its own time comes half a minute later.
        request_run(ACCOUNT, Cycle.order_import)
        up.wait_for(lambda: simulator.calls_by_name["GetSoldItems"])
        assert up.stop() == 0
        with read_scope() as session:
            rows = session.exec(select(Run).where(Run.cycle == Cycle.order_import)).all()
        assert [row.state for row in rows] == [RunState.completed]
        assert "cut off" not in up.text


def test_a_run_whose_worker_died_with_it_is_found_and_told_by_mail(
    sqlite_database: str, data_dir: Path
) -> None:
    """It is marked as vanished, and crashed in Prefect; `up`, killed as well, leaves nothing."""
    with Simulator(sample_state(products=5, orders=0)) as simulator:
        simulator.faults.add(Fault("slow", seconds=100), call=CALL)
        add_live_account(simulator)
        with running(data_dir) as up:
            save_login(simulator)
            run = hang(up, simulator)

            kill_hard(find_child(data_dir, "console worker"))
            kill_hard(int(run.infrastructure_pid or 0))
            assert state_of(run) is StateType.RUNNING
            with session_scope() as session:
                # As if the time of its lease were over.
                (row,) = session.exec(select(Run).where(Run.flow_run_id == str(run.id))).all()
                row.started_at -= timedelta(seconds=2 * LEASE_SECONDS)
                session.get_one(Lease, (row.account_id, row.cycle)).expires_at = utc_now()

            up.wait_for(lambda: state_of(run) is StateType.CRASHED)
            with read_scope() as session:
                assert session.get_one(Run, row.id).state is RunState.vanished
            (mail,) = list_mails()
            assert str(run.id) in mail.text
            up.wait_for(lambda: is_alive(find_child(data_dir, "console worker")))
            assert "The worker ended (code -9)" in up.text

            processes = up.processes
            up.stop(signal.SIGKILL)
            up.wait_for(lambda: not any(is_alive(pid) for pid in processes))
