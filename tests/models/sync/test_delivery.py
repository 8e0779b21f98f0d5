"""Law 2: a queued change is claimed by one run, never lost, and closed only by an answer to what was sent."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.session import session_scope
from models.sync.delivery import (
    ATTEMPTS_IN_BATCH,
    MAX_ATTEMPTS,
    RETRY_SECONDS,
    claim_due,
    claim_unconfirmed,
    count_due,
    list_due,
    list_outbound,
    lock_claimed,
    mark_failed,
    mark_not_arrived,
    mark_sent,
    mark_uncertain,
    mark_unconfirmed,
    retry_parked,
)
from models.sync.outbound import Outbound, OutboundState, queue_outbound
from models.sync.records import Cycle
from models.sync.runs import Lease, begin_run
from tests.support.builders import make_shop
from tests.support.outbound import RUN, STOCK, claim_one, shown
from tests.support.races import claim_all, run_at_once


def test_a_row_goes_out_and_is_closed(database: str) -> None:
    """Claimed it is nobody else's; sent it is due no more; changed again it is."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        row = claim_one(session, account_id)
        assert list_due(session, account_id, STOCK, 10) == []
        mark_sent(session, row, row.version)
        assert shown(session) == [("1", "sent", 1, 0)]
        queue_outbound(session, account_id, STOCK, [1])

        assert shown(session) == [("1", "pending", 2, 0)]
        assert list_due(session, account_id, STOCK, 10)[0].sent_at is not None


def test_what_changed_while_it_was_sent_is_sent_again(database: str) -> None:
    """The answer closes only the version that it answers."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        row = claim_one(session, account_id)
        version = row.version
        queue_outbound(session, account_id, STOCK, [1])
        assert shown(session) == [("1", "sending", 2, 0)]
        mark_sent(session, row, version)

        assert shown(session) == [("1", "pending", 2, 0)]
        assert count_due(session, account_id, STOCK) == 1


def test_a_change_between_the_look_and_the_commit_is_not_lost(database: str) -> None:
    """Whoever queues while another closes the row waits for it, and makes the row due again."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        claim_one(session, account_id)

    def change() -> None:
        with session_scope() as other:
            queue_outbound(other, account_id, STOCK, [1])

    thread = threading.Thread(target=change)
    with session_scope() as session:
        row = session.exec(select(Outbound)).one()
        mark_sent(session, row, row.version)
        thread.start()
        thread.join(0.5)
    thread.join(30)

    with session_scope() as session:
        assert shown(session) == [("1", "pending", 2, 0)]


def test_a_row_of_a_dead_run_is_doubtful(database: str) -> None:
    """Nobody knows whether it went out: it is looked up, not sent; so is one without answer."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1, 2, 3])
        rows = claim_due(session, account_id, STOCK, 2, RUN)
        mark_uncertain(session, rows[1], "no answer")
        session.flush()

        assert shown(session) == [("1", "sending", 1, 0), ("2", "uncertain", 1, 1), ("3", "pending", 1, 0)]
        assert [row.key for row in claim_unconfirmed(session, account_id, STOCK, 10, RUN + 1)] == ["1", "2"]
        assert shown(session) == [("1", "uncertain", 1, 1), ("2", "uncertain", 1, 1), ("3", "pending", 1, 0)]
        assert [row.key for row in list_due(session, account_id, STOCK, 10)] == ["3"]
        queue_outbound(session, account_id, STOCK, [1, 2])
        assert [row.key for row in list_due(session, account_id, STOCK, 10)] == ["3"]


def test_a_failed_try_waits_longer_each_time_and_is_parked_at_last(database: str) -> None:
    """Eight tries; then a person decides, and a new change or a retry makes it due again."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        waits = []
        for _ in range(MAX_ATTEMPTS - 1):
            row = session.exec(select(Outbound)).one()
            before = utc_now()
            mark_failed(session, row, "busy")
            waits.append(round((row.next_try_at - before).total_seconds()))
            assert count_due(session, account_id, STOCK) == 0
        assert tuple(waits) == RETRY_SECONDS
        mark_failed(session, row, "busy")
        assert shown(session) == [("1", "parked", 1, MAX_ATTEMPTS)]

        assert retry_parked(session, []) == 1
        assert shown(session) == [("1", "pending", 1, 0)]


@pytest.mark.parametrize("again", ["change", "retry", "retry of another"])
def test_a_refused_row_waits_for_a_person(database: str, again: str) -> None:
    """It is not tried again by itself; what is shown says why."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        row = claim_one(session, account_id)
        mark_failed(session, row, "unknown article", final=True)
        session.flush()
        assert [(row.key, row.error) for row in list_outbound(session, [OutboundState.parked])] == [
            ("1", "unknown article")
        ]
        row_id = row.id or 0
        if again == "change":
            queue_outbound(session, account_id, STOCK, [1])
        elif again == "retry":
            assert retry_parked(session, [row_id]) == 1
        else:
            assert retry_parked(session, [row_id + 1]) == 0

        due = list_due(session, account_id, STOCK, 10)
        assert [(row.key, row.error) for row in due] == ([] if "another" in again else [("1", "")])


def test_a_refusal_of_old_news_does_not_park_what_came_since(database: str) -> None:
    """The channel refused what was sent; what changed meanwhile was never told."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])
        row = claim_one(session, account_id)
        version = row.version
        queue_outbound(session, account_id, STOCK, [1])
        session.expire_all()
        mark_failed(session, row, "refused", final=True, version=version)

        assert shown(session) == [("1", "pending", 2, 0)]
        assert count_due(session, account_id, STOCK) == 1


def make_due(session: Session) -> Outbound:
    """Let the time pass until the only row may be taken up again."""
    row = session.exec(select(Outbound)).one()
    row.next_try_at = utc_now()
    session.add(row)
    session.flush()
    return row


def waits_of(session: Session, account_id: int, note: Callable[[Outbound], None]) -> list[int]:
    """Send the only row without an answer until it is parked; return how long it waited after each look."""
    waits: list[int] = []
    for _ in range(2 * MAX_ATTEMPTS):
        row = session.exec(select(Outbound)).one()
        if row.state is OutboundState.parked:
            return waits
        if row.state is OutboundState.pending:
            mark_uncertain(session, claim_one(session, account_id), "no answer")
            session.flush()
        (row,) = claim_unconfirmed(session, account_id, STOCK, 10, RUN)
        before = utc_now()
        note(row)
        waits.append(max(0, round((row.next_try_at - before).total_seconds())))
        make_due(session)
    raise AssertionError("it was tried for ever")


def test_a_write_that_never_arrives_is_parked_at_last(database: str) -> None:
    """It is sent again at once, then after a longer wait each time, and not for ever."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])

        waits = waits_of(session, account_id, lambda row: mark_not_arrived(session, row))

        assert waits[:-1] == [0, *RETRY_SECONDS[: MAX_ATTEMPTS - 2]]
        assert shown(session) == [("1", "parked", 1, MAX_ATTEMPTS)]
        assert retry_parked(session, []) == 1
        assert shown(session) == [("1", "pending", 1, 0)]


@pytest.mark.parametrize("again", ["retry", "change"])
def test_a_write_that_cannot_be_looked_up_is_parked_at_last(database: str, again: str) -> None:
    """It is asked for again and again, later each time; then a person decides, and it is looked up first."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1])

        waits = waits_of(session, account_id, lambda row: mark_unconfirmed(session, row, "not known there"))

        assert waits[:-1] == list(RETRY_SECONDS[1 : MAX_ATTEMPTS - 1])
        (parked,) = list_outbound(session, [OutboundState.parked])
        assert (parked.error, parked.in_doubt) == ("not known there", True)
        if again == "retry":
            assert retry_parked(session, []) == 1
        else:
            queue_outbound(session, account_id, STOCK, [1])
        assert list_due(session, account_id, STOCK, 10) == []
        session.expire_all()
        (row,) = claim_unconfirmed(session, account_id, STOCK, 10, RUN)
        mark_sent(session, row, 1)
        # What changed since is told; what had arrived is not repeated.
        assert shown(session) == [("1", "sent", 1, 0) if again == "retry" else ("1", "pending", 2, 0)]


def test_a_row_that_failed_often_goes_alone(database: str) -> None:
    """So that neighbours which fail because of it get through before they are parked with it."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, range(1, 6))
        for row in session.exec(select(Outbound).where(col(Outbound.key).in_(["1", "2"]))):
            row.attempts = ATTEMPTS_IN_BATCH
        session.flush()

        batches = [[row.key for row in claim_due(session, account_id, STOCK, 10, RUN)] for _ in range(4)]

        assert batches == [["3", "4", "5"], ["1"], ["2"], []]


def test_a_claim_of_a_living_run_is_nobody_elses(database: str) -> None:
    """Whatever cycle asks: only when the lease of its run has run out, what it claimed is taken over."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1, 2])
        run_id = begin_run(session, account_id, Cycle.stock_export).row_id
        other = begin_run(session, account_id, Cycle.payment_sync).row_id
        (row,) = claim_due(session, account_id, STOCK, 1, run_id)
        assert [one.key for one in claim_due(session, account_id, STOCK, 10, other)] == ["2"]
        assert claim_unconfirmed(session, account_id, STOCK, 10, other)[0].key == "2", (
            "its own, that broke off"
        )
        lease = session.get_one(Lease, (account_id, Cycle.stock_export))
        lease.expires_at = utc_now()
        session.add(lease)
        session.flush()

        taken = claim_unconfirmed(session, account_id, STOCK, 10, other)

        assert [one.key for one in taken] == ["1", "2"]
        assert lock_claimed(session, [row.row_id], run_id) == {}
        assert list(lock_claimed(session, [row.row_id], other)) == [row.id]


def test_many_runs_at_once_hold_each_row_once(database: str) -> None:
    """Eight processes claim, note and claim again until nothing is left: no row is ever held by two."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, range(120))

    done = run_at_once(database, claim_all, [(account_id, RUN + number) for number in range(8)])

    assert all(isinstance(keys, list) for keys in done), done
    assert sorted(int(key) for keys in done for key in keys) == list(range(120))


def test_the_oldest_change_goes_first(database: str) -> None:
    """A batch takes what has waited longest."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, range(1, 6))
        rows: Any = session.exec(select(Outbound).order_by(col(Outbound.id))).all()
        for age, row in enumerate(rows):
            row.changed_at = utc_now() - timedelta(minutes=age)
        session.flush()

        assert [row.key for row in claim_due(session, account_id, STOCK, 2, RUN)] == ["5", "4"]
