"""Steps of a revision that lock nobody out of a living database for long; docs/migrations.md has the rules.

For revisions in `models/migrations/versions` alone. On PostgreSQL each revision is a transaction of its
own and waits a few seconds at most for a lock; then all of it is tried again (`models.db.upgrade`). The steps
here end that transaction and begin another, so each can be repeated.
"""

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, text

ROWS_AT_ONCE = 10_000


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def add_column(table: str, column: "Column[Any]") -> None:
    """Add a column to a table that others use, while no other lock is held.

    Who holds one table and waits for a second is in a deadlock with a worker that took them the other way
    round, and PostgreSQL may end the worker's transaction for it.
    """
    if not _is_postgres():
        op.add_column(table, column)
        return
    with op.get_context().autocommit_block():
        op.add_column(table, column, if_not_exists=True)


def create_index(name: str, table: str, columns: Sequence[Any], **options: Any) -> None:
    """Index a table with rows in it while others write; what an earlier try left behind is made anew.

    `options` are those of `op.create_index`.
    """
    if not _is_postgres():
        op.create_index(name, table, columns, **options)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index while others write."""
    if not _is_postgres():
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def fill(table: str, assignment: str, condition: str = "true") -> None:
    """Set columns of rows that are there, some ten thousand at once by their ids; repeating it is harmless.

    `assignment` is what stands behind SET; `condition` must leave out the rows that have it already.
    """
    statement = f"UPDATE {table} SET {assignment} WHERE id > :low AND id <= :high AND ({condition})"  # noqa: S608
    if not _is_postgres():
        # One transaction all the same: SQLite has one writer.
        op.execute(statement.replace("id > :low AND id <= :high AND ", ""))
        return
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        last = bind.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()  # noqa: S608
        for low in range(0, last, ROWS_AT_ONCE):
            bind.execute(text(statement), {"low": low, "high": low + ROWS_AT_ONCE})
