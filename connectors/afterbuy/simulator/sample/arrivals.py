"""New orders that arrive at random, as on a real day."""

from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from connectors.afterbuy.simulator.records import Line, Order, Product
from connectors.afterbuy.simulator.sample.people import buyer, merchant, packing_station
from connectors.afterbuy.simulator.state import State

PLATFORMS = ("ebay", "amazon", "Kaufland.de", "OTTO Market", "store")
SHARES = (34, 27, 14, 10, 15)
SHIPPING_HOME = Decimal("4.90")
SHIPPING_ABROAD = Decimal("12.90")
FREE_FROM = Decimal(60)


def arrive(state: State, n: int, rng: Random | None = None) -> list[Order]:
    """Place `n` random orders now, most with a complete checkout; none if the shop is empty."""
    with state.lock:
        # Without a generator the state is the seed, so that a test can repeat a run.
        chance = rng or Random(len(state.orders) * 7919 + sum(state.orders) % 7919)  # noqa: S311
        orders = [random_order(state, chance) for _ in range(n)]
    return [order for order in orders if order is not None]


def for_sale(state: State) -> list[Product]:
    """Return the products for sale: no variation parents, nothing sold out or discontinued."""
    products = state.products
    return [
        product
        for product in products.values()
        if not product.discontinued
        and product.kind != 1
        and (
            all(products[part.product_id].quantity >= 10 for part in product.members)
            if product.members
            else product.quantity >= 5
        )
    ]


def random_order(
    state: State, rng: Random, *, placed_at: datetime | None = None, **values: Any
) -> Order | None:
    """Place a random order, or return None if nothing is for sale; `values` override random choices."""
    shelf = for_sale(state)
    if not shelf:
        return None
    platform = values.pop("platform", None) or rng.choices(PLATFORMS, SHARES)[0]
    abroad = rng.random() < 0.08
    billing = values.pop("billing", None)
    if billing is None:
        billing = merchant(rng, platform) if rng.random() < 0.1 else buyer(rng, platform, abroad=abroad)
    lines = values.pop("lines", None)
    if lines is None:
        chosen = rng.sample(shelf, min(len(shelf), rng.choices((1, 2, 3, 4), (62, 24, 10, 4))[0]))
        lines = [_line(state, product, rng) for product in chosen]
    process = values.pop("process", rng.random() < 0.96)
    paid = values.pop("paid", platform != "ebay" or rng.random() < 0.8)
    goods = sum((_price(state, line) * line.quantity for line in lines), Decimal(0))
    at_home = Decimal(0) if goods >= FREE_FROM else SHIPPING_HOME
    shipping = SHIPPING_ABROAD if billing.country_iso != "DE" else at_home
    if billing.country_iso == "DE" and not billing.company and rng.random() < 0.07:
        values.setdefault("shipping_address", packing_station(rng, billing))
    chosen_values = _payment(platform, rng) | _numbers(platform, rng) | {"shipping_cost": shipping} | values
    if rng.random() < 0.05:
        chosen_values.setdefault(
            "user_comment", "Bitte beim Nachbarn abgeben & nicht klingeln, Baby schläft."
        )
    return state.place_order(
        lines,
        billing=billing,
        platform=platform,
        process=process,
        paid=paid and process,
        placed_at=placed_at,
        **chosen_values,
    )


def _price(state: State, line: Line) -> Decimal:
    """Return the unit price of a line."""
    if line.price is not None or line.product_id is None:
        return line.price or Decimal(0)
    return state.products[line.product_id].selling_price


def _line(state: State, product: Product, rng: Random) -> Line:
    """Return a line with one or a few units; for a variant with its chosen options."""
    line = Line(product.id, rng.choices((1, 2, 3), (80, 15, 5))[0])
    for parent in state.parents_of(product.id):
        for member in parent.members:
            if member.product_id == product.id and parent.kind == 1:
                line.attributes = list(member.axes)
    return line


def _payment(platform: str, rng: Random) -> dict[str, Any]:
    """Return a random payment method with its data."""
    number = f"{rng.randrange(16**12):012X}"
    if platform == "store":
        options = (
            ("PAYPAL", "PayPal", "PAYPAL"),
            ("INVOICE", "Rechnung", "INVOICE_TRANSFER"),
            ("TRANSFER", "Überweisung/Vorkasse", "TRANSFER"),
            ("CREDIT_CARD", "Kreditkarte", "OTHERS"),
        )
        payment_id, method, function = rng.choice(options)
    else:
        payment_id, method, function = "OTHERS", f"{platform} Zahlungsabwicklung", "OTHERS"
    chosen: dict[str, Any] = {
        "payment_id": payment_id,
        "payment_method": method,
        "payment_function": function,
        "payment_transaction_id": number if payment_id != "TRANSFER" else "",
    }
    if payment_id == "TRANSFER":
        # The IBAN has wrong check digits on purpose: it cannot belong to anybody.
        chosen["payment_data"] = {"Iban": "DE00000000000000000000", "ReferenceNumber": number[:8]}
    return chosen


def _numbers(platform: str, rng: Random) -> dict[str, str]:
    """Return order numbers in the platform's own format."""
    digits = f"{rng.randrange(10**17):017d}"
    match platform:
        case "ebay":
            return {"platform_order_id": f"{digits[:2]}-{digits[2:7]}-{digits[7:12]}"}
        case "amazon":
            return {"platform_order_id": f"302-{digits[:7]}-{digits[7:14]}"}
        case "Kaufland.de":
            return {"platform_order_id": f"M{rng.randrange(36**5):07X}"}
        case "OTTO Market":
            return {"platform_order_id": f"cbn{digits[:10]}"}
        case _:
            return {"shop_order_number": f"WF-{digits[:6]}"}
