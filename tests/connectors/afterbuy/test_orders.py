"""Orders are read whole, under every reading of what the wire notes leave open."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.afterbuy.simulator import Line, Member, sample_state
from connectors.afterbuy.wire import MAX_MANY
from connectors.protocols.orders import OrderQuery
from tests.connectors.afterbuy.order_answers import answer, order, read
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import BOTH, NOW, orders_of, place, texts
from tests.connectors.contract.rig import need


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


def test_open_checkouts_before_the_number_to_begin_with_are_left_out(rig: AfterbuyRig) -> None:
    article_id = int(rig.add_article("MUG", stock=50))
    rig.state.place_order([article_id], process=False)
    placed = place(rig, 2)
    later = rig.state.place_order([article_id], process=False)
    with rig.open() as connection:
        records, _ = orders_of(connection, OrderQuery(from_number=placed[1], include_open_checkouts=True))
    assert [one.external_id for one in records] == [placed[1], f"item-{later.key}"]


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


def test_many_attributes_of_one_name_are_joined_in_one_go() -> None:
    """Ten thousand values of one name are one text in their order, without copying it each time."""
    pair = "<AttributeName>a</AttributeName><AttributeValue>v</AttributeValue>"
    one = f"<SoldItemAttribute>{pair}</SoldItemAttribute>"
    page = read(answer(order(1, line_more=f"<SoldItemAttributes>{one * MAX_MANY}</SoldItemAttributes>")))
    assert page.records[0].lines[0].attributes == {"a": ", ".join(["v"] * MAX_MANY)}
