"""New orders arrive by themselves."""

from connectors.afterbuy.simulator import State, arrive, sample_state
from tests.connectors.afterbuy.simulator.requests import NOON


def test_new_orders_arrive() -> None:
    """Random orders come in above the last one; an empty shop gets none."""
    state = sample_state(products=80, orders=10, now=NOON)
    highest = max(state.orders)

    orders = arrive(state, 5)

    assert len(orders) == 5
    assert min(order.key for order in orders) > highest
    assert arrive(State(), 3) == []
