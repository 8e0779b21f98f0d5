"""The engine: what it hands out is alive."""

from typing import Any

import pytest
from sqlalchemy import text

from models.database import engine as database_engine
from models.database.engine import get_engine
from tests.support.postgres import PostgresServer


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
