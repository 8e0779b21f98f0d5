"""One run of a cycle and account at a time, whatever dies; and how far each has read."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.session import session_scope
from models.errors import LeaseHeldError, LeaseLostError
from models.sync.cursors import find_cursor, save_cursor
from models.sync.cycles import leases_of
from models.sync.records import Counts, Cycle
from models.sync.runs import (
    LEASE_SECONDS,
    Lease,
    Run,
    RunState,
    begin_run,
    finish_run,
    keep_lease,
    list_vanished,
    mark_vanished,
)
from tests.support.builders import make_account, make_shop, row_counts
from tests.support.races import begin, run_at_once

CYCLE = Cycle.order_import


def open_run(account_id: int, cycle: Cycle = CYCLE) -> int:
    with session_scope() as session:
        return begin_run(session, account_id, cycle).row_id


def let_expire(run_id: int) -> None:
    """Let a run look as if its process had died some minutes ago."""
    with session_scope() as session:
        past = utc_now() - timedelta(seconds=3 * LEASE_SECONDS)
        session.exec(select(Lease).where(Lease.run_id == run_id)).one().expires_at = past
        session.get_one(Run, run_id).started_at = past


def save_page(account_id: int, run_id: int) -> None:
    """Save a page as a run does: what it read and its lease in one commit."""
    with session_scope() as session:
        save_cursor(session, account_id, "orders", {"page": "stolen"})
        keep_lease(session, run_id)


def states(session: Session) -> list[str]:
    return [str(row.state) for row in session.exec(select(Run).order_by(col(Run.id)))]


@pytest.fixture
def account_id(database: str) -> int:
    with session_scope() as session:
        return make_shop(session).account.id


def test_a_second_run_is_refused(account_id: int) -> None:
    """It says who works and until when at most; nothing is saved."""
    run_id = open_run(account_id)
    with pytest.raises(LeaseHeldError, match=f"Run {run_id} works on order-import"):
        open_run(account_id)

    with session_scope() as session:
        assert (states(session), row_counts(session, Lease)) == (["running"], [1])


def test_other_cycles_and_accounts_run_beside(account_id: int) -> None:
    """The lease is of one cycle of one account."""
    with session_scope() as session:
        tenant_id = make_shop(session, "sued").tenant_id
        other = make_account(session, tenant_id, "west").id
    for one, cycle in ((account_id, CYCLE), (account_id, Cycle.stock_export), (other, CYCLE)):
        open_run(one, cycle)

    with session_scope() as session:
        assert states(session) == ["running"] * 3


def test_a_finished_run_makes_way(account_id: int) -> None:
    """Its figures are kept, and the next begins at once."""
    run_id = open_run(account_id)
    with session_scope() as session:
        finish_run(session, run_id, RunState.completed, Counts(read=3, new=2), slowest_seconds=7)
    open_run(account_id)

    with session_scope() as session:
        run = session.get_one(Run, run_id)
        assert (run.state, run.counts["new"], run.slowest_seconds) == (RunState.completed, 2, 7)
        assert run.finished_at is not None
        assert states(session) == ["completed", "running"]


def test_an_expired_lease_is_taken_over(account_id: int) -> None:
    """The run that held it is marked vanished; what it still does cannot be saved."""
    dead = open_run(account_id)
    let_expire(dead)
    heir = open_run(account_id)

    with session_scope() as session:
        assert states(session) == ["vanished", "running"]
        keep_lease(session, heir)
    with pytest.raises(LeaseLostError, match=f"Run {dead} lost"):
        save_page(account_id, dead)
    with session_scope() as session:
        assert find_cursor(session, account_id, "orders") == {}


def test_a_replay_holds_the_leases_of_those_whose_work_it_does(account_id: int) -> None:
    """None of them begins meanwhile, others do; it does not begin while one of them works."""
    replay = open_run(account_id, Cycle.replay)
    for cycle in (Cycle.order_import, Cycle.payment_sync, Cycle.shipping_sync, Cycle.replay):
        with pytest.raises(LeaseHeldError, match=f"Run {replay} works on"):
            open_run(account_id, cycle)
    open_run(account_id, Cycle.stock_export)
    with session_scope() as session:
        keep_lease(session, replay, len(leases_of(Cycle.replay)))
        finish_run(session, replay, RunState.completed, Counts())

    sync = open_run(account_id, Cycle.shipping_sync)
    with pytest.raises(LeaseHeldError, match=f"Run {sync} works on shipping-sync"):
        open_run(account_id, Cycle.replay)
    open_run(account_id, Cycle.order_import)


def test_a_replay_that_lost_one_lease_lost_all(account_id: int) -> None:
    """What a replay that is believed dead still does is refused as soon as one of its cycles goes on."""
    dead = open_run(account_id, Cycle.replay)
    with session_scope() as session:
        for lease in session.exec(select(Lease).where(Lease.run_id == dead)):
            lease.expires_at = utc_now() - timedelta(seconds=1)
    heir = open_run(account_id, Cycle.payment_sync)

    with pytest.raises(LeaseLostError, match=f"Run {dead} lost"), session_scope() as session:
        keep_lease(session, dead, len(leases_of(Cycle.replay)))

    with session_scope() as session:
        assert session.get_one(Run, dead).state is RunState.vanished
        keep_lease(session, heir)
    # The cycles whose leases it still has in its name go on, too.
    open_run(account_id, Cycle.order_import)


def test_a_heartbeat_keeps_the_lease(account_id: int) -> None:
    """A slow run that still lives is not taken over, and not listed as vanished."""
    run_id = open_run(account_id)
    let_expire(run_id)
    with session_scope() as session:
        assert [run.row_id for run in list_vanished(session)] == [run_id]
        keep_lease(session, run_id)
    with session_scope() as session:
        assert list_vanished(session) == []
    with pytest.raises(LeaseHeldError):
        open_run(account_id)


def test_a_vanished_run_is_marked_once(account_id: int) -> None:
    """A finished run stays finished."""
    run_id = open_run(account_id)
    with session_scope() as session:
        assert [mark_vanished(session, run_id), mark_vanished(session, run_id)] == [True, False]
        assert not mark_vanished(session, 4711)
        assert states(session) == ["vanished"]


@pytest.mark.parametrize("before", ["never run", "expired lease", "finished run"])
def test_of_processes_that_begin_at_once_one_works(database: str, account_id: int, before: str) -> None:
    """Whatever was before, the others are told that it is taken."""
    if before != "never run":
        run_id = open_run(account_id)
        if before == "expired lease":
            let_expire(run_id)
        else:
            with session_scope() as session:
                finish_run(session, run_id, RunState.completed, Counts())

    done = run_at_once(database, begin, [(account_id,)] * 4)

    with session_scope() as session:
        assert sorted(done) == ["LeaseHeldError"] * 3 + ["begun"]
        assert states(session).count("running") == 1
