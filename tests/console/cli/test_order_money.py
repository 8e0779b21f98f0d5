"""`warenfluss order`: the money that comes for it."""

import pytest

from tests.support.cli_desk import open_shop_of_three
from tests.support.cli_steps import call, read, refused


@pytest.fixture
def shop(database: str) -> None:
    """An account with three orders: one complete, one part paid and short, one with an unknown line."""
    open_shop_of_three()


def test_pay_what_is_open(shop: None) -> None:
    """Without an amount the rest is recorded; then nothing is open any more."""
    assert call("order", "pay", "101").exit_code == 0

    (row,) = [row for row in read("order", "list") if row["external_id"] == "101"]
    assert (row["paid"], row["payment_state"]) == ("4.50", "paid")
    assert "is paid; name an amount" in refused("order", "pay", "101")
    assert call("order", "pay", "101", "1,5").exit_code == 0
    assert read("order", "show", "101")["paid"] == "6.00"
    assert call("order", "pay", "101", "viel").exit_code == 2
    assert call("order", "pay", "101", "NaN").exit_code == 2
