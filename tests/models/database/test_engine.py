"""The engine: what it hands out is alive, and what is committed through it is on the disk."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

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


def test_sqlite_syncs_each_commit_and_overwrites_what_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the build of SQLite does by default."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(tmp_path / "warenfluss.db")
        connection.executescript("PRAGMA synchronous=OFF; PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(
        database_engine, "create_engine", lambda url, **_: create_engine(url, creator=connect)
    )
    with database_engine._make_engine(f"sqlite:///{tmp_path / 'warenfluss.db'}").connect() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]

    full, on = 2, 1
    assert found == ["wal", full, on]


@pytest.mark.parametrize(
    ("setting", "used"), [("off", "on"), ("local", "local"), ("on", "on"), ("remote_apply", "remote_apply")]
)
def test_postgres_waits_for_its_disk(
    postgres_url: str, postgres_server: PostgresServer, setting: str, used: str
) -> None:
    """A server, a database or a role may be set to not wait; stricter settings stay."""
    name = make_url(postgres_url).database
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = {setting}")

    with get_engine(postgres_url).connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == used
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "30s"
        connection.rollback()
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "30s"
