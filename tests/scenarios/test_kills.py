"""A process that dies by SIGKILL in the middle of a cycle or of a page: nothing is lost or doubled."""

import signal
from decimal import Decimal
from typing import Any

import pytest

import tasks.intake.orders
from models.database.engine import dispose
from models.fulfilment.shipments import ParcelData
from models.intake.orders import save_orders
from models.sync.records import Cycle
from models.sync.runs import RunState
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import _pay
from tests.flows.test_shipping_sync import SHIPPED_AT, ship
from tests.support import forks
from tests.support.killed_cycle import run_cycle
from tests.support.steps import (
    Figures,
    add_mug,
    attempt,
    calls,
    cursor,
    expire_lease,
    last_run,
    numbers_here,
    numbers_there,
    outbound,
    prepare,
    set_stock,
    stock_of,
    sync,
)


def kill(shop: Shop, cycle: Cycle, point: str, number: int, **wishes: Any) -> None:
    """Run a cycle in a process of its own, which dies at a point."""
    dispose()
    process = forks.start(run_cycle, cycle, shop.name, point, number, wishes)
    assert forks.end(process) == -signal.SIGKILL


@pytest.mark.parametrize("point", ["before-page", "before-commit"])
def test_an_import_that_is_killed_goes_on(shop: Shop, point: str) -> None:
    """The run after the lease has run out goes on at the page that was not saved."""
    shop.configure(page_size=2)
    mug = add_mug(shop, 50)
    prepare(shop, Cycle.article_import)
    for _ in range(7):
        shop.channel.place_order([mug])

    kill(shop, Cycle.order_import, point, 3)
    part = numbers_here(shop)
    dead = last_run(shop, Cycle.order_import)
    held_off = attempt(Cycle.order_import, shop)
    expire_lease(shop)
    counts = sync(Cycle.order_import, shop)

    # The third page is read while the second is saved.
    assert len(part) in (2, 3, 4, 5)
    assert dead.state is RunState.running
    assert held_off.is_cancelled()
    assert counts.new == 7 - len(part)
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(50, 7)


@pytest.mark.parametrize("point", ["before-send", "after-send"])
def test_a_stock_export_that_is_killed_is_looked_up(shop: Shop, point: str) -> None:
    """What may have gone out is looked up at the channel: told once, whenever the process died."""
    _send_and_die(shop, Cycle.stock_export, point)


@pytest.mark.parametrize("cycle", [Cycle.payment_sync, Cycle.shipping_sync])
def test_a_status_that_was_sent_by_a_killed_process_is_looked_up(sqlite_shop: Shop, cycle: Cycle) -> None:
    """The same for payments and shipments."""
    _send_and_die(sqlite_shop, cycle, "after-send")


def _send_and_die(shop: Shop, cycle: Cycle, point: str) -> None:
    shop.configure(stock_batch_size=2, status_batch_size=2, payments="warenfluss")
    mugs = [add_mug(shop, 10, f"M-{number}") for number in range(5)]
    prepare(shop, Cycle.article_import)
    orders = [shop.channel.place_order([mug]) for mug in mugs]
    sync(Cycle.order_import, shop)
    for number, theirs in enumerate(orders):
        if cycle is Cycle.payment_sync:
            _pay(shop, theirs.order_id, "14.80")
        elif cycle is Cycle.shipping_sync:
            ship(shop, theirs.order_id, ParcelData(tracking_number=f"P{number}"))
    if cycle is Cycle.stock_export:
        set_stock(shop, **{f"M_{number}": 7 for number in range(5)})

    kill(shop, cycle, point, 2)
    cut_off = [ending for _, ending, _ in calls(shop, failed=True)]
    assert cut_off == (["open"] if point == "after-send" else [])
    expire_lease(shop)
    counts = sync(cycle, shop)

    call = "UpdateShopProducts" if cycle is Cycle.stock_export else "UpdateSoldItems"
    assert counts.sent == 3
    assert shop.simulator.effects_by_name[call] == 5
    kind = cycle.removesuffix("-export").removesuffix("-sync").replace("shipping", "shipment")
    assert {state for name, state in outbound(shop) if name == kind} == {"sent"}
    if cycle is Cycle.stock_export:
        assert {shop.channel.products[mug.id].quantity for mug in mugs} == {6}
    elif cycle is Cycle.payment_sync:
        assert {one.already_paid for one in shop.channel.orders.values()} == {Decimal("14.80")}
    else:
        assert {one.delivery_date for one in shop.channel.orders.values()} == {SHIPPED_AT}
        assert [one.additional_info for one in orders] == [f"P{number}" for number in range(5)]
    assert shop.channel.mails_to_buyers == []


def test_a_write_of_a_process_that_died_before_its_note_is_seen(shop: Shop) -> None:
    """Its row was saved before it left, with its orders, and stays open for people to see."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1"))

    kill(shop, Cycle.shipping_sync, "before-note", 1)
    run_id = last_run(shop, Cycle.shipping_sync).id

    assert calls(shop, failed=True) == [("UpdateSoldItems", "open", [str(theirs.order_id)])]
    assert calls(shop, run_id=run_id)[-1:] == calls(shop, failed=True)
    expire_lease(shop)
    sync(Cycle.shipping_sync, shop)
    assert shop.simulator.effects_by_name["UpdateSoldItems"] == 1


def test_a_page_that_breaks_is_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error between two pages fails the run; the next resumes at the saved page."""
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
    state = attempt(Cycle.order_import, shop)
    part, page = numbers_here(shop), cursor(shop, "orders").get("page")
    error = last_run(shop, Cycle.order_import).error
    reads = len([one for one in shop.simulator.requests if one.call == "GetSoldItems"])
    counts = sync(Cycle.order_import, shop)

    assert state.is_failed()
    assert error.startswith("UnexpectedError: RuntimeError at scenarios/test_kills.py:")
    assert (len(part), bool(page), pages) == (2, True, 4)
    assert reads == 3, "the page after the one that broke was read ahead, and nothing more"
    assert counts.new == 3
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(50, 5)
