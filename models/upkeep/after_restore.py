"""After a restore: the database is out of date, and nothing is published until it has caught up."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from models.accounting.numbers import DocumentSeries
from models.catalog.listing import Listing
from models.clock import utc_now
from models.database.columns import need_id
from models.mails.outbox import give_up_buyer_mails
from models.sync.cursors import Cursor, find_cursor, save_cursor
from models.sync.cycles import PUBLISHED_BY, has_cycle
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.sync.runs import Lease, Run, RunState, mark_vanished
from models.tenants.account import Account, find_options
from models.tenants.account_kinds import kind_of
from models.tenants.options import makes_invoices
from models.tenants.records import Mode
from models.tenants.tenant import Tenant
from models.warehouse.sellable import queue_account_listings

CURSOR = "restored:"
WITHHELD = "withheld: the database was restored, and it may have been delivered before"


def mark_restored(session: Session) -> list[str]:
    """Make every live account read its orders again before anything is published to it; return their names.

    Runs that were open in the copy are marked as vanished, and their leases are released. Tenants that issue
    documents issue none until a person enters the last numbers given (`resume_numbers`).
    """
    for run_id in session.exec(select(Run.id).where(Run.state == RunState.running)).all():
        mark_vanished(session, need_id(run_id))
    session.execute(update(Lease).values(expires_at=utc_now()))
    accounts = session.exec(
        select(Account).where(Account.mode == Mode.live).order_by(col(Account.name))
    ).all()
    catching_up = []
    for account in accounts:
        account_id, kind = account.row_id, kind_of(account.kind)
        for outbound, cycle in PUBLISHED_BY.items():
            if has_cycle(kind, cycle):
                save_cursor(session, account_id, f"{CURSOR}{outbound}", {"at": utc_now().isoformat()})
        if has_cycle(kind, Cycle.order_import):
            catching_up.append(account.name)
        elif kind.takes_manual_orders:
            # No outside system knows orders that the copy lacks, so there is nothing to catch up with.
            note_caught_up(session, account_id, utc_now())
    give_up_buyer_mails(session, WITHHELD)
    issuing = {
        account.tenant_id
        for account in session.exec(select(Account))
        if (options := find_options(account)) is None
        or makes_invoices(options)
        or kind_of(account.kind).takes_manual_orders
    } | set(session.exec(select(DocumentSeries.tenant_id)).all())
    session.execute(update(Tenant).where(col(Tenant.id).in_(issuing)).values(numbers_in_doubt=True))
    return catching_up


def tenants_with_numbers_in_doubt(session: Session) -> list[str]:
    """Return the names of tenants that issue no documents until `resume_numbers`."""
    return list(session.exec(select(Tenant.name).where(col(Tenant.numbers_in_doubt).is_(True))).all())


def restored_at(session: Session, account_id: int, kind: OutboundKind) -> datetime | None:
    """Return when the database was restored, if nothing of this kind was published to this account since."""
    value = find_cursor(session, account_id, f"{CURSOR}{kind}")
    return datetime.fromisoformat(value["at"]) if value else None


def find_restore(session: Session, account_id: int) -> tuple[datetime, datetime | None] | None:
    """Return when the database was last restored and, once orders were imported again, when that was noted.

    A buyer mail may have been sent already if its event happened before the restore, or if it was queued
    between the two times. That does not change later.
    """
    value = find_cursor(session, account_id, f"{CURSOR}{OutboundKind.buyer_mail}")
    if not value:
        return None
    noted = value.get("caught_up_at")
    return datetime.fromisoformat(value["at"]), datetime.fromisoformat(noted) if noted else None


def note_caught_up(session: Session, account_id: int, since: datetime) -> None:
    """Note that orders were imported again since a restore: what is queued from now on is new."""
    value = {"at": since.isoformat(), "caught_up_at": utc_now().isoformat()}
    save_cursor(session, account_id, f"{CURSOR}{OutboundKind.buyer_mail}", value)


def orders_imported_since(session: Session, account_id: int, since: datetime) -> bool:
    """Return whether an order import of the account has been completed since `since`.

    True for an account that has no order import: it has nothing to catch up with.
    """
    if not has_cycle(kind_of(session.get_one(Account, account_id).kind), Cycle.order_import):
        return True
    query = select(Run.id).where(
        Run.account_id == account_id,
        Run.cycle == Cycle.order_import,
        Run.state == RunState.completed,
        Run.started_at > since,
        col(Run.test).is_(False),
    )
    return session.exec(query.limit(1)).first() is not None


def clear_published(session: Session, account_id: int) -> None:
    """Queue all listings of an account, and forget which quantities were last published."""
    session.execute(
        update(Listing).where(col(Listing.account_id) == account_id).values(published_quantity=None)
    )
    queue_account_listings(session, account_id)


def list_waiting(
    session: Session, account_id: int, kind: OutboundKind, after: int, limit: int
) -> list[Outbound]:
    """Return pending rows with ids above `after`, due or not."""
    query = select(Outbound).where(
        Outbound.account_id == account_id,
        Outbound.kind == kind,
        Outbound.state == OutboundState.pending,
        col(Outbound.id) > after,
    )
    return list(session.exec(query.order_by(col(Outbound.id)).limit(limit)).all())


def clear_restored_mark(session: Session, account_id: int, kind: OutboundKind) -> None:
    """Note that all rows of this kind are marked for being looked up at the channel."""
    name = f"{CURSOR}{kind}"
    session.execute(delete(Cursor).where(col(Cursor.account_id) == account_id, col(Cursor.name) == name))
