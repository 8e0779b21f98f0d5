"""Fixtures for every test: a fresh database, a mail server, Prefect and a browser, all on this machine."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import hypothesis
import pytest

from tests.support import network, prefect_server, session
from tests.support.postgres import PostgresServer, get_postgres
from tests.support.smtp import SmtpServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TEMPLATE = "warenfluss_template"
KEPT_VARIABLES = {"WARENFLUSS_REQUIRE", session.VARIABLE}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be complete where the daily one is quick."""
    parser.addoption(
        "--whole",
        action="store_true",
        help="Run the tests that the kind of database does not concern on PostgreSQL, too.",
    )
    parser.addoption("--storms", type=int, default=2, help="How many storms rage, each by its own seed.")
    parser.addoption("--schedules", type=int, default=8, help="How many stories the fault machine tells.")
    parser.addoption("--first-seed", type=int, default=1, help="The seed of the first of them.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `sqlite_database` twice if everything is to run on both kinds; count the storms."""
    if metafunc.config.getoption("whole") and "either_kind" in metafunc.fixturenames:
        metafunc.parametrize("either_kind", ["sqlite", "postgresql"], indirect=True)
    if "storm" in metafunc.fixturenames:
        metafunc.parametrize("storm", range(metafunc.config.getoption("storms")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the night to runs that are to be whole."""
    if config.getoption("whole"):
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=nightly)
    items[:] = [item for item in items if item not in set(nightly)]


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the session in the controller; its xdist workers inherit the environment."""
    network.block_outside()
    # A loaded machine says nothing about an example.
    hypothesis.settings.register_profile("warenfluss", deadline=None)
    hypothesis.settings.load_profile("warenfluss")
    if hasattr(config, "workerinput"):
        return
    for name in [name for name in os.environ if name.startswith("WARENFLUSS_")]:
        if name not in KEPT_VARIABLES:
            del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    session.begin()
    prefect_server.prepare_environment()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the session's servers."""
    if not hasattr(config, "workerinput"):
        session.end()


@pytest.fixture(autouse=True)
def _unprepared_process() -> Iterator[None]:
    """Put back what a command in this process prepared for Prefect: its variables, and the umask."""
    umask = os.umask(0o022)
    before = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
    yield
    os.umask(umask)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Let the databases of all tests share what was compiled."""
    from tests.support.engines import create_engine

    with patch("models.database.engine.create_engine", create_engine):
        yield


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """A PostgreSQL cluster, one for all workers."""
    return get_postgres()


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    """A migrated SQLite file to copy."""
    file = session.get_folder() / "template.db"

    def migrate() -> dict[str, str]:
        from models.database.engine import dispose
        from models.database.schema import upgrade

        upgrade(f"sqlite:///{file}")
        dispose()
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return {}

    session.once("sqlite-template", migrate)
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database to copy."""

    def migrate() -> dict[str, str]:
        from models.database.engine import dispose
        from models.database.schema import upgrade

        postgres_server.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        postgres_server.execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(postgres_server.url(TEMPLATE))
        dispose()
        return {}

    session.once("postgres-template", migrate)
    return TEMPLATE


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated SQLite database."""
    from models.database.engine import dispose

    file = tmp_path / "warenfluss.db"
    shutil.copyfile(sqlite_template, file)
    yield f"sqlite:///{file}"
    dispose()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    from models.database.engine import dispose

    with postgres_server.database(postgres_template) as url:
        yield url
        dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, for tests of the migrations; the test runs once on each kind."""
    from models.database.engine import dispose

    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        dispose()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield url
        dispose()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the installation under test, set in the environment."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_DATA_DIR", str(tmp_path))
    # The developer's own file is not a test's.
    monkeypatch.setenv("WARENFLUSS_ENV_FILE", str(tmp_path / "none.env"))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


@pytest.fixture
def database(database_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh, migrated database that the settings name; the test runs once on each kind."""
    yield from _name_in_settings(database_url, monkeypatch)


@pytest.fixture
def either_kind(request: pytest.FixtureRequest) -> str:
    """SQLite, and with `--whole` PostgreSQL in turn."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def sqlite_database(
    request: pytest.FixtureRequest, either_kind: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """`database` for tests that its kind does not concern: SQLite, and with `--whole` both kinds."""
    url: str = request.getfixturevalue("sqlite_url" if either_kind == "sqlite" else "postgres_url")
    yield from _name_in_settings(url, monkeypatch)


@pytest.fixture
def sqlite_file(sqlite_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`database` for tests of what SQLite alone has."""
    yield from _name_in_settings(sqlite_url, monkeypatch)


@pytest.fixture
def postgres_database(postgres_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`database` for tests of what PostgreSQL alone has."""
    yield from _name_in_settings(postgres_url, monkeypatch)


def _name_in_settings(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_DATABASE_URL", url)
    get_settings.cache_clear()
    yield url
    get_settings.cache_clear()


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A running mail server on a loopback port."""
    server = SmtpServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def prefect_server_url() -> str:
    """The API address of the Prefect server, one for all workers."""
    return prefect_server.get_prefect()


@pytest.fixture
def prefect_api(prefect_server_url: str) -> Iterator[str]:
    """A Prefect server to run flows against; names in it must be the test's own, all workers share it.

    Flows in the test's own thread send no heartbeat, because leaving a `def` flow waits a second for it, and
    neither logs nor events unless a test switches them on again.
    """
    with prefect_server.lean_runs():
        yield prefect_server_url


@pytest.fixture
def told_runs(prefect_api: str) -> Iterator[None]:
    """Let flows tell Prefect of their tasks and send their logs, as they do outside of tests."""
    with prefect_server.told_runs():
        yield


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless browser for a module; its tests run no flows in their own thread."""
    from tests.support.browser import open_browser

    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A fresh browser page, German as an operator's."""
    context = browser.new_context(locale="de-DE", timezone_id="Europe/Berlin")
    yield context.new_page()
    context.close()
