"""A session ends whole: what it could not commit is not left open for the next one."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models.database import engine as database_engine
from models.database.engine import get_engine
from models.database.session import session_scope
from tests.support.builders import make_shop
from tests.support.postgres import PostgresServer


def test_a_commit_that_fails_leaves_nothing_open(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is not used again: the transaction on it may still be open, e.g. if the disk is full."""
    dialect = get_engine().dialect

    def fail(_connection: object) -> None:
        raise dialect.loaded_dbapi.OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(dialect, "do_commit", fail)
        with pytest.raises(OperationalError, match="disk full"), session_scope() as session:
            make_shop(session)

    with session_scope() as session:
        make_shop(session)


def test_a_connection_that_the_server_ended_is_replaced(
    postgres_url: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in use a moment ago is asked only when the server said something, one that lay idle always."""
    engine = get_engine(postgres_url)
    ping = engine.dialect.do_ping
    asked: list[object] = []

    def note(connection: Any) -> bool:
        asked.append(connection)
        return ping(connection)

    def backend() -> int:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    monkeypatch.setattr(engine.dialect, "do_ping", note)
    monkeypatch.setattr(database_engine, "FRESH_SECONDS", 600)
    first = backend()
    assert (backend(), len(asked)) == (first, 0)

    postgres_server.execute(f"SELECT pg_terminate_backend({first}, 10000)")
    second = backend()
    assert (second != first, len(asked)) == (True, 1)

    monkeypatch.setattr(database_engine, "FRESH_SECONDS", 0)
    assert (backend(), len(asked)) == (second, 2)
