"""Law 2: a change is queued once, never lost, and closed only by an answer to what was sent."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.columns import utc_now
from models.db import session_scope
from models.outbound import (
    MAX_ATTEMPTS,
    RETRY_SECONDS,
    Outbound,
    OutboundKind,
    OutboundState,
    claim_due,
    count_due,
    list_doubtful,
    list_due,
    list_outbound,
    mark_failed,
    mark_sent,
    mark_uncertain,
    queue_outbound,
    retry_parked,
)
from tests.support.builders import make_account, make_shop

STOCK = OutboundKind.stock


def shown(session: Session) -> list[tuple[str, str, int, int]]:
    """Return the rows as (key, state, version, attempts)."""
    session.flush()
    session.expire_all()
    return [
        (row.key, str(row.state), row.version, row.attempts)
        for row in session.exec(select(Outbound).order_by(col(Outbound.id)))
    ]


def claim_one(session: Session, account_id: int) -> Outbound:
    (row,) = claim_due(session, account_id, STOCK, 10)
    return row


def test_a_change_is_queued_once(database: str) -> None:
    """Changing it again before it was sent raises the version and nothing else."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1, "2"])
        first = [(row.changed_at, row.next_try_at) for row in session.exec(select(Outbound))]
        queue_outbound(session, account_id, STOCK, [2])

        assert shown(session) == [("1", "pending", 1, 0), ("2", "pending", 2, 0)]
        assert [(row.changed_at, row.next_try_at) for row in session.exec(select(Outbound))] == first


def test_kinds_and_accounts_are_apart(database: str) -> None:
    """The same key is another subject there."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued").id
        for account_id, kind in ((shop.account.id, STOCK), (other, STOCK), (other, OutboundKind.payment)):
            queue_outbound(session, account_id, kind, [1])

        assert len(shown(session)) == 3
        assert [count_due(session, account_id, STOCK) for account_id in (shop.account.id, other)] == [1, 1]


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
        rows = claim_due(session, account_id, STOCK, 2)
        mark_uncertain(session, rows[1], "no answer")
        session.flush()

        assert shown(session) == [("1", "sending", 1, 0), ("2", "uncertain", 1, 0), ("3", "pending", 1, 0)]
        assert [row.key for row in list_doubtful(session, account_id, STOCK, 10)] == ["1", "2"]
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


def test_the_oldest_change_goes_first(database: str) -> None:
    """A batch takes what has waited longest."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, range(1, 6))
        rows: Any = session.exec(select(Outbound).order_by(col(Outbound.id))).all()
        for age, row in enumerate(rows):
            row.changed_at = utc_now() - timedelta(minutes=age)
        session.flush()

        assert [row.key for row in claim_due(session, account_id, STOCK, 2)] == ["5", "4"]
