"""Goods that are missing at their bin: served from elsewhere, or the order waits and the rest goes back."""

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.warehouse.ledger import set_on_hand
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_items import PutBack, ScanError
from models.warehouse.pick_lists import PickItem, PickMode
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.picking import close_list, start_next_list
from models.warehouse.scanning import scan
from tests.support.builders import (
    add_article,
    add_warehouse,
    check_laws,
    details_in,
    holds_in,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    release,
    stock_in,
    take_in,
)
from tests.support.picking import make_walk, picked


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
        assert result.notices == ["Order 1: put back 2 × CUP, picked on an earlier list."]
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
        with pytest.raises(ScanError, match="2 of MUG are still to be picked there, not 3"):
            report_short(session, number, "MUG", 3)
