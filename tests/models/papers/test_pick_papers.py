"""What stands on pick lists on paper: where each article lies and for which order it is."""

import pytest

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.release import release_order
from models.papers.pick_papers import check_pickable, pick_list_papers, pick_papers
from models.papers.records import PickTarget
from models.warehouse.bins import get_bin, place_articles, save_bin
from models.warehouse.ledger import set_on_hand
from models.warehouse.pick_lists import PickMode
from models.warehouse.picking import create_list
from models.warehouse.scanning import scan
from models.warehouse.warehouses import Warehouse
from tests.support.builders import add_warehouse, make_line
from tests.support.papers import article_id_of, line, open_shop, sell


def test_a_pick_list_for_many_orders_says_for_whom(database: str) -> None:
    """Each warehouse has its own; what lies ready is not picked again; only released orders."""
    with session_scope() as session:
        shop = open_shop(session, a=3, b=9)
        second = add_warehouse(session, shop, "Halle", 5)
        set_on_hand(session, second, {article_id_of(session, "A"): 4})
        orders = [
            sell(session, shop, "1", line("a", 2), line("b", 1)),
            sell(session, shop, "2", make_line("c", "A", 4), channel_number="X-2"),
        ]
        with pytest.raises(RuleError, match="is open"):
            check_pickable(session, orders[0])
        for order in orders:
            release_order(session, order)
            check_pickable(session, order)

        main, hall = pick_papers(session, orders)
        assert (main.warehouse, hall.warehouse) == ("main", "Halle")
        assert [(row.sku, row.quantity, row.targets) for row in main.rows] == [
            ("A", 3, [PickTarget(quantity=2, order_number="1"), PickTarget(quantity=1, order_number="X-2")]),
            ("B", 1, [PickTarget(quantity=1, order_number="1")]),
        ]
        assert [(row.sku, row.quantity) for row in hall.rows] == [("A", 3)]

        walk = create_list(session, shop.tenant_id, PickMode.boxes, [one.row_id for one in orders])
        warehouse = session.get_one(Warehouse, shop.warehouse_id)
        for name, sku in (("Z-1", "A"), ("A-9", "B")):
            save_bin(session, warehouse, name)
            place_articles(
                session, warehouse, get_bin(session, warehouse, name), [article_id_of(session, sku)]
            )
        scan(session, walk.row_id, "A")
        assert [(row.bin, row.sku, row.quantity) for row in pick_papers(session, orders)[0].rows] == [
            ("Z-1", "A", 2),
            ("A-9", "B", 1),
        ]
        first, _ = pick_list_papers(session, walk.row_id)
        assert (first.number, first.warehouse) == (str(walk.id), "main")
        assert {(row.sku, target.quantity, target.order_number, target.box)
                for row in first.rows for target in row.targets} == {
            ("A", 1, "1", "1"), ("A", 1, "X-2", "2"), ("B", 1, "1", "1"),
        }  # fmt: skip
