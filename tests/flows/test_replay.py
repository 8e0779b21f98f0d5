"""The cycle `replay`: what was had is not done twice, what was lost is made up, and the table says which."""

import json
import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select as select_all
from sqlmodel import SQLModel

import tasks.intake.orders
import tasks.reconciliation.replay
from connectors.afterbuy.simulator import Fault
from flows.replay import replay
from models.database.session import read_scope, session_scope
from models.fulfilment.shipments import ParcelData
from models.intake.orders import save_orders
from models.sync.outbound import queue_outbound
from models.sync.records import Counts, Cycle, OutboundKind
from models.sync.runs import RunState, begin_run, finish_run
from models.tenants.account import get_account
from models.tenants.records import Mode
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import PAID_AT, _pay
from tests.flows.test_shipping_sync import SHIPPED_AT, ship
from tests.scenarios.test_kills import kill
from tests.support.steps import (
    Figures,
    add_mug,
    artifacts,
    attempt,
    cursor,
    expire_lease,
    last_run,
    numbers_here,
    numbers_there,
    prepare,
    stock_of,
    sync,
)

ORDER = Cycle.order_import
LONG_AGO = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
"""Of an order that no window reads any more."""


def run_again(shop: Shop, **wishes: Any) -> list[dict[str, Any]]:
    """Replay; return the table."""
    state: Any = replay(shop.name, return_state=True, **{"wait_seconds": 0, **wishes})
    assert state.is_completed(), state
    rows: list[dict[str, Any]] = state.result()["effects"]
    return rows


def outcomes(rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the effects by outcome."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["outcome"], set()).add(row["effect"])
    return found


def both_sides(shop: Shop) -> Any:
    """Return every row here, but for what tells of runs and their calls, and what the channel has."""
    apart = {"run", "lease", "call", "call_order"}
    with read_scope() as session:
        here = {
            table.name: sorted(map(repr, session.execute(select_all(table)).all()))
            for table in SQLModel.metadata.sorted_tables
            if table.name not in apart
        }
    there = {order.order_id: repr(order) for order in shop.channel.orders.values()}
    stock = {product.id: product.quantity for product in shop.channel.products.values()}
    return here, there, stock, dict(shop.simulator.effects_by_name), list(shop.channel.mails_to_buyers)


def full_life(shop: Shop) -> str:
    """Let an order come in, be paid, shipped and told of; return its number."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    number = shop.channel.place_order([(mug.id, 2)], paid=True).order_id
    sync(ORDER, shop)
    ship(shop, number, ParcelData(tracking_number="P1"))
    for cycle in (Cycle.shipping_sync, Cycle.stock_export, ORDER, Cycle.payment_sync):
        sync(cycle, shop)
    return str(number)


def test_repeating_does_nothing(shop: Shop) -> None:
    """Everything was done before, with its instant; not a row changes, and the channel is told nothing."""
    number = full_life(shop)
    before = both_sides(shop)

    first = run_again(shop, orders=[number])
    between = both_sides(shop)
    second = run_again(shop, orders=[number])

    assert before == between == both_sides(shop)
    assert first == second
    assert outcomes(first) == {
        "done before": {
            "taken in",
            "article found",
            "payment booked",
            "shipment booked",
            "shipment published",
        }
    }
    assert all(row["at"] for row in first if row["effect"] != "article found")
    run = last_run(shop, Cycle.replay)
    assert (run.state, run.counts["unchanged"], run.counts["sent"]) == (RunState.completed, 2, 0)
    assert run.slowest_seconds is None


def test_a_lost_order_is_taken_in(shop: Shop) -> None:
    """By its number, whatever its age, and its neighbour is let alone; no cursor moves; once is enough."""
    mug = add_mug(shop, 10)
    for cycle in (Cycle.article_import, ORDER, Cycle.payment_sync):
        sync(cycle, shop)
    lost = shop.channel.place_order([(mug.id, 2)], placed_at=LONG_AGO, platform_order_id="302-7")
    neighbour = shop.channel.place_order([mug], placed_at=LONG_AGO)
    assert sync(ORDER, shop).read == 0
    cursors = [cursor(shop, name) for name in ("orders", "payments")]

    rows = run_again(shop, orders=[str(lost.order_id), "4711"])
    again = run_again(shop, orders=["302-7"])

    assert numbers_here(shop) == [str(lost.order_id)]
    assert stock_of("BECHER-1") == Figures(10, 2)
    assert outcomes(rows) == {
        "new now": {"taken in", "article found", "stock allocated"},
        "not known there": {"read at the channel"},
    }
    assert [row["order"] for row in rows][-1] == "4711"
    assert {row["order"] for row in again} == {str(lost.order_id)}
    assert set(outcomes(again)) == {"done before"}
    assert [cursor(shop, name) for name in ("orders", "payments")] == cursors
    assert neighbour.order_id
    shown = artifacts(shop, Cycle.replay)
    (table,) = [data for key, data in shown.items() if key.startswith("effects-")]
    assert [row["effect"] for row in json.loads(table)] == ["taken in", "article found", "stock allocated"]


def test_an_order_that_is_gone_there_is_a_line(sqlite_shop: Shop) -> None:
    """What the channel no longer knows is said, and stays as it is here."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    both = [shop.channel.place_order([mug]).order_id for _ in range(2)]
    sync(ORDER, shop)
    heir = shop.channel.merge(both).order_id
    (gone,) = set(both) - {heir}

    rows = run_again(shop, orders=[str(gone)])

    assert [(row["outcome"], row["value"]) for row in rows][-1] == ("not known there", "known here")
    assert numbers_here(shop) == sorted(map(str, both))


def test_a_day_is_a_german_day(shop: Shop) -> None:
    """The day on which an hour occurred twice, from midnight to midnight; what is lost of it is taken in."""
    mug = add_mug(shop, 20)
    prepare(shop, Cycle.article_import)
    at = {
        "before": datetime(2026, 10, 24, 21, 59, tzinfo=UTC),
        "first": datetime(2026, 10, 24, 22, 0, tzinfo=UTC),
        "twice": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        "last": datetime(2026, 10, 25, 22, 59, tzinfo=UTC),
        "after": datetime(2026, 10, 25, 23, 0, tzinfo=UTC),
    }
    known = shop.channel.place_order([mug], placed_at=at["twice"]).order_id
    sync(ORDER, shop)
    numbers = {
        name: shop.channel.place_order([mug], placed_at=instant).order_id for name, instant in at.items()
    }
    paid_then = shop.channel.place_order([mug], placed_at=at["before"]).order_id
    shop.channel.pay(paid_then, at=at["last"])
    sync(ORDER, shop)
    with_ours = [known, numbers["first"], numbers["twice"], numbers["last"], paid_then]

    rows = run_again(shop, day=date(2026, 10, 25))
    first = both_sides(shop)
    again = run_again(shop, day=date(2026, 10, 25))

    assert {row["order"] for row in rows} == set(map(str, with_ours))
    assert {row["order"] for row in rows if row["outcome"] == "new now"} == set(map(str, [*with_ours[1:-1]]))
    assert numbers_here(shop) == sorted(map(str, with_ours))
    assert set(outcomes(again)) == {"done before"}
    assert first == both_sides(shop)


def test_what_is_older_than_the_start_stays_out(sqlite_shop: Shop) -> None:
    """A day before the account's start is no back door for history; an order that is named is."""
    shop = sqlite_shop
    shop.configure(start="2026-10-01")
    mug = add_mug(shop, 20)
    for cycle in (Cycle.article_import, ORDER):
        sync(cycle, shop)
    old = shop.channel.place_order([mug], placed_at=LONG_AGO)

    assert run_again(shop, day=date(2026, 9, 1)) == []
    assert run_again(shop, everything=True) == []
    assert numbers_here(shop) == []
    run_again(shop, orders=[str(old.order_id)])
    assert numbers_here(shop) == [str(old.order_id)]


def test_a_run_that_failed_in_the_middle(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had saved was done before; what it had not is new, and the cursor is left to the cycle."""
    shop.configure(page_size=2)
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    for _ in range(5):
        shop.channel.place_order([mug])
    pages = 0

    def save(*arguments: Any, **values: Any) -> Any:
        nonlocal pages
        pages += 1
        result = save_orders(*arguments, **values)
        if pages == 2:
            raise RuntimeError("a bug")
        return result

    monkeypatch.setattr(tasks.intake.orders, "save_orders", save)
    assert attempt(ORDER, shop).is_failed()
    failed, part, where = last_run(shop, ORDER), numbers_here(shop), cursor(shop, "orders")

    rows = run_again(shop, run=str(failed.id))
    by_flow_run = run_again(shop, run=failed.flow_run_id)

    had = {row["order"] for row in rows if row["outcome"] == "done before"}
    new = {row["order"] for row in rows if row["outcome"] == "new now"}
    assert (len(part), had, len(new)) == (2, set(part), 3)
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(50, 5)
    assert cursor(shop, "orders") == where
    # What the replay took in was touched by that and not by the failed run, which can be replayed itself.
    assert {row["order"] for row in by_flow_run} == set(part)
    assert set(outcomes(by_flow_run)) == {"done before"}
    assert {row["order"] for row in run_again(shop, run=str(failed.row_id + 1))} == set(part) | new
    assert sync(ORDER, shop).new == 0


def test_a_run_with_a_rejected_record(sqlite_shop: Shop) -> None:
    """The record that it could not use is tried again."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    good = shop.channel.place_order([mug])
    bad = shop.channel.place_order([mug])
    bad.items[0].quantity = -1
    assert sync(ORDER, shop).rejected == 1
    run_id = str(last_run(shop, ORDER).id)

    still_bad = run_again(shop, run=run_id)
    bad.items[0].quantity = 1
    mended = run_again(shop, run=run_id)

    assert (
        "rejected" in outcomes([row for row in still_bad if row["order"] == str(bad.order_id)])["done before"]
    )
    assert {"rejected"} == outcomes(mended)["ended now"]
    assert "taken in" in outcomes(mended)["new now"]
    assert numbers_here(shop) == sorted(map(str, (good.order_id, bad.order_id)))


def test_everything_makes_up_for_what_differs(sqlite_shop: Shop) -> None:
    """Of a whole account those orders are run again that are missing here, differ, or wait to be told."""
    shop = sqlite_shop
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    still, differs, waits = (shop.channel.place_order([mug]).order_id for _ in range(3))
    sync(ORDER, shop)
    lost = shop.channel.place_order([mug], placed_at=LONG_AGO).order_id
    shop.channel.change_quantity(differs, shop.channel.order(differs).items[0].id, 3)
    shop.channel.order(differs).mod_date = LONG_AGO
    ship(shop, waits, ParcelData(tracking_number="P1"))
    assert sync(ORDER, shop).new == 0

    rows = run_again(shop, everything=True)

    assert {row["order"] for row in rows} == set(map(str, (differs, waits, lost)))
    assert "taken in" in outcomes([row for row in rows if row["order"] == str(lost)])["new now"]
    assert outcomes([row for row in rows if row["order"] == str(differs)])["changed now"] == {
        "stock allocated",
        "taken in",
    }
    assert outcomes([row for row in rows if row["order"] == str(waits)])["new now"] == {"shipment published"}
    assert shop.channel.order(waits).delivery_date == SHIPPED_AT
    assert stock_of("BECHER-1") == Figures(49, 5)
    # What we told changed the order there.
    sync(ORDER, shop)
    assert run_again(shop, everything=True) == []
    assert str(still) in numbers_here(shop)


@pytest.mark.parametrize("kind", ["payment", "shipment"])
def test_again_tells_the_same_once_more(shop: Shop, kind: Any) -> None:
    """The channel is told the same absolute values: its records are as before, and no buyer is mailed."""
    shop.configure(payments="warenfluss")
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 2)])
    other = shop.channel.place_order([mug])
    sync(ORDER, shop)
    for number in (theirs.order_id, other.order_id):
        _pay(shop, number, "5.00")
        ship(shop, number, ParcelData(tracking_number="P1"))
    for cycle in (Cycle.payment_sync, Cycle.shipping_sync, Cycle.stock_export, ORDER):
        sync(cycle, shop)
    shop.configure(mail_buyer_shipping=True, mail_buyer_payment=True)
    here, there, stock, effects, _ = both_sides(shop)

    by_default = run_again(shop, orders=[str(theirs.order_id)])
    assert both_sides(shop)[3] == effects
    rows = run_again(shop, orders=[str(theirs.order_id)], again=[kind])

    assert "published again" not in outcomes(by_default)
    assert outcomes(rows)["published again"] == {f"{kind} published"}
    after = both_sides(shop)
    assert after[3] == effects | {"UpdateSoldItems": effects["UpdateSoldItems"] + 1}
    assert shop.channel.mails_to_buyers == []
    assert after[2] == stock
    record = shop.channel.order(theirs.order_id)
    assert (str(record.already_paid), record.payment_date) == ("5.00", PAID_AT)
    assert (record.delivery_date, record.additional_info) == (SHIPPED_AT, "P1")
    changed = {name for name, table in after[0].items() if table != here[name]}
    assert changed == {"outbound"}
    assert there[other.order_id] == after[1][other.order_id]


def test_a_parcel_after_a_repeat_mails_the_buyer(sqlite_shop: Shop) -> None:
    """Only the repetition is silent: what is news afterwards is told as the account says."""
    shop = sqlite_shop
    number = full_life(shop)
    shop.configure(mail_buyer_shipping=True)
    run_again(shop, orders=[number], again=["shipment"])
    assert shop.channel.mails_to_buyers == []
    with session_scope() as session:
        order_id = shop.order(number).row_id
        queue_outbound(session, shop.order(number).account_id, OutboundKind.shipment, [order_id])

    sync(Cycle.shipping_sync, shop)

    assert len(shop.channel.mails_to_buyers) == 1


@pytest.mark.parametrize("whole_account", [False, True])
def test_in_test_mode_nothing_changes(shop: Shop, whole_account: bool) -> None:
    """Neither here nor there; the table says what would be new, and the report what would have been sent."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    shipped = shop.channel.place_order([(mug.id, 2)]).order_id
    told = shop.channel.place_order([mug]).order_id
    sync(ORDER, shop)
    ship(shop, told, ParcelData(tracking_number="P0"))
    for cycle in (Cycle.shipping_sync, Cycle.stock_export, Cycle.payment_sync):
        sync(cycle, shop)
    ship(shop, shipped, ParcelData(tracking_number="P1"))
    lost = shop.channel.place_order([(mug.id, 3)], placed_at=LONG_AGO).order_id
    if whole_account:
        with session_scope() as session:
            get_account(session, shop.name).mode = Mode.test
    before = both_sides(shop)
    writes = len(shop.simulator.writes)

    rows = run_again(
        shop, orders=[str(one) for one in (shipped, told, lost)], again=["shipment"], test=not whole_account
    )

    assert both_sides(shop) == before
    assert len(shop.simulator.writes) == writes
    by_order = {
        number: outcomes([row for row in rows if row["order"] == str(number)])
        for number in (shipped, told, lost)
    }
    assert by_order[shipped]["would be new"] == {"shipment published"}
    assert by_order[told]["would be published again"] == {"shipment published"}
    assert by_order[lost] == {"would be new": {"taken in", "article found", "stock allocated"}}
    shown = artifacts(shop, Cycle.replay)
    (would,) = [json.loads(data) for key, data in shown.items() if key.startswith("would-send")]
    assert {row["of"] for row in would} == {str(shop.order(number).id) for number in (shipped, told)}
    assert last_run(shop, Cycle.replay).test


@pytest.mark.parametrize("point", ["before-commit", "after-send"])
def test_killed_in_the_middle_and_repeated(shop: Shop, point: str) -> None:
    """Whenever its process dies, the next replay makes up the rest, and nothing is doubled."""
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    ours = shop.channel.place_order([mug]).order_id
    sync(ORDER, shop)
    ship(shop, ours, ParcelData(tracking_number="P1"))
    lost = shop.channel.place_order([mug], placed_at=LONG_AGO).order_id
    wishes: dict[str, Any] = {"orders": [str(ours), str(lost)], "wait_seconds": 0}

    kill(shop, Cycle.replay, point, 1, **wishes)
    dead = last_run(shop, Cycle.replay)
    held_off = replay(shop.name, return_state=True, **wishes)
    import_held_off = attempt(ORDER, shop)
    expire_lease(shop)
    rows = run_again(shop, **wishes)

    assert dead.state is RunState.running
    assert held_off.is_cancelled()
    assert import_held_off.is_cancelled()
    assert f"Run {dead.id} works on order-import" in (import_held_off.message or "")
    assert "shipment published" in outcomes(rows)["new now"]
    assert shop.simulator.effects_by_name["UpdateSoldItems"] == 1
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(49, 1)
    assert shop.channel.order(ours).delivery_date == SHIPPED_AT
    assert set(outcomes(run_again(shop, **wishes))) == {"done before"}


def test_two_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One waits for the other, and finds everything done."""
    monkeypatch.setattr(tasks.reconciliation.replay, "LOOK_SECONDS", 0.1)
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    sync(ORDER, shop)
    numbers = [str(shop.channel.place_order([mug], placed_at=LONG_AGO).order_id) for _ in range(3)]
    tables: list[list[dict[str, Any]]] = []

    def run() -> None:
        tables.append(run_again(shop, orders=numbers, wait_seconds=60))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(kind for rows in tables for kind in outcomes(rows)) == ["done before", "new now"]
    assert numbers_here(shop) == sorted(numbers)
    assert stock_of("BECHER-1") == Figures(50, 3)


def test_it_waits_for_the_cycle_whose_work_it_does(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While order-import, payment-sync or shipping-sync works, a replay waits, then works or steps aside."""
    shop = sqlite_shop
    monkeypatch.setattr(tasks.reconciliation.replay, "LOOK_SECONDS", 0.1)
    sync(ORDER, shop)
    with session_scope() as session:
        account_id = get_account(session, shop.name).row_id
        runs = {
            cycle: begin_run(session, account_id, cycle).row_id
            for cycle in (ORDER, Cycle.payment_sync, Cycle.shipping_sync)
        }
    ended: list[Any] = []

    def wait() -> None:
        ended.append(replay(shop.name, orders=["1"], wait_seconds=60, return_state=True))

    aside: Any = replay(shop.name, orders=["1"], wait_seconds=0, return_state=True)
    thread = threading.Thread(target=wait)
    thread.start()
    for run_id in runs.values():
        with session_scope() as session:
            finish_run(session, run_id, RunState.completed, Counts())
    thread.join()

    assert aside.is_cancelled()
    assert f"Run {runs[ORDER]} works on order-import" in aside.message
    assert [state.is_completed() for state in ended] == [True]
    assert attempt(ORDER, shop).is_completed()


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({}, "one of these"),
        ({"orders": ["1"], "run": "1"}, "one of these"),
        ({"orders": [" "], "run": " "}, "one of these"),
        ({"run": "4711"}, "has no run '4711'"),
        ({"day": date(2026, 11, 1)}, "No order-import of account"),
        ({"everything": True, "again": ["shipment"]}, "Not everything can be published again"),
    ],
)
def test_an_unclear_wish_does_nothing(sqlite_shop: Shop, wishes: dict[str, Any], sentence: str) -> None:
    """It ends as cancelled with what to name instead; nobody is mailed of it."""
    state = replay(sqlite_shop.name, return_state=True, **wishes)

    assert state.is_cancelled()
    assert sentence in (state.message or "")
    assert sqlite_shop.simulator.requests == []
    with read_scope() as session:
        assert session.execute(select_all(SQLModel.metadata.tables["mail"])).all() == []


def test_a_failed_replay_is_told_and_says_how_far_it_came(sqlite_shop: Shop) -> None:
    """The run fails with a mail and the table of what was done; orders already taken in stay."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    for cycle in (Cycle.article_import, ORDER):
        sync(cycle, shop)
    theirs = shop.channel.place_order([mug], placed_at=LONG_AGO)
    shop.simulator.faults.add(Fault.refuse_login(), "GetSoldItems", times=1)
    first = replay(shop.name, orders=[str(theirs.order_id)], return_state=True)

    assert first.is_failed()
    assert last_run(shop, Cycle.replay).state is RunState.failed
    with read_scope() as session:
        mails = session.execute(select_all(SQLModel.metadata.tables["mail"])).all()
    assert [mail.subject for mail in mails] == [f"[Warenfluss] {shop.name}: Nachlauf fehlgeschlagen"]
    (table,) = [data for key, data in artifacts(shop, Cycle.replay).items() if key.startswith("effects-")]
    assert json.loads(table) == []
    assert "taken in" in outcomes(run_again(shop, orders=[str(theirs.order_id)]))["new now"]
