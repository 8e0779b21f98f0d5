"""Quantities are published and read back."""

import pytest

from connectors.afterbuy.client import MAX_STOCK_PRODUCTS
from connectors.afterbuy.simulator import Fault
from connectors.errors import TransientError
from connectors.protocols.results import Outcome
from connectors.protocols.stock import StockItem
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import outcomes, texts
from tests.connectors.contract.rig import need


@pytest.mark.parametrize(
    ("pool", "sent"),
    [
        ("quantity", {"Quantity": "3"}),
        ("auction", {"AuctionQuantity": "3"}),
        ("both", {"Quantity": "3", "AuctionQuantity": "3"}),
    ],
)
def test_a_stock_update_holds_the_quantity_of_its_pool_and_nothing_else(
    rig: AfterbuyRig, pool: str, sent: dict[str, str]
) -> None:
    article_id = rig.add_article("MUG", stock=9)
    with rig.open(stock_pool=pool) as connection:
        [result] = need(connection.stock).publish_stock([StockItem("key-1", article_id, 3)])
    assert result.fields == {
        "ProductIdent/ProductInsert": "0",
        "ProductIdent/UserProductID": "key-1",
        "ProductIdent/ProductID": article_id,
        **sent,
    }
    [call] = rig.simulator.writes
    assert call.body is not None
    product = call.body.find("Products/Product")
    assert product is not None
    assert [one.tag for one in product] == ["ProductIdent", *sent]


def test_a_warning_that_may_pass_is_a_retry_and_the_rest_was_taken(rig: AfterbuyRig) -> None:
    good, bad = rig.add_article("A", stock=1), "99999999"
    with rig.open() as connection:
        results = need(connection.stock).publish_stock([StockItem("a", good, 2), StockItem("b", bad, 2)])
        assert outcomes(results) == [("a", Outcome.sent), ("b", Outcome.refused)]
        assert results[1].message == "Afterbuy warning 2: the product was not found"


def test_a_batch_that_is_too_large_is_split_until_it_fits() -> None:
    with AfterbuyRig(update_products_limit=3) as rig:
        ids = [rig.add_article(f"S-{number}", stock=0) for number in range(10)]
        with rig.open() as connection:
            results = need(connection.stock).publish_stock([StockItem(one, one, 4) for one in ids])
    assert outcomes(results) == [(one, Outcome.sent) for one in ids]
    assert {rig.stock_of(one) for one in ids} == {4}


def test_batches_keep_to_the_size_of_the_setting(rig: AfterbuyRig) -> None:
    ids = [rig.add_article(f"S-{number}", stock=0) for number in range(7)]
    with rig.open(stock_batch_size=3) as connection:
        assert need(connection.stock).batch_size == 3
        need(connection.stock).publish_stock([StockItem(one, one, 4) for one in ids])
    assert [len(texts(call, "ProductID")) for call in rig.simulator.writes] == [3, 3, 1]


def test_a_later_batch_that_fails_for_now_leaves_the_earlier_results(rig: AfterbuyRig) -> None:
    ids = [rig.add_article(f"S-{number}", stock=0) for number in range(4)]
    items = [StockItem(one, one, 4) for one in ids]
    with rig.open(stock_batch_size=2) as connection:
        rig.simulator.faults.add(Fault.error(52))
        with pytest.raises(TransientError):
            need(connection.stock).publish_stock(items)
        rig.simulator.faults.add(Fault.slow(0))
        rig.simulator.faults.add(Fault.error(52))
        results = need(connection.stock).publish_stock(items)
    assert outcomes(results) == [
        (ids[0], Outcome.sent),
        (ids[1], Outcome.sent),
        (ids[2], Outcome.retry),
        (ids[3], Outcome.retry),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.reset_after(),
        Fault.cut_body(at_byte=40),
        Fault.cut_body(at_byte=40, honest_length=True),
        Fault.cut_body(at_byte=0),
        Fault.html_page(),
        Fault.http_status(503),
        Fault.timeout(3, after_effect=True),
        Fault.entity_bomb(),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_write_without_a_whole_answer_is_uncertain_and_never_repeated(
    rig: AfterbuyRig, fault: Fault
) -> None:
    ids = [rig.add_article(f"S-{number}", stock=0) for number in range(2)]
    rig.simulator.faults.add(fault)
    with rig.open(read_timeout_seconds=0.5) as connection:
        results = need(connection.stock).publish_stock([StockItem(one, one, 4) for one in ids])
    assert outcomes(results) == [(one, Outcome.uncertain) for one in ids]
    assert len(rig.simulator.writes) == 1


@pytest.mark.parametrize("all_missing", ["warning", "error_15"])
def test_stock_of_unknown_products_is_missing_in_both_readings(all_missing: str) -> None:
    with AfterbuyRig(stock_info_all_missing=all_missing) as rig, rig.open() as connection:
        assert need(connection.stock).fetch_stock(["99999998", "99999999"]) == {}


def test_stock_comes_with_a_warning_for_what_is_missing_and_never_more_than_200_at_once(
    rig: AfterbuyRig,
) -> None:
    ids = [rig.add_article(f"S-{number}", stock=number) for number in range(MAX_STOCK_PRODUCTS + 5)]
    with rig.open() as connection:
        stock = need(connection.stock).fetch_stock([*ids, "99999999"])
    assert stock == {one: number for number, one in enumerate(ids)}
    reads = [call for call in rig.simulator.requests if call.call == "GetStockInfo"]
    assert [len(texts(call, "ProductID")) for call in reads] == [200, 6]
    assert reads[-1].reply == "warning"
