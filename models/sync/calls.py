"""Calls: exchanges with outside systems, without their content, kept for a limited time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Index, PrimaryKeyConstraint, text, update
from sqlmodel import Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.database.bulk import insert_returning, insert_rows
from models.database.columns import Numbered, instant
from models.sync.records import HELD_BACK, OK, CallData


class Call(Numbered, table=True):
    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_account", "account_id", "id"),
        # Spelled as in the query below; otherwise SQLite would not use it.
        Index(
            "ix_call_failed",
            "id",
            sqlite_where=text("failed IS 1"),
            postgresql_where=text("failed IS true"),
        ),
    )

    account_id: int = Field(foreign_key="account.id")
    run_id: int | None = None
    """The run that made it; None if a person tried a login. No foreign key: runs may be deleted first."""
    call: str = Field(max_length=200)
    reads: bool
    started_at: datetime = instant()
    milliseconds: int | None = None
    """Time until the whole answer had arrived."""
    ending: str = Field(max_length=60)
    """`ok`, `held back`, `open`, or the class of the error."""
    failed: bool = False
    """Whether the ending is neither `ok` nor `held back`."""
    status: int | None = None
    """The HTTP status, if an answer came."""
    size_bytes: int | None = None
    """Size of the unpacked answer."""


class CallOrder(SQLModel, table=True):
    """A call and an order that it named.

    This module does not import the orders' table: a caller that saves calls has it loaded.
    """

    __tablename__ = "call_order"
    __table_args__ = (PrimaryKeyConstraint("order_id", "call_id"),)

    order_id: int = Field(foreign_key="sales_order.id", ondelete="CASCADE")
    call_id: int = Field(foreign_key="call.id", ondelete="CASCADE", index=True)


def save_calls(
    session: Session,
    account_id: int,
    run_id: int | None,
    calls: Sequence[CallData],
    order_ids: Mapping[str, int],
) -> dict[CallData, int]:
    """Insert the new calls and add the end of the calls saved before. Return the ids of the new ones.

    A new call is linked to the orders that it names. `order_ids` holds the id of each order that is known
    here, by its number at the account; `models.orders.queries.ids_by_number` finds them.
    """
    new = [call for call in calls if call.row_id is None]
    rows = [
        {
            "account_id": account_id,
            "run_id": run_id,
            "call": call.call[:200],
            "reads": call.reads,
            "started_at": call.started_at,
            **_end_of(call),
        }
        for call in new
    ]
    ids = insert_returning(session, Call, rows)
    links = [
        {"order_id": order_ids[number], "call_id": call_id}
        for call_id, call in zip(ids, new, strict=True)
        for number in dict.fromkeys(call.order_numbers)
        if number in order_ids
    ]
    insert_rows(session, CallOrder, links)
    for call in calls:
        if call.row_id is not None:
            session.execute(update(Call).where(col(Call.id) == call.row_id).values(**_end_of(call)))
    return dict(zip(new, ids, strict=True))


def list_calls(
    session: Session,
    *,
    account_id: int | None = None,
    order_id: int | None = None,
    run_id: int | None = None,
    failed: bool = False,
    limit: int | None = None,
) -> list[Call]:
    """Return calls, latest first; if `failed` is true, only those that failed."""
    query = select(Call).order_by(col(Call.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(Call.account_id == account_id)
    if run_id is not None:
        query = query.where(Call.run_id == run_id)
    if order_id is not None:
        query = query.where(col(Call.id).in_(select(CallOrder.call_id).where(CallOrder.order_id == order_id)))
    if failed:
        query = query.where(col(Call.failed).is_(True))
    return list(session.exec(query).all())


def _end_of(call: CallData) -> dict[str, object]:
    return {
        "milliseconds": call.milliseconds,
        "ending": call.ending[:60],
        "failed": call.ending not in (OK, HELD_BACK),
        "status": call.status,
        "size_bytes": call.size_bytes,
    }
