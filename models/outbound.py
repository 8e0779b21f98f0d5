"""Outbound: a change that an outside system must hear, written in the commit that caused it.

A row says *that* something changed; what is sent is worked out from the truth at the moment of
sending, so a row that waited long never tells old news. One row stands for one subject
(a listing's stock, an order's payment, a shipment): changing it again before it was sent adds nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Index, UniqueConstraint, func, or_, update
from sqlmodel import JSON, Field, Session, SQLModel, col, select

from models.account import Account
from models.columns import code, instant, utc_now
from models.cycle import Cycle
from models.tenant import lock_tenants
from models.upsert import insert_or_update

MAX_ATTEMPTS = 8
Keys = Sequence[str | int] | None
"""Subjects by their ids here; None is all of them."""
RETRY_SECONDS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)


class OutboundKind(StrEnum):
    stock = "stock"
    payment = "payment"
    shipment = "shipment"


TOLD_IN = {
    OutboundKind.stock: Cycle.stock_export,
    OutboundKind.payment: Cycle.payment_sync,
    OutboundKind.shipment: Cycle.shipping_sync,
}
"""The cycle that tells of each."""


class OutboundState(StrEnum):
    pending = "pending"
    sending = "sending"
    """Handed to a run; if that run died, nobody knows whether it went out."""
    uncertain = "uncertain"
    """It left and no answer came: it is looked up before anything is sent again."""
    sent = "sent"
    parked = "parked"
    """Refused or tried too often: a person decides."""


class Outbound(SQLModel, table=True):
    __tablename__ = "outbound"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "key"),
        # In the order of sending, so that a batch of many that wait is read without sorting them all.
        Index("ix_outbound_due", "account_id", "kind", "state", "changed_at", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    kind: OutboundKind = code(OutboundKind)
    key: str = Field(max_length=80)
    """The subject's id here: of a listing, an order or a shipment."""
    version: int = 1
    """Rises with each change, so that an answer closes only what it answers."""
    state: OutboundState = code(OutboundState, OutboundState.pending)
    changed_at: datetime = instant()
    """When the oldest change that is not yet told happened."""
    next_try_at: datetime = instant()
    attempts: int = 0
    sent_at: datetime | None = instant(nullable=True)
    sent_values: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """What was last handed over, field by field, without a buyer's data."""
    error: str = ""
    repeat_version: int | None = None
    """The version that repeats what was told before, because a person asked: no buyer is mailed of it."""


def queue_outbound(session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]) -> None:
    """Queue subjects that changed; repeating it before they were sent changes nothing but the version.

    Keys are unique. A row in flight or uncertain keeps its state; its version tells the sender
    that there is newer news than it carried.
    """
    now = utc_now()
    rows = [
        {
            "account_id": account_id,
            "kind": kind,
            "key": str(key),
            "version": 1,
            "state": OutboundState.pending,
            "changed_at": now,
            "next_try_at": now,
            "attempts": 0,
            "sent_values": {},
            "error": "",
        }
        for key in keys
    ]
    insert_or_update(
        session,
        Outbound,
        rows,
        key=("account_id", "kind", "key"),
        update=lambda _: {"version": Outbound.version + 1},
    )
    for start in range(0, len(rows), 5000):
        session.execute(
            update(Outbound)
            .where(
                col(Outbound.account_id) == account_id,
                col(Outbound.kind) == kind,
                col(Outbound.key).in_([row["key"] for row in rows[start : start + 5000]]),
                col(Outbound.state).in_([OutboundState.sent, OutboundState.parked]),
            )
            .values(state=OutboundState.pending, changed_at=now, next_try_at=now, attempts=0, error="")
        )


def queue_again(session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]) -> None:
    """Queue subjects to be told once more as they are, although nothing changed; no buyer is mailed of it.

    What waits or is in flight is left as it is: it is told anyway, or may hold news.
    """
    rows = session.exec(
        select(Outbound)
        .where(
            *_of(account_id, kind, keys),
            col(Outbound.state).in_([OutboundState.sent, OutboundState.parked]),
            col(Outbound.sent_at).is_not(None),
        )
        .order_by(col(Outbound.id))
        .with_for_update()
    ).all()
    queue_outbound(session, account_id, kind, [row.key for row in rows])
    for row in rows:
        session.refresh(row)
        row.repeat_version = row.version
        session.add(row)
    session.flush()


def hurry(session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]) -> None:
    """Make subjects that wait for their next try due at once."""
    session.execute(
        update(Outbound)
        .where(
            *_of(account_id, kind, keys),
            col(Outbound.state) != OutboundState.sent,
            col(Outbound.next_try_at) > utc_now(),
        )
        .values(next_try_at=utc_now())
    )


def list_due(
    session: Session, account_id: int, kind: OutboundKind, limit: int, keys: Keys = None
) -> list[Outbound]:
    """Return rows that may be sent now, oldest change first; with keys, those of these subjects alone."""
    return list(
        session.exec(
            select(Outbound)
            .where(
                *_of(account_id, kind, keys),
                Outbound.state == OutboundState.pending,
                Outbound.next_try_at <= utc_now(),
            )
            .order_by(col(Outbound.changed_at), col(Outbound.id))
            .limit(limit)
        ).all()
    )


def count_due(session: Session, account_id: int, kind: OutboundKind, keys: Keys = None) -> int:
    """Return how many rows may be sent now."""
    return session.exec(
        select(func.count()).where(
            *_of(account_id, kind, keys),
            Outbound.state == OutboundState.pending,
            Outbound.next_try_at <= utc_now(),
        )
    ).one()


def claim_due(
    session: Session, account_id: int, kind: OutboundKind, limit: int, keys: Keys = None
) -> list[Outbound]:
    """Mark rows that may be sent now as being sent and return them; the caller holds the cycle's lease."""
    rows = list_due(session, account_id, kind, limit, keys)
    for row in rows:
        row.state = OutboundState.sending
        session.add(row)
    session.flush()
    return rows


def list_doubtful(
    session: Session, account_id: int, kind: OutboundKind, limit: int, keys: Keys = None
) -> list[Outbound]:
    """Return rows of which nobody knows whether they went out.

    Rows still being sent count, because the caller holds the cycle's lease: whoever sent them is gone.
    """
    return list(
        session.exec(
            select(Outbound)
            .where(
                *_of(account_id, kind, keys),
                or_(
                    col(Outbound.state) == OutboundState.sending,
                    col(Outbound.state) == OutboundState.uncertain,
                ),
                Outbound.next_try_at <= utc_now(),
            )
            .order_by(col(Outbound.id))
            .limit(limit)
        ).all()
    )


def mark_sent(session: Session, row: Outbound, version: int) -> None:
    """Close a row whose effect is known; one that changed meanwhile is due again at once."""
    # Locked, or a change that comes between this look and the commit would be closed with what was sent.
    session.refresh(row, with_for_update=True)
    now = utc_now()
    row.sent_at, row.error, row.attempts = now, "", 0
    if row.version == version:
        row.state = OutboundState.sent
    else:
        row.state, row.changed_at, row.next_try_at = OutboundState.pending, now, now
    session.add(row)


def mark_failed(
    session: Session, row: Outbound, error: str, *, final: bool = False, version: int | None = None
) -> None:
    """Note a failed try: the next waits longer; after the last, or if final, a person decides.

    If the row changed since the `version` that was refused for good, it is due at once: what changed was
    not told yet.
    """
    if version is not None:
        session.refresh(row, with_for_update=True)
    row.error = error
    session.add(row)
    if version is not None and row.version != version and final:
        row.state, row.attempts, row.next_try_at = OutboundState.pending, 0, utc_now()
        return
    row.attempts += 1
    if final or row.attempts >= MAX_ATTEMPTS:
        row.state = OutboundState.parked
    else:
        wait = RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS)) - 1]
        row.state, row.next_try_at = OutboundState.pending, utc_now() + timedelta(seconds=wait)


def mark_uncertain(session: Session, row: Outbound, error: str) -> None:
    """Note that a row left and no answer came."""
    row.state, row.error = OutboundState.uncertain, error
    session.add(row)


def retry_parked(session: Session, ids: Sequence[int]) -> int:
    """Make parked rows due again, all of them if no ids are given; return how many."""
    query = select(Outbound).where(Outbound.state == OutboundState.parked)
    if ids:
        query = query.where(col(Outbound.id).in_(ids))
    accounts = query.with_only_columns(col(Outbound.account_id))
    lock_tenants(session, session.exec(select(Account.tenant_id).where(col(Account.id).in_(accounts))).all())
    rows = session.exec(query).all()
    for row in rows:
        row.state, row.attempts, row.error, row.next_try_at = OutboundState.pending, 0, "", utc_now()
        session.add(row)
    session.flush()
    return len(rows)


def list_named(session: Session, account_id: int, kind: OutboundKind, keys: Keys) -> list[Outbound]:
    """Return the rows of these subjects, in whatever state, by id."""
    query = select(Outbound).where(*_of(account_id, kind, keys)).order_by(col(Outbound.id))
    return list(session.exec(query).all())


def _of(account_id: int, kind: OutboundKind, keys: Keys) -> list[ColumnElement[bool]]:
    named = [] if keys is None else [col(Outbound.key).in_([str(key) for key in keys])]
    return [col(Outbound.account_id) == account_id, col(Outbound.kind) == kind, *named]


def list_outbound(session: Session, states: Sequence[OutboundState]) -> list[Outbound]:
    """Return rows in these states, oldest change first."""
    return list(
        session.exec(
            select(Outbound)
            .where(col(Outbound.state).in_(states))
            .order_by(col(Outbound.changed_at), col(Outbound.id))
        ).all()
    )
