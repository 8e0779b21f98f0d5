"""Test mode: in no cycle does anything leave, and the report says what would have left."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from connectors.afterbuy.simulator import ReceivedCall
from models.database.session import read_scope
from models.fulfilment.shipments import ParcelData
from models.mails.outbox import Mail
from models.orders.order import Order, OrderState
from models.sync.records import Cycle
from models.tenants.records import Mode
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import PAID_AT, _pay
from tests.flows.test_shipping_sync import SHIPPED_AT, ship
from tests.support.steps import (
    FLOWS,
    Figures,
    add_mug,
    artifacts,
    attempt,
    cursor,
    holds,
    last_run,
    line_rows,
    numbers_here,
    numbers_there,
    outbound,
    prepare,
    set_stock,
    stock_of,
    sync,
)


def _orders() -> list[Order]:
    with read_scope() as session:
        return list(session.exec(select(Order)).all())


def _no_mail() -> bool:
    with read_scope() as session:
        return session.exec(select(Mail)).all() == []


def _sent_fields(call: ReceivedCall, record: str) -> list[tuple[str, str]]:
    """Return what a call said of each record: path and text of each element that has one."""
    assert call.body is not None
    fields: list[tuple[str, str]] = []
    for element in call.body.iter(record):
        for leaf in element.iter():
            text = (leaf.text or "").strip()
            if len(leaf) == 0 and text:
                fields.append((str(leaf.tag), text))
    return sorted(fields)


def _would(shop: Shop, cycle: Cycle) -> list[dict[str, Any]]:
    """Return the report of what a test run would have sent, as Prefect has it."""
    import json

    found = artifacts(shop, cycle)
    key = next(key for key in found if key.startswith("would-send"))
    rows: list[dict[str, Any]] = json.loads(found[key])
    return rows


def test_a_whole_account_in_test(shop: Shop) -> None:
    """Every cycle runs and reads; nothing leaves, nothing is promised or mailed; going live begins anew."""
    shop.set_mode(Mode.test)
    shop.configure(payments="warenfluss")
    mug = add_mug(shop, 10)
    theirs = shop.channel.place_order([(mug.id, 2)], paid=True)

    for cycle in (*FLOWS, *FLOWS):
        sync(cycle, shop)
    trial = shop.order(theirs.order_id)
    trial_lines = line_rows(trial)
    articles_in_test = outbound(shop)
    stock_in_test = stock_of("BECHER-1")

    assert shop.simulator.writes == []
    assert shop.channel.mails_to_buyers == []
    assert _no_mail()
    assert (trial.trial, trial.state) == (True, OrderState.open)
    assert [(line.allocated, line.article_id is not None) for line in trial_lines] == [(0, True)]
    assert holds(trial) == []
    assert stock_in_test == Figures(0, 0)
    assert all(state == "pending" for _, state in articles_in_test)

    shop.set_mode(Mode.live)
    gone = _orders()
    for cycle in (Cycle.article_import, Cycle.order_import, Cycle.stock_export):
        sync(cycle, shop)

    assert gone == []
    order = shop.order(theirs.order_id)
    assert (order.trial, order.paid_amount) == (False, Decimal("24.70"))
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(8, 2)
    assert shop.channel.products[mug.id].quantity == 6


@pytest.mark.parametrize("cycle", [Cycle.order_import, Cycle.article_import, Cycle.payment_sync])
def test_a_test_run_of_a_live_account_moves_no_cursor(sqlite_shop: Shop, cycle: Cycle) -> None:
    """Reading for inspection leaves the cursor of a live account where it was."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    shop.channel.place_order([mug])
    for each in FLOWS:
        sync(each, shop)
    names = ("orders", "articles", "payments")
    before = [cursor(shop, name) for name in names]
    assert all(before)
    theirs = shop.channel.place_order([(mug.id, 2)], paid=True)
    stock, waiting = stock_of("BECHER-1"), outbound(shop)

    sync(cycle, shop, test=True)

    assert [cursor(shop, name) for name in names] == before
    assert (stock_of("BECHER-1"), outbound(shop)) == (stock, waiting)
    assert shop.simulator.writes == []
    assert last_run(shop, cycle).test

    sync(Cycle.order_import, shop)
    order = shop.order(theirs.order_id)
    assert (order.trial, [line.allocated for line in line_rows(order)]) == (False, [2])
    assert numbers_here(shop) == numbers_there(shop)


def test_a_test_run_leaves_orders_of_a_live_account_alone(sqlite_shop: Shop) -> None:
    """An order that is known is not touched by a test run, whatever changed at the channel."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 2)])
    sync(Cycle.order_import, shop)
    before = shop.order(theirs.order_id)
    shop.channel.pay(theirs.order_id)
    shop.channel.change_quantity(theirs.order_id, theirs.items[0].id, 5)

    order_counts = sync(Cycle.order_import, shop, test=True)
    sync(Cycle.payment_sync, shop, test=True)

    assert order_counts.unchanged == 1
    assert shop.order(theirs.order_id) == before
    assert stock_of("BECHER-1") == Figures(10, 2)


@pytest.mark.parametrize("whole_account", [True, False])
@pytest.mark.parametrize("cycle", [Cycle.stock_export, Cycle.payment_sync, Cycle.shipping_sync])
def test_the_report_says_what_a_live_run_sends(sqlite_shop: Shop, cycle: Cycle, whole_account: bool) -> None:
    """Field by field, what test mode would have sent is what the live run then sends; nothing is used up."""
    shop = sqlite_shop
    shop.configure(payments="warenfluss", stock_batch_size=1, status_batch_size=1)
    mugs = [add_mug(shop, 10, f"M-{number}") for number in range(2)]
    prepare(shop, Cycle.article_import)
    orders = [shop.channel.place_order([(mug.id, 2)]) for mug in mugs]
    sync(Cycle.order_import, shop)
    for number, theirs in enumerate(orders):
        line_id = line_rows(shop.order(theirs.order_id))[0].id or 0
        if cycle is Cycle.payment_sync:
            _pay(shop, theirs.order_id, "24.70")
        elif cycle is Cycle.shipping_sync:
            parcels = [ParcelData(tracking_number=f"{number}-{part}", lines={line_id: 1}) for part in (1, 2)]
            ship(shop, theirs.order_id, *parcels)
    waiting = outbound(shop)

    if whole_account:
        _only_mode(shop, Mode.test)
    counts = sync(cycle, shop, test=not whole_account)
    rows = _would(shop, cycle)

    assert shop.simulator.writes == []
    assert outbound(shop) == waiting
    assert (counts.would_send, counts.sent, counts.failed) == (2, 0, 0)
    assert {row["what"] for row in rows} == {cycle.split("-")[0].replace("shipping", "shipment")}

    if whole_account:
        _only_mode(shop, Mode.live)
    sync(cycle, shop)
    record = "Product" if cycle is Cycle.stock_export else "Order"
    told = sorted(field for call in shop.simulator.writes for field in _sent_fields(call, record))
    assert len(shop.simulator.writes) == 2
    assert sorted((_leaf(row["field"]), row["value"]) for row in rows) == told
    if cycle is Cycle.payment_sync:
        assert {one.payment_date for one in shop.channel.orders.values()} == {PAID_AT}
    if cycle is Cycle.shipping_sync:
        assert {one.delivery_date for one in shop.channel.orders.values()} == {SHIPPED_AT}


def test_would_send_of_a_cycle_without_news_is_empty(sqlite_shop: Shop) -> None:
    """With nothing to tell the report is there and empty."""
    shop = sqlite_shop
    sync(Cycle.stock_export, shop, test=True)

    assert _would(shop, Cycle.stock_export) == []


def test_doubtful_changes_are_not_settled_in_test_mode(sqlite_shop: Shop) -> None:
    """A change that left without an answer stays as it is until a live run looks it up."""
    from connectors.afterbuy.simulator import Fault

    shop = sqlite_shop
    add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=6)
    shop.simulator.faults.add(Fault.reset_after(), "UpdateShopProducts")
    sync(Cycle.stock_export, shop)
    before = outbound(shop)

    sync(Cycle.stock_export, shop, test=True)

    assert before == outbound(shop) == [("stock", "uncertain")]


def test_a_failing_test_run_disturbs_nobody(sqlite_shop: Shop) -> None:
    """A test run of a live account that fails is shown, and no mail is queued."""
    shop = sqlite_shop
    shop.simulator.switches.account_token = "changed"

    state = attempt(Cycle.order_import, shop, test=True, since=datetime(2026, 1, 1, tzinfo=UTC))

    assert state.is_failed()
    assert _no_mail()


def _leaf(path: str) -> str:
    """Return the element's name at the end of a path such as `PaymentInfo/AlreadyPaid`."""
    return path.rpartition("/")[2].partition("[")[0].split(" ")[0]


def _only_mode(shop: Shop, mode: Mode) -> None:
    """Change the mode and nothing else, so that what waits stays the same for both runs."""
    from models.database.session import session_scope
    from models.tenants.account import get_account

    with session_scope() as session:
        account = get_account(session, shop.name)
        account.mode = mode
        session.add(account)
