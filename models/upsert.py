"""Multi-row insert-or-update, spelled the same for both databases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

# SQLite allows 32,766 parameters in one statement; twenty columns stay well below.
ROWS_PER_STATEMENT = 1000


def insert_or_update(
    session: Session,
    table: type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] | Callable[[Any], Mapping[str, Any]] = (),
) -> None:
    """Insert rows; where the unique key exists already, set the columns in `update` to the new values.

    `update` may instead be a function from the refused row's columns to SQL expressions; empty leaves
    existing rows as they are.
    All rows have the same columns. The statements run in the caller's transaction.
    """
    dialect = session.get_bind().dialect.name
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        batch = [dict(row) for row in rows[start : start + ROWS_PER_STATEMENT]]
        statement = (
            postgresql.insert(table).values(batch)
            if dialect == "postgresql"
            else sqlite.insert(table).values(batch)
        )
        if update:
            values = (
                dict(update(statement.excluded))
                if callable(update)
                else {name: statement.excluded[name] for name in update}
            )
            session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
        else:
            session.execute(statement.on_conflict_do_nothing(index_elements=list(key)))
