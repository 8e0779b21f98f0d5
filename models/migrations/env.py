"""Alembic's entry point. On PostgreSQL each revision is one transaction.

A statement that waits for a lock there makes all later ones wait, too, so it gives up after a few seconds.
"""

import importlib
import pkgutil
import time

from alembic import context
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import models
from models.database.engine import get_engine

LOCK_TIMEOUT_SECONDS = 3
ONE_AT_A_TIME = 7_236_114
"""Number of the advisory lock that allows one upgrade at a time."""
WAITING_SECONDS = 600

for module in pkgutil.walk_packages(models.__path__, "models."):
    if not module.name.startswith("models.migrations"):
        importlib.import_module(module.name)


def _prepare_postgres(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
    # Polled: a session that waits inside the database holds a snapshot, and CREATE INDEX CONCURRENTLY would
    # wait for that to end.
    end = time.monotonic() + WAITING_SECONDS
    while not connection.execute(text(f"SELECT pg_try_advisory_lock({ONE_AT_A_TIME})")).scalar_one():
        connection.commit()
        if time.monotonic() > end:
            raise TimeoutError("another upgrade of this database is still running")
        time.sleep(0.2)
    connection.commit()


with get_engine(context.config.attributes["url"]).connect() as connection:
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        _prepare_postgres(connection)
    try:
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=is_postgres,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        if is_postgres:
            # Closing the connection ends the advisory lock and the setting.
            connection.invalidate()
