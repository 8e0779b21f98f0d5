"""Steps of a revision that never lock a table in use for long; docs/migrations.md has the rules.

Only for revisions in `models/migrations/versions`. On PostgreSQL each revision is a transaction that waits a
few seconds at most for a lock; then the whole revision is repeated (`models.database.schema.upgrade`). The
steps here end that transaction and begin another, so each step can be repeated.
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
    """Add a column to a table in use, while this transaction holds no other lock.

    A transaction that holds one table and waits for another can be in a deadlock with a worker that locks
    them in the opposite order, and PostgreSQL may abort the worker's transaction.
    """
    if not _is_postgres():
        op.add_column(table, column)
        return
    with op.get_context().autocommit_block():
        op.add_column(table, column, if_not_exists=True)


def create_index(name: str, table: str, columns: Sequence[Any], **options: Any) -> None:
    """Index a table while others write to it; an invalid index left by a failed try is replaced.

    `options` are those of `op.create_index`.
    """
    if not _is_postgres():
        op.create_index(name, table, columns, **options)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index while others write to the table."""
    if not _is_postgres():
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def fill(table: str, assignment: str, condition: str = "true", key: str = "id") -> None:
    """Set columns of all existing rows, about ten thousand at a time in order of their `key`. Safe to repeat.

    `assignment` is the SQL after SET; `condition` must exclude rows that are already set.
    """
    batch = f"{key} > :low AND {key} <= :high AND "
    statement = f"UPDATE {table} SET {assignment} WHERE {batch}({condition})"  # noqa: S608
    if not _is_postgres():
        # One transaction anyway: SQLite has a single writer.
        op.execute(statement.replace(batch, ""))
        return
    if op.get_context().as_sql:
        # Offline mode only writes the SQL down, and the number of rows is unknown.
        return
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        last = bind.execute(text(f"SELECT coalesce(max({key}), 0) FROM {table}")).scalar_one()  # noqa: S608
        for low in range(0, last, ROWS_AT_ONCE):
            bind.execute(text(statement), {"low": low, "high": low + ROWS_AT_ONCE})


def add_check(table: str, name: str, condition: str) -> None:
    """Add a check to a table with rows; no effect on SQLite, where a check can only come with its column."""
    if not _is_postgres():
        return
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def add_checked_count(table: str, column: str, name: str, condition: str) -> None:
    """Add a whole number column, 0 in all rows, with a check that may refer to other columns."""
    if _is_postgres():
        add_column(table, Column(column, Integer, nullable=False, server_default="0"))
        add_check(table, name, condition)
        return
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} INTEGER DEFAULT 0 NOT NULL "
        f"CONSTRAINT {name} CHECK ({condition})"
    )


def freeze(table: str) -> None:
    """Make the database refuse every update and deletion in a table. Safe to repeat."""
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
    """Allow one kind of update in a frozen table: those for which the condition on OLD and NEW holds."""
    if _is_postgres():
        # The new trigger is created first, so that other changes are refused at every moment.
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
    """Refuse again what `let_change`, or a revision's own trigger, allowed."""
    if _is_postgres():
        freeze(table)
        op.execute(f"DROP TRIGGER IF EXISTS {table}_stays_as_it_is ON {table}")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_stays_{change}")
    freeze(table)
