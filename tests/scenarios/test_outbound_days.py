"""What channels are told on bad days: nobody holds up others, nothing is tried for ever or overtaken."""

import threading
from contextvars import copy_context
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import col, select

from connectors.afterbuy.simulator import Fault
from connectors.afterbuy.stock import AfterbuyStock
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.fulfilment.shipments import ParcelData
from models.mails.outbox import Mail
from models.sync.delivery import MAX_ATTEMPTS
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle
from models.sync.runs import RunState
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import _pay
from tests.flows.test_shipping_sync import ship
from tests.support.cli_steps import call, read
from tests.support.steps import (
    add_mug,
    attempt,
    calls,
    expire_lease,
    last_run,
    outbound,
    prepare,
    set_stock,
    sync,
)

STOCK, SHIPPING = Cycle.stock_export, Cycle.shipping_sync


def _mails() -> list[str]:
    with read_scope() as session:
        return list(session.exec(select(Mail.text).order_by(col(Mail.id))))


def _let_time_pass() -> None:
    with session_scope() as session:
        for row in session.exec(select(Outbound)):
            row.next_try_at = utc_now()
            session.add(row)


def test_what_is_refused_is_parked_shown_mailed_and_retried(shop: Shop) -> None:
    """Of a batch the others are told; people hear of all that a run parked by one mail, once."""
    mugs = [add_mug(shop, 10, f"M-{number}") for number in range(5)]
    prepare(shop, Cycle.article_import)
    set_stock(shop, **{f"M_{number}": 7 for number in range(5)})
    gone = [shop.channel.products.pop(mug.id) for mug in mugs[:2]]

    counts = sync(STOCK, shop)
    sync(STOCK, shop)

    assert (counts.sent, counts.failed, counts.parked) == (3, 2, 2)
    assert {shop.channel.products[mug.id].quantity for mug in mugs[2:]} == {7}
    (mail,) = _mails()
    assert "Bestände: 2" in mail
    assert f"warenfluss outbound list --account {shop.name} --state parked" in mail
    assert len(read("outbound", "list", "--state", "parked")) == 2

    shop.channel.products.update({product.id: product for product in gone})
    assert call("outbound", "retry", "--all").exit_code == 0
    assert sync(STOCK, shop).sent == 2
    assert len(_mails()) == 1
    assert {shop.channel.products[mug.id].quantity for mug in mugs} == {7}


def test_an_order_that_the_channel_forgot_is_parked_at_last(sqlite_shop: Shop) -> None:
    """What cannot be looked up is not sent blindly and not asked for ever; its neighbours go on."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    lost, other = shop.channel.place_order([mug]), shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    ship(shop, lost.order_id, ParcelData(tracking_number="P1"))
    shop.simulator.faults.add(Fault.reset_after(), "UpdateSoldItems")
    sync(SHIPPING, shop)
    shop.channel.order(lost.order_id).hidden = True
    ship(shop, other.order_id, ParcelData(tracking_number="P2"))

    runs = 0
    while ("shipment", "uncertain") in outbound(shop):
        sync(SHIPPING, shop)
        _let_time_pass()
        runs += 1
        assert runs <= MAX_ATTEMPTS

    assert sorted(outbound(shop)) == [("shipment", "parked"), ("shipment", "sent"), *_stock(shop)]
    writes = [orders for name, _, orders in calls(shop) if name == "UpdateSoldItems"]
    assert writes == [[str(lost.order_id)], [str(other.order_id)]]
    (mail,) = _mails()
    assert str(lost.order_id) not in mail


def test_orders_merged_before_the_look_up_wait_for_nobody(sqlite_shop: Shop) -> None:
    """The old numbers are unknown there by then: what they became is told, and nothing is in doubt."""
    shop = sqlite_shop
    shop.configure(payments="warenfluss")
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    both = [shop.channel.place_order([mug]).order_id for _ in range(2)]
    sync(Cycle.order_import, shop)
    for number in both:
        _pay(shop, number, "14.80")
    shop.simulator.faults.add(Fault.reset_before(), "UpdateSoldItems")
    sync(Cycle.payment_sync, shop)
    assert outbound(shop).count(("payment", "uncertain")) == 2

    heir = shop.channel.merge(both)
    sync(Cycle.order_import, shop)
    sync(Cycle.payment_sync, shop)

    assert set(outbound(shop)) - set(_stock(shop)) == {("payment", "sent")}
    assert shop.channel.order(heir.order_id).already_paid == Decimal("29.60")


def _stock(shop: Shop) -> list[tuple[str, str]]:
    return [row for row in outbound(shop) if row[0] == "stock"]


def test_a_run_that_wakes_up_overtakes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Believed dead in the middle of sending, it goes on after its successor: what is newest stands at last.

    Its old value may still reach the channel, because nobody can call it back: the new one is told again.
    """
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=6)
    asleep, awake = threading.Event(), threading.Event()
    publish = AfterbuyStock.publish_stock
    sleeper = threading.Thread(target=copy_context().run, args=(attempt, STOCK, shop))

    def slow(channel: AfterbuyStock, items: Any) -> Any:
        results = publish(channel, items)
        if threading.current_thread() is sleeper:
            asleep.set()
            assert awake.wait(60)
            # What it had sent arrives only now.
            shop.channel.products[mug.id].quantity = 6
        return results

    monkeypatch.setattr(AfterbuyStock, "publish_stock", slow)
    sleeper.start()
    assert asleep.wait(60)
    dead = last_run(shop, STOCK)
    set_stock(shop, BECHER_1=3)
    expire_lease(shop)
    sync(STOCK, shop)
    assert shop.channel.products[mug.id].quantity == 3
    awake.set()
    sleeper.join(60)

    assert _state_of(dead.id) is RunState.failed
    sync(STOCK, shop)
    assert shop.channel.products[mug.id].quantity == 3
    assert outbound(shop) == [("stock", "sent")]


def test_a_run_that_wakes_up_before_it_sends_sends_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write leaves only with the lease of its run."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=6)
    asleep, awake = threading.Event(), threading.Event()
    publish = AfterbuyStock.publish_stock
    sleeper = threading.Thread(target=copy_context().run, args=(attempt, STOCK, shop))

    def slow(channel: AfterbuyStock, items: Any) -> Any:
        if threading.current_thread() is sleeper:
            asleep.set()
            assert awake.wait(60)
        return publish(channel, items)

    monkeypatch.setattr(AfterbuyStock, "publish_stock", slow)
    sleeper.start()
    assert asleep.wait(60)
    set_stock(shop, BECHER_1=3)
    expire_lease(shop)
    sync(STOCK, shop)
    awake.set()
    sleeper.join(60)

    assert shop.simulator.effects_by_name["UpdateShopProducts"] == 1
    assert ("UpdateShopProducts", "LeaseLostError", []) in calls(shop)
    assert shop.channel.products[mug.id].quantity == 3
    with read_scope() as session:
        assert session.exec(select(Outbound.state)).all() == [OutboundState.sent]


def _state_of(run_id: int | None) -> RunState:
    from models.sync.runs import Run

    with read_scope() as session:
        return session.get_one(Run, run_id).state
