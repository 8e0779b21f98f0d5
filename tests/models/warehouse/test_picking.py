"""Pick lists: what is on them, what a scan counts and refuses, short picks, orders that change meanwhile."""

from typing import Any

import pytest
from sqlmodel import Session, col, select

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
from models.warehouse.bins import get_bin, place_articles, save_bin
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import Allocation
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_items import PutBack, ScanError
from models.warehouse.pick_lists import PickItem, PickMode, PickOrder
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
from models.warehouse.scanning import scan, undo
from models.warehouse.warehouses import Warehouse
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    add_warehouse,
    check_laws,
    details_in,
    events_in,
    get_order,
    holds_in,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    release,
    row_counts,
    stock_in,
    take_in,
)

GTIN = "4006381333931"


def put(session: Session, warehouse_id: int, bins: dict[str, tuple[int, list[int]]]) -> None:
    """Add bins by name with their place and what lies in each."""
    warehouse = session.get_one(Warehouse, warehouse_id)
    for name, (place, article_ids) in bins.items():
        save_bin(session, warehouse, name, place)
        place_articles(session, warehouse, get_bin(session, warehouse, name), article_ids)


def make_walk(session: Session, mode: PickMode = PickMode.boxes) -> tuple[Shop, int]:
    """Return a shop and a list of three orders over three articles and a set; one of order 3 is short."""
    shop = make_shop(session)
    mug = add_article(session, shop, "MUG", on_hand=10, gtin=GTIN)
    cup = add_article(session, shop, "CUP", on_hand=10)
    pot = add_article(session, shop, "POT", on_hand=2)
    add_article(session, shop, "SET", parts={mug: 1, cup: 2})
    put(session, shop.warehouse_id, {"B": (20, [mug]), "A": (30, [pot]), "C": (10, [cup])})
    release(
        session,
        shop,
        make_order("1", make_line("1a", "MUG", 2), make_line("1b", "POT", 1)),
        make_order("2", make_line("2a", "SET", 2)),
        make_order("3", make_line("3a", "MUG", 1), make_line("3b", "POT", 1)),
    )
    return shop, start_next_list(session, shop.tenant_id, mode, 9).row_id


def picked(session: Session) -> dict[str, int]:
    """Return what lies ready of each line, without those of which nothing does."""
    session.flush()
    session.expire_all()
    lines = session.exec(select(OrderLine).order_by(col(OrderLine.id)))
    return {line.external_id: line.picked for line in lines if line.picked}


def test_a_list_follows_the_bins(database: str) -> None:
    """Stops along the walking order, sets as their parts, each with the boxes that it goes to."""
    with session_scope() as session:
        _, number = make_walk(session)
        sheet = read_sheet(session, number)

        assert [(stop.bin, stop.sku, stop.quantity) for stop in sheet.stops] == [
            ("C", "CUP", 4), ("B", "MUG", 5), ("A", "POT", 2),
        ]  # fmt: skip
        assert [(part.order, part.box, part.quantity) for part in sheet.stops[1].parts] == [
            ("1", 1, 2), ("2", 2, 2), ("3", 3, 1),
        ]  # fmt: skip
        check_laws(session)


def test_further_warehouses_come_after_and_what_lies_nowhere_last(database: str) -> None:
    """The walk goes warehouse by warehouse, by priority; without a bin an article is last, by its SKU."""
    with session_scope() as session:
        shop = make_shop(session)
        far = add_warehouse(session, shop, "far", 3)
        ids = {sku: add_article(session, shop, sku, on_hand=1) for sku in ("Z", "Y", "X", "W")}
        set_on_hand(session, far, {ids["W"]: 1, ids["X"]: 1})
        put(session, shop.warehouse_id, {"1": (1, [ids["Z"]])})
        put(session, far, {"0": (0, [ids["X"]])})
        lines = [make_line(sku, sku, 2 if sku in "WX" else 1) for sku in ids]
        (order_id,) = release(session, shop, make_order("1", *lines))
        number = create_list(session, shop.tenant_id, PickMode.single, [order_id]).row_id

        stops = [(stop.warehouse, stop.bin, stop.sku) for stop in read_sheet(session, number).stops]
        assert stops == [
            ("main", "1", "Z"), ("main", "", "W"), ("main", "", "X"), ("main", "", "Y"),
            ("far", "0", "X"), ("far", "", "W"),
        ]  # fmt: skip


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
            "trial": "is a trial",
        }.items():
            order_id = get_order(session, name).row_id
            with pytest.raises(RuleError, match=reason):
                create_list(session, shop.tenant_id, PickMode.single, [order_id])
        with pytest.raises(RuleError, match="No order waits to be picked"):
            start_next_list(session, shop.tenant_id, PickMode.boxes, 9)


def test_scans_count_up_until_orders_lie_ready(database: str) -> None:
    """By GTIN, padded or not, or by SKU; a set counts with its last part; stock on hand stays."""
    with session_scope() as session:
        _, number = make_walk(session)
        first = scan(session, number, f" 0{GTIN}")
        assert (first.sku, first.portions[0].order, first.portions[0].box) == ("MUG", "1", 1)
        assert (first.picked, first.asked, first.is_complete, first.notices) == (1, 5, False, [])
        many = scan(session, number, "mug", 3)
        assert [(part.order, part.quantity) for part in many.portions] == [("1", 1), ("2", 2)]
        assert picked(session) == {"1a": 2}
        scan(session, number, "CUP", 3)
        assert picked(session) == {"1a": 2, "2a": 1}
        scan(session, number, "CUP")
        scan(session, number, "MUG")
        last = scan(session, number, "POT", 2)
        assert last.is_complete
        assert picked(session) == {"1a": 2, "1b": 1, "2a": 2, "3a": 1, "3b": 1}
        check_laws(session)

        result = close_list(session, number)
        assert (result.ready, result.partly, result.unpicked) == (["1", "2", "3"], [], [])
        assert (result.stopped, result.put_back) == ([], [])
        assert details_in(session, "1", "picked") == [{"list": number, "outcome": "ready"}]
        assert stock_in(session) == {"CUP": (10, 4), "MUG": (10, 5), "POT": (2, 2)}


def test_what_does_not_count_is_refused(database: str) -> None:
    """Each for its reason, and nothing is changed."""
    with session_scope() as session:
        shop, number = make_walk(session)
        add_article(session, shop, "NIX", gtin="4006381333948")
        add_article(session, shop, "MUG-B", gtin=GTIN)
        scan(session, number, "POT", 2)
    before = state_of(number)
    for code, quantity, refusal, reason in [
        ("4711", 1, "unknown", "'4711' is no SKU or GTIN"),
        ("", 1, "unknown", "'' is no SKU"),
        ("\x00\udcff€ü" * 9, 1, "unknown", "is no SKU"),
        ("9" * 5000, 1, "unknown", "too long"),
        ("4006381333948", 1, "not_on_list", "NIX is not on pick list 1; put it back"),
        ("SET", 1, "not_on_list", "it is a set: scan its parts"),
        ("POT", 1, "surplus", "No more of POT is wanted: all 2 are taken"),
        ("MUG", 6, "surplus", "Only 5 more of MUG are wanted"),
        ("MUG", 0, "surplus", "0 is no number of units"),
    ]:
        with pytest.raises(ScanError, match=reason) as caught, session_scope() as session:
            scan(session, number, code, quantity)
        assert caught.value.refusal == refusal
    with pytest.raises(RuleError, match="There is no pick list 99"), session_scope() as session:
        scan(session, 99, "MUG")
    assert state_of(number) == before

    with session_scope() as session:
        # The article that this GTIN has, too, is not on the list, so it is no question which is meant.
        assert scan(session, number, GTIN).sku == "MUG"
        close_list(session, number, unfinished=True)
    with pytest.raises(ScanError, match="is closed") as caught, session_scope() as session:
        scan(session, number, "MUG")
    assert caught.value.refusal == "list_ended"


def state_of(number: int) -> list[Any]:
    with session_scope() as session:
        rows: list[Any] = [
            (item.order_line_id, item.quantity, item.picked, item.put_back)
            for item in session.exec(select(PickItem).order_by(col(PickItem.id)))
        ]
        rows += [(row.order_id, row.outcome) for row in session.exec(select(PickOrder))]
        rows += [(row.level_id, row.quantity, row.picked) for row in session.exec(select(Allocation))]
        return [*sorted(map(str, rows)), picked(session), row_counts(session, PickItem)]


def test_a_code_of_two_articles_of_the_list_is_refused(database: str) -> None:
    """Also when all of one of them are taken: the surplus one would count for the other."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG", "MUG-B"):
            add_article(session, shop, sku, on_hand=1, gtin=GTIN)
        release(session, shop, make_order("1", make_line("a", "MUG"), make_line("b", "MUG-B")))
        number = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id
        with pytest.raises(ScanError, match="may be any of MUG, MUG-B"):
            scan(session, number, GTIN)
        scan(session, number, "MUG")
        with pytest.raises(ScanError, match="may be any of MUG, MUG-B"):
            scan(session, number, GTIN)


def test_a_scan_is_undone_once(database: str) -> None:
    """The last one, that of an article, or that of a number, with all the orders that it counted for."""
    with session_scope() as session:
        _, number = make_walk(session)
        first = scan(session, number, "MUG", 4)
        scan(session, number, "POT")
        scan(session, number, "CUP", 2)
        assert undo(session, number, code="POT").sku == "POT"
        assert undo(session, number).sku == "CUP"
        back = undo(session, number, number=first.number)
        assert [(part.order, part.quantity) for part in back.portions] == [("1", 2), ("2", 2)]
        assert (back.picked, picked(session)) == (0, {})
        for arguments in ({}, {"number": first.number}, {"code": "POT"}):
            with pytest.raises(RuleError, match="no such scan"):
                undo(session, number, **arguments)
        assert scan(session, number, "MUG").number == 4
        check_laws(session)


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
            "Order 2 is shipped: nothing of it is wanted any more.",
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

        goods = "put back 2 × MUG from box 1." if back else "nothing of it is wanted any more."
        assert scan(session, number, "MUG").notices == [f"Order 1 {reason}: {goods}"]
        assert scan(session, number, "MUG").notices == []
        scan(session, number, "POT")
        with pytest.raises(ScanError, match="No more of POT is wanted: all 1 are taken"):
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


def test_a_hold_that_came_unheard_stops_a_scan(database: str) -> None:
    """Each order is looked at once more before a unit counts for it, whatever its list was told."""
    with session_scope() as session:
        _, number = make_walk(session)
        hold_order(session, get_order(session, "1"), HoldReason.total_mismatch, {})
        session.exec(select(PickOrder).where(PickOrder.rank == 1)).one().noted_at = None
        session.flush()
        answer = scan(session, number, "MUG")
        assert [part.order for part in answer.portions] == ["2"]
        assert answer.notices == ["Order 1 is held (total_mismatch): nothing of it is wanted any more."]


def test_what_only_a_stopped_order_wanted_is_refused(database: str) -> None:
    """The reason is said in the refusal, before and after the list has been told."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG", "CUP"):
            add_article(session, shop, sku, on_hand=1)
        release(session, shop, make_order("1", make_line("a", "MUG")), make_order("2", make_line("b", "CUP")))
        number = start_next_list(session, shop.tenant_id, PickMode.boxes, 2).row_id
        cancel_order(session, get_order(session, "1"), actor=Actor.person)
        for code in ("MUG", "CUP", "MUG"):
            if code == "CUP":
                scan(session, number, code)
                continue
            with pytest.raises(ScanError, match=r"no longer wanted: order 1 is cancelled\. Put it back"):
                scan(session, number, code)


def test_parts_of_a_set_that_lay_ready_go_back_when_the_rest_is_missing(database: str) -> None:
    """They were taken on an earlier list: the one that finds the rest missing says so, and the history."""
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = (add_article(session, shop, sku, on_hand=2) for sku in ("MUG", "CUP"))
        add_article(session, shop, "SET", parts={mug: 1, cup: 2})
        release(session, shop, make_order("1", make_line("a", "SET")))
        first = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id
        scan(session, first, "CUP", 2)
        close_list(session, first, unfinished=True)
        second = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id

        result = report_short(session, second, "MUG")

        assert [(each.sku, each.order, each.quantity) for each in result.put_back] == [("CUP", "1", 2)]
        assert result.notices == ["Order 1: put back 2 × CUP, which lay ready from an earlier list."]
        assert details_in(session, "1", "short_pick")[-1]["put_back"] == {"CUP": 2}
        assert picked(session) == {}
        check_laws(session)


def test_a_short_pick_is_served_from_elsewhere(database: str) -> None:
    """Stock is corrected by its own reason; who comes last loses, and the list sends to another place."""
    with session_scope() as session:
        shop, number = make_walk(session)
        (mug,) = session.exec(select(PickItem.article_id).where(PickItem.position == 2)).all()
        far = add_warehouse(session, shop, "far", 3)
        set_on_hand(session, far, {mug: 1})
        scan(session, number, "MUG", 3)

        result = report_short(session, number, "MUG")
        assert (result.missing, result.written_off, result.elsewhere) == (2, 7, 1)
        assert (result.orders, result.short) == (["2", "3"], ["3"])
        assert ledger_in(session)[-1] == ("MUG", -7, "short_pick", f"pick list {number}")
        assert stock_in(session)["MUG"] == (4, 4)
        assert holds_in(session, "3") == [("stock_short", "3a", {"missing": 1, "quantity": 1})]
        assert holds_in(session, "2") == []
        check_laws(session)
        sheet = read_sheet(session, number)
        assert [(stop.warehouse, stop.sku, stop.quantity, stop.picked) for stop in sheet.stops] == [
            ("main", "CUP", 4, 0), ("main", "MUG", 3, 3), ("main", "POT", 2, 0), ("far", "MUG", 1, 0),
        ]  # fmt: skip

        assert scan(session, number, "MUG").portions[0].order == "2"
        scan(session, number, "CUP", 4)
        scan(session, number, "POT", 2)
        assert close_list(session, number).partly == ["3"]
        # Later stock serves it, and it is on the next list with the rest alone.
        set_on_hand(session, shop.warehouse_id, {mug: 9})
        assert holds_in(session, "3") == []
        again = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id
        assert [(stop.sku, stop.quantity) for stop in read_sheet(session, again).stops] == [("MUG", 1)]
        scan(session, again, "MUG")
        assert close_list(session, again).ready == ["3"]
        check_laws(session)


def test_a_set_that_is_short_gives_its_other_parts_back(database: str) -> None:
    """What lies ready of a set that cannot be made whole goes back, and is promised to who waits for it."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=2)
        cup = add_article(session, shop, "CUP", on_hand=4)
        add_article(session, shop, "SET", parts={mug: 1, cup: 2})
        release(session, shop, make_order("1", make_line("a", "SET", 2)))
        take_in(session, shop, make_order("2", make_line("b", "CUP", 2)))
        number = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id
        scan(session, number, "CUP", 4)
        scan(session, number, "MUG")
        assert (picked(session), lines_in(session, "2")) == ({"a": 1}, {"b": (2, 0, 0, 0)})

        result = report_short(session, number, "MUG")
        assert (result.missing, result.written_off, result.short) == (1, 1, ["1"])
        assert result.notices == ["Order 1 needs less: put back 2 × CUP in all."]
        assert (picked(session), stock_in(session)) == ({"a": 1}, {"CUP": (4, 4), "MUG": (1, 1)})
        assert lines_in(session, "2") == {"b": (2, 2, 0, 0)}
        check_laws(session)
        closed = close_list(session, number)
        assert (closed.partly, closed.put_back) == (["1"], [PutBack("CUP", "1", 0, 2)])


def test_found_units_of_a_set_that_is_short_are_free_again(database: str) -> None:
    """Of a pair one is there: it stays on hand, promised to nobody."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=4)
        add_article(session, shop, "PAIR", parts={mug: 2})
        release(session, shop, make_order("1", make_line("a", "PAIR", 2)))
        number = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id

        result = report_short(session, number, "MUG", 1)
        assert (result.written_off, stock_in(session), lines_in(session, "1")) == (
            1, {"MUG": (3, 2)}, {"a": (2, 1, 0, 0)},
        )  # fmt: skip
        check_laws(session)
        with pytest.raises(ScanError, match="2 of MUG are still to be taken there, not 3"):
            report_short(session, number, "MUG", 3)


def test_a_list_is_closed_or_given_up(database: str) -> None:
    """Units that are left need a word; on a list that is given up everything goes back."""
    with session_scope() as session:
        shop, number = make_walk(session)
        scan(session, number, "MUG", 2)
        with pytest.raises(RuleError, match="9 units of pick list 1 are still to be taken"):
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
