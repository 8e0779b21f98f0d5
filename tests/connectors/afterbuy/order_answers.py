"""Answers with orders, written by hand, and what the connector reads from them."""

from contextlib import closing

from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.orders import AfterbuyOrders
from connectors.afterbuy.settings import AfterbuySettings, Login
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import Page
from models.orders.records import OrderData
from tests.support.loopback import Loopback, http

LINE = (
    "<SoldItem><ItemID>{id}</ItemID><ItemQuantity>1</ItemQuantity>"
    "<ItemPrice>2,50</ItemPrice>{more}</SoldItem>"
)

MAIL = "<BuyerInfo><BillingAddress><Mail>{mail}</Mail></BillingAddress></BuyerInfo>"

ORDER = (
    "<Order><OrderID>{id}</OrderID><OrderDate>01.07.2026 10:00:00</OrderDate>{more}"
    "<PaymentInfo><FullAmount>2,50</FullAmount></PaymentInfo><SoldItems>{lines}</SoldItems></Order>"
)


def order(number: int, more: str = "", line_more: str = "") -> str:
    return ORDER.format(id=number, more=more, lines=LINE.format(id=number, more=line_more))


def answer(*orders: str, more: str = "<HasMoreItems>0</HasMoreItems>") -> bytes:
    listed = "".join(orders)
    return (
        f"<Afterbuy><CallStatus>Success</CallStatus><Result>{more}<Orders>{listed}</Orders></Result></Afterbuy>"
    ).encode()


def read(body: bytes) -> Page[OrderData]:
    login = Login((("PartnerToken", "a-token"), ("AccountToken", "b-token")))
    with Loopback(http(body)) as server:
        settings = AfterbuySettings(base_url=server.url)
        with closing(AfterbuyClient(settings, login, test=False)) as client:
            return AfterbuyOrders(client, settings).fetch_orders(OrderQuery(), None)
