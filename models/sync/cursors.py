"""Cursors: how far each cycle has read."""

from datetime import datetime
from typing import Any

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import JSON, Field, Session, SQLModel

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import instant

TEST_SUFFIX = ":test"


class Cursor(SQLModel, table=True):
    """How far a cycle has read an account, saved in the same commit as what it read."""

    __tablename__ = "cursor"
    __table_args__ = (PrimaryKeyConstraint("account_id", "name"),)

    account_id: int = Field(foreign_key="account.id")
    name: str = Field(max_length=60)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    updated_at: datetime = instant()


def cursor_name_in_test(name: str) -> str:
    """Return the name of the cursor that replaces this one while the account is in test."""
    return f"{name}{TEST_SUFFIX}"


def find_cursor(session: Session, account_id: int, name: str) -> dict[str, Any]:
    """Return a cursor's value, empty if there is none yet."""
    row = session.get(Cursor, (account_id, name))
    return dict(row.value) if row else {}


def save_cursor(session: Session, account_id: int, name: str, value: dict[str, Any]) -> None:
    """Save a cursor's value."""
    insert_or_update(
        session,
        Cursor,
        [{"account_id": account_id, "name": name, "value": value, "updated_at": utc_now()}],
        key=("account_id", "name"),
        update=("value", "updated_at"),
    )
