"""The surroundings of a measurement: an empty database, an account, the stand-in, a Prefect server."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, insert, inspect, literal, select, text
from sqlalchemy.sql.expression import ColumnElement

ACCOUNT = "bench"


@contextmanager
def database(kind: str, revision: str = "head") -> Iterator[str]:
    """Yield the URL of an empty database at a revision; the environment names it for child processes.

    PostgreSQL is the server of the tests: in memory if there is enough of it, and without waiting for a disk.
    """
    from models.database.engine import dispose
    from models.database.schema import upgrade
    from models.settings import get_settings

    with tempfile.TemporaryDirectory(prefix="warenfluss-bench-") as folder:
        server, name = None, f"bench_{time.time_ns()}"
        url = f"sqlite:///{folder}/bench.db"
        if kind == "postgresql":
            from tests.support.postgres import get_postgres

            server = get_postgres()
            server.execute(f"CREATE DATABASE {name}")
            url = server.url(name)
        os.environ["WARENFLUSS_DATABASE_URL"] = url
        os.environ["WARENFLUSS_DATA_DIR"] = folder
        get_settings.cache_clear()
        upgrade(url, revision)
        try:
            yield url
        finally:
            dispose()
            get_settings.cache_clear()
            if server is not None:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def stand_in(*, orders: int = 0, articles: int = 0, changed: bool = False) -> Iterator[str]:
    """Serve rendered pages from a separate process; yield its address without a path."""
    arguments = [str(orders), str(articles), str(int(changed))]
    folder = tempfile.mkdtemp(prefix="warenfluss-bench-pages-")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stand_in", folder, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("The stand-in ended before it served anything.")
        yield url
    finally:
        process.terminate()
        # This also closes the pipe.
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def open_account(url: str, **settings: Any) -> None:
    """Add the benchmark's one live account, reading from the stand-in at `url`; for a child process."""
    from connectors.afterbuy.simulator import Switches
    from models.database.session import session_scope
    from models.intake.activation import set_mode
    from models.tenants.account import add_account
    from models.tenants.records import Mode
    from models.tenants.tenant import add_tenant
    from tasks.run.secrets import save_secrets

    with session_scope() as session:
        tenant = add_tenant(session, ACCOUNT)
        account = add_account(
            session,
            tenant.row_id,
            ACCOUNT,
            "afterbuy",
            {"base_url": url, "start": "2020-01-01", "article_page_size": 250, **settings},
        )
        set_mode(session, account, Mode.live)
    switches = Switches()
    save_secrets(ACCOUNT, {"partner_token": switches.partner_token, "account_token": switches.account_token})


def point_account(url: str) -> None:
    """Change the address that the account reads from."""
    from models.database.session import session_scope
    from models.tenants.account import get_account

    with session_scope() as session:
        account = get_account(session, ACCOUNT)
        account.settings = {**account.settings, "base_url": url}
        session.add(account)


def load_as_worker() -> None:
    """Import what a run finds in its process, which is forked by a worker."""
    from deployments.worker import load

    load()
    gc.collect()
    gc.freeze()


def time_flow(flow: Any, *args: Any, **parameters: Any) -> tuple[float, dict[str, int]]:
    """Run a flow that must complete; return its seconds and counts.

    The heartbeat is off: with it a `def` flow can end up to a second later.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        begin = time.perf_counter()
        state = flow(*args, return_state=True, **parameters)
        seconds = time.perf_counter() - begin
    assert state.is_completed(), state
    return seconds, state.result() or {}


def generate(connection: Connection, model: Any, count: int, **values: Any) -> None:
    """Let the database create `count` rows; columns that it does not have yet are left out.

    Values are constants, or SQL expressions with the column `number`, which counts from 1.
    """
    table = model.__table__
    there = {each["name"] for each in inspect(connection).get_columns(table.name)}
    for each in table.columns:
        if each.name not in there or each.name in values or each.nullable or each.primary_key:
            continue
        default = each.default.arg if each.default is not None else None
        values[each.name] = default({}) if callable(default) else default
    numbers = select(literal(1).label("number")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.number + 1).where(numbers.c.number < count))
    chosen = [
        value if isinstance(value, ColumnElement) else literal(value, table.c[name].type)
        for name, value in values.items()
    ]
    rows = select(*chosen).select_from(numbers)
    connection.execute(insert(table).from_select(list(values), rows, include_defaults=False))
    if "id" in values and connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {count})"))


def settle() -> None:
    """Let PostgreSQL do the maintenance that is switched off for tests."""
    from models.database.engine import get_engine

    if get_engine().dialect.name == "postgresql":
        with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as maintained:
            maintained.execute(text("VACUUM ANALYZE"))
