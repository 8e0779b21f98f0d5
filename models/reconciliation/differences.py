"""Differences between a channel and this database: since when they exist, and what removes them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import UniqueConstraint, case, func, null, update
from sqlmodel import Field, Session, col, select

from models.clock import utc_now
from models.database.bulk import conflict_insert
from models.database.columns import Numbered, code, instant
from models.errors import Action, Advice, NotFoundError
from models.orders.order import Order
from models.reconciliation.queries import listings_by_number, orders_by_number
from models.reconciliation.records import (
    OUTBOUND_FOR,
    DifferenceData,
    DifferenceKind,
    DifferenceNotice,
    Remedy,
)
from models.sync.outbound import queue_outbound
from models.sync.records import Cycle
from models.sync.runs import Run
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant


class Difference(Numbered, table=True):
    """One field in which a channel and this database differ. Contains no buyer's data."""

    __tablename__ = "difference"
    __table_args__ = (UniqueConstraint("account_id", "kind", "subject", "field"),)

    account_id: int = Field(foreign_key="account.id")
    kind: DifferenceKind = code(DifferenceKind)
    subject: str
    """The channel's number of the order or listing."""
    field: str = ""
    here: str = ""
    there: str = ""
    remedy: Remedy = code(Remedy)
    run_id: int
    """The run that saw it last."""
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    mailed_at: datetime | None = instant(nullable=True)
    mended_at: datetime | None = instant(nullable=True)
    """When its remedy was applied last. The next run shows whether it helped."""
    settled_at: datetime | None = instant(nullable=True)
    """When a run looked for it and did not find it any more."""


def advice_on(difference: Difference | DifferenceData, account: str) -> Advice:
    """Return what removes a difference or, if a person has to decide, what shows the order."""
    if difference.remedy is Remedy.decide:
        return Advice(Action.order_show, difference.subject, {"account": account})
    if isinstance(difference, Difference):
        return Advice(Action.difference_mend, str(difference.id))
    return Advice(Action.cycle_run, Cycle.reconcile, {"account": account})


def save_findings(session: Session, account_id: int, run_id: int, findings: Iterable[DifferenceData]) -> None:
    """Save what a run found. A known difference keeps `first_seen_at`; one that was settled starts again."""
    found = list({finding.key: finding for finding in findings}.values())
    if not found:
        return
    now = utc_now()
    statement = conflict_insert(session, Difference)
    new = statement.excluded
    was_settled = col(Difference.settled_at).is_not(None)
    updated = ("here", "there", "remedy", "run_id", "last_seen_at", "settled_at")
    statement = statement.on_conflict_do_update(
        index_elements=["account_id", "kind", "subject", "field"],
        set_={
            **{name: new[name] for name in updated},
            "first_seen_at": case((was_settled, new.first_seen_at), else_=col(Difference.first_seen_at)),
            "mailed_at": case((was_settled, null()), else_=col(Difference.mailed_at)),
            "mended_at": case((was_settled, null()), else_=col(Difference.mended_at)),
        },
    )
    rows = [
        {
            "account_id": account_id,
            "kind": one.kind,
            "subject": one.subject,
            "field": one.field,
            "here": one.here,
            "there": one.there,
            "remedy": one.remedy,
            "run_id": run_id,
            "first_seen_at": now,
            "last_seen_at": now,
            "settled_at": None,
        }
        for one in found
    ]
    session.connection().execute(statement, rows)


def settle_differences(session: Session, ids: Sequence[int]) -> None:
    """Close differences that a run looked for and did not find."""
    session.execute(update(Difference).where(col(Difference.id).in_(ids)).values(settled_at=utc_now()))


def list_unseen(
    session: Session, account_id: int, run_id: int, after_id: int, limit: int
) -> list[Difference]:
    """Return one page of open differences that this run has not seen, by id."""
    query = select(Difference).where(
        Difference.account_id == account_id,
        col(Difference.settled_at).is_(None),
        col(Difference.run_id) != run_id,
        col(Difference.id) > after_id,
    )
    return list(session.exec(query.order_by(col(Difference.id)).limit(limit)).all())


def list_differences(
    session: Session, account_id: int | None = None, *, settled: bool = False, limit: int | None = None
) -> list[Difference]:
    """Return open differences, oldest first; if `settled` is true, the settled ones instead."""
    settled_at = col(Difference.settled_at)
    query = select(Difference).where(settled_at.is_not(None) if settled else settled_at.is_(None))
    if account_id is not None:
        query = query.where(Difference.account_id == account_id)
    return list(session.exec(query.order_by(col(Difference.id)).limit(limit)).all())


def get_differences(session: Session, ids: Sequence[int]) -> list[Difference]:
    """Return the open differences with these numbers. Raises: NotFoundError, if one is missing."""
    rows = session.exec(
        select(Difference)
        .where(col(Difference.id).in_(ids), col(Difference.settled_at).is_(None))
        .order_by(col(Difference.id))
    ).all()
    missing = sorted(set(ids) - {row.id for row in rows})
    if missing:
        raise NotFoundError(f"There is no open difference {missing[0]}.", Advice(Action.difference_list))
    return list(rows)


def count_differences(session: Session, account_id: int) -> int:
    """Return how many differences of an account are open."""
    query = select(func.count()).where(
        Difference.account_id == account_id, col(Difference.settled_at).is_(None)
    )
    return session.exec(query).one()


def take_new_differences(session: Session, run_id: int, limit: int) -> DifferenceNotice | None:
    """Mark the new differences of a run's account as mailed, and return them for the mail; None without any.

    The caller queues the mail in the same transaction.
    """
    run = session.get_one(Run, run_id)
    account = session.get_one(Account, run.account_id)
    is_new = (
        col(Difference.account_id) == account.id,
        col(Difference.settled_at).is_(None),
        col(Difference.mailed_at).is_(None),
    )
    count = session.exec(select(func.count()).select_from(Difference).where(*is_new)).one()
    if not count:
        return None
    first = session.exec(select(Difference).where(*is_new).order_by(col(Difference.id)).limit(limit)).all()
    session.execute(update(Difference).where(*is_new).values(mailed_at=utc_now()))
    tenant = session.get_one(Tenant, account.tenant_id)
    return DifferenceNotice(
        key=f"reconcile-{run_id}",
        account=account.name,
        tenant=tenant.title or tenant.name,
        shown=[(describe_difference(row), advice_on(row, account.name)) for row in first],
        new=count,
        open=count_differences(session, account.row_id),
        flow_run_id=run.flow_run_id,
    )


def describe_difference(difference: Difference | DifferenceData) -> dict[str, str]:
    """Return the cells of a difference for a table that people read."""
    return {
        "kind": str(difference.kind).replace("_", " "),
        "subject": difference.subject,
        "field": difference.field,
        "here": difference.here,
        "there": difference.there,
    }


def force_reimport(session: Session, difference: Difference) -> None:
    """Make the next reading of a difference's order save it again, even if it is unchanged there."""
    session.execute(
        update(Order)
        .where(col(Order.account_id) == difference.account_id, col(Order.external_id) == difference.subject)
        .values(content_hash="")
    )
    difference.mended_at = utc_now()
    session.add(difference)


def republish(session: Session, difference: Difference) -> bool:
    """Queue our side of a difference for the channel. Return whether its order or listing is known here.

    Present data is published, in absolute figures.
    """
    account_id = difference.account_id
    lock_tenants(session, [session.get_one(Account, account_id).tenant_id])
    if difference.kind is DifferenceKind.stock:
        listings = listings_by_number(session, account_id, [difference.subject])
        for listing in listings:
            # As if never published: otherwise the same quantity would not be sent again.
            listing.published_quantity = None
            session.add(listing)
        keys = [listing.row_id for listing in listings]
    else:
        orders = orders_by_number(session, account_id, [difference.subject], trial=False)
        keys = [order.row_id for order in orders.values()]
    queue_outbound(session, account_id, OUTBOUND_FOR[difference.kind], keys)
    difference.mended_at = utc_now()
    session.add(difference)
    return bool(keys)
