"""The sample account is believable."""

from collections import Counter
from datetime import timedelta

from connectors.afterbuy.simulator import sample_state
from connectors.afterbuy.simulator.calls.product_updates import valid_number
from connectors.afterbuy.simulator.state import total_of
from tests.connectors.afterbuy.simulator.requests import NOON


def test_the_sample_is_believable() -> None:
    """The counts and special cases that the demo promises; the same seed gives the same shop."""
    state, again = sample_state(now=NOON), sample_state(now=NOON)
    orders = list(state.orders.values())
    kinds = Counter(product.kind for product in state.products.values())

    assert (len(state.products), len(orders)) == (500, 300)
    assert vars(again.products[71_000_250]) == vars(state.products[71_000_250])
    assert [order.full_amount for order in again.orders.values()] == [order.full_amount for order in orders]
    assert kinds[1] == 14
    assert kinds[2] == 20
    assert all(valid_number("EAN", product.gtin) for product in state.products.values() if product.gtin)
    assert len({product.ean for product in state.products.values()}) == 500
    assert sum(order.full_amount != total_of(order) for order in orders) == 1
    assert sum(order.memo == "Sammelbestellung" for order in orders) == 1
    assert {order.platform for order in orders} == {"ebay", "amazon", "Kaufland.de", "OTTO Market", "store"}
    assert {"AT", "CH", "DK"} <= {order.billing.country_iso for order in orders}
    assert {"EUR", "CHF", "DKK"} == {order.currency for order in orders}
    assert any(order.order_id == 0 for order in orders)
    assert any(0 < order.already_paid < order.full_amount for order in orders)
    assert any(order.delivery_date for order in orders)
    assert any("Packstation" in order.shipping_address.street for order in orders if order.shipping_address)
    assert any(not item.linked for order in orders for item in order.items)
    assert all(NOON - timedelta(days=15) < order.placed_at < NOON for order in orders)
    assert all(order.billing.mail.endswith(".example") for order in orders)
