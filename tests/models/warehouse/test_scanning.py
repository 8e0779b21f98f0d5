"""Scans: what one counts for, what is refused, and that each is undone once."""

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order, hold_order
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.warehouse.pick_items import ScanError
from models.warehouse.pick_lists import PickMode, PickOrder
from models.warehouse.picking import close_list, start_next_list
from models.warehouse.scanning import scan, undo
from tests.support.builders import (
    add_article,
    check_laws,
    details_in,
    get_order,
    make_line,
    make_order,
    make_shop,
    release,
    stock_in,
)
from tests.support.picking import GTIN, make_walk, picked, state_of


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
        ("POT", 1, "surplus", "No more of POT is needed: all 2 are picked"),
        ("MUG", 6, "surplus", "Only 5 more of MUG are needed"),
        ("MUG", 0, "surplus", "0 is not a number of units"),
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
            with pytest.raises(RuleError, match="no scan that could be undone"):
                undo(session, number, **arguments)
        assert scan(session, number, "MUG").number == 4
        check_laws(session)


def test_a_hold_that_came_unheard_stops_a_scan(database: str) -> None:
    """Each order is looked at once more before a unit counts for it, whatever its list was told."""
    with session_scope() as session:
        _, number = make_walk(session)
        hold_order(session, get_order(session, "1"), HoldReason.total_mismatch, {})
        session.exec(select(PickOrder).where(PickOrder.rank == 1)).one().noted_at = None
        session.flush()
        answer = scan(session, number, "MUG")
        assert [part.order for part in answer.portions] == ["2"]
        assert answer.notices == ["Order 1 is held (total_mismatch): its units are no longer needed."]


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
            with pytest.raises(ScanError, match=r"no longer needed: order 1 is cancelled\. Put it back"):
                scan(session, number, code)
