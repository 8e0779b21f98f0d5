"""Requests to the stand-in, raw XML written by hand from the wire notes: nothing of the client is used."""

from datetime import UTC, datetime

import httpx
from lxml import etree

from connectors.afterbuy.simulator import Simulator, State

NOON = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
"""Noon in Berlin, in summer."""

LOGIN = "<PartnerToken>demo-partner-token</PartnerToken><AccountToken>demo-account-token</AccountToken>"


class Reply:
    """An answer with its parts at hand."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.root = etree.fromstring(response.content)

    @property
    def status(self) -> str:
        return self.root.findtext("CallStatus") or ""

    @property
    def codes(self) -> list[int]:
        return [int(code.text or 0) for code in self.root.iter("ErrorCode", "WarningCode")]

    def all(self, path: str) -> list[str]:
        """Return the texts of all elements at the end of a path, wherever it begins."""
        return [element.text or "" for element in self.root.findall(f".//{path}")]

    def one(self, path: str) -> str:
        """Return the text of the only element at the end of a path."""
        (text,) = self.all(path)
        return text


def envelope(call: str, body: str = "", level: int | str = 0, login: str = LOGIN, extra: str = "") -> bytes:
    """Write a request."""
    head = f"{login}<CallName>{call}</CallName><DetailLevel>{level}</DetailLevel>{extra}"
    request = f"<Request><AfterbuyGlobal>{head}</AfterbuyGlobal>{body}</Request>"
    return f'<?xml version="1.0" encoding="utf-8"?>{request}'.encode()


def ask(
    simulator: Simulator, call: str, body: str = "", level: int | str = 0, login: str = LOGIN, extra: str = ""
) -> Reply:
    """Send a request and return its answer."""
    with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
        return Reply(client.post(simulator.url, content=envelope(call, body, level, login, extra)))


def data_filter(name: str, *values: object, **parts: object) -> str:
    """Write a DataFilter with one filter."""
    inside = "".join(f"<FilterValue>{value}</FilterValue>" for value in values)
    inside += "".join(f"<{part}>{value}</{part}>" for part, value in parts.items())
    filters = f"<Filter><FilterName>{name}</FilterName><FilterValues>{inside}</FilterValues></Filter>"
    return f"<DataFilter>{filters}</DataFilter>"


def update_products(*products: str) -> str:
    """Write the body of UpdateShopProducts."""
    return f"<Products>{''.join(f'<Product>{product}</Product>' for product in products)}</Products>"


def ident(insert: int = 0, reference: str = "ref-1", **keys: object) -> str:
    """Write a ProductIdent."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    return (
        f"<ProductIdent><ProductInsert>{insert}</ProductInsert><UserProductID>{reference}</UserProductID>"
        f"{inside}</ProductIdent>"
    )


def update_orders(*orders: str) -> str:
    """Write the body of UpdateSoldItems."""
    return f"<Orders>{''.join(f'<Order>{order}</Order>' for order in orders)}</Orders>"


def products(state: State, count: int) -> list[int]:
    """Add plain products and return their ids."""
    return [
        state.add_product(f"Artikel {number}", anr=str(number), ean=f"E{number}").id
        for number in range(count)
    ]
