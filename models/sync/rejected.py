"""Rejected records: records that could not be used, saved in their raw form with the reason."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import UniqueConstraint, update
from sqlmodel import Field, Session, Text, col, select

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import Numbered, instant
from models.database.conditions import among
from models.errors import Action, Advice, NotFoundError, RuleError
from models.sync.records import RAW_LIMIT, RejectedData
from models.values import row_number


class RejectedRecord(Numbered, table=True):
    __tablename__ = "aside"
    __table_args__ = (UniqueConstraint("account_id", "kind", "external_id"),)

    account_id: int = Field(foreign_key="account.id", index=True)
    kind: str = Field(max_length=40)
    external_id: str
    reason: str
    raw: str = Field(sa_type=Text)
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    times: int = 1
    settled_at: datetime | None = instant(nullable=True)


def save_rejected(session: Session, account_id: int, rejected: Sequence[RejectedData]) -> None:
    """Save records that could not be used; a record seen again is counted, not saved twice."""
    if not rejected:
        return
    now = utc_now()
    latest = {(item.kind, item.external_id): item for item in rejected}
    rows = [
        {
            "account_id": account_id,
            "kind": item.kind,
            "external_id": item.external_id,
            "reason": item.reason,
            "raw": item.raw[:RAW_LIMIT].replace("\x00", ""),
            "first_seen_at": now,
            "last_seen_at": now,
            "times": 1,
        }
        for item in latest.values()
    ]
    insert_or_update(
        session,
        RejectedRecord,
        rows,
        key=("account_id", "kind", "external_id"),
        update=("reason", "raw", "last_seen_at"),
    )
    keys = [item.external_id for item in latest.values()]
    session.execute(
        update(RejectedRecord)
        .where(
            col(RejectedRecord.account_id) == account_id,
            among(col(RejectedRecord.external_id), keys),
            col(RejectedRecord.last_seen_at) == now,
            col(RejectedRecord.first_seen_at) != now,
        )
        .values(times=RejectedRecord.times + 1, settled_at=None)
    )


def settle_rejected(session: Session, account_id: int, kind: str, external_ids: Sequence[str]) -> None:
    """Close the entries of records that can be used now."""
    if not external_ids:
        return
    session.execute(
        update(RejectedRecord)
        .where(
            col(RejectedRecord.account_id) == account_id,
            col(RejectedRecord.kind) == kind,
            among(col(RejectedRecord.external_id), external_ids),
            col(RejectedRecord.settled_at).is_(None),
        )
        .values(settled_at=utc_now())
    )


def find_open_rejected(
    session: Session, account_id: int, kind: str, external_ids: Collection[str]
) -> set[str]:
    """Return which of these records are rejected and not settled yet."""
    query = select(RejectedRecord.external_id).where(
        RejectedRecord.account_id == account_id,
        RejectedRecord.kind == kind,
        col(RejectedRecord.external_id).in_(external_ids),
        col(RejectedRecord.settled_at).is_(None),
    )
    return set(session.exec(query).all())


def list_rejected(
    session: Session, account_id: int | None = None, *, settled: bool = False
) -> list[RejectedRecord]:
    """Return the open entries, or if `settled` is true the settled ones; oldest first."""
    query = select(RejectedRecord).order_by(col(RejectedRecord.id))
    if account_id is not None:
        query = query.where(RejectedRecord.account_id == account_id)
    settled_at = col(RejectedRecord.settled_at)
    return list(session.exec(query.where(settled_at.is_not(None) if settled else settled_at.is_(None))).all())


def find_rejected(session: Session, name: str) -> RejectedRecord:
    """Return the entry with this number; if there is none, the entry of the record with this external id.

    Raises: NotFoundError if there is none, RuleError if several records have the id.
    """
    number = row_number(name)
    entry = session.get(RejectedRecord, number) if number is not None else None
    if entry is not None:
        return entry
    rows = session.exec(select(RejectedRecord).where(RejectedRecord.external_id == name).limit(2)).all()
    if not rows:
        raise NotFoundError(f"There is no rejected record {name!r}.", Advice(Action.rejected_list))
    if len(rows) > 1:
        raise RuleError(
            f"Several rejected records are named {name!r}; name one by its number.",
            Advice(Action.rejected_list),
        )
    return rows[0]
