"""Errors of the database: class, code and names stay, values do not."""

import pickle
import traceback
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.database.engine import get_engine
from models.database.errors import code_of
from tests.support.builders import make_shop

NAME = "Wunderlichkeit"


def _refused(statement: str, **values: Any) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught, get_engine().begin() as connection:
        connection.execute(text(statement), {"name": NAME, **values}).all()
    return caught.value


def _told(error: DBAPIError) -> str:
    """Return all that an error says: as a text, as a traceback with what it came from, and pickled."""
    pickled = pickle.dumps([error.orig, error.params, error.args])
    return str(error) + "".join(traceback.format_exception(error)) + pickled.decode("latin-1")


@pytest.mark.parametrize(
    ("statement", "code", "says"),
    [
        ("SELECT CAST(CAST(:name AS TEXT) AS INTEGER)", "22P02", "22P02"),
        ("SELECT CAST(CAST(:name AS TEXT) AS DATE)", "22007", "22007"),
        ("SELECT CAST(CAST(:name AS TEXT) AS JSON)", "22P02", "22P02"),
        ("SELECT CAST(CAST(:name AS TEXT) AS INTEGER[])", "22P02", "22P02"),
        ("SELECT to_tsquery(:name || ' ' || :name)", "42601", "42601"),
        (
            "INSERT INTO order_address (order_id, last_name) VALUES (-1, :name)",
            "23502",
            'null value in column "role" of relation "order_address" violates not-null constraint',
        ),
        ("SELECT :name FROM no_such_table", "42P01", 'relation "no_such_table" does not exist'),
    ],
)
@pytest.mark.usefixtures("postgres_database")
def test_postgresql_quotes_no_value(statement: str, code: str, says: str) -> None:
    """A first line stays if its code says that it names tables, columns and constraints alone."""
    error = _refused(statement)

    assert NAME not in _told(error)
    assert code_of(error) == code
    assert says in str(error)


@pytest.mark.parametrize(
    ("statement", "code", "says"),
    [
        (
            "INSERT INTO order_address (order_id, last_name) VALUES (-1, :name)",
            "SQLITE_CONSTRAINT_NOTNULL",
            "NOT NULL constraint failed: order_address.",
        ),
        ("SELECT :name FROM no_such_table", "SQLITE_ERROR", "no such table: no_such_table"),
        ("SELECT json(:name)", "SQLITE_ERROR", "malformed JSON"),
        ("SELECT CAST(:name || x'ff' AS TEXT)", "", "Could not decode to UTF-8 column"),
    ],
)
@pytest.mark.usefixtures("sqlite_file")
def test_sqlite_quotes_no_value(statement: str, code: str, says: str) -> None:
    """The text stays; of Python's own errors only what stands before a quoted value."""
    error = _refused(statement)

    assert NAME not in _told(error)
    assert code_of(error) == code
    assert says in str(error)


@pytest.mark.usefixtures("database")
def test_a_refused_row_is_not_quoted() -> None:
    """Not its values, and not the row that it collides with."""
    from models.database.session import session_scope

    with session_scope() as session:
        shop = make_shop(session)
    error = _refused(
        "INSERT INTO account (id, tenant_id, name, kind, mode, settings, created_at) "
        "SELECT id, tenant_id, :name, kind, mode, settings, created_at FROM account WHERE id = :id",
        id=shop.account.id,
    )

    assert NAME not in _told(error)
    assert code_of(error) in ("23505", "SQLITE_CONSTRAINT_PRIMARYKEY", "23502", "SQLITE_CONSTRAINT_NOTNULL")
    assert error.params is None
