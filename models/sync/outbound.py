"""Outbound: a change to publish to an outside system, queued in the commit that makes it.

A row says *that* something changed. What is sent is worked out when it is sent, so a row that waited long
still sends the latest values. One row stands for one subject (a listing's stock, an order's payment, an
order's shipments): a further change before it was sent adds no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Index, UniqueConstraint, case, literal, update
from sqlmodel import JSON, Field, Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import Code, Numbered, code, instant
from models.database.conditions import among, in_batches
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.account_kinds import Capability, kind_of

Keys = Sequence[str | int] | None
"""Subjects by their ids here; None is all of them."""


@dataclass(frozen=True)
class OutboundSpec:
    """What is true of a kind of change for every account."""

    capability: Capability | None
    """What the account must be able to do. None: it goes to the mail server, not to the account's system."""
    of_order: bool = False
    """Whether it updates an order at the account's system, and its key is the order's id."""


OUTBOUND: Mapping[OutboundKind, OutboundSpec] = {
    OutboundKind.stock: OutboundSpec(Capability.stock),
    OutboundKind.payment: OutboundSpec(Capability.payments, of_order=True),
    OutboundKind.shipment: OutboundSpec(Capability.shipments, of_order=True),
    OutboundKind.cancellation: OutboundSpec(Capability.cancellations, of_order=True),
    OutboundKind.buyer_mail: OutboundSpec(None),
    OutboundKind.order_notice: OutboundSpec(None),
}
"""All kinds of changes; `models.sync.cycles` says which cycle publishes each."""
ORDER_UPDATES = tuple(kind for kind, spec in OUTBOUND.items() if spec.of_order)


class OutboundState(StrEnum):
    pending = "pending"
    sending = "sending"
    """Claimed by a run; if that run died, it may or may not have been sent."""
    uncertain = "uncertain"
    """It was sent and no answer came: it is looked up before anything is sent again."""
    sent = "sent"
    parked = "parked"
    """Refused or tried too often: a person decides."""


class Outbound(Numbered, table=True):
    __tablename__ = "outbound"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "key"),
        # In the order of sending: one batch is read without sorting all rows that wait.
        Index("ix_outbound_due", "account_id", "kind", "state", "changed_at", "id"),
    )

    account_id: int = Field(foreign_key="account.id")
    kind: OutboundKind = code(OutboundKind)
    key: str = Field(max_length=80)
    """The subject's id here: of a listing or an order; for a mail, what it is about."""
    version: int = 1
    """Rises with each change, so that an answer closes only what it answers."""
    state: OutboundState = code(OutboundState, OutboundState.pending)
    changed_at: datetime = instant()
    """When the oldest unpublished change happened."""
    next_try_at: datetime = instant()
    attempts: int = 0
    run_id: int | None = None
    """The run that sends it, looks it up or parked it. No foreign key: runs are deleted earlier."""
    in_doubt: bool = False
    """Parked although it may have arrived: it is looked up before it is sent again."""
    reported_at: datetime | None = instant(nullable=True)
    """When people were notified that it is parked."""
    sent_at: datetime | None = instant(nullable=True)
    sent_values: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """What was last sent, field by field, without a buyer's data."""
    error: str = ""
    repeat_version: int | None = None
    """The version that repeats what was published, because a person asked: no buyer is mailed about it."""


def takes_changes(account_kind: str, kind: OutboundKind) -> bool:
    """Return whether accounts of this kind take a kind of change."""
    capability = OUTBOUND[kind].capability
    return capability is None or capability in kind_of(account_kind).capabilities


def queue_outbound(
    session: Session,
    account_id: int,
    kind: OutboundKind,
    keys: Sequence[str | int],
    *,
    account_kind: str | None = None,
) -> None:
    """Queue subjects that changed; queueing them again before they were sent only raises the version.

    Keys are unique. A row that is being sent or is uncertain keeps its state: the sender sees by the version
    that there is a newer change than the one it sent. Nothing is queued for an account that does not take
    this kind of change. `account_kind` saves the look-up of the account if the caller knows its kind.
    """
    if not takes_changes(account_kind or session.get_one(Account, account_id).kind, kind):
        return
    now = utc_now()
    names = [str(key) for key in keys]
    insert_or_update(
        session,
        Outbound,
        _new_rows(account_id, kind, names, now),
        key=("account_id", "kind", "key"),
        add=("version",),
    )
    for batch in in_batches(names):
        session.execute(
            update(Outbound)
            .where(
                col(Outbound.account_id) == account_id,
                col(Outbound.kind) == kind,
                among(col(Outbound.key), batch),
                col(Outbound.state).in_([OutboundState.sent, OutboundState.parked]),
            )
            .values(changed_at=now, **requeued_values(now))
        )


def queue_once(session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]) -> None:
    """Queue subjects that are sent only once; a subject that was ever queued stays as it is."""
    rows = _new_rows(account_id, kind, [str(key) for key in keys], utc_now())
    insert_or_update(session, Outbound, rows, key=("account_id", "kind", "key"))


def _new_rows(
    account_id: int, kind: OutboundKind, names: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "account_id": account_id,
            "kind": kind,
            "key": name,
            "version": 1,
            "state": OutboundState.pending,
            "changed_at": now,
            "next_try_at": now,
            "attempts": 0,
            "in_doubt": False,
            "sent_values": {},
            "error": "",
        }
        for name in names
    ]


def requeue_published(
    session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]
) -> None:
    """Queue subjects again that were published before, although nothing changed; no buyer is mailed about it.

    A row that waits or is being sent stays as it is: it is published anyway, perhaps with a change.
    """
    rows = session.exec(
        select(Outbound)
        .where(
            *conditions_for_keys(account_id, kind, keys),
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


def transfer_unpublished(session: Session, account_id: int, from_order_id: int, to_order_id: int) -> None:
    """Queue the unpublished updates of an order for the order that now has its lines."""
    for kind in ORDER_UPDATES:
        rows = list_by_keys(session, account_id, kind, [from_order_id])
        if any(row.state is not OutboundState.sent for row in rows):
            queue_outbound(session, account_id, kind, [to_order_id])


def make_due_now(session: Session, account_id: int, kind: OutboundKind, keys: Sequence[str | int]) -> None:
    """Make the waiting retries of these subjects due now."""
    session.execute(
        update(Outbound)
        .where(
            *conditions_for_keys(account_id, kind, keys),
            col(Outbound.state) != OutboundState.sent,
            col(Outbound.next_try_at) > utc_now(),
        )
        .values(next_try_at=utc_now())
    )


def requeued_values(now: datetime) -> dict[str, Any]:
    """Return the values that make a sent or parked row due again; a row in doubt is looked up first."""
    return {
        "state": case(
            (col(Outbound.in_doubt).is_(True), literal(OutboundState.uncertain, Code(OutboundState))),
            else_=literal(OutboundState.pending, Code(OutboundState)),
        ),
        "next_try_at": now,
        "attempts": 0,
        "run_id": None,
        "in_doubt": False,
        "reported_at": None,
        "error": "",
    }


def list_by_keys(session: Session, account_id: int, kind: OutboundKind, keys: Keys) -> list[Outbound]:
    """Return the rows of these subjects in every state, ordered by id."""
    query = select(Outbound).where(*conditions_for_keys(account_id, kind, keys)).order_by(col(Outbound.id))
    return list(session.exec(query).all())


def conditions_for_keys(account_id: int, kind: OutboundKind, keys: Keys) -> list[ColumnElement[bool]]:
    """Return the conditions that select the rows of these subjects."""
    named = [] if keys is None else [col(Outbound.key).in_([str(key) for key in keys])]
    return [col(Outbound.account_id) == account_id, col(Outbound.kind) == kind, *named]
