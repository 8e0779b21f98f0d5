"""Bins, a pick list over three orders, and what lies ready of it in a test."""

from typing import Any

from sqlmodel import Session, col, select

from models.database.session import session_scope
from models.orders.order import OrderLine
from models.warehouse.bins import get_bin, place_articles, save_bin
from models.warehouse.levels import Allocation
from models.warehouse.pick_lists import PickItem, PickMode, PickOrder
from models.warehouse.picking import start_next_list
from models.warehouse.warehouses import Warehouse
from tests.support.builders import Shop, add_article, make_line, make_order, make_shop, release, row_counts

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


def state_of(number: int) -> list[Any]:
    with session_scope() as session:
        rows: list[Any] = [
            (item.order_line_id, item.quantity, item.picked, item.put_back)
            for item in session.exec(select(PickItem).order_by(col(PickItem.id)))
        ]
        rows += [(row.order_id, row.outcome) for row in session.exec(select(PickOrder))]
        rows += [(row.level_id, row.quantity, row.picked) for row in session.exec(select(Allocation))]
        return [*sorted(map(str, rows)), picked(session), row_counts(session, PickItem)]
