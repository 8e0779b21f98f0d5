"""Pick lists as people walk them: from bin to bin."""

from models.database.session import session_scope
from models.warehouse.ledger import set_on_hand
from models.warehouse.pick_lists import PickMode
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.picking import create_list
from tests.support.builders import (
    add_article,
    add_warehouse,
    check_laws,
    make_line,
    make_order,
    make_shop,
    release,
)
from tests.support.picking import make_walk, put


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
