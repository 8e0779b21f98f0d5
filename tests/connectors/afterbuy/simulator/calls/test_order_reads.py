"""GetSoldItems."""

from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.afterbuy.simulator import Address, Line, Member, Simulator, State
from connectors.afterbuy.simulator.state import total_of
from tests.connectors.afterbuy.simulator.requests import NOON, Reply, ask, data_filter


def order_ids(reply: Reply) -> list[int]:
    """Return the OrderIDs of an answer."""
    return [int(text) for text in reply.all("Orders/Order/OrderID")]


def test_an_order_has_the_whole_tree(simulator: Simulator, state: State) -> None:
    """Both addresses, payment, items, set contents, shipping, original currency, in Afterbuy's spelling."""
    cup = state.add_product("Becher", selling_price=Decimal("5.00"), ean="B-1", anr="77", quantity=9)
    pot = state.add_product("Kanne", selling_price=Decimal("20.00"), tax_rate=Decimal(7))
    pair = state.add_product(
        "Set", kind=2, selling_price=Decimal("23.00"), members=[Member(cup.id, 2), Member(pot.id)]
    )
    order = state.place_order(
        [Line(pair.id, 2, attributes=[("Farbe", "Blau")]), cup.id],
        shipping_address=Address(company="Café Süß", street="Packstation 1", city="Köln"),
        paid=Decimal("10"),
        currency="CHF",
        rate=Decimal("1.25"),
        platform="amazon",
        platform_order_id="302-1",
        surcharge=Decimal("2.00"),
        tags=["eilig"],
    )

    reply = ask(simulator, "GetSoldItems", level=62)

    assert [reply.one(f"Order/{name}") for name in ("OrderID", "AmazonAccount")] == [
        str(order.key),
        "warenfluss_demo",
    ]
    assert (reply.one("FullAmount"), reply.one("AlreadyPaid")) == ("57,90", "10,00")
    assert reply.one("OrderOriginalCurrency/InvoiceAmount") == "46,32"
    assert reply.one("OrderOriginalCurrency/ExchangeRate") == "1,25"
    assert reply.one("ShippingAddress/Company") == "Café Süß"
    assert reply.all("ShippingAddress/LastName") == [""]
    assert (
        reply.one("ShippingCost"),
        reply.one("ShippingAdditionalCost"),
        reply.one("ShippingTotalCost"),
    ) == (
        "4,90",
        "2,00",
        "6,90",
    )
    assert reply.one("SoldItems/ItemsInOrder") == "2"
    assert reply.all("SoldItem/PlatformSpecificOrderId") == ["302-1", "302-1"]
    assert reply.all("SoldItem/ItemOriginalCurrency/ItemPriceCode") == ["CHF", "CHF"]
    assert reply.all("ChildProduct/ProductQuantity") == ["2", "1"]
    assert reply.all("SoldItemAttribute/AttributeValue") == ["Blau"]
    assert reply.one("Tags/Tag") == "eilig"
    assert (reply.one("OrdersCount"), reply.one("ItemsCount"), reply.one("HasMoreItems")) == ("1", "2", "0")
    assert cup.quantity == 9 - 4 - 1


@pytest.mark.parametrize(
    ("level", "there", "missing"),
    [
        (2, "PaymentInfo", "BuyerInfo"),
        (4, "BuyerInfo", "SoldItems"),
        (8, "SoldItems", "SoldItemAttributes"),
        (16, "ShippingInfo", "PaymentInfo"),
        (32, "SoldItemAttributes", "ShippingInfo"),
        (1, "OrderID", "PaymentInfo"),
    ],
)
def test_order_detail_levels(
    simulator: Simulator, state: State, level: int, there: str, missing: str
) -> None:
    """Each bit brings its part."""
    product = state.add_product("X")
    state.place_order([Line(product.id, attributes=[("A", "1")])])

    tags = {element.tag for element in ask(simulator, "GetSoldItems", level=level).root.iter()}

    assert there in tags
    assert missing not in tags


def test_order_levels_0_and_1_are_switches(simulator: Simulator, state: State) -> None:
    """0 is everything or process data alone, with or without chosen options; 1 is ignored or error 18."""
    product = state.add_product("X")
    state.place_order([Line(product.id, attributes=[("A", "1")])])

    assert len(ask(simulator, "GetSoldItems").all("SoldItemAttribute")) == 1
    simulator.switches.change(sold_items_level_0_has_attributes=False)
    assert ask(simulator, "GetSoldItems").all("SoldItemAttribute") == []
    simulator.switches.change(sold_items_level_0="process", sold_items_level_1="error_18")
    assert ask(simulator, "GetSoldItems").all("SoldItem") == []
    assert ask(simulator, "GetSoldItems", level=1).codes == [18]
    assert ask(simulator, "GetSoldItems", level=64).codes == [18]


@pytest.mark.parametrize(("reading", "second"), [("exclusive", [2, 3]), ("inclusive", [1, 2])])
def test_order_cursor(simulator: Simulator, state: State, reading: str, second: list[int]) -> None:
    """The same two readings of the bound; descending order is possible; page numbers do not exist."""
    product = state.add_product("X")
    orders = [state.place_order([product.id]).order_id for _ in range(4)]
    simulator.switches.change(range_from=reading)
    size = "<MaxSoldItems>2</MaxSoldItems><PaginationEnabled>1</PaginationEnabled><PageNumber>2</PageNumber>"

    first = ask(simulator, "GetSoldItems", size)
    next_page = ask(
        simulator, "GetSoldItems", size + data_filter("RangeID", ValueFrom=first.one("LastOrderID"))
    )
    down = ask(simulator, "GetSoldItems", size + "<OrderDirection>1</OrderDirection>")

    assert order_ids(first) == orders[:2]
    assert first.one("HasMoreItems") == "1"
    assert order_ids(next_page) == [orders[place] for place in second]
    assert order_ids(down) == [orders[3], orders[2]]


@pytest.mark.parametrize("size", ["0", "251", "x"])
def test_order_page_size(simulator: Simulator, state: State, size: str) -> None:
    """1 to 250, or to 500 by the switch."""
    state.place_order([state.add_product("X").id])

    assert ask(simulator, "GetSoldItems", f"<MaxSoldItems>{size}</MaxSoldItems>").codes == [31]
    simulator.switches.change(max_sold_items=500)
    assert ask(simulator, "GetSoldItems", "<MaxSoldItems>251</MaxSoldItems>").codes == []


def test_orders_without_process(simulator: Simulator, state: State) -> None:
    """OrderID 0 shows with RequestAllItems only, never above a cursor; a checkout gives the id."""
    product = state.add_product("X")
    done = state.place_order([product.id])
    opened = state.place_order([product.id], process=False)
    everything = "<RequestAllItems>1</RequestAllItems>"

    assert order_ids(ask(simulator, "GetSoldItems")) == [done.order_id]
    assert order_ids(ask(simulator, "GetSoldItems", everything)) == [0, done.order_id]
    assert order_ids(ask(simulator, "GetSoldItems", everything + data_filter("OrderID", 0))) == [0]
    assert order_ids(ask(simulator, "GetSoldItems", everything + data_filter("RangeID", ValueFrom=1))) == [
        done.order_id
    ]
    assert ask(simulator, "GetSoldItems", data_filter("OrderID", 0)).codes == [15]
    state.complete_checkout(opened)
    assert order_ids(ask(simulator, "GetSoldItems")) == [done.order_id, opened.key]
    assert opened.feedback_date == NOON


def test_order_id_may_be_a_new_number(simulator: Simulator, state: State) -> None:
    """The switch gives processes numbers of their own."""
    simulator.switches.change(order_id_from="new_number")
    order = state.place_order([state.add_product("X").id])

    assert order.order_id not in (0, order.key)
    assert order_ids(ask(simulator, "GetSoldItems")) == [order.order_id]


def test_order_filters(simulator: Simulator, state: State) -> None:
    """Dates, states, platforms, buyers, marks."""
    product = state.add_product("X", selling_price=Decimal(10))
    new = state.place_order([product.id], feedback=False)
    paid = state.place_order([product.id], paid=True, platform="amazon")
    state.now = lambda: NOON + timedelta(days=1)
    sent = state.place_order([product.id], paid=True, platform="Hood", tags=["gold"], invoice_number="R1")
    state.ship(sent.order_id, tracking_number="4711")

    def found(name: str, *values: object, **parts: object) -> list[int]:
        reply = ask(simulator, "GetSoldItems", data_filter(name, *values, **parts))
        return order_ids(reply) if reply.codes != [15] else []

    a, b, c = new.order_id, paid.order_id, sent.order_id
    assert found("DefaultFilter", "NewAuctions") == [a]
    assert found("DefaultFilter", "PaidAuctions") == [b, c]
    assert found("DefaultFilter", "ReadyToShip") == [b]
    assert found("DefaultFilter", "CompletedAuctions") == [c]
    assert found("DefaultFilter", "not_CompletedAuctions") == [a, b]
    assert found("DefaultFilter", "NoXMLDate") == found("DefaultFilter", "NoXmlDate") == [a, b, c]
    assert found("DefaultFilter", "ReadyToShip", "CompletedAuctions") == []
    assert found("Plattform", "ebay") == [a]
    assert found("Plattform", "not_ebay") == [b, c]
    assert found("Tag", "gold") == found("InvoiceNumber", "R1") == [c]
    assert found("OrderID", a, c) == [a, c]
    assert found("AfterbuyUserID", new.customer_id) == [a, b, c]
    assert found("DateFilter", "AuctionEndDate", DateFrom="02.07.2026 00:00:00") == [c]
    assert found("DateFilter", "ShippingDate", DateFrom="01.01.2026", DateTo="01.01.2027") == [c]
    assert found("DateFilter", "FeedbackDate", DateTo="01.07.2026 12:00:00") == [b]
    assert ask(simulator, "GetSoldItems", data_filter("DateFilter", "Gestern")).codes == [30]
    assert ask(simulator, "GetSoldItems", data_filter("RangeID", ValueFrom=3_000_000_000)).codes == [17]
    simulator.switches.change(several_default_filters="or")
    assert found("DefaultFilter", "ReadyToShip", "CompletedAuctions") == [b, c]


def test_counts_cover_the_page_or_everything(simulator: Simulator, state: State) -> None:
    """OrdersCount is a switch."""
    product = state.add_product("X")
    for _ in range(3):
        state.place_order([product.id, product.id])
    size = "<MaxSoldItems>2</MaxSoldItems>"

    page = ask(simulator, "GetSoldItems", size)
    simulator.switches.change(counts_cover="matching")
    matching = ask(simulator, "GetSoldItems", size)

    assert (page.one("OrdersCount"), page.one("ItemsCount")) == ("2", "4")
    assert (matching.one("OrdersCount"), matching.one("ItemsCount")) == ("3", "6")


def test_default_page_of_orders_is_a_switch(simulator: Simulator, state: State) -> None:
    """Without MaxSoldItems."""
    product = state.add_product("X")
    for _ in range(3):
        state.place_order([product.id])
    simulator.switches.change(default_max_sold_items=2, default_max_catalogs=1)

    assert len(order_ids(ask(simulator, "GetSoldItems"))) == 2


def test_an_item_without_master_product(simulator: Simulator, state: State) -> None:
    """ShopProductDetails is empty, or holds an EAN that the seller entered."""
    state.place_order([Line(title="Restposten", price=Decimal(3), anr="900001")], platform="store")
    state.place_order([Line(title="Tasse", price=Decimal(3), ean="B-1")], platform="store")

    reply = ask(simulator, "GetSoldItems")

    assert reply.all("SoldItem/ShopProductDetails/ProductID") == []
    assert reply.all("SoldItem/ShopProductDetails/EAN") == ["B-1"]
    assert reply.all("SoldItem/Anr") == ["900001", "0"]


@pytest.mark.parametrize("reading", ["member", "parent"])
def test_a_sold_variation_is_named_by_member_or_parent(
    simulator: Simulator, state: State, reading: str
) -> None:
    """In the second reading the member is a ChildProduct."""
    red = state.add_product("Rot")
    parent = state.add_product("Becher", kind=1, members=[Member(red.id)])
    simulator.switches.change(variation_sold_as=reading)
    state.place_order([red.id])

    reply = ask(simulator, "GetSoldItems")

    shown = red if reading == "member" else parent
    assert reply.one("ShopProductDetails/ProductID") == str(shown.id)
    assert reply.all("ChildProduct/ProductID") == ([] if reading == "member" else [str(red.id)])


def test_amounts_in_doubt_are_switches(simulator: Simulator, state: State) -> None:
    """Main amounts in the buyer's currency, the rate's direction, a surcharge nowhere but in the total."""
    product = state.add_product("X", selling_price=Decimal(10))
    state.place_order(
        [product.id],
        currency="CHF",
        rate=Decimal("1.25"),
        shipping_cost=Decimal(5),
        surcharge=Decimal("2.50"),
    )
    simulator.switches.change(
        main_amounts="order_currency",
        exchange_rate_means="original_per_account",
        payment_surcharge_in="difference",
    )

    reply = ask(simulator, "GetSoldItems")

    assert reply.one("FullAmount") == "14,00"
    assert reply.one("ExchangeRate") == "0,8"
    assert (reply.one("ShippingAdditionalCost"), reply.one("ShippingTotalCost")) == ("0,00", "4,00")


@pytest.mark.parametrize("reading", ["lowest", "highest", "new"])
def test_merging_keeps_one_id(simulator: Simulator, state: State, reading: str) -> None:
    """All items stand under one OrderID, money adds up, the other ids are gone."""
    product = state.add_product("X", selling_price=Decimal(10))
    one = state.place_order([product.id], paid=True)
    two = state.place_order([product.id])
    old = (one.order_id, two.order_id)
    simulator.switches.change(merge_survivor=reading)

    merged = state.merge([two.order_id, one.order_id])

    reply = ask(simulator, "GetSoldItems")
    expected = {"lowest": old[0], "highest": old[1]}.get(reading, merged.order_id)
    assert order_ids(reply) == [expected]
    assert (merged.order_id in old) == (reading != "new")
    assert sorted(reply.all("SoldItem/ItemID")) == sorted(map(str, old))
    assert merged.full_amount == total_of(merged) == Decimal("24.90")
    assert merged.already_paid == Decimal("14.90")
    assert all(state.find_order_of_item(item) is merged for item in old)


def test_changes_of_an_order_renew_its_date(simulator: Simulator, state: State) -> None:
    """Paying, addressing and changing a quantity show in a ModDate window."""
    product = state.add_product("X", selling_price=Decimal(10), quantity=10)
    order = state.place_order([(product.id, 2)])
    state.now = lambda: NOON + timedelta(hours=2)
    window = data_filter("DateFilter", "ModDate", DateFrom="01.07.2026 14:00:00")
    assert ask(simulator, "GetSoldItems", window).codes == [15]

    state.pay(order.order_id, Decimal("4.90"))
    state.change_address(order.order_id, shipping=Address(street="Neu 1"))
    state.change_quantity(order.order_id, order.items[0].id, 3)

    reply = ask(simulator, "GetSoldItems", window)
    assert (reply.one("AlreadyPaid"), reply.one("FullAmount"), reply.one("ItemQuantity")) == (
        "4,90",
        "34,90",
        "3",
    )
    assert reply.one("ShippingAddress/Street") == "Neu 1"
    assert product.quantity == 7


def test_stock_may_stay_on_sale(simulator: Simulator, state: State) -> None:
    """By the switch a sale takes no stock."""
    product = state.add_product("X", quantity=5)
    simulator.switches.change(sale_reduces_stock=False)

    state.place_order([product.id])

    assert product.quantity == 5
