"""A whole cycle against rubbish, on both databases: neighbours go on, and the next run brings in the rest."""

from connectors.afterbuy.simulator import Fault
from models.database.session import read_scope
from models.sync.records import Cycle
from models.sync.rejected import list_rejected
from models.sync.runs import RunState
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, attempt, cursor, last_run, numbers_here, numbers_there, sync

ORDERS = [
    ("ItemPrice", "9" * 300),
    ("OrderDate", "9999-12-31T23:59:59-12:00"),
    ("Mail", "x" * 10_000),
]


def test_nonsense_in_one_order_stops_no_other(shop: Shop) -> None:
    """Each kind of nonsense in turn: the run completes, and what was rejected comes in once it is sound."""
    mug = add_mug(shop, 500)
    for field, value in ORDERS:
        before = numbers_there(shop)
        for _ in range(3):
            shop.channel.place_order([mug], paid=True)
        shop.simulator.faults.add(Fault.nonsense_record(field, value), "GetSoldItems")

        state = attempt(Cycle.order_import, shop)
        assert state.is_completed(), (field, value[:20], state)
        assert len(set(numbers_there(shop)) & set(numbers_here(shop))) >= len(before) + 2, (field, value[:20])
        sync(Cycle.order_import, shop)
        assert set(numbers_there(shop)) <= set(numbers_here(shop)), (field, value[:20])
    with read_scope() as session:
        assert all(
            len(entry.raw) <= 1_000_000 and len(entry.reason) < 500 for entry in list_rejected(session)
        )


def test_a_refused_page_moves_no_cursor(sqlite_shop: Shop) -> None:
    """The run fails after a set number of tries and says why; the next one reads everything."""
    shop, fault = sqlite_shop, Fault.oversized(40_000_000, "gzip")
    mug = add_mug(shop, 10)
    for _ in range(3):
        shop.channel.place_order([mug])
    shop.simulator.faults.add(fault, "GetSoldItems", times=20)

    state = attempt(Cycle.order_import, shop)
    tries = shop.simulator.faults.delivered[fault.kind]
    shop.simulator.faults.clear()

    assert state.is_failed()
    assert last_run(shop, Cycle.order_import).state is RunState.failed
    assert "larger than 32 MB; set a smaller page size" in last_run(shop, Cycle.order_import).error
    assert tries == 4
    assert cursor(shop, "orders") == {}
    assert numbers_here(shop) == []
    sync(Cycle.order_import, shop)
    assert numbers_here(shop) == numbers_there(shop)
