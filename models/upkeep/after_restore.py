"""After a restore: what a database of yesterday does not know, and what waits until it has caught up."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from models.accounting.numbers import DocumentSeries
from models.catalog.listing import Listing
from models.clock import utc_now
from models.database.columns import need_id
from models.mails.outbox import withhold_buyers
from models.sync.cursors import Cursor, find_cursor, save_cursor
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.sync.runs import Lease, Run, RunState, mark_vanished
from models.tenants.account import Account, makes_invoices
from models.tenants.records import OWN, Mode
from models.tenants.tenant import Tenant
from models.warehouse.sellable import touch_account

CURSOR = "restored:"
WITHHELD = "withheld: the database was restored, and it may have been delivered before"


def mark_restored(session: Session) -> list[str]:
    """Let every live account catch up before it is told anything; return the names of these accounts.

    Runs that were open in the copy are over, and their leases free. Tenants that issue documents wait until a
    person says which numbers were given last.
    """
    for run_id in session.exec(select(Run.id).where(Run.state == RunState.running)).all():
        mark_vanished(session, need_id(run_id))
    session.execute(update(Lease).values(expires_at=utc_now()))
    accounts = session.exec(
        select(Account).where(Account.mode == Mode.live).order_by(col(Account.name))
    ).all()
    for account in accounts:
        for kind in OutboundKind:
            save_cursor(session, need_id(account.id), f"{CURSOR}{kind}", {"at": utc_now().isoformat()})
        if account.kind == OWN:
            # Nobody outside knows of orders that the copy lacks.
            note_caught_up(session, need_id(account.id), utc_now())
    withhold_buyers(session, WITHHELD)
    issuing = {
        account.tenant_id
        for account in session.exec(select(Account))
        if makes_invoices(account) or account.kind == OWN
    } | set(session.exec(select(DocumentSeries.tenant_id)).all())
    session.execute(update(Tenant).where(col(Tenant.id).in_(issuing)).values(numbers_in_doubt=True))
    return [account.name for account in accounts]


def list_in_doubt(session: Session) -> list[str]:
    """Return the names of tenants that issue nothing until `resume_numbers`."""
    return list(session.exec(select(Tenant.name).where(col(Tenant.numbers_in_doubt).is_(True))).all())


def restored_at(session: Session, account_id: int, kind: OutboundKind) -> datetime | None:
    """Return when the database was restored, if this account was not told anything of this kind since."""
    value = find_cursor(session, account_id, f"{CURSOR}{kind}")
    return datetime.fromisoformat(value["at"]) if value else None


def told_before(session: Session, account_id: int) -> tuple[datetime, datetime | None] | None:
    """Return when the database was restored last and, once orders were read again, when that was noted.

    What buyers are mailed of stays in doubt for ever if it happened before, or was queued between the two.
    """
    value = find_cursor(session, account_id, f"{CURSOR}{OutboundKind.buyer_mail}")
    if not value:
        return None
    noted = value.get("caught_up_at")
    return datetime.fromisoformat(value["at"]), datetime.fromisoformat(noted) if noted else None


def note_caught_up(session: Session, account_id: int, since: datetime) -> None:
    """Note that orders were read again since a restore, so that what is queued from now on is news."""
    value = {"at": since.isoformat(), "caught_up_at": utc_now().isoformat()}
    save_cursor(session, account_id, f"{CURSOR}{OutboundKind.buyer_mail}", value)


def has_caught_up(session: Session, account_id: int, since: datetime) -> bool:
    """Return whether the account's orders were read to the end since an instant."""
    query = select(Run.id).where(
        Run.account_id == account_id,
        Run.cycle == Cycle.order_import,
        Run.state == RunState.completed,
        Run.started_at > since,
        col(Run.test).is_(False),
    )
    return session.exec(query.limit(1)).first() is not None


def forget_published(session: Session, account_id: int) -> None:
    """Queue each listing of an account, and take what it was last told for unknown."""
    session.execute(
        update(Listing).where(col(Listing.account_id) == account_id).values(published_quantity=None)
    )
    touch_account(session, account_id)


def list_waiting(
    session: Session, account_id: int, kind: OutboundKind, after: int, limit: int
) -> list[Outbound]:
    """Return the rows that wait to be told with ids above `after`, whenever they are due."""
    query = select(Outbound).where(
        Outbound.account_id == account_id,
        Outbound.kind == kind,
        Outbound.state == OutboundState.pending,
        col(Outbound.id) > after,
    )
    return list(session.exec(query.order_by(col(Outbound.id)).limit(limit)).all())


def end_doubt(session: Session, account_id: int, kind: OutboundKind) -> None:
    """Note that everything of this kind is marked to be looked up."""
    name = f"{CURSOR}{kind}"
    session.execute(delete(Cursor).where(col(Cursor.account_id) == account_id, col(Cursor.name) == name))
