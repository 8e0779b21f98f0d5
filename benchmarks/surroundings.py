"""What figures are measured in: a fresh database, an account in it, the stand-in, a Prefect server."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ACCOUNT = "bench"


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the address of a fresh, migrated database, named in the environment for child processes.

    PostgreSQL is that of the tests: in memory if there is enough of it, and without waiting for a disk.
    """
    from models import db
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
        db.upgrade(url)
        try:
            yield url
        finally:
            db.dispose()
            get_settings.cache_clear()
            if server is not None:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def stand_in(*, orders: int = 0, articles: int = 0, changed: bool = False) -> Iterator[str]:
    """Serve rendered pages from a process of its own; yield its address without a path."""
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
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def open_account(url: str, **settings: Any) -> None:
    """Add the one live account of a benchmark, reading from the stand-in at `url`; for a child process."""
    from connectors.afterbuy.simulator import Switches
    from models.account import Mode, add_account
    from models.activation import set_mode
    from models.db import session_scope
    from models.tenant import add_tenant
    from tasks.secrets import save_secrets

    with session_scope() as session:
        tenant = add_tenant(session, ACCOUNT)
        account = add_account(
            session,
            tenant.id or 0,
            ACCOUNT,
            "afterbuy",
            {"base_url": url, "start": "2020-01-01", "article_page_size": 250, **settings},
        )
        set_mode(session, account, Mode.live)
    switches = Switches()
    save_secrets(ACCOUNT, {"partner_token": switches.partner_token, "account_token": switches.account_token})


def point_account(url: str) -> None:
    """Let the account read from another address."""
    from models.account import get_account
    from models.db import session_scope

    with session_scope() as session:
        account = get_account(session, ACCOUNT)
        account.settings = {**account.settings, "base_url": url}
        session.add(account)


def time_flow(flow: Any, *args: Any, **parameters: Any) -> tuple[float, dict[str, int]]:
    """Run a flow that must complete; return its seconds and its counts.

    The heartbeat is off: a `def` flow ends up to a second later for it, whatever it did.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        begin = time.perf_counter()
        state = flow(*args, return_state=True, **parameters)
        seconds = time.perf_counter() - begin
    assert state.is_completed(), state
    return seconds, state.result() or {}
