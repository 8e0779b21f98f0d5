"""Commands that meet others at work: each has its effect once, also out of a deadlock made on purpose."""

import sqlite3
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from models.database import engine
from models.database.engine import dispose, get_engine
from models.database.session import in_transaction, session_scope, was_aborted
from models.errors import RuleError
from models.orders.order import Order
from models.tenants.tenant import add_tenant, list_tenants
from models.warehouse.ledger import set_on_hand
from tests.models.test_storms import deadlocks
from tests.support.builders import (
    add_article,
    check_laws,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    row_counts,
    stock_in,
    take_in,
)
from tests.support.cli_steps import call
from tests.support.races import run_at_once, sell_or_command

WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def open_shop() -> None:
    """Open a shop with nine mugs, two of them promised to the order O-1."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=9, listed=True)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG", 2)))


def cross(command: Callable[[], object]) -> None:
    """Lock orders and levels, let a command wait for them, and then ask for the tenant that it has locked."""
    with get_engine().connect() as rogue, get_engine().connect() as watcher:
        # Whoever has waited for a second looks for a deadlock and ends it by giving way: the command.
        rogue.execute(text("SET deadlock_timeout = '60s'"))
        rogue.execute(text("SELECT 1 FROM sales_order, stock_level FOR UPDATE"))
        thread = threading.Thread(target=command)
        thread.start()
        while not watcher.execute(text(WAITS)).scalar():
            assert thread.is_alive()
            watcher.rollback()
        rogue.execute(text("SELECT 1 FROM tenant FOR UPDATE"))
    thread.join()
    dispose()


@pytest.mark.parametrize(
    ("arguments", "line", "stock"),
    [
        (("order", "cancel", "O-1"), (2, 0, 0, 2), (9, 0)),
        (("order", "ship", "O-1", "--carrier", "DHL"), (2, 0, 2, 0), (7, 0)),
        (("stock", "set", "MUG", "5"), (2, 2, 0, 0), (5, 2)),
    ],
)
def test_a_command_in_a_deadlock_begins_anew(
    postgres_database: str, arguments: tuple[str, ...], line: tuple[int, ...], stock: tuple[int, int]
) -> None:
    """PostgreSQL ends it once for somebody who locks in the wrong order; nothing is lost or doubled."""
    open_shop()
    results = []

    cross(lambda: results.append(call(*arguments)))

    assert [result.exit_code for result in results] == [0], results
    assert deadlocks() == 1
    with session_scope() as session:
        assert lines_in(session, "O-1") == {"a": line}
        assert stock_in(session) == {"MUG": stock}
        assert len(ledger_in(session)) == (1 if stock[0] == 9 else 2)
        check_laws(session)


def test_an_import_in_a_deadlock_says_so(postgres_database: str) -> None:
    """What gave way is told from what may have happened: its tries are the task's."""
    open_shop()
    caught: list[DBAPIError] = []

    def count() -> None:
        try:
            with session_scope() as session:
                set_on_hand(session, 1, {1: 5})
        except DBAPIError as error:
            caught.append(error)

    cross(count)

    assert [was_aborted(error) for error in caught] == [True]
    with session_scope() as session:
        assert stock_in(session) == {"MUG": (9, 2)}


def test_a_locked_file_is_tried_again(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """«database is locked» ends a try, not the command."""
    dispose()
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_SECONDS", 0)
    other = sqlite3.connect(sqlite_file.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tries = 0

    def step(session: Session) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            other.execute("ROLLBACK")
        add_tenant(session, "acme")

    in_transaction(step)

    other.close()
    assert tries == 3
    with session_scope() as session:
        assert [tenant.name for tenant in list_tenants(session)] == ["acme"]


def test_a_lost_connection_is_not_tried_again(postgres_database: str) -> None:
    """It may have broken after the commit, and money must not be booked twice."""
    tries = 0

    def step(session: Session) -> None:
        nonlocal tries
        tries += 1
        session.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DBAPIError):
        in_transaction(step)

    assert tries == 1


def test_what_a_rule_refuses_is_not_tried_again(sqlite_database: str) -> None:
    """A refusal is an answer."""
    tries = 0

    def step(session: Session) -> None:
        nonlocal tries
        tries += 1
        raise RuleError("No.")

    with pytest.raises(RuleError):
        in_transaction(step)

    assert tries == 1


def test_commands_and_imports_cross(database: str) -> None:
    """People count, cancel and pay while orders come in: nobody fails, and every figure adds up."""
    open_shop()
    steps: list[tuple[str, ...]] = [("buy", f"N-{number}") for number in range(6)]
    steps += [("stock", "set", "MUG", str(number)) for number in (20, 21, 22)]
    steps += [("order", "pay", "O-1", "1.00")] * 3 + [("order", "cancel", "O-1")]

    done = run_at_once(database, sell_or_command, [(step,) for step in steps])

    # Who pays after the cancellation is refused.
    paid = done[9:12].count(0)
    assert done[:9] == ["bought"] * 6 + [0] * 3
    assert (set(done[9:12]) <= {0, 1}, done[12]) == (True, 0)
    with session_scope() as session:
        payments = session.connection().exec_driver_sql("SELECT sum(amount) FROM payment").scalar()
        assert (payments or 0) == paid * 10_000
        assert lines_in(session, "O-1") == {"a": (2, 0, 0, 2)}
        on_hand, allocated = stock_in(session)["MUG"]
        assert (on_hand in (20, 21, 22), allocated) == (True, 6)
        assert row_counts(session, Order) == [7]
        check_laws(session)
