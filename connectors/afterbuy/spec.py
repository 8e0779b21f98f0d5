"""The connector for Afterbuy."""

from collections.abc import Mapping

from connectors.afterbuy.articles import AfterbuyArticles
from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.clock import AfterbuyClock
from connectors.afterbuy.mapping_orders import is_order_number
from connectors.afterbuy.methods import AfterbuyMethods
from connectors.afterbuy.order_updates import AfterbuyCancellations, AfterbuyPayments, AfterbuyShipments
from connectors.afterbuy.orders import AfterbuyOrders
from connectors.afterbuy.settings import SECRETS, AfterbuySettings, login_from
from connectors.afterbuy.stock import AfterbuyStock
from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec
from models.tenants.account_kinds import AFTERBUY


def open_connection(
    settings: AfterbuySettings,
    secrets: Mapping[str, str],
    *,
    test: bool,
    record: Recorder | None,
) -> Connection:
    """Return an open connection; in test mode its writes are kept here."""
    client = AfterbuyClient(settings, login_from(secrets), test=test, record=record)
    return Connection(
        clock=AfterbuyClock(client),
        close=client.close,
        would_send=client.would_send,
        articles=AfterbuyArticles(client, settings),
        orders=AfterbuyOrders(client, settings),
        stock=AfterbuyStock(client, settings),
        payments=AfterbuyPayments(client, settings),
        shipments=AfterbuyShipments(client, settings),
        cancellations=AfterbuyCancellations(client, settings),
        methods=AfterbuyMethods(client),
    )


SPEC = ConnectorSpec(
    kind=AFTERBUY,
    settings=AfterbuySettings,
    open=open_connection,
    secrets=SECRETS,
    simulator="connectors.afterbuy.simulator",
    is_order_number=is_order_number,
)
