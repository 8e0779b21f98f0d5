"""Facts about Afterbuy that nobody could settle: the cycles end the same under each reading."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.afterbuy.simulator import Address, Member, Simulator, State, Switches
from models.fulfilment.shipments import ParcelData
from models.sync.records import Cycle
from tests.flows.conftest import Shop, open_shop
from tests.flows.test_payment_sync import _pay
from tests.flows.test_shipping_sync import SHIPPED_AT, ship
from tests.support.steps import (
    Figures,
    add_mug,
    addresses,
    holds,
    line_rows,
    numbers_here,
    numbers_there,
    outbound,
    set_stock,
    stock_of,
    sync,
)

READINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"range_from": "exclusive", "range_to": "exclusive"}, {}),
    ({"range_from": "inclusive", "range_to": "inclusive"}, {}),
    ({"sold_items_level_0": "all"}, {"order_detail_level": 0}),
    (
        {"sold_items_level_0": "process", "sold_items_level_0_has_attributes": False},
        {"article_detail_level": 222},
    ),
    ({"product_level_0_has_languages": True, "attribute_spelling": "manual"}, {}),
    ({"product_order": "modified"}, {"article_paging": "pages"}),
    ({"true_spellings": ["1"], "false_spellings": ["0"], "point_in_decimals": "refused"}, {}),
    ({"ugly": True, "catalog_names_escaped_twice": True, "attribute_spelling": "mixed"}, {}),
    ({"compress": True, "wrong_host": True, "chunked": False}, {}),
    ({"order_id_from": "new_number", "counts_cover": "matching", "set_stock": "derived"}, {}),
    ({"variation_sold_as": "parent", "payment_surcharge_in": "difference"}, {}),
    ({"required_content_types": ["text/xml"], "identification_order": ["EAN", "Anr", "ProductID"]}, {}),
    ({"control_characters_out": "kept", "stock_info_all_missing": "error_15"}, {}),
]


def _name(reading: tuple[dict[str, Any], dict[str, Any]]) -> str:
    return "-".join(f"{key}={value}" for key, value in list(reading[0].items())[:2])


@pytest.mark.parametrize("reading", READINGS, ids=_name)
def test_all_cycles_end_the_same(
    sqlite_database: str,
    prefect_api: str,
    quick_retries: None,
    reading: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Articles and orders come in once each over several pages; stock, payment and shipping arrive."""
    switches, settings = reading
    with Simulator(State(), Switches()) as simulator:
        simulator.switches.change(**switches)
        shop = open_shop(simulator, page_size=2, article_page_size=2, payments="warenfluss", **settings)
        mugs = [add_mug(shop, 10, f"M-{number}", tax_rate=Decimal(7)) for number in range(4)]
        variants = [add_mug(shop, 3, f"V-{number}") for number in range(2)]
        shop.channel.add_product(
            "Varianten",
            ean="V",
            kind=1,
            members=[Member(one.id, axes=[("Größe", str(one.id))]) for one in variants],
        )
        shop.channel.add_product("Set", ean="S", kind=2, members=[Member(mugs[0].id, 2)])
        articles = sync(Cycle.article_import, shop)
        orders = [
            shop.channel.place_order(
                [(mug.id, 1)],
                shipping_address=Address(
                    last_name="Süßmilch", street="Weg 1", postal_code="89073", city="Ulm"
                ),
                surcharge=Decimal("1.50"),
            )
            for mug in mugs
        ]
        orders.append(shop.channel.place_order([(variants[0].id, 2)]))

        imported = sync(Cycle.order_import, shop)
        sync(Cycle.order_import, shop)
        set_stock(shop, M_3=4)
        _pay(shop, orders[0].order_id, "16.30")
        ship(shop, orders[1].order_id, ParcelData(tracking_number="P1"))
        for cycle in (Cycle.stock_export, Cycle.payment_sync, Cycle.shipping_sync):
            sync(cycle, shop)

        assert (articles.new, articles.rejected) == (8, 0)
        assert [holds(shop.order(one.order_id)) for one in orders] == [[]] * 5
        assert (imported.new, imported.rejected, imported.held) == (5, 0, 0)
        assert numbers_here(shop) == numbers_there(shop)
        assert [shop.order(one.order_id).total for one in orders] == [one.full_amount for one in orders]
        assert [len(line_rows(shop.order(one.order_id))) for one in orders] == [1] * 5
        assert addresses(shop.order(orders[0].order_id))["shipping"].last_name == "Süßmilch"
        assert stock_of("M-0") == Figures(10, 1)
        assert stock_of("V-0") == Figures(3, 2)
        assert [shop.channel.products[mug.id].quantity for mug in mugs] == [9, 9, 9, 3]
        assert orders[0].already_paid == Decimal("16.30")
        assert (orders[1].delivery_date, orders[1].additional_info) == (SHIPPED_AT, "P1")
        assert {state for _, state in outbound(shop)} == {"sent"}
        assert shop.channel.mails_to_buyers == []


@pytest.mark.parametrize("reading", ["warning_12", "error_33_rest_done", "error_33_nothing_done"])
def test_an_unknown_order_in_a_batch(sqlite_shop: Shop, reading: str) -> None:
    """However the channel refuses an order that it does not know, the others are told and it is parked."""
    shop = sqlite_shop
    shop.simulator.switches.change(unknown_order=reading)
    shop.configure(payments="warenfluss")
    mug = add_mug(shop, 10)
    orders = [shop.channel.place_order([mug]) for _ in range(3)]
    sync(Cycle.order_import, shop)
    for theirs in orders:
        _pay(shop, theirs.order_id, "14.80")
    del shop.channel._by_order_id[orders[1].order_id]
    del shop.channel.orders[orders[1].key]

    counts = sync(Cycle.payment_sync, shop)

    assert (counts.sent, counts.failed) == (2, 1)
    assert [one.already_paid for one in orders] == [Decimal("14.80"), Decimal(0), Decimal("14.80")]
    assert [state for _, state in outbound(shop)] == ["sent", "parked", "sent"]


@pytest.mark.parametrize("pool", ["quantity", "auction", "both"])
def test_stock_pools(sqlite_shop: Shop, pool: str) -> None:
    """With pools that are not merged the one that the account names is written, both where it says so."""
    shop = sqlite_shop
    shop.configure(stock_pool=pool)
    mug = add_mug(shop, 10, merge_stock=False, auction_quantity=10)
    sync(Cycle.article_import, shop)
    set_stock(shop, BECHER_1=6)

    sync(Cycle.stock_export, shop)

    record = shop.channel.products[mug.id]
    expected = {"quantity": (6, 10), "auction": (10, 6), "both": (6, 6)}[pool]
    assert (record.quantity, record.auction_quantity) == expected
