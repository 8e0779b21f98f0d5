"""Another process steers the stand-in."""

from decimal import Decimal

import httpx

from connectors.afterbuy.simulator import Simulator, State
from tests.connectors.afterbuy.simulator.requests import ask


def test_the_control_face_steers(simulator: Simulator, state: State, http: httpx.Client) -> None:
    """Counters, switches, faults, orders and products over JSON; mistakes are 400 and 404."""
    product = state.add_product("Kessel", quantity=9, selling_price=Decimal("12.50"))
    base = simulator.control_url

    placed = http.post(
        base + "place_order", json={"lines": [{"product_id": product.id, "quantity": 2}], "paid": "5.00"}
    ).json()
    http.post(base + "switches", json={"already_paid": "increment"})
    http.post(base + "faults", json={"kind": "error", "code": 52, "call": "GetVersion", "times": 2})
    paid = http.post(f"{base}order/{placed['order_id']}", json={"action": "pay", "amount": "1.50"}).json()
    http.post(f"{base}product/{product.id}", json={"quantity": 40})
    counters = http.get(base + "state").json()

    assert (paid["already_paid"], paid["full_amount"]) == ("6.50", "29.90")
    assert simulator.switches.already_paid == "increment"
    assert http.get(f"{base}product/{product.id}").json()["quantity"] == 40
    assert (counters["orders"], counters["faults"]) == (1, {"pending": 2, "delivered": {}})
    assert ask(simulator, "GetVersion").codes == [52]
    assert http.delete(base + "faults").json() == {"pending": 0}
    assert len(http.post(base + "arrive", json={"n": 2}).json()["order_ids"]) == 2
    assert "range_from" in http.get(base + "switches").json()["readings"]
    assert http.post(base + "switches", json={"ugly": "yes"}).status_code == 400
    assert http.post(base + "faults", json={"kind": "flood"}).status_code == 400
    assert http.get(base + "order/1").status_code == 404
    assert http.get(base + "nothing").status_code == 404
    assert http.get(base + "state", headers={"Origin": "http://elsewhere.invalid"}).status_code == 403
