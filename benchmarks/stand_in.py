"""An Afterbuy stand-in that serves pages rendered in advance, so that it never slows down a measurement.

`python -m benchmarks.stand_in FOLDER ORDERS ARTICLES CHANGED` renders with the simulator, prints its address
and serves until it is stopped. The path selects the shop: /bench the shop as it is, /changed the same shop
with every order or article changed, /idle an empty shop.
"""

import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from connectors.afterbuy.simulator import Address, Line, State
from connectors.afterbuy.simulator.calls import calls
from connectors.afterbuy.simulator.records import Attribute, Picture, Tier

PRODUCTS = 1000
PAGE_SIZE = 250

_CALL = re.compile(rb"<CallName>(\w+)</CallName>")
_AFTER = re.compile(rb"<ValueFrom>(\d+)</ValueFrom>")
_LAST = {
    "GetSoldItems": re.compile(rb"<LastOrderID>(\d+)</LastOrderID>"),
    "GetShopProducts": re.compile(rb"<LastProductID>(\d+)</LastProductID>"),
}
_MORE = re.compile(rb"<HasMore\w+>1</HasMore\w+>")
_SIZE = {"GetSoldItems": "MaxSoldItems", "GetShopProducts": "MaxShopItems"}
_LEVEL = {"GetSoldItems": 62, "GetShopProducts": 0}


def fill(orders: int, articles: int) -> State:
    """Return a shop with articles, or with orders of two lines each and enough products for them."""
    state = State()
    for number in range(articles):
        add_article(state, number)
    products = [
        state.add_product(
            f"Kaffeebecher Nr. {number}",
            ean=f"BECHER-{number:04d}",
            quantity=10_000_000,
            selling_price=Decimal("12.90"),
        )
        for number in range(PRODUCTS if orders else 0)
    ]
    for number in range(orders):
        lines = [
            Line(products[number % PRODUCTS].id, 1),
            Line(products[(number * 7 + 1) % PRODUCTS].id, 2),
        ]
        state.place_order(lines, billing=buyer(number), shipping_cost=Decimal("4.90"), paid=True)
    return state


def buyer(number: int) -> Address:
    """Return an invented buyer."""
    return Address(
        first_name="Jörg",
        last_name=f"Müller-{number}",
        street=f"Hauptstraße {number % 200}",
        postal_code="50667",
        city="Köln",
        country="D",
        country_iso="DE",
        mail=f"buyer{number}@shop.invalid",
    )


def add_article(state: State, number: int) -> None:
    """Add a product with texts, tier prices, pictures and attributes, about 4 kB as XML."""
    state.add_product(
        f"Kaffeebecher „Hafenrunde“ Nr. {number}",
        ean=f"ART-{number:06d}",
        anr=str(900_000 + number),
        quantity=number % 50,
        selling_price=Decimal("12.90") + number % 40,
        buying_price=Decimal("5.10"),
        dealer_price=Decimal("9.90"),
        weight=Decimal("0.35"),
        brand="Kannenmeister",
        short_description="Becher aus Steingut, 300 ml, spülmaschinenfest.",
        description="<p>Von Hand glasiert, jeder ein wenig anders. Liegt gut in der Hand.</p>" * 12,
        keywords="becher, tasse, kaffee, steingut",
        image_large=f"https://bilder.shop.invalid/{number}-1.jpg",
        tiers=[Tier(5, Decimal("11.90"), Decimal("9.50")), Tier(20, Decimal("10.90"), Decimal("8.90"))],
        pictures=[
            Picture(nr, f"https://bilder.shop.invalid/{number}-{nr}.jpg", f"Ansicht {nr}") for nr in (1, 2, 3)
        ],
        attributes=[
            Attribute("Farbe", ("blau", "rot", "grün")[number % 3], 0, False, 0),
            Attribute("Material", "Steingut", 0, False, 1),
        ],
        tags=["Küche"],
    )


def change_all(state: State) -> None:
    """Change the street of every order; in a shop without orders, price and text of every article."""
    for order in list(state.orders.values()):
        state.change_address(
            order.order_id or 0, billing=replace(order.billing, street=f"Neue {order.billing.street}")
        )
    for product in () if state.orders else list(state.products.values()):
        state.set_product(product.id, name=f"{product.name} neu", selling_price=product.selling_price + 1)


def request(call: str, after: int = 0, size: int = PAGE_SIZE) -> bytes:
    """Return a client's request for a page, without date windows."""
    switches = State().switches
    cursor = (
        "<DataFilter><Filter><FilterName>RangeID</FilterName><FilterValues>"
        f"<ValueFrom>{after}</ValueFrom></FilterValues></Filter></DataFilter>"
        if after
        else ""
    )
    return (
        "<Request><AfterbuyGlobal>"
        f"<PartnerToken>{switches.partner_token}</PartnerToken>"
        f"<AccountToken>{switches.account_token}</AccountToken>"
        f"<CallName>{call}</CallName><DetailLevel>{_LEVEL.get(call, 0)}</DetailLevel></AfterbuyGlobal>"
        f"<{_SIZE.get(call, 'Max')}>{size}</{_SIZE.get(call, 'Max')}><OrderDirection>0</OrderDirection>"
        f"{cursor}</Request>"
    ).encode()


def answer(state: State, body: bytes) -> bytes:
    """Return the simulator's answer to a request, as bytes."""
    return calls.run(calls.read(body), state, state.switches).text.encode("utf-8", "surrogateescape")


class Pages:
    """Rendered pages of one shop in a file: 250 MB for 100,000 orders."""

    def __init__(self, file: Path, state: State) -> None:
        """Render all pages of orders and products."""
        self._file = file
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        with file.open("wb") as output:
            for call in _LAST:
                for after, page in _render(call, state):
                    self._places[call, after] = (output.tell(), len(page))
                    output.write(page)

    def page(self, call: str, after: int) -> bytes | None:
        """Return the page after an id, or None if there is none."""
        if (call, after) not in self._places:
            return None
        place, length = self._places[call, after]
        with self._file.open("rb") as file:
            file.seek(place)
            return file.read(length)


def _render(call: str, state: State) -> Iterator[tuple[int, bytes]]:
    after = 0
    while True:
        page = answer(state, request(call, after))
        yield after, page
        if not _MORE.search(page):
            return
        found = _LAST[call].search(page)
        assert found is not None
        after = int(found.group(1))


def read_pages(url: str, call: str) -> Iterator[bytes]:
    """Yield the raw answers that a cycle reads from a stand-in, page by page."""
    import httpx

    after = 0
    with httpx.Client(trust_env=False, timeout=60) as client:
        while True:
            page = client.post(url, content=request(call, after)).content
            yield page
            if not _MORE.search(page):
                return
            found = _LAST[call].search(page)
            assert found is not None
            after = int(found.group(1))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    shops: dict[str, Pages]
    idle: State
    """An empty shop; it answers every call for which no page was rendered."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        called = _CALL.search(body)
        call = called.group(1).decode() if called else ""
        after = _AFTER.search(body)
        if call == "UpdateShopProducts":
            # The stand-in has none of these products: it confirms all of them without a warning.
            content = _TAKEN
        else:
            shop = self.shops.get(self.path)
            found = shop.page(call, int(after.group(1)) if after else 0) if shop else None
            content = found if found is not None else answer(self.idle, body)
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


_TAKEN = (
    b'<?xml version="1.0" encoding="utf-8"?><Afterbuy><CallStatus>Success</CallStatus>'
    b"<CallName>UpdateShopProducts</CallName><VersionID>8</VersionID><Result /></Afterbuy>"
)


def main() -> None:
    """Render, print the address, serve."""
    folder, orders, articles, changed = sys.argv[1:]
    began = datetime.now(UTC).replace(microsecond=0)
    state = fill(int(orders), int(articles))
    state.now = lambda: began
    shops = {"/bench": Pages(Path(folder, "bench"), state)}
    if int(changed):
        change_all(state)
        shops["/changed"] = Pages(Path(folder, "changed"), state)
    del state
    _Handler.shops, _Handler.idle = shops, State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
