"""The control interface: JSON over loopback, with which another process steers and inspects the simulator.

GET   /_control/state             counters: records, calls, writes with effects, faults, mails to buyers
GET   /_control/switches          values and possible readings
POST  /_control/switches          {"ugly": true}
POST  /_control/faults            {"kind": "slow", "seconds": 2, "call": "GetSoldItems", "times": 3}
DELETE /_control/faults           remove queued faults
POST  /_control/place_order       {"lines": [{"product_id": 71000001, "quantity": 2}], "paid": true}
POST  /_control/arrive            {"n": 5}: number of random orders
GET   /_control/order/ID          one order by OrderID
POST  /_control/order/ID          {"action": "pay" | "ship" | "cancel", and the values of that action}
GET   /_control/product/ID        one product
POST  /_control/product/ID        {"quantity": 3} and other fields
"""

import json
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from connectors.afterbuy.simulator.faults import Faults, make_fault
from connectors.afterbuy.simulator.records import Address, Line, Order
from connectors.afterbuy.simulator.sample.arrivals import arrive
from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches, readings

PREFIX = "/_control/"
MONEY_FIELDS = {
    "price",
    "tax_rate",
    "amount",
    "shipping_cost",
    "surcharge",
    "full_amount",
    "rate",
    "selling_price",
    "buying_price",
    "weight",
}


class Steered(Protocol):
    """The simulator, as far as another process steers and inspects it."""

    state: State
    faults: Faults
    calls_by_name: Counter[str]
    effects_by_name: Counter[str]

    @property
    def switches(self) -> Switches:
        """The current switches."""

    @property
    def url(self) -> str:
        """The endpoint's address."""


def answer(simulator: Steered, method: str, path: str, body: bytes) -> tuple[int, str]:
    """Return status and JSON of one control request; a wrong one gets 400 with the reason."""
    try:
        values = json.loads(body) if body.strip() else {}
        if not isinstance(values, dict):
            raise TypeError("a JSON object is needed")
        found = _dispatch(simulator, method, path.removeprefix(PREFIX).rstrip("/").split("/"), values)
    except KeyError as error:
        return 404, json.dumps({"error": f"nothing at {error}"})
    except (ValueError, TypeError, AttributeError, InvalidOperation) as error:
        return 400, json.dumps({"error": str(error)})
    return 200, json.dumps(found, default=_plain, ensure_ascii=False)


def _plain(value: object) -> str:
    """Convert types that JSON lacks: decimals to text, instants to ISO form."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _dispatch(simulator: Steered, method: str, parts: list[str], values: dict[str, Any]) -> Any:
    """Execute one control request. Raises: KeyError, if the record does not exist."""
    state = simulator.state
    match (method, *parts):
        case ("GET", "state"):
            return _counters(simulator)
        case ("GET", "switches"):
            return {"values": asdict(simulator.switches), "readings": readings()}
        case ("POST", "switches"):
            simulator.switches.change(**values)
            return {"values": asdict(simulator.switches)}
        case ("POST", "faults"):
            call, times = values.pop("call", None), values.pop("times", 1)
            simulator.faults.add(make_fault(**values), call=call, times=times)
            return {"pending": simulator.faults.pending}
        case ("DELETE", "faults"):
            simulator.faults.clear()
            return {"pending": 0}
        case ("POST", "place_order"):
            return _place(simulator, values)
        case ("POST", "arrive"):
            return {"order_ids": [order.order_id for order in arrive(state, int(values.get("n", 1)))]}
        case ("GET", "order", number):
            return asdict(state.order(int(number)))
        case ("POST", "order", number):
            return asdict(_act(simulator, int(number), _exact(values)))
        case ("GET", "product", number):
            return asdict(state.products[int(number)])
        case ("POST", "product", number):
            return asdict(state.set_product(int(number), **_exact(values)))
    raise KeyError("/".join(parts))


def _counters(simulator: Steered) -> dict[str, Any]:
    """Return counters of records, calls, writes, faults and mails."""
    state = simulator.state
    with state.lock:
        mails = Counter(mail.kind for mail in state.mails_to_buyers)
        return {
            "url": simulator.url,
            "now": state.now(),
            "products": len(state.products),
            "catalogs": len(state.catalogs),
            "orders": len(state.orders),
            "orders_without_process": sum(order.order_id == 0 for order in state.orders.values()),
            "calls": dict(simulator.calls_by_name),
            "writes": {
                name: {"calls": count, "effects": simulator.effects_by_name[name]}
                for name, count in simulator.calls_by_name.items()
                if name.startswith(("Update", "Cancel"))
            },
            "mails_to_buyers": {"payment": mails["payment"], "shipping": mails["shipping"]},
            "faults": {
                "pending": simulator.faults.pending,
                "delivered": dict(simulator.faults.delivered),
            },
        }


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    """Convert the amounts among the values to exact decimals."""
    return {
        name: Decimal(str(value)) if name in MONEY_FIELDS and value is not None else value
        for name, value in values.items()
    }


def _place(simulator: Steered, values: dict[str, Any]) -> dict[str, Any]:
    """Place an order; see `State.place_order`."""
    lines = [Line(**_exact(line)) for line in values.pop("lines", [])]
    for name in ("billing", "shipping_address"):
        if values.get(name):
            values[name] = Address(**values[name])
    paid = values.pop("paid", False)
    order = simulator.state.place_order(
        lines, paid=paid if isinstance(paid, bool) else Decimal(str(paid)), **_exact(values)
    )
    return asdict(order)


def _act(simulator: Steered, order_id: int, values: dict[str, Any]) -> Order:
    """Execute one action on an order. Raises: ValueError, for an unknown action."""
    state = simulator.state
    match values.pop("action", ""):
        case "pay":
            return state.pay(order_id, **values)
        case "ship":
            return state.ship(order_id, **values)
        case "cancel":
            return state.cancel(order_id, **values)
    raise ValueError("an action is one of pay, ship, cancel")
