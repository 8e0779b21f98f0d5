"""Every call to the outside leaves a record, whatever becomes of the run that made it."""

from connectors.afterbuy.simulator import Fault
from models.database.session import read_scope
from models.fulfilment.shipments import ParcelData
from models.sync.records import Cycle
from tests.flows.conftest import Shop
from tests.flows.test_shipping_sync import ship
from tests.support.cli_steps import call, read
from tests.support.steps import add_mug, attempt, calls, last_run, set_stock, sync

SHIPPING = Cycle.shipping_sync


def test_the_record_holds_each_request_that_arrived(shop: Shop) -> None:
    """As many as the other side counts, in their order, each of its run and account."""
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1"))
    sync(SHIPPING, shop)
    set_stock(shop, BECHER_1=5)
    sync(Cycle.stock_export, shop)

    assert [one for one, _, _ in calls(shop)] == [one.call for one in shop.simulator.requests]
    assert {ending for _, ending, _ in calls(shop)} == {"ok"}
    writes = [one for one in calls(shop) if one[0].startswith("Update")]
    assert writes == [
        ("UpdateSoldItems", "ok", [str(theirs.order_id)]),
        ("UpdateShopProducts", "ok", []),
    ]
    run_id = last_run(shop, SHIPPING).id
    assert calls(shop, run_id=run_id)[-1] == writes[0]


def test_calls_of_a_run_that_failed_are_kept(shop: Shop) -> None:
    """Each try by itself, with the kind of error that its answer turned out to mean."""
    shop.simulator.faults.add(Fault.html_page(), "GetAfterbuyTime", times=2)
    shop.simulator.faults.add(Fault.http_status(503), "GetAfterbuyTime", times=2)

    state = attempt(Cycle.order_import, shop)

    assert state.is_failed()
    assert calls(shop) == [("GetAfterbuyTime", "TransientError", [])] * 4
    with read_scope() as session:
        from models.sync.calls import list_calls

        assert [row.status for row in list_calls(session, failed=True)] == [503, 503, 200, 200]


def test_an_uncertain_write_and_its_look_up_are_shown(sqlite_shop: Shop) -> None:
    """By the command line, for the account and for the order; nobody's data stands there."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1"))
    shop.simulator.faults.add(Fault.reset_after(), "UpdateSoldItems")
    sync(SHIPPING, shop)
    sync(SHIPPING, shop)

    (lost,) = read("call", "list", "--failed")
    assert lost.pop("milliseconds") >= 0
    assert lost.pop("started_at")
    assert {**lost, "id": 0} == {
        "id": 0,
        "account": shop.name,
        "run": last_run(shop, SHIPPING).id - 1,  # type: ignore[operator]
        "call": "UpdateSoldItems",
        "kind": "write",
        "ending": "UncertainError",
        "status": None,
        "size_bytes": None,
        "orders": [str(theirs.order_id)],
    }
    of_order = read("call", "list", "--order", str(theirs.order_id))
    assert [(row["call"], row["ending"]) for row in of_order] == [
        ("GetSoldItems", "ok"),
        ("UpdateSoldItems", "UncertainError"),
    ]
    shown = read("order", "show", str(theirs.order_id))["calls"]
    assert [(row["call"], row["run_id"]) for row in shown[::-1]] == [
        (row["call"], row["run"]) for row in of_order
    ]
    assert "UncertainError" in call("order", "show", str(theirs.order_id)).stdout
    assert "UpdateSoldItems" in call("call", "list", "--account", shop.name).stdout


def test_what_test_mode_holds_back_is_recorded(sqlite_shop: Shop) -> None:
    """As held back, which is no failure."""
    shop = sqlite_shop
    add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    set_stock(shop, BECHER_1=5)

    sync(Cycle.stock_export, shop, test=True)

    assert calls(shop)[-1] == ("UpdateShopProducts", "held back", [])
    assert calls(shop, failed=True) == []


def test_the_try_of_a_login_is_recorded(sqlite_shop: Shop) -> None:
    """Without a run: a person asked."""
    assert call("account", "check", sqlite_shop.name).exit_code == 0
    assert [(row["call"], row["run"]) for row in read("call", "list")] == [("GetAfterbuyTime", None)]
