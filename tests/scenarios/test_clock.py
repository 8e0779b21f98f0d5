"""Clocks: the hour that comes twice in autumn, and how old news is when it arrives."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.afterbuy.simulator import Simulator, State, Switches
from models.sync.records import Cycle
from tests.flows.conftest import Shop, open_shop
from tests.support.steps import add_mug, cursor, last_run, numbers_here, numbers_there, sync

ORDER = Cycle.order_import
BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""When German clocks went from 03:00 back to 02:00."""


class Clock:
    """A channel's clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(simulator: Simulator) -> Clock:
    """The simulator's clock."""
    clock = Clock(BACK - timedelta(hours=2))
    simulator.state.now = clock
    return clock


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize("overlap", [0, 30])
def test_nothing_is_lost_in_the_doubled_hour(shop: Shop, clock: Clock, overlap: int) -> None:
    """With a run each quarter of an hour across the change, each order is there once and none is missing."""
    shop.configure(overlap_minutes=overlap, start="new")
    mug = add_mug(shop, 100)
    sync(ORDER, shop)

    for _ in range(12):
        clock.at += _minutes(10)
        shop.channel.place_order([mug])
        clock.at += _minutes(10)
        sync(ORDER, shop)

    assert clock.at == BACK + timedelta(hours=2)
    assert len(numbers_here(shop)) == 12
    assert numbers_here(shop) == numbers_there(shop)


@pytest.mark.parametrize("begin", [-30, 20])
def test_a_start_in_the_doubled_hour_loses_nothing(sqlite_shop: Shop, clock: Clock, begin: int) -> None:
    """An account that begins within the doubled hour takes every order after that moment."""
    shop = sqlite_shop
    shop.configure(start="new")
    mug = add_mug(shop, 100)
    clock.at = BACK + _minutes(begin)
    sync(ORDER, shop)

    for minutes in (begin + 1, begin + 25, 45, 70):
        clock.at = BACK + _minutes(minutes)
        shop.channel.place_order([mug])
    sync(ORDER, shop)

    assert len(numbers_here(shop)) == 4


def test_a_start_before_the_doubled_hour_leaves_history_out(sqlite_shop: Shop, clock: Clock) -> None:
    """What ended clearly before the start is not booked."""
    shop = sqlite_shop
    shop.configure(start="new", overlap_minutes=30)
    mug = add_mug(shop, 100)
    shop.channel.place_order([mug])
    clock.at += _minutes(1)
    sync(ORDER, shop)
    clock.at = BACK + _minutes(5)

    assert sync(ORDER, shop).skipped == 1
    assert numbers_here(shop) == []


def test_times_of_the_doubled_hour_are_an_hour_early_at_most(sqlite_shop: Shop, clock: Clock) -> None:
    """A wall clock that occurs twice is read as its first pass."""
    shop = sqlite_shop
    mug = add_mug(shop, 100)
    clock.at = BACK - _minutes(30)
    first = shop.channel.place_order([mug])
    clock.at = BACK + _minutes(30)
    second = shop.channel.place_order([mug])
    clock.at = BACK + _minutes(61)
    third = shop.channel.place_order([mug])

    sync(ORDER, shop)

    assert [shop.order(one.order_id).placed_at - BACK for one in (first, second, third)] == [
        -_minutes(30),
        -_minutes(30),
        _minutes(61),
    ]


def test_how_old_news_of_orders_is(sqlite_shop: Shop) -> None:
    """The way of an order is counted from the channel's clock to ours, history apart."""
    shop = sqlite_shop
    now = datetime.now(UTC).replace(microsecond=0)
    mug = add_mug(shop, 100)
    shop.channel.place_order([mug], placed_at=now - timedelta(days=400))
    sync(ORDER, shop)
    history = last_run(shop, ORDER)
    sync(ORDER, shop)
    silent = last_run(shop, ORDER)
    shop.channel.place_order([mug], placed_at=now - timedelta(seconds=5))
    shop.channel.place_order([mug], placed_at=now - timedelta(seconds=100))

    sync(ORDER, shop)

    run = last_run(shop, ORDER)
    assert (history.oldest_news_at, history.slowest_seconds) == (None, None)
    assert (silent.oldest_news_at, silent.slowest_seconds) == (None, None)
    assert run.oldest_news_at == now - timedelta(seconds=100)
    assert run.slowest_seconds is not None
    assert 100 <= run.slowest_seconds < 160


def test_the_window_is_the_channel_s(sqlite_database: str, prefect_api: str, quick_retries: None) -> None:
    """A channel whose clock is an hour slow loses nothing: windows are told by its own clock."""
    ahead = timedelta(hours=-1)
    with Simulator(State(lambda: datetime.now(UTC).replace(microsecond=0) + ahead), Switches()) as simulator:
        shop = open_shop(simulator, overlap_minutes=0, start="new")
        mug = add_mug(shop, 10)
        sync(ORDER, shop)
        for _ in range(3):
            shop.channel.place_order([mug])
            sync(ORDER, shop)

        assert numbers_here(shop) == numbers_there(shop)
        until = datetime.fromisoformat(cursor(shop, "orders")["until"])
        assert timedelta(minutes=59) < datetime.now(UTC) - until < timedelta(minutes=65)
