"""An Afterbuy stand-in with many orders of two lines each; prints its address and serves until ended."""

import sys
import threading
from decimal import Decimal

from connectors.afterbuy.simulator import Address, Line, Simulator, State

PRODUCTS = 1000


def fill(orders: int) -> State:
    """Return a shop whose products last for all of its orders."""
    state = State()
    products = [
        state.add_product(
            f"Kaffeebecher Nr. {number}",
            ean=f"BECHER-{number:04d}",
            quantity=100_000,
            selling_price=Decimal("12.90"),
        )
        for number in range(PRODUCTS)
    ]
    for number in range(orders):
        buyer = Address(
            first_name="Jörg",
            last_name=f"Müller-{number}",
            street=f"Hauptstraße {number % 200}",
            postal_code="50667",
            city="Köln",
            country="D",
            country_iso="DE",
            mail=f"buyer{number}@shop.invalid",
        )
        lines = [
            Line(products[number % PRODUCTS].id, 1),
            Line(products[(number * 7 + 1) % PRODUCTS].id, 2),
        ]
        state.place_order(lines, billing=buyer, shipping_cost=Decimal("4.90"), paid=True)
    return state


if __name__ == "__main__":
    with Simulator(fill(int(sys.argv[1]))) as simulator:
        print(simulator.url, flush=True)
        threading.Event().wait()
