"""Multi-row inserts, spelled the same for both databases.

They go past the ORM to the tables: the ORM would build and compile a statement for each page anew.
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
    """Return the table behind a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in the caller's transaction; all have the same columns, those left out their defaults."""
    if rows:
        session.connection().execute(plain_insert(table_of(model)), [dict(row) for row in rows])


def insert_returning(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows like `insert_rows` and return their ids in the order of the rows."""
    ids = choose_ids(session, model, len(rows))
    insert_rows(session, model, [{"id": new_id, **row} for new_id, row in zip(ids, rows, strict=True)])
    return ids


def choose_ids(session: Session, model: type[SQLModel], count: int) -> list[int]:
    """Return ids for new rows, ascending, none of which anybody else is given.

    To learn them afterwards takes single rows on SQLite and huge statements on PostgreSQL.
    """
    if not count:
        return []
    table = table_of(model)
    if session.get_bind().dialect.name == "sqlite":
        # There is one writer at a time.
        first = 1 + (session.connection().execute(select(func.max(table.c.id))).scalar() or 0)
        return list(range(first, first + count))
    sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
    numbers = func.generate_series(1, count).table_valued("number")
    return sorted(session.connection().execute(select(sequence).select_from(numbers)).scalars())


def update_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of rows in the caller's transaction; `row_id` names each row, all have the same columns."""
    if not rows:
        return
    table = table_of(model)
    session.flush()
    statement = plain_update(table).where(table.c.id == bindparam("row_id"))
    session.connection().execute(statement, [dict(row) for row in rows])
    # What the session holds of these rows was read before.
    for row in session.identity_map.values():
        if isinstance(row, model):
            session.expire(row)


def write_together(
    session: Session, writes: tuple[Update | Insert, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Carry out several writes for each of the rows; on PostgreSQL one statement has them all.

    They are statements that were made once. None reads what another one writes, no two change the same row.
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


def insert_or(session: Session, model: type[SQLModel]) -> Any:
    """Return an INSERT that can say what is done on a conflict, as the session's database spells it."""
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

    Those in `add` rise by the new values; without either, existing rows stay as they are. All rows have the
    same columns.
    """
    if rows:
        statement = _upsert(table_of(model), tuple(key), tuple(update), tuple(add))
        session.connection().execute(statement, [dict(row) for row in rows])


@cache
def _upsert(table: Table, key: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]) -> Insert:
    """Return the statement; SQLAlchemy compiles those of its dialects anew for every execution."""

    class Upsert(Insert):
        # Of one class is one statement.
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

    # Inline: nothing but the conflict may stand behind it.
    return Upsert(table).inline()
