"""Status of each account at a glance: last success of its cycles, and what is waiting."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func
from sqlalchemy import select as sqlalchemy_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from models.orders.holds import Hold
from models.orders.order import Order
from models.reconciliation.differences import Difference
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.sync.rejected import RejectedRecord
from models.sync.runs import Run, RunState
from models.tenants.account import Account, list_accounts


@dataclass(frozen=True)
class CycleStatus:
    """The state of one cycle of an account."""

    cycle: Cycle
    last_success_at: datetime | None
    last_state: RunState | None
    slowest_seconds: int | None
    """Of the last successful run that moved anything: the longest time that a change took to arrive."""
    flow_run_id: str


@dataclass(frozen=True)
class AccountStatus:
    account: Account
    cycles: list[CycleStatus]
    held_orders: int
    rejected: int
    """Rejected records that are not settled."""
    waiting: dict[OutboundKind, int]
    """Changes that are not published yet."""
    parked: int
    differences: int
    """Open differences found by reconciliation."""
    oldest_waiting_at: datetime | None
    """Time of the oldest change that is not published to this channel yet."""


def status_of_accounts(session: Session) -> list[AccountStatus]:
    """Return the status of every account, by name."""
    accounts = list_accounts(session)
    cycles = _status_of_cycles(session)
    held = _counts(
        session,
        sqlalchemy_select(col(Order.account_id), func.count(func.distinct(Order.id)))
        .join(Hold, col(Hold.order_id) == col(Order.id))
        .where(col(Hold.released_at).is_(None))
        .group_by(col(Order.account_id)),
    )
    rejected = _counts(
        session,
        sqlalchemy_select(col(RejectedRecord.account_id), func.count())
        .where(col(RejectedRecord.settled_at).is_(None))
        .group_by(col(RejectedRecord.account_id)),
    )
    differences = _counts(
        session,
        sqlalchemy_select(col(Difference.account_id), func.count())
        .where(col(Difference.settled_at).is_(None))
        .group_by(col(Difference.account_id)),
    )
    waiting: dict[int, dict[OutboundKind, int]] = {}
    oldest: dict[int, datetime] = {}
    parked: dict[int, int] = {}
    for account_id, kind, state, count, since in session.execute(
        sqlalchemy_select(
            col(Outbound.account_id),
            col(Outbound.kind),
            col(Outbound.state),
            func.count(),
            func.min(Outbound.changed_at),
        )
        # Written so that the index of due rows is used: nearly all rows were sent long ago.
        .where(
            col(Outbound.account_id).in_([account.id for account in accounts]),
            # Order notices wait for the hour of their digest, not for an outside system.
            col(Outbound.kind).in_([kind for kind in OutboundKind if kind is not OutboundKind.order_notice]),
            col(Outbound.state).in_([state for state in OutboundState if state is not OutboundState.sent]),
        )
        .group_by(col(Outbound.account_id), col(Outbound.kind), col(Outbound.state))
    ):
        if state is OutboundState.parked:
            parked[account_id] = parked.get(account_id, 0) + count
        else:
            kinds = waiting.setdefault(account_id, {})
            kinds[kind] = kinds.get(kind, 0) + count
            oldest[account_id] = min(oldest.get(account_id, since), since)
    return [
        AccountStatus(
            account=account,
            cycles=cycles[account.row_id],
            held_orders=held.get(account.row_id, 0),
            rejected=rejected.get(account.row_id, 0),
            waiting=waiting.get(account.row_id, {}),
            parked=parked.get(account.row_id, 0),
            differences=differences.get(account.row_id, 0),
            oldest_waiting_at=oldest.get(account.row_id),
        )
        for account in accounts
    ]


def _status_of_cycles(session: Session) -> dict[int, list[CycleStatus]]:
    """Return the status of all cycles by account; the number of queries does not depend on the accounts."""
    found: dict[int, list[CycleStatus]] = {}
    for cycle in Cycle:
        last, success, moved = aliased(Run), aliased(Run), aliased(Run)
        runs = sqlalchemy_select(col(Run.id)).correlate(Account).limit(1)
        runs = runs.where(col(Run.account_id) == col(Account.id), col(Run.cycle) == cycle)
        done = runs.where(col(Run.state) == RunState.completed, col(Run.test).is_(False))
        done = done.order_by(col(Run.finished_at).desc())
        for account_id, state, flow_run_id, success_at, seconds in session.execute(
            sqlalchemy_select(
                col(Account.id),
                col(last.state),
                col(last.flow_run_id),
                col(success.finished_at),
                col(moved.slowest_seconds),
            )
            .select_from(Account)
            .outerjoin(last, col(last.id) == runs.order_by(col(Run.id).desc()).scalar_subquery())
            .outerjoin(success, col(success.id) == done.scalar_subquery())
            .outerjoin(
                moved, col(moved.id) == done.where(col(Run.slowest_seconds).is_not(None)).scalar_subquery()
            )
        ):
            status = CycleStatus(cycle, success_at, state, seconds, flow_run_id or "")
            found.setdefault(account_id, []).append(status)
    return found


def _counts(session: Session, query: Select[tuple[int, int]]) -> dict[int, int]:
    return dict(session.execute(query).tuples().all())
