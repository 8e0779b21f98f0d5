"""Allocations that are given back: all that was taken, whatever a bundle is made of by now."""

import pytest
from sqlmodel import Session, select

from models.catalog.article import BundlePart
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.orders.history import Actor
from models.orders.queries import lines_of
from models.warehouse.allocation import allocate
from models.warehouse.shrinking import release_allocation
from tests.support.builders import (
    PLACED_AT,
    add_article,
    check_laws,
    get_order,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)


def line_id_of(session: Session, external_id: str, position: int = 0) -> int:
    """Return the id of an order's line."""
    order_id = get_order(session, external_id).row_id
    return lines_of(session, [order_id])[order_id][position].row_id


@pytest.mark.parametrize("step", ["ship", "cancel", "allocate"])
def test_a_bundle_that_changed_its_parts_gives_all_back(database: str, step: str) -> None:
    """What was promised by the old list of parts is booked by it: nothing stays promised to nobody."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=6)
        pot = add_article(session, shop, "POT", on_hand=6)
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2})
        take_in(session, shop, make_order("1", make_line("a", "TEA-SET", 2)))
        part = session.exec(select(BundlePart)).one()
        session.delete(part)
        session.flush()
        session.add(BundlePart(bundle_id=tea, part_id=pot, quantity=1))
        session.flush()

        order = get_order(session, "1")
        if step == "ship":
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        elif step == "cancel":
            cancel_order(session, order, actor=Actor.person)
        else:
            release_allocation(session, [line_id_of(session, "1")])
            allocate(session, [order.row_id])

        allocated = {sku: allocated for sku, (_, allocated) in stock_in(session).items()}
        assert allocated == {"CUP": 0, "POT": 2 if step == "allocate" else 0}
        check_laws(session)
