"""Runs whose process is gone are shown as crashed in Prefect, and no others."""

from datetime import timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelling, Pending, Running

from deployments.deploy import deploy_account
from deployments.deployed import request_run
from deployments.ended_runs import REPORTING_SECONDS, tidy
from models.clock import utc_now
from models.database.session import session_scope
from models.sync.records import Counts, Cycle
from models.sync.runs import Run, RunState, begin_run, finish_run, mark_vanished
from models.tenants.account import get_account

LONG_AGO = timedelta(seconds=2 * REPORTING_SECONDS)


@pytest.fixture
def deployed(client: SyncPrefectClient, pool: str, account: str) -> str:
    """An account whose cycles can be requested and run by themselves never."""
    deploy_account(account, pool=pool, active=False)
    return account


def start(client: SyncPrefectClient, account: str, state: State[None]) -> UUID:
    """Return a flow run that Prefect believes to be in this state."""
    run_id = request_run(account, Cycle.order_import)
    # A run that never ran is cancelled at once.
    client.set_flow_run_state(run_id, Running(), force=True)
    client.set_flow_run_state(run_id, state, force=True)
    return run_id


def open_row(account: str, flow_run_id: UUID) -> int:
    """Return the id of our own row for a flow run."""
    with session_scope() as session:
        account_id = get_account(session, account).row_id
        return begin_run(session, account_id, Cycle.order_import, flow_run_id=str(flow_run_id)).row_id


def close_row(run_id: int, ago: timedelta) -> None:
    with session_scope() as session:
        finish_run(session, run_id, RunState.completed, Counts())
        session.get_one(Run, run_id).finished_at = utc_now() - ago


def type_of(client: SyncPrefectClient, run_id: UUID) -> StateType | None:
    return client.read_flow_run(run_id).state_type


@pytest.mark.parametrize("state", [Pending(), Running(), Cancelling()], ids=lambda state: state.name)
def test_a_vanished_run_is_shown_as_crashed(
    client: SyncPrefectClient, pool: str, deployed: str, state: State[None]
) -> None:
    """Whatever Prefect believed of it; doing it again finds nothing."""
    run_id = start(client, deployed, state)
    row = open_row(deployed, run_id)
    with session_scope() as session:
        mark_vanished(session, row)

    assert tidy(pool=pool) == 1
    assert tidy(pool=pool) == 0

    run = client.read_flow_run(run_id)
    assert run.state_type is StateType.CRASHED
    assert run.state is not None
    assert run.state.message == "Its process ended without a word."


def test_a_run_that_works_is_let_alone(client: SyncPrefectClient, pool: str, deployed: str) -> None:
    """Its own row says that it lives."""
    run_id = start(client, deployed, Running())
    open_row(deployed, run_id)

    assert tidy(pool=pool) == 0
    assert type_of(client, run_id) is StateType.RUNNING


def test_a_run_has_time_to_report(client: SyncPrefectClient, pool: str, deployed: str) -> None:
    """Only long after its work was closed it counts as dead."""
    run_id = start(client, deployed, Running())
    row = open_row(deployed, run_id)
    close_row(row, timedelta(0))
    assert tidy(pool=pool) == 0
    assert type_of(client, run_id) is StateType.RUNNING

    close_row(row, LONG_AGO)
    assert tidy(pool=pool) == 1
    assert type_of(client, run_id) is StateType.CRASHED


def test_a_run_that_never_began_is_dead_after_a_while(
    client: SyncPrefectClient, pool: str, deployed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker took it and died; one that was just taken is let alone."""
    run_id = start(client, deployed, Pending())
    assert tidy(pool=pool) == 0
    assert type_of(client, run_id) is StateType.PENDING

    # Prefect sets the time of a state itself: no test can make one that is old.
    monkeypatch.setattr("deployments.ended_runs.STARTING_SECONDS", 0)
    assert tidy(pool=pool) == 1
    assert type_of(client, run_id) is StateType.CRASHED


def test_runs_of_a_worker_that_was_stopped_are_dead_at_once(
    client: SyncPrefectClient, pool: str, deployed: str
) -> None:
    """They are known by the process that Prefect has noted for them."""
    cut, going = (start(client, deployed, Running()) for _ in range(2))
    client._client.patch(f"/flow_runs/{cut}", json={"infrastructure_pid": "4711"})
    client._client.patch(f"/flow_runs/{going}", json={"infrastructure_pid": "4712"})

    assert tidy(pool=pool, ended_pids=[4711]) == 1
    assert type_of(client, cut) is StateType.CRASHED
    assert type_of(client, going) is StateType.RUNNING


def test_flows_of_others_in_the_pool_are_none_of_our_business(
    client: SyncPrefectClient, pool: str, sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators may run what they like there."""

    @flow(name=f"theirs-{pool}")
    def theirs() -> None:
        """Do nothing."""

    run = client.create_flow_run(theirs, work_pool_name=pool)
    client.set_flow_run_state(run.id, Running(), force=True)
    monkeypatch.setattr("deployments.ended_runs.STARTING_SECONDS", 0)

    assert tidy(pool=pool) == 0
    assert type_of(client, run.id) is StateType.RUNNING
