"""Aside: a record that could not be used, kept in its raw form with the reason."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import UniqueConstraint, update
from sqlmodel import Field, Session, SQLModel, Text, col, select

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import instant
from models.database.conditions import among
from models.errors import Action, Advice, NotFoundError, RuleError
from models.sync.records import RAW_LIMIT, RejectedData


class Aside(SQLModel, table=True):
    __tablename__ = "aside"
    __table_args__ = (UniqueConstraint("account_id", "kind", "external_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    kind: str = Field(max_length=40)
    external_id: str
    reason: str
    raw: str = Field(sa_type=Text)
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    times: int = 1
    settled_at: datetime | None = instant(nullable=True)


def set_aside(session: Session, account_id: int, rejected: Sequence[RejectedData]) -> None:
    """Keep records that could not be used; one seen again is counted, not doubled."""
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
        Aside,
        rows,
        key=("account_id", "kind", "external_id"),
        update=("reason", "raw", "last_seen_at"),
    )
    keys = [item.external_id for item in latest.values()]
    session.execute(
        update(Aside)
        .where(
            col(Aside.account_id) == account_id,
            among(col(Aside.external_id), keys),
            col(Aside.last_seen_at) == now,
            col(Aside.first_seen_at) != now,
        )
        .values(times=Aside.times + 1, settled_at=None)
    )


def settle_asides(session: Session, account_id: int, kind: str, external_ids: Sequence[str]) -> None:
    """Close the entries of records that could be used after all."""
    if not external_ids:
        return
    session.execute(
        update(Aside)
        .where(
            col(Aside.account_id) == account_id,
            col(Aside.kind) == kind,
            among(col(Aside.external_id), external_ids),
            col(Aside.settled_at).is_(None),
        )
        .values(settled_at=utc_now())
    )


def open_asides(session: Session, account_id: int, kind: str, external_ids: Collection[str]) -> set[str]:
    """Return those of the records that are set aside."""
    query = select(Aside.external_id).where(
        Aside.account_id == account_id,
        Aside.kind == kind,
        col(Aside.external_id).in_(external_ids),
        col(Aside.settled_at).is_(None),
    )
    return set(session.exec(query).all())


def list_asides(session: Session, account_id: int | None = None, *, settled: bool = False) -> list[Aside]:
    """Return open entries, oldest first, or the settled ones."""
    query = select(Aside).order_by(col(Aside.id))
    if account_id is not None:
        query = query.where(Aside.account_id == account_id)
    settled_at = col(Aside.settled_at)
    return list(session.exec(query.where(settled_at.is_not(None) if settled else settled_at.is_(None))).all())


def find_aside(session: Session, name: str) -> Aside:
    """Return the entry with this number, or else of the record with this external id.

    Raises: NotFoundError if there is none, RuleError if several records have the id.
    """
    entry = session.get(Aside, int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else None
    if entry is not None:
        return entry
    rows = session.exec(select(Aside).where(Aside.external_id == name).limit(2)).all()
    if not rows:
        raise NotFoundError(f"There is no rejected record {name!r}.", Advice(Action.rejected_list))
    if len(rows) > 1:
        raise RuleError(
            f"Several rejected records are named {name!r}; name one by its number.",
            Advice(Action.rejected_list),
        )
    return rows[0]
