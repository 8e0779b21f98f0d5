"""Nothing that Prefect keeps holds a buyer's data or a secret, whatever error struck."""

import base64
import json
import pickle
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from pydantic import TypeAdapter
from sqlalchemy import make_url, text

import flows.order_import
import models.database.engine
import tasks.intake.orders
import tasks.run.work
from connectors.afterbuy.simulator import Simulator
from connectors.errors import AccountError, TransientError
from models.database.engine import dispose, get_engine
from models.database.session import Session, session_scope
from models.errors import RuleError
from models.intake.orders import save_orders
from models.sync.records import Cycle
from models.sync.runs import RunState
from tests.flows.conftest import Shop, open_shop
from tests.support import session
from tests.support.prefect_keeps import find_words, told_to_server, words_in
from tests.support.prefect_server import find_port, start_prefect, told_runs
from tests.support.steps import (
    ALL_FLOWS,
    add_mug,
    attempt,
    last_run,
    numbers_here,
    place_named_order,
    wait_for,
)

NAME = "Wunderlichkeit"
"""A buyer's name that occurs nowhere else."""
TASK_FAILED = "prefect.task-run.Failed"
RUN_FAILED = "prefect.flow-run.Failed"


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """The folder of a Prefect server that keeps all in files, which the runs use, too."""
    home = session.get_folder() / f"kept-{find_port()}"
    port = find_port()
    keeper = start_prefect(home, port, {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.2"})
    url = f"http://127.0.0.1:{port}/api"
    with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home}):
        yield home
    keeper.terminate()
    keeper.wait()


@pytest.fixture
def watched_shop(
    kept: Path, prefect_api: str, simulator: Simulator, database: str, quick_retries: None
) -> Shop:
    """A live account with an order of a buyer with a name, on both databases in turn."""
    return _shop_with_order(simulator)


@pytest.fixture
def watched_sqlite_shop(
    kept: Path, prefect_api: str, simulator: Simulator, sqlite_file: str, quick_retries: None
) -> Shop:
    """The same on SQLite."""
    return _shop_with_order(simulator)


@pytest.fixture
def watched_postgres_shop(
    kept: Path, prefect_api: str, simulator: Simulator, postgres_database: str, quick_retries: None
) -> Shop:
    """The same on PostgreSQL."""
    return _shop_with_order(simulator)


def _shop_with_order(simulator: Simulator) -> Shop:
    shop = open_shop(simulator)
    place_named_order(shop, add_mug(shop, 10), NAME)
    return shop


def _import_orders(shop: Shop) -> str:
    """Run `order-import` as outside of tests; return its id in Prefect once the server has its end."""
    with told_runs():
        state = attempt(Cycle.order_import, shop)
        APILogHandler().flush()
        EventsWorker.instance().wait_until_empty()
    assert state.is_failed(), state
    assert NAME not in str(state)
    run_id = str(state.state_details.flow_run_id)
    wait_for(lambda: RUN_FAILED in _events(run_id))
    return run_id


def _events(run_id: str) -> str:
    with get_client(sync_client=True) as client:
        related = {"related": {"id": [f"prefect.flow-run.{run_id}"]}}
        resource = {"resource": {"id": [f"prefect.flow-run.{run_id}"]}}
        return "".join(
            client.request("POST", "/events/filter", json={"filter": one}).text for one in (related, resource)
        )


def _nothing_is_kept(shop: Shop, run_id: str, kept: Path) -> None:
    """Look through files, database and answers of Prefect; it must know the run, but no buyer."""
    switches = shop.simulator.switches
    secrets = (switches.partner_token, switches.account_token)
    said = told_to_server([run_id]) + _events(run_id)
    assert shop.name in said
    assert [word for word in (NAME, *secrets) if word in said] == []
    # What was written to the database a moment ago lies in its log.
    assert find_words(kept, [shop.name]).keys() & {"prefect.db", "prefect.db-wal"}
    assert find_words(kept, [NAME, *secrets]) == {}
    assert list((kept / "storage").glob("*")) == []
    assert NAME not in last_run(shop, Cycle.order_import).error


@pytest.mark.parametrize(
    "packed",
    [
        NAME.encode(),
        pickle.dumps({"params": [(1, NAME)]}),
        json.dumps({"result": base64.encodebytes(pickle.dumps(["x" * 100, NAME])).decode()}).encode(),
        b"head" + zlib.compress(pickle.dumps(NAME)) + b"tail",
        base64.b64encode(zlib.compress(base64.urlsafe_b64encode(f"?>~{NAME}".encode()))),
    ],
)
def test_the_search_sees_through_packings(packed: bytes) -> None:
    """Otherwise the tests below would prove nothing."""
    assert words_in(packed, [NAME, "Niemand"]) == {NAME}


def test_a_connection_that_ends_while_addresses_are_saved(watched_postgres_shop: Shop, kept: Path) -> None:
    """The server ends the statement that waits for a lock, at each try; its values are kept nowhere."""
    shop, ending = watched_postgres_shop, threading.Event()
    address = get_engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
    ended: list[int] = []

    def end_waiting() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not ending.wait(0.02):
                found = connection.execute(
                    "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND datname = current_database() "
                    "AND query LIKE 'INSERT INTO order_address%'"
                ).fetchall()
                ended.extend(pid for pid, _ in found)

    with psycopg.connect(address) as holder:
        holder.execute("LOCK TABLE order_address IN EXCLUSIVE MODE")
        thread = threading.Thread(target=end_waiting)
        thread.start()
        try:
            run_id = _import_orders(shop)
        finally:
            ending.set()
            thread.join()

    assert len(set(ended)) == 4
    _nothing_is_kept(shop, run_id, kept)
    run = last_run(shop, Cycle.order_import)
    assert run.error.startswith("DatabaseError: OperationalError 57P01 at "), run.error
    assert "save_orders" in run.error or "intake/" in run.error
    assert numbers_here(shop) == []


def test_addresses_that_sqlite_refuses_to_save(
    watched_sqlite_shop: Shop, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement fails with its values, at each try; they are kept nowhere."""
    shop, dialect = watched_sqlite_shop, get_engine().dialect
    refused: list[str] = []

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def execute(cursor: Any, statement: str, parameters: Any, *others: Any) -> Any:
            if statement.startswith("INSERT INTO order_address"):
                refused.append(str(parameters))
                raise dialect.loaded_dbapi.OperationalError("database or disk is full")
            return real(cursor, statement, parameters, *others)

        return execute

    for name in ("do_execute", "do_executemany"):
        monkeypatch.setattr(dialect, name, refusing(getattr(dialect, name)))
    run_id = _import_orders(shop)

    assert [NAME in one for one in refused] == [True] * 4
    _nothing_is_kept(shop, run_id, kept)
    assert last_run(shop, Cycle.order_import).error.startswith("DatabaseError: OperationalError at ")
    assert numbers_here(shop) == []


def test_a_database_that_stays_locked(
    watched_sqlite_shop: Shop, kept: Path, sqlite_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds SQLite's lock longer than anybody waits."""
    shop, save = watched_sqlite_shop, save_orders
    monkeypatch.setattr(models.database.engine, "BUSY_TIMEOUT_SECONDS", 0.2)
    dispose()
    file = make_url(sqlite_file).database or ""
    holder = sqlite3.connect(file, check_same_thread=False, isolation_level=None)

    def save_and_lose(session: Session, *arguments: Any, **values: Any) -> Any:
        save(session, *arguments, **values)
        session.rollback()
        holder.execute("BEGIN IMMEDIATE")
        session.connection()

    monkeypatch.setattr(tasks.intake.orders, "save_orders", save_and_lose)
    run_id = _import_orders(shop)
    holder.close()

    _nothing_is_kept(shop, run_id, kept)
    assert "DatabaseError: OperationalError SQLITE_BUSY at " in told_to_server([run_id])
    assert numbers_here(shop) == []


class TalkativeError(AccountError):
    """An error of a connector that carries what it should not."""

    def __init__(self) -> None:
        super().__init__("the login is refused")
        self.body = NAME
        self.add_note(NAME)


def _raise_type_error(*_: Any) -> None:
    raise TypeError(NAME)


def _raise_key_error(*_: Any) -> None:
    json.loads("{}")[NAME]


def _raise_validation_error(*_: Any) -> None:
    TypeAdapter(int).validate_python(NAME)


def _raise_decode_error(*_: Any) -> None:
    (NAME.encode() + b"\xff").decode()


def _raise_json_error(*_: Any) -> None:
    json.loads('{"name": "' + NAME)


def _raise_http_error(*_: Any) -> None:
    raise httpx.ConnectError(NAME, request=httpx.Request("POST", f"http://x/{NAME}", content=NAME))


def _raise_group(*_: Any) -> None:
    raise ExceptionGroup(NAME, [ValueError(NAME)])


def _raise_from(*_: Any) -> None:
    raise TransientError("no answer came") from ValueError(NAME)


def _raise_while_handling(*_: Any) -> None:
    try:
        _raise_key_error()
    except KeyError:
        raise RuleError("The order is unknown.")  # noqa: B904


def _raise_talkative(*_: Any) -> None:
    raise TalkativeError


def _refuse_number(*arguments: Any) -> None:
    """Make the database refuse a value: PostgreSQL quotes it in the first line."""
    number = "CAST(CAST(:name AS TEXT) AS INTEGER)"
    sqlite = get_engine().dialect.name == "sqlite"
    _execute(f"SELECT {number}, json(:name)" if sqlite else f"SELECT {number}", *arguments)


def _refuse_row(*arguments: Any) -> None:
    """Make the database refuse a row: PostgreSQL quotes it below the first line."""
    _execute("INSERT INTO order_address (order_id, last_name) VALUES (-1, :name)", *arguments)


def _execute(statement: str, *arguments: Any) -> None:
    if arguments and isinstance(arguments[0], Session):
        arguments[0].execute(text(statement), {"name": NAME})
        return
    with session_scope() as session:
        session.execute(text(statement), {"name": NAME})


OF_PYTHON: dict[Callable[..., None], str] = {
    _raise_type_error: "UnexpectedError: TypeError at ",
    _raise_key_error: "UnexpectedError: KeyError at ",
    _raise_validation_error: "UnexpectedError: ValidationError at ",
    _raise_decode_error: "UnexpectedError: UnicodeDecodeError at ",
    _raise_json_error: "UnexpectedError: JSONDecodeError at ",
    _raise_http_error: "UnexpectedError: ConnectError at ",
    _raise_group: "UnexpectedError: ExceptionGroup at ",
    _raise_from: "TransientError: no answer came",
    _raise_while_handling: "RuleError: The order is unknown.",
    _raise_talkative: "AccountError: the login is refused",
}
OF_DATABASE: dict[Callable[..., None], str] = {
    _refuse_number: "DatabaseError: ",
    _refuse_row: "DatabaseError: IntegrityError ",
}
ERRORS = OF_PYTHON | OF_DATABASE


def _fail_in_task(shop: Shop, kept: Path, broken: pytest.MonkeyPatch, strike: Callable[..., None]) -> None:
    broken.setattr(tasks.intake.orders, "save_orders", lambda *all_, **__: strike(*all_))

    run_id = _import_orders(shop)

    _nothing_is_kept(shop, run_id, kept)
    run = last_run(shop, Cycle.order_import)
    assert run.state is RunState.failed
    assert run.error.startswith(ERRORS[strike]), run.error
    assert ERRORS[strike] in told_to_server([run_id])


@pytest.mark.parametrize("strike", OF_PYTHON, ids=lambda strike: strike.__name__)
def test_an_error_in_a_task(
    watched_sqlite_shop: Shop, kept: Path, monkeypatch: pytest.MonkeyPatch, strike: Callable[..., None]
) -> None:
    """Whatever a step raises, Prefect gets an error of our own without anything that it came from."""
    _fail_in_task(watched_sqlite_shop, kept, monkeypatch, strike)


@pytest.mark.parametrize("strike", OF_DATABASE, ids=lambda strike: strike.__name__)
def test_an_error_of_the_database_in_a_task(
    watched_shop: Shop, kept: Path, monkeypatch: pytest.MonkeyPatch, strike: Callable[..., None]
) -> None:
    """The same holds for what either database refuses."""
    _fail_in_task(watched_shop, kept, monkeypatch, strike)


@pytest.mark.parametrize("strike", ERRORS, ids=lambda strike: strike.__name__)
def test_an_error_in_a_flow_outside_of_its_tasks(
    watched_sqlite_shop: Shop, kept: Path, monkeypatch: pytest.MonkeyPatch, strike: Callable[..., None]
) -> None:
    """The same holds for what a flow does itself, between its steps and before the first."""
    for where in (flows.order_import, "each_page"), (tasks.run.work, "begin_run"):
        with monkeypatch.context() as broken:
            broken.setattr(where[0], where[1], lambda *all_, **__: strike(*all_))
            run_id = _import_orders(watched_sqlite_shop)
        said = told_to_server([run_id])
        assert ERRORS[strike] in said
        if where[1] == "each_page":
            _nothing_is_kept(watched_sqlite_shop, run_id, kept)
        assert find_words(kept, [NAME]) == {}


def test_parameters_that_cannot_be_read_are_named_without_their_values(
    watched_sqlite_shop: Shop, kept: Path
) -> None:
    """Prefect refuses them itself and stores that as a result; a person's typing stays in the parameters."""
    since = "Niemandstag"
    state = ALL_FLOWS[Cycle.order_import](watched_sqlite_shop.name, since=since, return_state=True)

    assert state.is_failed()
    assert "since: Input should be a valid datetime" in (state.message or "")
    assert find_words(kept / "storage", [since]) == {}
    shutil.rmtree(kept / "storage")
