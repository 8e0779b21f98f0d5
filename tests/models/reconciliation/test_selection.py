"""Which orders a replay runs again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, update

from models.clock import utc_now
from models.database.provenance import acting_as
from models.database.session import session_scope
from models.errors import NotFoundError, RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.orders.order import Order
from models.orders.row_values import order_hash
from models.payments.payment import record_payment
from models.reconciliation.selection import (
    Selection,
    find_run,
    hashes_by_number,
    ids_to_publish,
    make_selection,
    select_orders,
)
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Counts, Cycle, RejectedData
from models.sync.rejected import RejectedRecord, save_rejected
from models.sync.runs import RunState, begin_run, finish_run
from tests.support.builders import Shop, add_article, get_order, make_line, make_order, make_shop, take_in

DAY = date(2026, 10, 25)
"""A day of 25 hours."""
BEFORE = datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC)
FIRST = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
LAST = datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)
AFTER = datetime(2026, 10, 25, 23, 0, tzinfo=UTC)


# What a person may name.


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({}, "one of these"),
        ({"orders": [" "], "run": " "}, "one of these"),
        ({"orders": ["1"], "run": "1"}, "one of these"),
        ({"day": DAY, "everything": True}, "one of these"),
        ({"everything": True, "again": ["shipment"]}, "Not everything"),
    ],
)
def test_an_unclear_wish_is_refused(wishes: dict[str, Any], sentence: str) -> None:
    """Exactly one of orders, a day, a run and everything; and not everything is published again."""
    with pytest.raises(RuleError, match=sentence):
        make_selection(**{"orders": [], "day": None, "run": "", "everything": False, "again": [], **wishes})


def test_orders_are_named_once_each() -> None:
    """In the order in which they were named."""
    chosen = make_selection([" 2", "1", "2 ", ""], None, "", everything=False, again=["payment"])

    assert chosen == Selection(orders=("2", "1"))


@pytest.mark.parametrize("field", ["placed_at", "checkout_at", "paid_at", "shipped_at"])
def test_a_day_lasts_from_midnight_to_midnight(field: str) -> None:
    """In German time, whatever of an order happened on it."""
    selection = Selection(day=DAY)

    def wants(at: datetime) -> bool:
        fields = {"placed_at": datetime(2020, 1, 1, tzinfo=UTC), "checkout_at": None, field: at}
        return selection.wants(make_order("1", make_line("a"), **fields), "")

    assert [wants(at) for at in (BEFORE, FIRST, LAST, AFTER)] == [False, True, True, False]


def test_elsewhere_an_order_is_wanted_that_is_not_known_as_it_is_reported() -> None:
    """Whenever it was placed."""
    data = make_order("1", make_line("a"))

    for selection in (Selection(everything=True), Selection(run_id=1)):
        assert selection.wants(data, "")
        assert selection.wants(data, "another")
        assert not selection.wants(data, order_hash(data))


# What is known here.


@contextmanager
def shop_of(*numbers: str, **fields: Any) -> Iterator[tuple[Session, Shop]]:
    """Yield a shop with these orders, of one line each."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=99)
        take_in(session, shop, *(make_order(one, make_line(f"l{one}", "MUG"), **fields) for one in numbers))
        yield session, shop


def selected(session: Session, shop: Shop, selection: Selection) -> list[str]:
    session.flush()
    return select_orders(session, shop.account.id, selection)


def ship(session: Session, number: str) -> None:
    record_shipment(session, get_order(session, number), "DHL", [ParcelData()], utc_now())


def sent(session: Session, at: datetime) -> None:
    session.execute(update(Outbound).values(state=OutboundState.sent, sent_at=at))


def test_a_number_may_be_the_marketplaces(database: str) -> None:
    """One that nobody knows is asked for as it is; one order is selected once."""
    with shop_of("7") as (session, shop):
        take_in(session, shop, make_order("8", make_line("b"), channel_number="302-8"))

        assert selected(session, shop, Selection(orders=("302-8", "7", "4711", "8"))) == ["8", "7", "4711"]


def test_the_orders_of_a_day(database: str) -> None:
    """Placed, paid or rejected on it."""
    with shop_of("1", "2", "3", placed_at=AFTER, checkout_at=AFTER) as (session, shop):
        session.execute(update(Order).where(col(Order.external_id) == "2").values(placed_at=LAST))
        record_payment(session, shop.account, get_order(session, "3"), get_order(session, "3").total, FIRST)
        save_rejected(session, shop.account.id, [RejectedData(kind="order", external_id="9", reason="?")])
        session.execute(update(RejectedRecord).values(first_seen_at=LAST, last_seen_at=AFTER))

        assert selected(session, shop, Selection(day=DAY)) == ["2", "3", "9"]


def test_the_orders_of_a_run(database: str) -> None:
    """What it took in, published or rejected, what it left waiting, and what it set out to read."""
    with shop_of("1", "2", "3") as (session, shop):
        account_id = shop.account.id
        run = begin_run(session, account_id, Cycle.order_import)
        with acting_as(run.row_id):
            take_in(session, shop, make_order("4", make_line("l4", "MUG")))
        save_rejected(session, account_id, [RejectedData(kind="order", external_id="9", reason="?")])
        finish_run(session, run.row_id, RunState.completed, Counts())
        ship(session, "2")
        sync = begin_run(session, account_id, Cycle.shipping_sync)
        sent(session, utc_now())
        finish_run(session, sync.row_id, RunState.completed, Counts())
        ship(session, "3")
        session.flush()

        assert selected(session, shop, Selection(run_id=run.id)) == ["4", "9"]
        assert selected(session, shop, Selection(run_id=sync.id)) == ["2"]
        sync.finished_at = utc_now() + timedelta(hours=1)
        assert selected(session, shop, Selection(run_id=sync.id)) == ["2", "3"]
        sync.window = {"numbers": ["1", "2"]}
        assert selected(session, shop, Selection(run_id=sync.id)) == ["2", "3", "1"]


def test_everything_that_waits(database: str) -> None:
    """Orders with something to publish, and those that are rejected."""
    with shop_of("1", "2") as (session, shop):
        save_rejected(session, shop.account.id, [RejectedData(kind="order", external_id="9", reason="?")])
        ship(session, "2")
        assert selected(session, shop, Selection(everything=True)) == ["2", "9"]
        sent(session, utc_now())
        assert selected(session, shop, Selection(everything=True)) == ["9"]


def test_a_run_is_found_by_its_number_or_its_flow_run(database: str) -> None:
    """And only one of this account."""
    with shop_of() as (session, shop):
        other = make_shop(session, "west")
        run = begin_run(session, shop.account.id, Cycle.order_import, flow_run_id="f-1")
        session.flush()

        assert find_run(session, shop.account.id, str(run.id)) == run.id
        assert find_run(session, shop.account.id, "f-1") == run.id
        for account_id, name in ((other.account.id, str(run.id)), (other.account.id, "f-1")):
            with pytest.raises(NotFoundError):
                find_run(session, account_id, name)


def test_what_is_known_of_orders(database: str) -> None:
    """Their hashes, and the ids of those that are no test orders."""
    data = make_order("1", make_line("l1", "MUG"))
    with shop_of("2") as (session, shop):
        take_in(session, shop, data, trial=True)
        numbers = ["1", "2", "3"]

        assert hashes_by_number(session, shop.account.id, numbers).keys() == {"1", "2"}
        assert hashes_by_number(session, shop.account.id, numbers)["1"] == order_hash(data)
        assert ids_to_publish(session, shop.account.id, numbers) == [get_order(session, "2").row_id]
