"""Payment and shipping methods."""

from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.contract.rig import need


def test_services_come_once_each_with_their_names(rig: AfterbuyRig) -> None:
    with rig.open() as connection:
        services = need(connection.methods).fetch_methods()
    assert len({(one.kind, one.external_id) for one in services}) == len(services)
    assert {one.kind for one in services} == {"payment", "shipping"}
