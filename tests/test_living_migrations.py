"""Revisions after the first lock nobody out for long: what a test can tell of docs/migrations.md."""

import importlib.util
import io
import re
import threading
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError
from sqlalchemy import inspect, text

from console.cli import db as cli_db
from models.database import schema
from models.database.engine import get_engine
from models.database.schema import MIGRATIONS, Schema, downgrade, find_losses, find_schema, newest_revision
from models.database.session import session_scope
from models.errors import RuleError
from models.migrations import steps
from models.orders.order import Order
from tests.support.builders import make_line, make_order, make_shop, row_counts, take_in
from tests.support.races import migrate, run_at_once

SMALL = frozenset(
    {
        "installation",
        "tenant",
        "account",
        "warehouse",
        "stock_limit",
        "lease",
        "cursor",
        "rhythm",
        "alarm",
        "service",
    }
)
"""Tables that stay so small that nobody notices when one is copied or locked."""
BREAKS = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)\S+ ON (?P<table>\w+)": "use steps.create_index",
    r"DROP INDEX (?!CONCURRENTLY)(?P<table>)": "use steps.drop_index",
    r"ALTER TABLE (?P<table>\w+) ADD CONSTRAINT (?!.*NOT VALID)": "NOT VALID, then VALIDATE",
    r"ALTER TABLE (?P<table>\w+) ADD COLUMN (?!.* DEFAULT ).* NOT NULL": "add it nullable",
    r"ALTER TABLE (?P<table>\w+) ALTER COLUMN \S+ (SET NOT NULL|TYPE)": "add a new column instead",
    r"ALTER TABLE (?P<table>\w+) RENAME": "old code still asks for the old name",
    r"(UPDATE|DELETE FROM) (?P<table>\w+) ": "use steps.fill, or leave it to a cycle",
}
FIRST = "v0001_first_tables.py"


def find_breaches(upgrade: Callable[[], None]) -> list[str]:
    """Return what a revision does to tables of any size that would hold others up, on either database."""
    breaches = []
    for dialect in ("postgresql", "sqlite"):
        written = io.StringIO()
        options = {"as_sql": True, "output_buffer": written, "transaction_per_migration": True}
        context = MigrationContext.configure(dialect_name=dialect, opts=options)
        try:
            with Operations.context(context), context.begin_transaction(_per_migration=True):
                upgrade()
        except (CommandError, NotImplementedError):
            breaches.append("sqlite: copies a whole table")
        if dialect == "sqlite":
            continue
        said = " ".join(written.getvalue().split())
        made = set(re.findall(r"CREATE TABLE (\w+)", said))
        breaches += find_chains(said.split(";"), made | SMALL)
        for statement in said.split(";"):
            for pattern, advice in BREAKS.items():
                found = re.match(pattern, statement.strip())
                if found and found["table"] not in made | SMALL:
                    breaches.append(f"{statement.strip()[:90]}: {advice}")
    return breaches


def find_chains(statements: Sequence[str], unused: Set[str]) -> list[str]:
    """Return where a transaction holds one table that cycles write and asks for a second."""
    breaches = []
    held: set[str] = set()
    outside = False
    for statement in (each.strip() for each in statements):
        if statement in ("BEGIN", "COMMIT"):
            outside = statement == "COMMIT"
        if outside or statement == "BEGIN":
            held.clear()
        held |= set(re.findall(r"(?:ALTER TABLE|REFERENCES) (\w+)", statement)) - unused
        if len(held) > 1:
            breaches.append(f"{statement[:90]}: use steps.add_column, or another revision")
    return breaches


def load(file: Path) -> ModuleType:
    """Return a revision as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_revision_keeps_the_rules() -> None:
    """Nothing in them holds up a writer for longer than it takes to change a catalogue."""
    files = sorted((MIGRATIONS / "versions").glob("v[0-9]*.py"))

    breaches = {file.name: find_breaches(load(file).upgrade) for file in files if file.name != FIRST}

    assert not any(breaches.values()), breaches


def _change_two_tables() -> None:
    for table in ("run", "outbound"):
        op.add_column(table, sa.Column("new", sa.Integer(), nullable=True))


@pytest.mark.parametrize(
    "breach",
    [
        lambda: op.create_index("ix_new", "sales_order", ["memo"]),
        lambda: op.drop_index("ix_sales_order_state_placed", "sales_order"),
        lambda: op.add_column("sales_order", sa.Column("new", sa.Integer(), nullable=False)),
        lambda: op.alter_column("sales_order", "memo", nullable=False),
        lambda: op.alter_column("sales_order", "memo", type_=sa.Integer()),
        lambda: op.alter_column("sales_order", "memo", new_column_name="note"),
        lambda: op.create_check_constraint("ck_sales_order_new", "sales_order", "total > 0"),
        lambda: op.create_foreign_key("fk_new", "hold", "sales_order", ["order_id"], ["id"]),
        lambda: op.execute("UPDATE sales_order SET memo = ''"),
        _change_two_tables,
    ],
)
def test_a_revision_that_breaks_a_rule_is_noticed(breach: Callable[[], None]) -> None:
    """The check is not blind."""
    assert find_breaches(breach)


def test_safe_steps_are_let_pass() -> None:
    """A new table with its indexes, a column null or with a constant, and the steps of `steps`."""

    def upgrade() -> None:
        op.create_table(
            "fresh", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("a", sa.Integer())
        )
        op.create_index("ix_fresh_a", "fresh", ["a"])
        op.add_column("sales_order", sa.Column("new", sa.Integer(), nullable=True))
        op.add_column(
            "sales_order", sa.Column("asked", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        steps.add_column("run", sa.Column("new", sa.Integer(), nullable=True))
        steps.add_column("outbound", sa.Column("new", sa.Integer(), nullable=True))
        steps.create_index("ix_sales_order_new", "sales_order", ["new"])

    assert find_breaches(upgrade) == []


def change(step: Callable[[], None]) -> None:
    """Take a step on the living database as a revision does."""
    with get_engine().connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": is_postgres})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            step()


def test_the_steps_do_what_they_say_and_can_be_repeated(database: str) -> None:
    """A column, filled in steps, and an index."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(
            session, shop, *(make_order(f"O-{number}", make_line(f"{number}", "MUG")) for number in range(5))
        )

    for _ in range(2 if database.startswith("postgresql") else 1):
        change(lambda: steps.add_column("sales_order", sa.Column("note", sa.Integer(), nullable=True)))
    for _ in range(2):
        change(lambda: steps.fill("sales_order", "note = id * 2", "note IS NULL"))
    change(lambda: steps.create_index("ix_sales_order_note", "sales_order", ["note"]))
    if database.startswith("postgresql"):
        change(lambda: steps.create_index("ix_sales_order_note", "sales_order", ["note"]))

    inspector = inspect(get_engine())
    assert "ix_sales_order_note" in {index["name"] for index in inspector.get_indexes("sales_order")}
    with get_engine().connect() as connection:
        rows = connection.execute(text("SELECT id, note FROM sales_order ORDER BY id")).all()
    assert [row.note for row in rows] == [row.id * 2 for row in rows]
    change(lambda: steps.drop_index("ix_sales_order_note", "sales_order"))
    assert "ix_sales_order_note" not in {
        index["name"] for index in inspect(get_engine()).get_indexes("sales_order")
    }


def test_an_upgrade_waits_for_no_lock_for_long(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody has the tables in use it lets others pass, and gets through once they are free."""
    downgrade("base")
    schema.upgrade(revision="0001")
    with session_scope() as session:
        # By the first revision's columns: the models know later ones.
        session.execute(
            text(
                "INSERT INTO tenant (name, title, language, country, currency, match_rules) "
                "VALUES ('nord', '', 'de', 'DE', 'EUR', '[]')"
            )
        )
    holder = get_engine().connect()
    holder.execute(text("LOCK TABLE tenant IN ACCESS SHARE MODE"))
    thread = threading.Thread(target=downgrade, args=("base",))
    thread.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        while not watcher.execute(text(waits)).scalar():
            assert thread.is_alive()
        # Who comes after it waits behind it, but not for longer than it does.
        assert watcher.execute(text("SELECT count(*) FROM tenant")).scalar() == 1
    holder.close()
    thread.join()

    assert find_schema() is Schema.empty


def test_a_worker_is_not_caught_between_two_tables(postgres_database: str) -> None:
    """While an upgrade waits for a table that a worker has, the worker gets every other one."""
    downgrade("base")
    schema.upgrade(revision="0001")
    worker = get_engine().connect()
    worker.execute(text("LOCK TABLE run IN ROW EXCLUSIVE MODE"))
    thread = threading.Thread(target=schema.upgrade)
    thread.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'run'::regclass"
    with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        while not watcher.execute(text(waits)).scalar():
            assert thread.is_alive()
    worker.execute(text("SET LOCAL lock_timeout = '300ms'"))
    for table in ("order_event", "outbound", "sales_order"):
        worker.execute(text(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"))
    worker.close()
    thread.join()

    assert find_schema() is Schema.current


def test_two_upgrades_at_once_are_one(empty_database_url: str) -> None:
    """Machines that start together: one migrates, the others find it done."""
    done = run_at_once(empty_database_url, migrate, [(empty_database_url,)] * 3)

    assert done == ["migrated"] * 3
    assert find_schema(empty_database_url) is Schema.current


def test_a_downgrade_says_what_it_would_lose(database: str) -> None:
    """With rows in place it is refused and changes nothing; an empty database goes back at once."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("O-1", make_line("1", "MUG")))

    with pytest.raises(RuleError, match=r"sales_order \(1 row\)"):
        cli_db.downgrade("base", yes=False)

    with session_scope() as session:
        assert row_counts(session, Order) == [1]
    assert find_losses(newest_revision()) == {}
