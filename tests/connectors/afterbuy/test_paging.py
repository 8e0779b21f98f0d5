"""Pages follow each other without a gap, and a record that cannot be read is rejected alone."""

import json

import pytest

from connectors.afterbuy.paging import MAX_RECORDS
from connectors.afterbuy.simulator import Fault
from connectors.afterbuy.wire import MAX_MANY
from connectors.errors import RequestRefusedError, TransientError
from connectors.protocols.orders import OrderQuery
from tests.connectors.afterbuy.order_answers import LINE, MAIL, ORDER, answer, order, read
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import orders_of, place
from tests.connectors.contract.rig import need


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


def test_an_order_that_cannot_be_read_is_rejected_without_its_neighbours(rig: AfterbuyRig) -> None:
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


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (order(2, "<UserComment>" + "<a>" * 200 + "</a>" * 200 + "</UserComment>"), "levels deep"),
        (ORDER.format(id="9" * 300, more="", lines=LINE.format(id=2, more="")), "string_too_long"),
        (ORDER.format(id="2&#10;3", more="", lines=LINE.format(id=2, more="")), "cannot be shown"),
        (ORDER.format(id="\u202e23", more="", lines=LINE.format(id=2, more="")), "cannot be shown"),
        (ORDER.format(id="2", more="", lines=LINE.format(id="\x9b31m", more="")), "cannot be shown"),
        (order(2).replace("2,50", "9" * 300), "a number of 300 characters"),
        (order(2).replace("2,50", "NaN"), "not a number"),
        (order(2).replace("2,50", "1E400"), "not a number"),
        (order(2).replace("01.07.2026", "31.12.9999"), "a date too far away"),
        (order(2).replace("01.07.2026 10:00:00", "9999-12-31T23:59:59-12:00"), "a date too far away"),
        (order(2, MAIL.format(mail="x" * 9000)), "mail"),
        (order(2, "<OrderIDAlt>" + "x" * 9000 + "</OrderIDAlt>"), "channel_number"),
        (ORDER.format(id=2, more="", lines=LINE.format(id=2, more="") * (MAX_MANY + 1)), "more than 10000"),
    ],
    ids=lambda value: value if len(value) < 40 else "order",
)  # fmt: skip
def test_an_odd_record_is_rejected_and_its_neighbours_go_on(odd: str, said: str) -> None:
    """Its reason is short, shows no value, and its raw form is kept up to a limit."""
    page = read(answer(order(1), odd, order(3)))

    assert [one.external_id for one in page.records] == ["1", "3"]
    [aside] = page.rejected
    assert said in aside.reason
    assert len(aside.reason) < 500
    assert "xxx" not in aside.reason
    assert "999" not in aside.reason
    assert aside.reason.isprintable()
    assert aside.external_id.isprintable()
    assert len(aside.external_id) <= 80
    assert 0 < len(aside.raw) <= 1_000_000


def test_two_unusable_ids_are_two_entries() -> None:
    """Long ids that begin alike do not fall on one entry."""
    page = read(answer(*(ORDER.format(id="9" * 90 + str(n), more="", lines="") for n in range(2))))
    assert len({one.external_id for one in page.rejected}) == 2


def test_a_page_of_more_records_than_anybody_asked_for_is_refused() -> None:
    """It is not tried again: the same would come."""
    with pytest.raises(RequestRefusedError, match="more than 5000 records of kind order"):
        read(answer("<Order/>" * (MAX_RECORDS + 1)))


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
