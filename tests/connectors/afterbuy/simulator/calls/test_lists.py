"""Lists of methods and markers."""

from connectors.afterbuy.simulator import Simulator, State
from tests.connectors.afterbuy.simulator.requests import ask, data_filter


def test_lists_of_services_and_flags(simulator: Simulator, state: State) -> None:
    """Payment services by platform, shipping groups, markers; nothing there is error 25."""
    payments = ask(simulator, "GetPaymentServices", data_filter("Plattform", "ebay"))

    assert payments.all("PaymentService/Name") == ["eBay Zahlungsabwicklung"]
    assert len(payments.all("PaymentService/Default")) == 2
    assert ask(simulator, "GetShippingServices").all("ShippingMethod/Name")[0] == "DHL Paket"
    assert ask(simulator, "GetUserDefinedFlags").all("UserDefinedFlag/Name")[-1] == "Storniert"
    assert ask(simulator, "GetVersion").status == "Success"
    state.shipping_services = []
    assert ask(simulator, "GetShippingServices").codes == [25]
