"""Status: for each account at a glance, when it was last in step and what waits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.account import Account, list_accounts
from models.aside import Aside
from models.columns import need_id
from models.cycle import Cycle, Run, RunState
from models.order import Hold, Order, OrderState
from models.outbound import Outbound, OutboundKind, OutboundState
from models.reconciliation import Difference


@dataclass(frozen=True)
class CycleStatus:
    """How one cycle of an account stands."""

    cycle: Cycle
    last_success_at: datetime | None
    last_state: RunState | None
    slowest_seconds: int | None
    """Of the last successful run that moved anything: the longest way of any news."""
    flow_run_id: str


@dataclass(frozen=True)
class AccountStatus:
    account: Account
    cycles: list[CycleStatus]
    held_orders: int
    set_aside: int
    waiting: dict[OutboundKind, int]
    parked: int
    differences: int
    """Those that reconciliation found and that are still open."""
    oldest_waiting_at: datetime | None
    """When the oldest change happened that this channel has not been told yet."""


def status_of_accounts(session: Session) -> list[AccountStatus]:
    """Return the status of every account by name."""
    accounts = list_accounts(session)
    held = _counts(
        session,
        sqlalchemy_select(col(Order.account_id), func.count(func.distinct(Order.id)))
        .join(Hold, col(Hold.order_id) == col(Order.id))
        .where(col(Hold.released_at).is_(None), col(Order.state) != OrderState.cancelled)
        .group_by(col(Order.account_id)),
    )
    asides = _counts(
        session,
        sqlalchemy_select(col(Aside.account_id), func.count())
        .where(col(Aside.settled_at).is_(None))
        .group_by(col(Aside.account_id)),
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
        # Spelled so that the index of what is due answers it: nearly all rows were sent long ago.
        .where(
            col(Outbound.account_id).in_([account.id for account in accounts]),
            col(Outbound.kind).in_(list(OutboundKind)),
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
            cycles=[_cycle_status(session, need_id(account.id), cycle) for cycle in Cycle],
            held_orders=held.get(need_id(account.id), 0),
            set_aside=asides.get(need_id(account.id), 0),
            waiting=waiting.get(need_id(account.id), {}),
            parked=parked.get(need_id(account.id), 0),
            differences=differences.get(need_id(account.id), 0),
            oldest_waiting_at=oldest.get(need_id(account.id)),
        )
        for account in accounts
    ]


def _cycle_status(session: Session, account_id: int, cycle: Cycle) -> CycleStatus:
    runs = select(Run).where(Run.account_id == account_id, Run.cycle == cycle).order_by(col(Run.id).desc())
    last = session.exec(runs.limit(1)).first()
    done = runs.where(Run.state == RunState.completed, col(Run.test).is_(False))
    success = session.exec(done.limit(1)).first()
    moved = session.exec(done.where(col(Run.slowest_seconds).is_not(None)).limit(1)).first()
    return CycleStatus(
        cycle=cycle,
        last_success_at=success.finished_at if success else None,
        last_state=last.state if last else None,
        slowest_seconds=moved.slowest_seconds if moved else None,
        flow_run_id=last.flow_run_id if last else "",
    )


def _counts(session: Session, query: Select[tuple[int, int]]) -> dict[int, int]:
    return dict(session.execute(query).tuples().all())
