"""`warenfluss return`: what comes back, and what goes out in its place."""

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.orders.order import Order
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tests.support.cli_desk import FIRST, open_desk
from tests.support.cli_steps import call, line, order, read, refused, take_orders


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """A channel, and an account in which orders are taken by hand; ten mugs and ten cups at 9.90."""
    open_desk()


def test_a_return_is_exchanged(shop: None) -> None:
    """The replacement is linked both ways, and the channel hears nothing of it."""
    take_orders(order("100", line("100-1", "MUG", 2)))
    for step in (("order", "release", "100"), ("order", "shipped", "100", "--carrier", "DHL")):
        assert call(*step).exit_code == 0
    assert call("return", "announce", "100", "--line", "100-1=1").exit_code == 0
    result = call("return", "exchange", "1", "--line", "CUP", "--price", "CUP=12.00", "--tax-rate", "19")

    assert result.stderr.splitlines() == [
        f"Order {FIRST} was taken: 12.00 EUR.",
        "It costs 2.10 EUR more than the returned goods.",
    ]
    assert read("order", "show", "100")["links"] == [f"exchanged for {FIRST}"]
    assert refused("return", "exchange", "1") == f"Return 1 is exchanged by order {FIRST} already."
    assert call("order", "shipped", FIRST, "--carrier", "DHL").exit_code == 0
    with session_scope() as session:
        told = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.shipment)).all()
        assert [session.get_one(Order, int(row.key)).external_id for row in told] == ["100"]
