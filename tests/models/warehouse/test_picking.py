"""Pick lists: which orders are on them, how they end, and orders that change meanwhile."""

import pytest
from sqlmodel import select

from models.database.columns import need_id
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.shipments import ParcelData
from models.order_desk.edits import discard_edits, find_line, set_address, set_quantity
from models.orders.history import Actor
from models.orders.holds import HoldReason, close_holds
from models.orders.order import AddressRole, Order, OrderLine
from models.tenants.records import Side
from models.warehouse.pick_items import PutBack, ScanError
from models.warehouse.pick_lists import PickMode
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.picking import (
    StoppedOrder,
    cancel_list,
    close_list,
    create_list,
    list_result,
    list_waiting,
    start_next_list,
)
from models.warehouse.scanning import scan
from tests.support.builders import (
    PLACED_AT,
    add_article,
    check_laws,
    details_in,
    events_in,
    get_order,
    lines_in,
    make_line,
    make_order,
    make_shop,
    release,
    stock_in,
    take_in,
)
from tests.support.picking import make_walk, picked


def test_only_what_may_go_is_listed(database: str) -> None:
    """Not released, held, a trial, already listed: each is left out, and refused by its reason."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        ids = release(session, shop, *(make_order(name, make_line(name, "MUG")) for name in ("old", "held")))
        take_in(session, shop, make_order("open", make_line("o", "MUG")))
        take_in(session, shop, make_order("trial", make_line("t", "MUG")), trial=True)
        hold_order(session, get_order(session, "held"), HoldReason.changed_after_release, {})

        assert list_waiting(session, shop.tenant_id, 9) == ids[:1]
        start_next_list(session, shop.tenant_id, PickMode.batch, 9)
        for name, reason in {
            "old": "is on pick list 1 already",
            "held": r"is held \(changed_after_release\)",
            "open": "is open and cannot be picked",
            "trial": "is a test order",
        }.items():
            order_id = get_order(session, name).row_id
            with pytest.raises(RuleError, match=reason):
                create_list(session, shop.tenant_id, PickMode.single, [order_id])
        with pytest.raises(RuleError, match="No order waits to be picked"):
            start_next_list(session, shop.tenant_id, PickMode.boxes, 9)


def test_shipping_takes_what_lies_ready_and_needs_none(database: str) -> None:
    """People who do not scan ship more than was picked; the list asks for what is still to leave."""
    with session_scope() as session:
        _, number = make_walk(session)
        scan(session, number, "MUG", 3)
        scan(session, number, "CUP", 2)
        assert picked(session) == {"1a": 2, "2a": 1}
        (line_id,) = session.exec(select(OrderLine.id).where(OrderLine.external_id == "1a")).all()
        ship = ParcelData(lines={need_id(line_id): 1})
        record_shipment(session, get_order(session, "1"), "DHL", [ship], PLACED_AT)
        assert (picked(session), lines_in(session, "1")["1a"]) == ({"1a": 1, "2a": 1}, (2, 1, 1, 0))
        check_laws(session)
        record_shipment(session, get_order(session, "2"), "DHL", [ParcelData()], PLACED_AT)
        assert (picked(session), lines_in(session, "2")) == ({"1a": 1}, {"2a": (2, 0, 2, 0)})
        check_laws(session)

        answer = scan(session, number, "POT", 2)
        assert answer.notices == [
            "Order 1 was changed; go on with it.",
            "Order 2 is shipped: its units are no longer needed.",
        ]
        scan(session, number, "MUG")
        result = close_list(session, number)
        assert (result.ready, result.stopped) == (["1", "3"], [StoppedOrder("2", "is shipped")])
        assert (result.put_back, stock_in(session)["MUG"]) == ([], (7, 2))


@pytest.mark.parametrize("kind", ["cancelled", "held", "shipped there"])
def test_an_order_that_changes_is_stopped(database: str, kind: str) -> None:
    """The next scan says so, no unit of it counts, it cannot be finished, and what was taken goes back."""
    with session_scope() as session:
        shop, number = make_walk(session)
        scan(session, number, "MUG", 2)
        order = get_order(session, "1")
        if kind == "cancelled":
            cancel_order(session, order, actor=Actor.person)
        elif kind == "held":
            hold_order(session, order, HoldReason.changed_after_release, {"changes": {}})
        else:
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT, told_by=Side.channel)
        check_laws(session)
        reason = {"held": "is held (changed_after_release)", "shipped there": "is shipped"}.get(
            kind, "is cancelled"
        )
        back = [] if kind == "shipped there" else [PutBack("MUG", "1", 1, 2)]
        assert list_result(session, number).stopped == [StoppedOrder("1", reason)]
        assert list_result(session, number).put_back == back

        goods = "put back 2 × MUG from box 1." if back else "its units are no longer needed."
        assert scan(session, number, "MUG").notices == [f"Order 1 {reason}: {goods}"]
        assert scan(session, number, "MUG").notices == []
        scan(session, number, "POT")
        with pytest.raises(ScanError, match="No more of POT is needed: all 1 are picked"):
            scan(session, number, "POT")
        scan(session, number, "MUG")
        scan(session, number, "CUP", 4)
        result = close_list(session, number)
        assert (result.ready, result.stopped) == (["2", "3"], [StoppedOrder("1", reason)])
        assert result.put_back == back
        assert picked(session) == {"2a": 2, "3a": 1, "3b": 1}
        assert ("person", "picking_stopped") in events_in(session, "1")
        check_laws(session)
        if kind == "held":
            close_holds(session, get_order(session, "1"), (HoldReason.changed_after_release,))
            assert list_waiting(session, shop.tenant_id, 9) == [order.row_id]


def test_an_order_that_is_mended_goes_on(database: str) -> None:
    """Fewer units or another address: the picker hears of it, and only what is too much goes back."""
    with session_scope() as session:
        shop, number = make_walk(session)
        order = get_order(session, "1")
        scan(session, number, "MUG", 2)
        set_address(session, order, AddressRole.shipping, {"street": "Hinterhof 1"})
        assert scan(session, number, "CUP").notices == ["Order 1 was changed; go on with it."]

        set_quantity(session, order, find_line(session, order, "1a"), 1, actor=Actor.person)
        check_laws(session)
        assert (picked(session), stock_in(session)["MUG"]) == ({"1a": 1}, (10, 4))
        notices = ["Order 1 needs less: put back 1 × MUG from box 1 in all."]
        assert scan(session, number, "CUP").notices == notices
        scan(session, number, "POT")
        closed = close_list(session, number, unfinished=True)
        assert (closed.ready, closed.put_back) == (["1"], [PutBack("MUG", "1", 1, 1)])

        discard_edits(session, get_order(session, "2"))
        assert list_waiting(session, shop.tenant_id, 9) == [get_order(session, "3").row_id]


def test_a_list_is_closed_or_given_up(database: str) -> None:
    """Units that are left need a word; on a list that is given up everything goes back."""
    with session_scope() as session:
        shop, number = make_walk(session)
        scan(session, number, "MUG", 2)
        with pytest.raises(RuleError, match="9 units of pick list 1 are not picked yet"):
            close_list(session, number)
        result = close_list(session, number, unfinished=True)
        assert (result.ready, result.partly, result.unpicked) == ([], ["1"], ["2", "3"])
        again = start_next_list(session, shop.tenant_id, PickMode.batch, 9).row_id
        sheet = read_sheet(session, again)
        assert [(stop.sku, stop.quantity) for stop in sheet.stops] == [("CUP", 4), ("MUG", 3), ("POT", 2)]
        scan(session, again, "MUG", 3)
        given_up = cancel_list(session, again)
        assert [each.order for each in given_up.stopped] == ["1", "2", "3"]
        assert given_up.put_back == [PutBack("MUG", "2", 0, 2), PutBack("MUG", "3", 0, 1)]
        assert picked(session) == {"1a": 2}
        assert len(list_waiting(session, shop.tenant_id, 9)) == 3
        check_laws(session)
        with pytest.raises(RuleError, match="is cancelled; nothing on it changes"):
            close_list(session, again)


def test_what_lies_ready_of_a_cancelled_order_is_in_its_history(database: str) -> None:
    """Its list has ended, so the order itself says what is to be put back."""
    with session_scope() as session:
        _, number = make_walk(session)
        scan(session, number, "MUG", 2)
        close_list(session, number, unfinished=True)
        cancel_order(session, get_order(session, "1"), actor=Actor.person)

        assert details_in(session, "1", "cancelled") == [{"put_back": {"1a": 2}}]
        assert (picked(session), session.exec(select(Order.state).where(Order.external_id == "1")).one()) == (
            {}, "cancelled",
        )  # fmt: skip
        check_laws(session)
