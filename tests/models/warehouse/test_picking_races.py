"""Several scanners, and everybody else, at the same pick list and the same orders at once."""

from collections import Counter

from sqlmodel import col, func, select

from models.database.session import session_scope
from models.orders.order import OrderLine
from models.warehouse.pick_lists import PickList, PickMode, PickOrder
from models.warehouse.picking import close_list, start_next_list
from tests.support.builders import (
    Shop,
    add_article,
    check_laws,
    make_line,
    make_order,
    make_shop,
    release,
    row_counts,
    stock_in,
)
from tests.support.races import disturb, pick, run_at_once, walk

SKUS = ("CUP", "MUG")


def open_list(orders: int, on_hand: int) -> tuple[Shop, int]:
    """Return a shop and a list of orders of two mugs and a cup each."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in SKUS:
            add_article(session, shop, sku, on_hand=on_hand)
        lines = [
            [make_line(f"{number}-m", "MUG", 2), make_line(f"{number}-c", "CUP")] for number in range(orders)
        ]
        release(session, shop, *(make_order(f"O-{at}", *each) for at, each in enumerate(lines)))
        return shop, start_next_list(session, shop.tenant_id, PickMode.boxes, orders).row_id


def test_two_scanners_take_each_unit_once(database: str) -> None:
    """However they cross, as many scans count as units are wanted, and each scanner hears the end of it."""
    _, number = open_list(orders=5, on_hand=20)

    done = run_at_once(database, pick, [(number, SKUS), (number, SKUS[::-1]), (number, SKUS)])

    assert sum(done, Counter()) == {"MUG": 10, "CUP": 5, "surplus": 6}
    with session_scope() as session:
        assert session.exec(select(func.sum(OrderLine.picked))).one() == 15
        # Each saw the list as the one before had left it.
        assert session.get_one(PickList, number).scans == 15
        assert len(close_list(session, number).ready) == 5
        check_laws(session)


def test_an_order_comes_onto_one_list(database: str) -> None:
    """Four people begin walks at once; no order is on two lists, none is left."""
    shop, _ = open_list(orders=1, on_hand=99)
    with session_scope() as session:
        orders = [make_order(f"P-{number}", make_line(f"p{number}", "MUG")) for number in range(12)]
        release(session, shop, *orders)

    done = run_at_once(database, walk, [(shop.tenant_id, 3)] * 4)

    assert sum(done) == 4
    with session_scope() as session:
        assert row_counts(session, PickList, PickOrder) == [5, 13]
        on_lists = session.exec(select(PickOrder.order_id).where(col(PickOrder.outcome).is_(None))).all()
        assert len(set(on_lists)) == 13


def test_orders_change_while_they_are_picked(database: str) -> None:
    """Others cancel, ship and miss goods meanwhile; no unit is lost, and only what may go lies ready."""
    _, number = open_list(orders=6, on_hand=20)
    steps = [(number, "", "pick"), (number, "", "pick"), (number, "O-0", "cancel"), (number, "O-1", "ship")]

    done = run_at_once(database, disturb, [*steps, (number, "O-2", "cancel"), (number, "MUG", "short")])

    # Stock that came free may have been promised again after the scanners had gone.
    counted = done[0] + done[1] + pick(number, SKUS)
    with session_scope() as session:
        result = close_list(session, number)
        check_laws(session)
        stopped = {each.order: each.reason for each in result.stopped}
        assert stopped == {"O-0": "is cancelled", "O-1": "is shipped", "O-2": "is cancelled"}
        ready = session.exec(select(func.sum(OrderLine.picked))).one()
        back = sum(goods.quantity for goods in result.put_back)
        # What was shipped had been picked or not.
        assert 0 <= counted["MUG"] + counted["CUP"] - ready - back <= 3
        assert {"O-3", "O-4"} <= set(result.ready)
        assert all(0 <= allocated <= on_hand for on_hand, allocated in stock_in(session).values())
