"""Hand orders to the warehouse, and remind those who have not paid."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from prefect.logging import get_run_logger
from sqlmodel import Session

from models.database.session import read_scope
from models.fulfilment.release import list_open, release_ready
from models.fulfilment.splitting import let_due_go, list_due
from models.payments.reminders import dun, list_unpaid
from models.sync.records import Counts
from tasks.run.steps import step
from tasks.run.work import Work, work_of

ORDERS_AT_ONCE = 250


class _LookedAtOnlyError(Exception):
    """Takes back what a test run did."""


@step
def release_page(run_id: int, page: str | None) -> str | None:
    """Hand over those of the next open orders that may go, and return where to go on, None at the end.

    What was kept back until today goes by itself from now on.
    In test nothing changes; the figures and the report tell what would.
    """
    work = work_of(run_id)
    with read_scope() as session:
        ids = list_open(session, work.account.id, int(page or 0), ORDERS_AT_ONCE)
        due = list_due(session, work.account.id, ORDERS_AT_ONCE)

    def step(session: Session) -> Counts:
        let_due_go(session, due)
        done = release_ready(session, work.account, ids)
        return Counts(released=len(done.released), held=done.held, unpaid=done.unpaid)

    return _take(work, ids, step, is_due=bool(due))


@step
def remind_page(run_id: int, page: str | None) -> str | None:
    """Remind the next buyers who have not paid in time or cancel their orders; return where to go on."""
    work = work_of(run_id)
    with read_scope() as session:
        ids = list_unpaid(session, work.account, int(page or 0), ORDERS_AT_ONCE)

    def step(session: Session) -> Counts:
        done = dun(session, work.account, ids)
        return Counts(reminded=done.reminded, cancelled=done.cancelled)

    return _take(work, ids, step)


def _take(
    work: Work, ids: Sequence[int], step: Callable[[Session], Counts], *, is_due: bool = False
) -> str | None:
    if not ids and not is_due:
        return None
    counts = Counts()
    with suppress(_LookedAtOnlyError), work.transaction() as session:
        counts = step(session)
        if work.test:
            raise _LookedAtOnlyError
    counts.read = len(ids)
    work.counts.add(counts)
    get_run_logger().info(counts.text())
    return str(ids[-1]) if len(ids) == ORDERS_AT_ONCE else None
