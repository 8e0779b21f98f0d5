"""Bad days at the channel, for every cycle: what passes is tried again, and nothing is lost or doubled."""

import time
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import select

from connectors.afterbuy.simulator import Fault, Simulator, State, Switches
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.orders.queries import find_order
from models.sync.alarms import Incident
from models.sync.records import Cycle
from models.sync.runs import RunState
from tests.flows.conftest import Shop, open_shop
from tests.flows.test_payment_sync import PAID_AT, _pay
from tests.flows.test_shipping_sync import SHIPPED_AT, ship
from tests.support.steps import (
    FLOWS,
    Figures,
    add_mug,
    attempt,
    cursor,
    last_run,
    numbers_here,
    numbers_there,
    outbound,
    set_stock,
    stock_of,
    sync,
)

PASSING: dict[str, Callable[[], Fault]] = {
    "throttled": Fault.throttle,
    "http_503": Fault.http_status,
    "html": Fault.html_page,
    "cut": lambda: Fault.cut_body(300),
    "cut_honestly": lambda: Fault.cut_body(300, honest_length=True),
    "reset_before": Fault.reset_before,
    "reset_after": Fault.reset_after,
    "silent": lambda: Fault.timeout(2),
}
READS = {
    Cycle.article_import: "GetShopProducts",
    Cycle.order_import: "GetSoldItems",
    Cycle.payment_sync: "GetSoldItems",
}
WRITES = {
    Cycle.stock_export: "UpdateShopProducts",
    Cycle.payment_sync: "UpdateSoldItems",
    Cycle.shipping_sync: "UpdateSoldItems",
}


def _something_to_tell(shop: Shop, cycle: Cycle) -> Callable[[], Any]:
    """Let a change wait for the channel; return what says whether it stands there."""
    shop.configure(read_timeout_seconds=0.3)
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    if cycle is Cycle.stock_export:
        set_stock(shop, BECHER_1=6)
        return lambda: shop.channel.products[mug.id].quantity == 6
    if cycle is Cycle.payment_sync:
        shop.configure(payments="warenfluss")
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    record = shop.channel.order(theirs.order_id)
    if cycle is Cycle.payment_sync:
        _pay(shop, theirs.order_id, "14.80")
        return lambda: (record.already_paid, record.payment_date) == (Decimal("14.80"), PAID_AT)
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1"))
    return lambda: (record.delivery_date, record.additional_info) == (SHIPPED_AT, "P1")


@pytest.mark.parametrize("fault", PASSING)
def test_reading_gets_over_a_bad_day(sqlite_shop: Shop, fault: str) -> None:
    """One bad answer in each reading cycle costs a further try; everything comes in, once."""
    shop = sqlite_shop
    shop.configure(read_timeout_seconds=0.3, page_size=2, article_page_size=2)
    mugs = [add_mug(shop, 5, f"M-{number}") for number in range(3)]
    for mug in mugs:
        shop.channel.place_order([mug], paid=True)
    for cycle, call in READS.items():
        shop.simulator.faults.add(PASSING[fault](), call)
        state = attempt(cycle, shop)
        assert state.is_completed(), (cycle, state)

    assert shop.simulator.faults.pending == 0
    assert numbers_here(shop) == numbers_there(shop)
    assert [stock_of(f"M-{number}") for number in range(3)] == [Figures(4, 1)] * 3


@pytest.mark.parametrize("fault", ["same_page", "out_of_order", "invalid_characters"])
def test_odd_pages_lose_and_double_nothing(sqlite_shop: Shop, fault: str) -> None:
    """A page that comes twice, backwards or with odd characters: once the cycle ran again, all is in."""
    shop = sqlite_shop
    shop.configure(page_size=2)
    mug = add_mug(shop, 50)
    sync(Cycle.article_import, shop)
    for _ in range(5):
        shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    shop.channel.place_order([mug])
    make: dict[str, Callable[[], Fault]] = {
        "same_page": Fault.same_page,
        "out_of_order": Fault.out_of_order,
        "invalid_characters": Fault.invalid_characters,
    }
    shop.simulator.faults.add(make[fault](), "GetSoldItems", times=2)

    attempt(Cycle.order_import, shop)
    shop.simulator.faults.clear()
    sync(Cycle.order_import, shop)

    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(50, 6)


@pytest.mark.parametrize("cycle", WRITES)
@pytest.mark.parametrize("fault", ["throttled", "reset_before", "http_503", "html"])
def test_writing_gets_over_a_bad_day(sqlite_shop: Shop, cycle: Cycle, fault: str) -> None:
    """A write that did not take effect takes effect in this run or the next, once."""
    shop = sqlite_shop
    stands = _something_to_tell(shop, cycle)
    shop.simulator.faults.add(PASSING[fault](), WRITES[cycle])

    attempt(cycle, shop)
    sync(cycle, shop)

    assert stands()
    assert shop.simulator.effects_by_name[WRITES[cycle]] == 1
    assert outbound(shop)[-1][1] == "sent"


@pytest.mark.parametrize("cycle", WRITES)
@pytest.mark.parametrize(
    "fault",
    [
        Fault.reset_after(),
        Fault.cut_body(120),
        Fault.cut_body(120, honest_length=True),
        Fault.timeout(2, after_effect=True),
    ],
    ids=lambda fault: fault.kind + ("-honest" if fault.honest_length else ""),
)
def test_a_lost_answer_is_looked_up(sqlite_shop: Shop, cycle: Cycle, fault: Fault) -> None:
    """A write that took effect without an answer is looked up by the next run and not sent again."""
    shop = sqlite_shop
    stands = _something_to_tell(shop, cycle)
    shop.simulator.faults.add(fault, WRITES[cycle])

    first = sync(cycle, shop)
    waiting = outbound(shop)[-1]
    second = sync(cycle, shop)

    assert (first.sent, first.failed) == (0, 1)
    assert waiting[1] == "uncertain"
    assert second.sent == 1
    assert stands()
    assert len([call for call in shop.simulator.writes if call.call == WRITES[cycle]]) == 1
    assert outbound(shop)[-1][1] == "sent"
    assert shop.channel.mails_to_buyers == []


@pytest.mark.parametrize("cycle", list(FLOWS))
def test_a_refused_login_stops_this_account_alone(
    simulator: Simulator, sqlite_database: str, prefect_api: str, quick_retries: None, cycle: Cycle
) -> None:
    """The run fails at once and is reported; another account goes on."""
    with Simulator(State(), Switches()) as other_simulator:
        bad = open_shop(simulator)
        if cycle in (Cycle.stock_export, Cycle.shipping_sync, Cycle.reconcile):
            _something_to_tell(bad, cycle)
        good = open_shop(other_simulator)
        simulator.switches.account_token = "changed-meanwhile"
        before = len(simulator.requests)

        state = attempt(cycle, bad)

        assert state.is_failed()
        assert len(simulator.requests) == before + 1
        run = last_run(bad, cycle)
        assert run.state is RunState.failed
        assert run.error.startswith("AccountError: ")
        assert attempt(cycle, good).is_completed()
        with read_scope() as session:
            incidents = session.exec(select(Incident).where(Incident.run_id == run.id)).all()
        assert [incident.cycle for incident in incidents] == [cycle]
        if cycle in WRITES:
            assert simulator.writes == [] or simulator.effects_by_name[WRITES[cycle]] == 0
        assert all(state != "sending" for _, state in outbound(bad))


class TestRetries:
    """How long a step waits before it tries again, and when it gives up."""

    def test_waits_grow(self, sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each further try waits as long as the settings say."""
        _use_delays(monkeypatch, "0.2,0.6,1.2")
        shop = sqlite_shop
        shop.simulator.faults.add(Fault.http_status(), "GetSoldItems", times=3)

        attempts = _instants(shop, "GetSoldItems")

        gaps = [later - earlier for earlier, later in pairwise(attempts)]
        assert len(gaps) == 3
        assert gaps[0] >= 0.2
        assert gaps[1] >= 0.6
        assert gaps[2] >= 1.2

    def test_the_channel_s_wish_counts(self, sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """`Retry-After` beats the settings, in both directions."""
        _use_delays(monkeypatch, "30")
        shop = sqlite_shop
        shop.simulator.faults.add(Fault.throttle(1), "GetSoldItems")

        first, second = _instants(shop, "GetSoldItems")

        assert 1 <= second - first < 20

    def test_giving_up_leaves_everything_for_the_next_run(self, shop: Shop) -> None:
        """After the last try the run fails; the next one recovers completely."""
        shop.configure(page_size=2)
        mug = add_mug(shop, 50)
        sync(Cycle.article_import, shop)
        for _ in range(5):
            shop.channel.place_order([mug])
        # The first page comes, the second never does.
        shop.simulator.faults.add(Fault.slow(0), "GetSoldItems")
        shop.simulator.faults.add(Fault.http_status(), "GetSoldItems", times=4)

        state = attempt(Cycle.order_import, shop)
        run, after = last_run(shop, Cycle.order_import), cursor(shop, "orders")
        part = numbers_here(shop)
        shop.channel.place_order([mug])
        sync(Cycle.order_import, shop)
        sync(Cycle.order_import, shop)

        assert state.is_failed()
        assert (run.state, run.counts["new"]) == (RunState.failed, 2)
        assert run.error.startswith("TransientError: ")
        assert len(part) == 2
        assert after["page"]
        assert numbers_here(shop) == numbers_there(shop)
        assert stock_of("BECHER-1") == Figures(50, 6)

    def test_giving_up_a_write_loses_nothing(self, sqlite_shop: Shop) -> None:
        """A channel that asks to slow down for too long fails the run; the change waits and is told later."""
        shop = sqlite_shop
        stands = _something_to_tell(shop, Cycle.stock_export)
        shop.simulator.faults.add(Fault.throttle(0), "UpdateShopProducts", times=4)

        state = attempt(Cycle.stock_export, shop)
        waiting = outbound(shop)
        sync(Cycle.stock_export, shop)

        assert state.is_failed()
        assert waiting == [("stock", "pending")]
        assert stands()
        assert shop.simulator.effects_by_name["UpdateShopProducts"] == 1


def test_a_lost_answer_followed_by_news(shop: Shop) -> None:
    """Stock that changed while an answer was missing: the old figure is closed, the new one is told."""
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    set_stock(shop, BECHER_1=6)
    shop.simulator.faults.add(Fault.reset_after(), "UpdateShopProducts")
    sync(Cycle.stock_export, shop)
    set_stock(shop, BECHER_1=2)

    sync(Cycle.stock_export, shop)

    assert shop.channel.products[mug.id].quantity == 2
    assert shop.simulator.effects_by_name["UpdateShopProducts"] == 2
    assert outbound(shop) == [("stock", "sent")]


def test_a_lost_answer_of_a_second_shipment(sqlite_shop: Shop) -> None:
    """Of a second parcel without a number the date tells whether it arrived, so that it is not lost."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    theirs = shop.channel.place_order([(mug.id, 2)])
    sync(Cycle.order_import, shop)
    with session_scope() as session:
        order = find_order(session, str(theirs.order_id))
        from models.orders.queries import lines_of

        line_id = lines_of(session, [order.row_id])[order.row_id][0].row_id
        record_shipment(session, order, "DHL", [ParcelData(lines={line_id: 1})], SHIPPED_AT)
    sync(Cycle.shipping_sync, shop)
    ship(shop, theirs.order_id, ParcelData(), at=PAID_AT.replace(day=21))
    # The write is swallowed before it takes effect, and no answer comes.
    shop.configure(read_timeout_seconds=0.3)
    shop.simulator.faults.add(Fault.timeout(2), "UpdateSoldItems")
    sync(Cycle.shipping_sync, shop)

    sync(Cycle.shipping_sync, shop)

    assert shop.channel.order(theirs.order_id).delivery_date == PAID_AT.replace(day=21)


def _use_delays(monkeypatch: pytest.MonkeyPatch, delays: str) -> None:
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_RETRY_DELAYS", delays)
    get_settings.cache_clear()


def _instants(shop: Shop, wanted: str) -> list[float]:
    """Run the order import; return when a call was received, by a clock of small steps."""
    received: list[float] = []
    take = shop.simulator.faults.take

    def noting(call: str, *, again: bool = True) -> Fault | None:
        if call == wanted:
            received.append(time.monotonic())
        return take(call, again=again)

    shop.simulator.faults.take = noting  # type: ignore[method-assign]
    sync(Cycle.order_import, shop)
    return received
