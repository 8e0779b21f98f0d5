"""A database of yesterday catches up by itself: nothing of the lost day is missing, nothing told twice."""

import sqlite3
import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from models.clock import utc_now
from models.database.engine import dispose
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.fulfilment.shipments import ParcelData
from models.invoicing.invoices import issue_invoice
from models.orders.history import Actor
from models.orders.order import Order, OrderState, PaymentState
from models.sync.records import Counts, Cycle
from models.sync.runs import RunState, begin_run, finish_run
from models.warehouse.levels import StockMovement
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import _pay
from tests.flows.test_shipping_sync import ship
from tests.support.builders import (
    add_article,
    check_laws,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    make_shop,
    row_counts,
    ship_units,
    take_in,
)
from tests.support.cli_steps import call
from tests.support.postgres import find_programs
from tests.support.races import buy_many
from tests.support.steps import (
    Figures,
    add_mug,
    numbers_here,
    numbers_there,
    prepare,
    set_stock,
    stock_of,
    sync,
)

CYCLES = (
    Cycle.article_import,
    Cycle.order_import,
    Cycle.payment_sync,
    Cycle.stock_export,
    Cycle.shipping_sync,
)


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pg_dump` of the release that the tests' server is of."""
    found = find_programs()
    if found is not None:
        monkeypatch.setenv("PATH", str(found / "bin"), prepend=":")


def run(*arguments: str) -> str:
    """Run a command that must succeed; return what it says."""
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stderr


def refused(*arguments: str) -> str:
    """Run a command that must be refused; return why."""
    result = call(*arguments)
    assert result.exit_code == 1, (result.stdout, result.stderr)
    return result.stderr


def all_cycles(shop: Shop) -> None:
    """Run every cycle once, orders before what is told."""
    for cycle in CYCLES:
        sync(cycle, shop)


def there(shop: Shop) -> dict[str, Any]:
    """Return all that the channel holds of its orders and products, apart from when each was last touched."""
    return {
        **{f"product {one.id}": one.quantity for one in shop.channel.products.values()},
        **{
            f"order {one.order_id}": (
                one.already_paid,
                one.delivery_date,
                one.additional_info,
                one.delivery_service,
                [(label.item_id, label.label_number) for label in one.parcel_labels],
                [(item.id, item.quantity) for item in one.items],
            )
            for one in shop.channel.orders.values()
        },
    }


def test_a_lost_day_comes_back(shop: Shop, tmp_path: Path) -> None:
    """Orders, payments, shipments and merges after the backup are read again; the channel stays as it was."""
    shop.configure(payments="warenfluss", overlap_minutes=0)
    mug, cup = add_mug(shop, 50), add_mug(shop, 30, "TASSE-1")
    prepare(shop, Cycle.article_import)
    old = [shop.channel.place_order([(mug.id, 2)]) for _ in range(5)]
    sync(Cycle.order_import, shop)
    _pay(shop, old[0].order_id, "10.00")
    all_cycles(shop)
    backup = tmp_path / "backup.file"
    run("db", "backup", str(backup))

    # The day that is lost.
    _pay(shop, old[0].order_id, "14.70")
    ship(shop, old[1].order_id, ParcelData(tracking_number="P1"))
    all_cycles(shop)
    new = [shop.channel.place_order([(mug.id, 1), (cup.id, 3)]) for _ in range(3)]
    merged = shop.channel.merge([old[2].order_id, old[3].order_id])
    shop.channel.change_quantity(old[4].order_id, old[4].items[0].id, 5)
    sync(Cycle.order_import, shop)
    ship(shop, new[0].order_id, ParcelData(tracking_number="P2"), at=utc_now())
    _pay(shop, new[1].order_id, "44.50")
    all_cycles(shop)
    told = there(shop)
    effects = shop.simulator.effects_by_name.copy()
    numbers, stock = numbers_here(shop), (stock_of("BECHER-1"), stock_of("TASSE-1"))

    assert "--replace" in refused("db", "restore", str(backup))
    said = run("db", "restore", str(backup), "--replace")
    lost = numbers_here(shop)
    early = [sync(cycle, shop) for cycle in (Cycle.stock_export, Cycle.payment_sync, Cycle.shipping_sync)]
    quiet = shop.simulator.effects_by_name == effects
    all_cycles(shop)
    all_cycles(shop)

    assert shop.name in said
    assert len(lost) == 5
    assert (quiet, [counts.sent for counts in early]) == (True, [0, 0, 0])
    assert numbers_here(shop) == numbers == numbers_there(shop)
    assert (stock_of("BECHER-1"), stock_of("TASSE-1")) == stock
    assert there(shop) == told
    assert shop.simulator.effects_by_name == effects
    assert shop.channel.mails_to_buyers == []
    assert shop.order(old[0].order_id).paid_amount == Decimal("24.70")
    assert shop.order(old[1].order_id).state is OrderState.shipped
    assert shop.order(new[0].order_id).state is OrderState.shipped
    assert shop.order(new[1].order_id).payment_state is PaymentState.paid
    assert shop.order(merged.order_id).state is OrderState.open
    with session_scope() as session:
        check_laws(session)


def test_what_waited_is_looked_up_before_it_is_told(shop: Shop, tmp_path: Path) -> None:
    """A change that waited when the backup was made was told in the lost day: it is not sent again."""
    shop.configure(payments="warenfluss")
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    first, second = (shop.channel.place_order([mug]) for _ in range(2))
    sync(Cycle.order_import, shop)
    all_cycles(shop)
    set_stock(shop, BECHER_1=40)
    _pay(shop, first.order_id, "14.80")
    ship(shop, second.order_id, ParcelData(tracking_number="P1"))
    backup = tmp_path / "backup.file"
    run("db", "backup", str(backup))
    all_cycles(shop)
    effects = shop.simulator.effects_by_name.copy()

    run("db", "restore", str(backup), "--replace")
    all_cycles(shop)

    assert shop.simulator.effects_by_name == effects
    assert shop.channel.products[mug.id].quantity == 38
    set_stock(shop, BECHER_1=30)
    assert sync(Cycle.stock_export, shop).sent == 1
    assert shop.channel.products[mug.id].quantity == 29


def test_what_was_lost_for_good_is_told_as_it_is(shop: Shop, tmp_path: Path) -> None:
    """Counts booked by hand in the lost day are gone, and the channel hears the figures that are left."""
    mug = add_mug(shop, 50)
    all_cycles(shop)
    backup = tmp_path / "backup.file"
    run("db", "backup", str(backup))
    set_stock(shop, BECHER_1=7)
    all_cycles(shop)

    run("db", "restore", str(backup), "--replace")
    all_cycles(shop)

    assert stock_of("BECHER-1") == Figures(50, 0)
    assert shop.channel.products[mug.id].quantity == 50


def test_a_restore_waits_for_runs_and_keeps_what_was_there(database: str, tmp_path: Path) -> None:
    """While a run holds its lease it is refused; afterwards the replaced database is still to be found."""
    backup = tmp_path / "copy"
    with session_scope() as session:
        shop = make_shop(session)
        run_id = begin_run(session, shop.account.id, Cycle.order_import).row_id
    run("db", "backup", str(backup))
    with session_scope() as session:
        add_article(session, shop, "MUG", on_hand=3)

    reason = refused("db", "restore", str(backup), "--replace")
    with session_scope() as session:
        check_laws(session)
        finish_run(session, run_id, RunState.completed, Counts())
    said = run("db", "restore", str(backup), "--replace")

    assert "1 runs are in progress" in reason
    assert "before" in said
    with read_scope() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM article").scalar() == 0
        assert session.connection().exec_driver_sql("SELECT state FROM run").scalar() == "vanished"
    if database.startswith("sqlite"):
        (kept,) = tmp_path.glob("warenfluss.db.before-????????????????????")
        with sqlite3.connect(kept) as old:
            assert old.execute("SELECT sku FROM article").fetchall() == [("MUG",)]
        old.close()
    else:
        with read_scope() as session:
            kept_schema = said.split("schema ")[1].split(".")[0]
            rows = session.connection().exec_driver_sql(f"SELECT sku FROM {kept_schema}.article").all()
            assert [tuple(row) for row in rows] == [("MUG",)]
    with session_scope() as session:
        add_article(session, make_shop(session, "sued"), "MUG", on_hand=1)


def test_a_file_that_is_no_backup_changes_nothing(database: str, tmp_path: Path) -> None:
    """Rubbish, a cut copy and a missing file are refused before anything is touched."""
    with session_scope() as session:
        make_shop(session)
    whole, cut, rubbish = tmp_path / "whole", tmp_path / "cut", tmp_path / "rubbish"
    run("db", "backup", str(whole))
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    rubbish.write_text("Guten Tag")

    for file in (cut, rubbish, tmp_path / "none"):
        assert "Traceback" not in refused("db", "restore", str(file), "--replace")

    with read_scope() as session:
        assert session.connection().exec_driver_sql("SELECT name FROM tenant").scalar() == "nord"
    assert whole.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_a_backup_is_of_one_moment_while_others_write(database: str, tmp_path: Path) -> None:
    """Orders go in all the time; each copy holds whole transactions, and the writer is not held up."""
    with session_scope() as session:
        add_article(session, make_shop(session), "MUG", on_hand=1000, listed=True)
    stop = threading.Event()
    bought: list[int] = []
    writer = threading.Thread(target=lambda: bought.append(buy_many(stop)))
    writer.start()
    copies = [tmp_path / f"copy-{number}" for number in range(3)]
    try:
        for copy in copies:
            run("db", "backup", str(copy))
    finally:
        stop.set()
        writer.join()
    counts: list[int] = []
    for copy in copies:
        run("db", "restore", str(copy), "--replace")
        with session_scope() as session:
            check_laws(session)
            counts += row_counts(session, Order)
    assert counts == sorted(counts)
    assert counts[-1] <= bought[0]
    dispose()


def test_a_backup_does_not_replace_the_database(sqlite_file: str) -> None:
    """A slip of the pen must not cost the database."""
    file = sqlite_file.removeprefix("sqlite:///")

    assert "the database itself" in refused("db", "backup", file)


def test_a_missing_program_is_named(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PostgreSQL's clients on the PATH, the sentence says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "pg_dump is not on the PATH" in refused("db", "backup", str(tmp_path / "copy"))


def test_goods_that_left_unseen_are_taken_out(shop: Shop) -> None:
    """An order sold and shipped between two imports takes its goods along, once; a count knows its own."""
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import, Cycle.order_import)
    now = utc_now()
    earlier = shop.channel.place_order([(mug.id, 4)], placed_at=now - timedelta(hours=3))
    shop.channel.ship(earlier.order_id, at=now - timedelta(hours=3))
    set_stock(shop, BECHER_1=30)
    with session_scope() as session:
        session.execute(update(StockMovement).values(at=now - timedelta(hours=1)))
    theirs = shop.channel.place_order([(mug.id, 3)])
    shop.channel.ship(theirs.order_id)

    sync(Cycle.order_import, shop)
    sync(Cycle.order_import, shop)

    assert {shop.order(one.order_id).state for one in (earlier, theirs)} == {OrderState.shipped}
    assert stock_of("BECHER-1") == Figures(27, 0)


def test_no_number_is_given_twice_after_a_restore(database: str, tmp_path: Path) -> None:
    """Nothing is issued until a person names the last numbers; what was issued is frozen as before."""
    backup = tmp_path / "copy"

    def invoice(number: str) -> str:
        with session_scope() as session:
            return issue_invoice(session, get_order(session, number), actor=Actor.person).label

    with session_scope() as session:
        shop = make_invoicing_shop(session, small_business=True)
        add_article(session, shop, "MUG", on_hand=9)
        for number in ("1", "2", "3"):
            take_in(session, shop, make_order(number, make_line(f"l{number}", "MUG")))
            ship_units(session, number)
    first = invoice("1")
    year = first.split("-")[1]
    run("db", "backup", str(backup))
    assert invoice("2") == f"RE-{year}-00002"

    said = run("db", "restore", str(backup), "--replace")

    assert "`warenfluss document resume nord`" in said
    with pytest.raises(RuleError, match="may have given numbers after the backup was made"):
        invoice("3")
    assert "is no number" in refused("document", "resume", "nord", "--last", "4711")
    assert "number 1 of" in refused("document", "resume", "nord", "--last", f"RE-{year}-00000")
    run("document", "resume", "nord", "--last", f"RE-{year}-00002")
    assert invoice("3") == f"RE-{year}-00003"
    with pytest.raises(DBAPIError, match="what was issued never changes"), session_scope() as session:
        session.connection().exec_driver_sql("DELETE FROM document_line")
