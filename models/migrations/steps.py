"""Steps of a revision that lock nobody out of a living database for long; docs/migrations.md has the rules.

For revisions in `models/migrations/versions` alone. On PostgreSQL each revision is a transaction of its own
and waits a few seconds at most for a lock; then all of it is tried again (`models.database.schema.upgrade`).
The steps here end that transaction and begin another, so each can be repeated.
"""

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, Integer, text

ROWS_AT_ONCE = 10_000
FROZEN = "what was issued never changes"


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
    if op.get_context().as_sql:
        # Written down for a look at it, and nobody knows how many rows there are.
        return
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        last = bind.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()  # noqa: S608
        for low in range(0, last, ROWS_AT_ONCE):
            bind.execute(text(statement), {"low": low, "high": low + ROWS_AT_ONCE})


def add_check(table: str, name: str, condition: str) -> None:
    """Add a check to a table with rows in it; on SQLite nothing, where it can only come with its column."""
    if not _is_postgres():
        return
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def add_checked_count(table: str, column: str, name: str, condition: str) -> None:
    """Add a whole number, 0 in all rows, with a check that may name other columns."""
    if _is_postgres():
        add_column(table, Column(column, Integer, nullable=False, server_default="0"))
        add_check(table, name, condition)
        return
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} INTEGER DEFAULT 0 NOT NULL "
        f"CONSTRAINT {name} CHECK ({condition})"
    )


def freeze(table: str) -> None:
    """Let the database refuse every change and deletion of a row; repeating it is harmless."""
    if _is_postgres():
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{FROZEN}' USING ERRCODE = 'integrity_constraint_violation', "
            "TABLE = TG_TABLE_NAME; END $$"
        )
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_stays_whole BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_stays_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END"
        )


def let_change(table: str, *, sqlite: str, postgresql: str) -> None:
    """Let the database take one kind of update of a frozen table: where this holds of OLD and NEW."""
    if _is_postgres():
        # The new trigger first: at no moment may anything else be changed.
        with op.get_context().autocommit_block():
            op.execute(
                f"CREATE OR REPLACE TRIGGER {table}_stays_as_it_is BEFORE UPDATE ON {table} "
                f"FOR EACH ROW WHEN (NOT ({postgresql})) EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE OR REPLACE TRIGGER {table}_stays BEFORE DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        return
    op.execute(f"DROP TRIGGER {table}_stays_update")
    op.execute(
        f"CREATE TRIGGER {table}_stays_update BEFORE UPDATE ON {table} WHEN NOT ({sqlite}) "
        f"BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END"
    )


def freeze_again(table: str) -> None:
    """Take back what `let_change`, or a revision of its own, lets the database take."""
    if _is_postgres():
        freeze(table)
        op.execute(f"DROP TRIGGER IF EXISTS {table}_stays_as_it_is ON {table}")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_stays_{change}")
    freeze(table)
