"""Amounts of an order: what is owed, and the state of its payment."""

from decimal import Decimal

import pytest

from models.orders.amounts import payment_state_of, total_difference
from tests.support.builders import make_line, make_order


@pytest.mark.parametrize(
    ("total", "paid", "state"),
    [("10", "0", "open"), ("10", "9.99", "partly_paid"), ("10", "10", "paid"), ("10", "10.01", "overpaid"),
     ("0", "0", "paid"), ("10", "-1", "open")],
)  # fmt: skip
def test_what_is_paid_says_how_an_order_stands(total: str, paid: str, state: str) -> None:
    """An order of zero counts as paid."""
    assert payment_state_of(Decimal(total), Decimal(paid)) == state


def test_what_an_order_lacks_to_its_total() -> None:
    """Lines, shipping and fees are added exactly."""
    data = make_order(
        "1", make_line("a", quantity=3, price="0.10"), shipping_amount=Decimal("0.20"), total=Decimal("0.60")
    )

    assert total_difference(data) == Decimal("0.10")
