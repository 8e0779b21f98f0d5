"""Multi-row inserts and updates with one spelling for both databases.

They work on tables instead of ORM classes: the ORM would build and compile a statement for each page again.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Table, Update, bindparam, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy import update as plain_update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import Session, SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """Return the table of a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in the caller's transaction. All have the same columns; missing ones get their defaults."""
    if rows:
        session.connection().execute(plain_insert(table_of(model)), [dict(row) for row in rows])


def insert_returning(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows as `insert_rows` does; return their ids in the order of the rows."""
    ids = reserve_ids(session, model, len(rows))
    insert_rows(session, model, [{"id": new_id, **row} for new_id, row in zip(ids, rows, strict=True)])
    return ids


def reserve_ids(session: Session, model: type[SQLModel], count: int) -> list[int]:
    """Return unused ids for new rows, ascending; no other transaction gets the same ones.

    Reading ids back afterwards would take single-row inserts on SQLite and huge statements on PostgreSQL.
    """
    if not count:
        return []
    table = table_of(model)
    if session.get_bind().dialect.name == "sqlite":
        # SQLite has a single writer, so no other transaction can take these ids.
        first = 1 + (session.connection().execute(select(func.max(table.c.id))).scalar() or 0)
        return list(range(first, first + count))
    sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
    numbers = func.generate_series(1, count).table_valued("number")
    return sorted(session.connection().execute(select(sequence).select_from(numbers)).scalars())


def update_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows in the caller's transaction; `row_id` identifies each row, all have the same columns."""
    if not rows:
        return
    table = table_of(model)
    session.flush()
    statement = plain_update(table).where(table.c.id == bindparam("row_id"))
    session.connection().execute(statement, [dict(row) for row in rows])
    # The session's copies of these rows are out of date now.
    for row in session.identity_map.values():
        if isinstance(row, model):
            session.expire(row)


def execute_together(
    session: Session, writes: tuple[Update | Insert, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute several writes for each row of parameters; PostgreSQL gets them as a single statement.

    `writes` are statements built once, at import. None of them reads what another writes, and no two change
    the same row.
    """
    if rows:
        connection = session.connection()
        sqlite = connection.dialect.name == "sqlite"
        for write in writes if sqlite else [_joined(writes)]:
            connection.execute(write, [dict(row) for row in rows])


@cache
def _joined(writes: tuple[Update | Insert, ...]) -> Update | Insert:
    *first, last = writes
    return last.add_cte(*(write.cte(f"write_{number}") for number, write in enumerate(first)))


def conflict_insert(session: Session, model: type[SQLModel]) -> Any:
    """Return an INSERT of the session's dialect, which offers `on_conflict_do_…`."""
    postgres = session.get_bind().dialect.name == "postgresql"
    return (postgresql if postgres else sqlite).insert(table_of(model))


def insert_or_update(
    session: Session,
    model: type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
    add: Sequence[str] = (),
) -> None:
    """Insert rows; where the unique key exists already, set the columns in `update` to the new values.

    The columns in `add` are increased by the new values. Without `update` and `add`, existing rows stay
    unchanged. All rows have the same columns.
    """
    if rows:
        statement = _upsert(table_of(model), tuple(key), tuple(update), tuple(add))
        session.connection().execute(statement, [dict(row) for row in rows])


@cache
def _upsert(table: Table, key: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]) -> Insert:
    """Return a cached upsert statement.

    SQLAlchemy 2.0 compiles the INSERT of its dialects anew for every execution (`inherit_cache = False` in
    `dialects/postgresql/dml.py`). This can go when that changes.
    """

    class Upsert(Insert):
        # Safe to cache, because each statement has a class of its own.
        inherit_cache = True

    @compiles(Upsert)
    def _with_conflict(element: Insert, compiler: SQLCompiler, **options: Any) -> str:
        def quote(name: str) -> str:
            return compiler.preparer.quote(name)

        values = [f"{quote(name)} = excluded.{quote(name)}" for name in update]
        mine = compiler.preparer.format_table(table)
        values += [f"{quote(name)} = {mine}.{quote(name)} + excluded.{quote(name)}" for name in add]
        action = f"UPDATE SET {', '.join(values)}" if values else "NOTHING"
        target = ", ".join(quote(name) for name in key)
        plain: str = compiler.visit_insert(element, **options)  # type: ignore[no-untyped-call]
        return f"{plain} ON CONFLICT ({target}) DO {action}"

    # Inline: only the conflict clause may follow the VALUES, no RETURNING.
    return Upsert(table).inline()
