"""Leases: one run of a cycle at a time."""

# Foreign keys point to their tables.
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import PrimaryKeyConstraint, update
from sqlmodel import Field, Session, SQLModel, col, select

import models.tenants.account  # noqa: F401
from models.clock import utc_now
from models.database.columns import code, instant
from models.errors import LeaseLostError
from models.sync.records import Cycle

LEASE_SECONDS = 60
"""A run that has not shown a heartbeat for this long is taken for dead."""


DOES_WORK_OF: dict[Cycle, tuple[Cycle, ...]] = {
    Cycle.replay: (Cycle.order_import, Cycle.payment_sync, Cycle.shipping_sync),
}
"""Cycles that do the work of others: they hold the leases of those, too."""


class Lease(SQLModel, table=True):
    __tablename__ = "lease"
    __table_args__ = (PrimaryKeyConstraint("account_id", "cycle"),)

    account_id: int = Field(foreign_key="account.id")
    cycle: Cycle = code(Cycle)
    run_id: int = Field(foreign_key="run.id")
    expires_at: datetime = instant()


def leases_of(cycle: Cycle) -> list[Cycle]:
    """Return the cycles whose leases a run of this one holds, in the order in which they are taken."""
    return sorted({cycle, *DOES_WORK_OF.get(cycle, ())})


def keep_lease(session: Session, run_id: int, leases: int = 1) -> None:
    """Extend the leases of a run. Raises: LeaseLostError, if one of so many is another's by now.

    Called in each transaction that saves a page, so that what a dead-believed run
    still does cannot mix with the work of its successor.
    """
    if leases > 1:
        _lock_leases(session, Lease.run_id == run_id)
    kept = session.execute(
        update(Lease)
        .where(col(Lease.run_id) == run_id)
        .values(expires_at=utc_now() + timedelta(seconds=LEASE_SECONDS))
    )
    if kept.rowcount != leases:  # type: ignore[attr-defined]
        raise LeaseLostError(f"Run {run_id} lost its lease.")


def _lock_leases(session: Session, condition: Any, cycles: Sequence[Cycle] = tuple(Cycle)) -> list[Lease]:
    # One order for everyone, or two that lock each other's leases wait for ever.
    query = select(Lease).where(condition, col(Lease.cycle).in_(cycles)).order_by(col(Lease.cycle))
    return list(session.exec(query.with_for_update().execution_options(populate_existing=True)).all())
