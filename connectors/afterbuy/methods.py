"""Afterbuy's payment and shipping methods."""

from connectors.afterbuy import xml
from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.paging import PageReader
from connectors.afterbuy.wire import Id, Text, Wire
from connectors.afterbuy.xml import Element
from models.tenants.records import ChannelMethodData, MethodKind


class PaymentServiceWire(Wire):
    """A payment method. Source: wire notes 2.7."""

    PaymentID: Id = ""
    Name: Text = ""


class ShippingMethodWire(Wire):
    """A shipping method. Source: wire notes 2.7."""

    ShippingMethodID: Id = ""
    Name: Text = ""


class AfterbuyMethods:
    """See `ListsMethods`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient) -> None:
        self._client = client

    def fetch_methods(self) -> list[ChannelMethodData]:
        """Return payment and shipping methods, each id once."""
        reader = PageReader("service", "Name")
        payments = _below(self._client.get_payment_services().result, "PaymentService")
        shippings = _below(self._client.get_shipping_services().result, "ShippingMethod")
        found = [
            (MethodKind.payment, payment.PaymentID, payment.Name)
            for payment in reader.read(payments, PaymentServiceWire, lambda wire: wire)
        ] + [
            (MethodKind.shipping, shipping.ShippingMethodID, shipping.Name)
            for shipping in reader.read(shippings, ShippingMethodWire, lambda wire: wire)
        ]
        methods: dict[tuple[MethodKind, str], ChannelMethodData] = {}
        for kind, external_id, name in found:
            if external_id:
                method = ChannelMethodData(kind=kind, external_id=external_id, name=name or external_id)
                methods.setdefault((kind, external_id), method)
        return list(methods.values())


def _below(element: Element | None, name: str) -> list[Element]:
    """Return the elements of a name at any depth that have children of their own."""
    if element is None:
        return []
    return [one for one in element.iter() if xml.local_name(one.tag) == name.lower() and len(one)]
