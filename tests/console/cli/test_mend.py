"""`warenfluss mend`: what a person changes of an order."""

import pytest

from tests.support.cli_desk import open_shop_of_three
from tests.support.cli_steps import call, read, refused


@pytest.fixture
def shop(database: str) -> None:
    """An account with three orders: one complete, one part paid and short, one with an unknown line."""
    open_shop_of_three()


def test_who_allows_parts(shop: None) -> None:
    """Said of an order, or of a buyer by one of his orders; an order whose buyer has no number is told of."""
    assert call("mend", "parts", "101", "no").stderr == "Order 101: all units ship together.\n"
    assert read("order", "show", "101")["partial_shipping"] is False
    assert call("mend", "parts", "101", "default").exit_code == 0
    assert read("order", "show", "101")["partial_shipping"] is None
    assert "No account knows this buyer" in refused("buyer", "parts", "101", "yes")
