"""The Afterbuy connector against the simulator, under every reading of what the wire notes leave open."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.afterbuy.client import MAX_STOCK_PRODUCTS
from connectors.afterbuy.simulator import Fault, Line, Member, ReceivedCall, sample_state
from connectors.errors import AccountError, RequestRefusedError, TransientError
from connectors.protocols.articles import ArticleQuery
from connectors.protocols.connection import Connection
from connectors.protocols.order_updates import ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import ItemResult, Outcome
from connectors.protocols.stock import StockItem
from models.catalog.records import ArticleData, ArticleKind
from models.orders.records import OrderData
from models.sync.records import RejectedData
from tests.connectors.contract import AfterbuyRig, need

EVERYTHING = OrderQuery()
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("bound", ["inclusive", "exclusive"])


@pytest.fixture
def rig() -> Iterator[AfterbuyRig]:
    with AfterbuyRig() as rig:
        yield rig


def orders_of(
    connection: Connection, query: OrderQuery = EVERYTHING
) -> tuple[list[OrderData], list[RejectedData]]:
    records: list[OrderData] = []
    rejected: list[RejectedData] = []
    cursor: str | None = None
    for _ in range(50):
        page = need(connection.orders).fetch_orders(query, cursor)
        records += page.records
        rejected += page.rejected
        cursor = page.next_cursor
        if cursor is None:
            return records, rejected
    raise AssertionError("the pages do not end")


def articles_of(connection: Connection) -> list[ArticleData]:
    records: list[ArticleData] = []
    cursor: str | None = None
    for _ in range(50):
        page = need(connection.articles).fetch_articles(ArticleQuery(), cursor)
        assert page.rejected == []
        records += page.records
        cursor = page.next_cursor
        if cursor is None:
            return records
    raise AssertionError("the pages do not end")


def texts(call: ReceivedCall, name: str) -> list[str]:
    assert call.body is not None
    return [one.text or "" for one in call.body.iter(name)]


def outcomes(results: list[ItemResult]) -> list[tuple[str, Outcome]]:
    return [(one.key, one.outcome) for one in results]


def place(rig: AfterbuyRig, count: int) -> list[str]:
    article_id = rig.add_article("MUG", stock=500)
    return [rig.place_order(article_id, quantity=1) for _ in range(count)]


def payment(order_id: str, key: str = "k", amount: str = "7.50") -> PaymentItem:
    return PaymentItem(key, order_id, Decimal(amount), NOW)


# --- reading orders ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("size", [2, 3, 10])
@pytest.mark.parametrize("level", ["all", "process"])
def test_orders_come_once_under_both_bounds_and_both_readings_of_level_0(
    bound: str, size: int, level: str
) -> None:
    with AfterbuyRig(range_from=bound, sold_items_level_0=level) as rig:
        placed = place(rig, 7)
        with rig.open(page_size=size) as connection:
            records, rejected = orders_of(connection)
    assert [one.external_id for one in records] == placed
    assert rejected == []


@BOTH
def test_orders_from_a_number_on_begin_with_it(bound: str) -> None:
    with AfterbuyRig(range_from=bound) as rig:
        placed = place(rig, 6)
        with rig.open() as connection:
            records, _ = orders_of(connection, OrderQuery(from_number=placed[2]))
    assert [one.external_id for one in records] == placed[2:]


def test_a_page_that_comes_again_is_asked_for_again(rig: AfterbuyRig) -> None:
    placed = place(rig, 7)
    with rig.open() as connection:
        first = need(connection.orders).fetch_orders(OrderQuery(), None)
        rig.simulator.faults.add(Fault.same_page())
        with pytest.raises(TransientError, match="more orders follow"):
            need(connection.orders).fetch_orders(OrderQuery(), first.next_cursor)
        again = need(connection.orders).fetch_orders(OrderQuery(), first.next_cursor)
    assert [one.external_id for one in first.records + again.records] == placed[: 2 * len(first.records)]


def test_a_page_in_another_order_loses_nothing(rig: AfterbuyRig) -> None:
    placed = place(rig, 7)
    rig.simulator.faults.add(Fault.out_of_order(), times=10)
    with rig.open() as connection:
        records, _ = orders_of(connection)
    assert sorted(one.external_id for one in records) == placed


def test_no_order_is_an_empty_page_and_no_failure(rig: AfterbuyRig) -> None:
    with rig.open() as connection:
        page = need(connection.orders).fetch_orders(OrderQuery(), None)
    assert (page.records, page.rejected, page.next_cursor) == ([], [], None)
    assert rig.simulator.requests[-1].reply == "error 15"


def test_orders_changed_or_paid_since_are_asked_for_in_local_time(rig: AfterbuyRig) -> None:
    placed = place(rig, 3)
    with rig.open() as connection:
        since = datetime.now(UTC) + timedelta(hours=1)
        rig.state.order(int(placed[1])).mod_date = since + timedelta(minutes=5)
        records, _ = orders_of(connection, OrderQuery(changed_since=since))
        assert [one.external_id for one in records] == [placed[1]]
        rig.state.pay(int(placed[2]), at=since + timedelta(minutes=5))
        records, _ = orders_of(connection, OrderQuery(paid_since=since))
        assert [one.external_id for one in records] == [placed[2]]
    assert [texts(call, "FilterName") for call in rig.simulator.requests[-2:]] == [["DateFilter"]] * 2


def test_the_date_of_a_window_is_a_setting(rig: AfterbuyRig) -> None:
    with rig.open(order_date_filter="FeedbackDate") as connection:
        need(connection.orders).fetch_orders(OrderQuery(changed_since=NOW), None)
    assert texts(rig.simulator.requests[-1], "FilterValue") == ["FeedbackDate"]
    assert texts(rig.simulator.requests[-1], "DateFrom") == ["01.07.2026 14:00:00"]


def test_open_checkouts_are_read_only_when_wanted_and_named_by_item(rig: AfterbuyRig) -> None:
    article_id = int(rig.add_article("MUG", stock=50))
    placed = place(rig, 4)
    waiting = rig.state.place_order([article_id], process=False)
    unconfirmed = rig.state.place_order([article_id], feedback=False)
    with rig.open() as connection:
        numbered = [*placed, str(unconfirmed.order_id)]
        assert [one.external_id for one in orders_of(connection)[0]] == numbered
        records, rejected = orders_of(connection, OrderQuery(include_open_checkouts=True))
        assert [one.external_id for one in records] == [*numbered, f"item-{waiting.key}"]
        assert [one.checkout_at is None for one in records[-2:]] == [True, True]
        assert rejected == []
        named = OrderQuery(external_ids=(f"item-{waiting.key}", placed[0]))
        assert {one.external_id for one in orders_of(connection, named)[0]} == set(named.external_ids)
        [status] = need(connection.orders).fetch_order_statuses([f"item-{waiting.key}"])
        assert status.external_id == f"item-{waiting.key}"
        rig.state.complete_checkout(waiting)
        records, _ = orders_of(connection)
    [done] = [one for one in records if one.external_id == str(waiting.order_id)]
    assert done.lines[0].external_id == str(waiting.key)
    assert done.checkout_at is not None


@pytest.mark.parametrize("survivor", ["lowest", "highest", "new"])
def test_a_merged_order_keeps_the_item_ids_of_its_lines(survivor: str) -> None:
    with AfterbuyRig(merge_survivor=survivor) as rig:
        placed = place(rig, 2)
        items = {str(item.id) for order_id in placed for item in rig.state.order(int(order_id)).items}
        merged = rig.state.merge([int(one) for one in placed])
        with rig.open() as connection:
            records, _ = orders_of(connection)
    assert [one.external_id for one in records] == [str(merged.order_id)]
    assert {line.external_id for line in records[0].lines} == items


def test_an_order_that_cannot_be_read_is_set_aside_without_its_neighbours(rig: AfterbuyRig) -> None:
    placed = place(rig, 3)
    broken = rig.state.order(int(placed[1]))
    broken.items[0].quantity = "drei"  # type: ignore[assignment]
    broken.feedback_link = "https://checkout.example/private"
    with rig.open() as connection:
        records, rejected = orders_of(connection)
    assert [one.external_id for one in records] == [placed[0], placed[2]]
    [aside] = rejected
    assert (aside.kind, aside.external_id) == ("order", placed[1])
    assert aside.reason == "SoldItems/SoldItem/0/ItemQuantity: not a number, but text of 4 characters"
    assert "<ItemQuantity>drei</ItemQuantity>" in aside.raw
    assert "private" not in aside.raw


@pytest.mark.parametrize("spelling", ["member", "parent"])
def test_a_sold_variation_names_its_article_under_both_readings(spelling: str) -> None:
    with AfterbuyRig(variation_sold_as=spelling) as rig:
        variant = rig.state.add_product("Schürze M", ean="SCH-M", quantity=5)
        rig.state.add_product("Schürze", kind=1, members=[Member(variant.id)])
        rig.state.place_order([variant])
        with rig.open() as connection:
            [order] = orders_of(connection)[0]
    assert order.lines[0].listing_id == str(variant.id)
    assert order.lines[0].components == []


def test_an_item_without_master_product_has_no_listing(rig: AfterbuyRig) -> None:
    rig.state.place_order([Line(title="Unbekannt", price=Decimal(3))])
    with rig.open() as connection:
        [order] = orders_of(connection)[0]
    assert (order.lines[0].title, order.lines[0].listing_id, order.lines[0].sku) == ("Unbekannt", "", "")


@pytest.mark.parametrize("ugly", [False, True])
@BOTH
def test_the_sample_data_reads_whole_in_every_look(ugly: bool, bound: str) -> None:
    """All of it, with the ugly variants: case, one-or-many, points, -1, doubled escapes, empty elements."""
    with AfterbuyRig() as rig:
        rig.simulator.state = sample_state(products=60, orders=80)
        rig.simulator.switches.change(ugly=ugly, range_from=bound, attribute_spelling="mixed")
        with rig.open(page_size=50, article_page_size=50) as connection:
            records, rejected = orders_of(connection, OrderQuery(include_open_checkouts=True))
            articles = articles_of(connection)
    assert rejected == []
    assert len(records) == len(rig.simulator.state.orders)
    assert len(articles) == len(rig.simulator.state.products)
    told = {str(one.order_id or f"item-{one.key}"): one for one in rig.simulator.state.orders.values()}
    for record in records:
        order = told[record.external_id]
        assert (record.total, record.paid_amount) == (order.full_amount, order.already_paid)
        assert [(line.external_id, line.quantity, line.price) for line in record.lines] == [
            (str(item.id), item.quantity, item.price) for item in order.items
        ]
    assert {one.kind for one in articles} == set(ArticleKind)


def test_looks_make_no_difference_to_the_records() -> None:
    """The same data in its plain and its ugly look are the same orders; DeliveryDate may be a day."""
    with AfterbuyRig() as rig:
        rig.simulator.state = sample_state(products=40, orders=60)
        with rig.open(page_size=100) as connection:
            plain = orders_of(connection)[0]
            rig.simulator.switches.change(ugly=True)
            ugly = orders_of(connection)[0]
    for one, other in zip(plain, ugly, strict=True):
        assert one.model_dump(exclude={"meta", "shipped_at"}) == other.model_dump(
            exclude={"meta", "shipped_at"}
        )
        assert (one.shipped_at is None) == (other.shipped_at is None)


# --- reading articles ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("paging", ["cursor", "pages"])
def test_articles_come_once_under_both_bounds_and_both_kinds_of_paging(bound: str, paging: str) -> None:
    with AfterbuyRig(range_from=bound) as rig:
        added = [rig.add_article(f"S-{number}", stock=number) for number in range(7)]
        with rig.open(article_paging=paging) as connection:
            assert [one.external_id for one in articles_of(connection)] == added


def test_pages_by_number_read_products_that_do_not_come_by_id() -> None:
    with AfterbuyRig(product_order="modified") as rig:
        added = [rig.add_article(f"S-{number}", stock=number) for number in range(7)]
        for number in (5, 0, 3):
            rig.state.set_product(int(added[number]), quantity=9)
        with rig.open(article_paging="pages") as connection:
            assert sorted(one.external_id for one in articles_of(connection)) == added


def test_catalogs_are_read_page_by_page_and_decoded_twice() -> None:
    with AfterbuyRig(catalog_names_escaped_twice=True, range_from="inclusive") as rig:
        parent = rig.state.add_catalog("Holz & Leim").id
        for number in range(250):
            rig.state.add_catalog(f"Regal {number}", parent_id=parent)
        with rig.open() as connection:
            first = need(connection.articles).fetch_categories(None)
            second = need(connection.articles).fetch_categories(first.next_cursor)
    names = [one.name for one in first.records + second.records]
    assert second.next_cursor is None
    assert (len(names), len(set(names)), names[0]) == (251, 251, "Holz & Leim")


def test_no_catalog_and_no_article_are_empty_pages(rig: AfterbuyRig) -> None:
    with rig.open() as connection:
        assert need(connection.articles).fetch_categories(None).records == []
        assert need(connection.articles).fetch_articles(ArticleQuery(), None).records == []


def test_invalid_characters_from_the_server_spoil_nothing(rig: AfterbuyRig) -> None:
    rig.add_article("MUG", stock=1)
    rig.simulator.faults.add(Fault.invalid_characters())
    with rig.open() as connection:
        assert [one.sku for one in articles_of(connection)] == ["MUG"]


# --- stock ---------------------------------------------------------------------------------------------


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


# --- payments and shipments ----------------------------------------------------------------------------


def test_a_payment_is_an_absolute_total_with_a_comma_and_mails_nobody(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    item = PaymentItem("k", order_id, Decimal("1234.5"), NOW, method_name="PayPal", reference="TX")
    with rig.open() as connection:
        for _ in range(2):
            [result] = need(connection.payments).publish_payments([item])
    assert result.fields == {
        "OrderID": order_id,
        "PaymentInfo/PaymentMethod": "PayPal",
        "PaymentInfo/PaymentDate": "01.07.2026 14:00:00",
        "PaymentInfo/PaymentTransactionID": "TX",
        "PaymentInfo/AlreadyPaid": "1234,50",
    }
    assert rig.paid_of(order_id) == Decimal("1234.5")


def shipment(order_id: str, *parcels: ParcelItem, carrier: str = "DHL") -> ShipmentItem:
    return ShipmentItem("k", order_id, NOW, carrier, list(parcels))


def test_one_parcel_has_no_labels_and_mails_nobody(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    with rig.open() as connection:
        [result] = need(connection.shipments).publish_shipments(
            [shipment(order_id, ParcelItem("T1", {order_id: 1}))]
        )
    assert result.fields == {
        "OrderID": order_id,
        "AdditionalInfo": "T1",
        "ShippingInfo/DeliveryDate": "01.07.2026 14:00:00",
        "ShippingInfo/DeliveryService": "DHL",
    }


def test_nothing_empty_is_sent_for_what_is_not_known(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    with rig.open() as connection:
        [result] = need(connection.shipments).publish_shipments(
            [shipment(order_id, ParcelItem("", {}), carrier="")]
        )
    assert result.fields == {"OrderID": order_id, "ShippingInfo/DeliveryDate": "01.07.2026 14:00:00"}
    [call] = rig.simulator.writes
    assert call.body is not None
    assert [one.tag for one in call.body.findall("Orders/Order/*")] == ["OrderID", "ShippingInfo"]


@pytest.mark.parametrize(("field", "info"), [("first", "T1"), ("joined", "T1,T2")])
def test_several_parcels_have_labels_with_ascending_numbers(rig: AfterbuyRig, field: str, info: str) -> None:
    article = int(rig.add_article("MUG", stock=9))
    order = rig.state.place_order([article, article])
    first, second = (str(item.id) for item in order.items)
    parcels = [ParcelItem("T1", {second: 1, first: 1}), ParcelItem("T2", {first: 1})]
    with rig.open(tracking_field=field) as connection:
        [result] = need(connection.shipments).publish_shipments([shipment(str(order.order_id), *parcels)])
        [status] = need(connection.orders).fetch_order_statuses([str(order.order_id)])
    assert (result.outcome, result.fields["AdditionalInfo"]) == (Outcome.sent, info)
    [call] = rig.simulator.writes
    assert texts(call, "PackageNumber") == ["1", "1", "2"]
    assert texts(call, "ItemID") == [first, second, first]
    assert texts(call, "ParcelLabelNumber") == ["T1", "T1", "T2"]
    assert status.tracking_numbers == ["T1", "T2"]


@pytest.mark.parametrize("mails", [False, True])
def test_a_buyer_is_mailed_only_if_the_setting_says_so(rig: AfterbuyRig, mails: bool) -> None:
    [order_id] = place(rig, 1)
    with rig.open(mail_buyer_payment=mails, mail_buyer_shipping=mails) as connection:
        need(connection.payments).publish_payments([payment(order_id)])
        need(connection.shipments).publish_shipments([shipment(order_id, ParcelItem("T1", {}))])
    paid, shipped = rig.simulator.writes
    assert texts(paid, "SendPaymentMail") == (["1"] if mails else [])
    assert texts(shipped, "SendShippingMail") == (["1"] if mails else [])


def test_an_order_without_number_is_written_by_its_item(rig: AfterbuyRig) -> None:
    waiting = rig.state.place_order([int(rig.add_article("MUG", stock=9))], process=False)
    with rig.open() as connection:
        [result] = need(connection.payments).publish_payments([payment(f"item-{waiting.key}")])
    assert (result.outcome, result.fields["ItemID"]) == (Outcome.sent, str(waiting.key))
    assert waiting.already_paid == Decimal("7.50")


@pytest.mark.parametrize("reading", ["warning_12", "error_33_rest_done", "error_33_nothing_done"])
def test_an_unknown_order_in_a_batch_is_found_and_the_rest_is_done(reading: str) -> None:
    with AfterbuyRig(unknown_order=reading) as rig:
        placed = place(rig, 6)
        names = [*placed[:4], "2147480000", *placed[4:]]
        with rig.open() as connection:
            results = need(connection.payments).publish_payments([payment(one, key=one) for one in names])
        assert outcomes(results) == [
            (one, Outcome.refused if one == "2147480000" else Outcome.sent) for one in names
        ]
        assert {rig.paid_of(one) for one in placed} == {Decimal("7.50")}


def test_with_mails_on_a_batch_is_never_sent_twice() -> None:
    with AfterbuyRig(unknown_order="error_33_rest_done") as rig:
        placed = place(rig, 2)
        with rig.open(mail_buyer_payment=True) as connection:
            results = need(connection.payments).publish_payments(
                [payment(one, key=one) for one in [*placed, "2147480000"]]
            )
        assert {one.outcome for one in results} == {Outcome.refused}
        assert len(rig.simulator.writes) == 1


def test_a_batch_of_orders_never_exceeds_150(rig: AfterbuyRig) -> None:
    placed = place(rig, 160)
    with rig.open(page_size=250) as connection:
        assert need(connection.payments).batch_size == 150
        results = need(connection.payments).publish_payments([payment(one, key=one) for one in placed])
        assert {one.outcome for one in results} == {Outcome.sent}
        assert len(need(connection.orders).fetch_order_statuses(placed)) == 160
    assert [len(texts(call, "OrderID")) for call in rig.simulator.writes] == [150, 10]


# --- errors, login, cursor -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html_page(),
        Fault.http_status(500),
        Fault.throttle(7),
        Fault.cut_body(at_byte=100),
        Fault.cut_body(at_byte=100, honest_length=True),
        Fault.reset_before(),
        Fault.reset_after(),
        Fault.entity_bomb(),
        Fault.oversized(),
        Fault.timeout(3),
        Fault.error(52),
        Fault.error(52, status="Success"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.code}",
)
def test_a_read_on_a_bad_day_is_transient(rig: AfterbuyRig, fault: Fault) -> None:
    place(rig, 1)
    rig.simulator.faults.add(fault)
    with rig.open(read_timeout_seconds=2) as connection:
        with pytest.raises(TransientError) as caught:
            need(connection.orders).fetch_orders(OrderQuery(), None)
        assert caught.value.retry_after == (7 if fault.kind == "throttle" else None)
        assert len(need(connection.orders).fetch_orders(OrderQuery(), None).records) == 1


@pytest.mark.parametrize("code", [4, 8, 9, 10, 11, 13, 14, 35, 38, 60])
def test_a_refused_login_stops_the_account_whatever_its_code(rig: AfterbuyRig, code: int) -> None:
    rig.simulator.faults.add(Fault.refuse_login(code))
    with rig.open() as connection, pytest.raises(AccountError, match=f"error {code}"):
        connection.clock.check()


def test_a_wrong_token_stops_the_account(rig: AfterbuyRig) -> None:
    rig.secrets = {**rig.secrets, "account_token": "guessed-token"}
    with rig.open() as connection, pytest.raises(AccountError) as caught:
        connection.clock.check()
    assert "guessed-token" not in str(caught.value)


def test_a_server_that_tells_no_time_is_read_by_our_clock(rig: AfterbuyRig) -> None:
    rig.simulator.faults.add(Fault.error(12), "GetAfterbuyTime")
    with rig.open() as connection:
        assert abs(connection.clock.check() - datetime.now(UTC)) < timedelta(seconds=30)


def test_the_older_login_works_as_well(rig: AfterbuyRig) -> None:
    known = rig.simulator.switches
    rig.secrets = {
        "partner_id": known.partner_id,
        "partner_password": known.partner_password,
        "user_id": known.user_id,
        "user_password": known.user_password,
    }
    with rig.open() as connection:
        assert abs(connection.clock.check() - datetime.now(UTC)) < timedelta(seconds=30)


def test_the_old_address_still_answers_with_its_warning() -> None:
    with AfterbuyRig(wrong_host=True) as rig:
        [order_id] = place(rig, 1)
        with rig.open() as connection:
            assert len(orders_of(connection)[0]) == 1
            assert outcomes(need(connection.payments).publish_payments([payment(order_id)])) == [
                ("k", Outcome.sent)
            ]


@pytest.mark.parametrize("cursor", ["", "7", "[]", "{", '{"after": "x"}', '{"after": true}'])
def test_a_foreign_cursor_is_refused(rig: AfterbuyRig, cursor: str) -> None:
    with rig.open() as connection, pytest.raises(RequestRefusedError, match="cursor"):
        need(connection.orders).fetch_orders(OrderQuery(), cursor)


def test_a_cursor_is_plain_text_that_another_process_can_use(rig: AfterbuyRig) -> None:
    placed = place(rig, 5)
    with rig.open() as connection:
        cursor = need(connection.orders).fetch_orders(OrderQuery(), None).next_cursor
    assert cursor is not None
    assert json.loads(cursor) == {"after": int(placed[2])}
    with rig.open() as connection:
        assert [
            one.external_id for one in need(connection.orders).fetch_orders(OrderQuery(), cursor).records
        ] == placed[3:]


def test_services_come_once_each_with_their_names(rig: AfterbuyRig) -> None:
    with rig.open() as connection:
        services = need(connection.methods).fetch_methods()
    assert len({(one.kind, one.external_id) for one in services}) == len(services)
    assert {one.kind for one in services} == {"payment", "shipping"}


def test_open_checkouts_before_the_number_to_begin_with_are_left_out(rig: AfterbuyRig) -> None:
    article_id = int(rig.add_article("MUG", stock=50))
    rig.state.place_order([article_id], process=False)
    placed = place(rig, 2)
    later = rig.state.place_order([article_id], process=False)
    with rig.open() as connection:
        records, _ = orders_of(connection, OrderQuery(from_number=placed[1], include_open_checkouts=True))
    assert [one.external_id for one in records] == [placed[1], f"item-{later.key}"]
