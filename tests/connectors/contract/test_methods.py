"""What holds for every system that lists its methods."""

from collections.abc import Iterator

import pytest

from models.tenants.account_kinds import Capability
from tests.connectors.contract.rig import Rig, kinds_with, need, rig_of


@pytest.fixture(params=kinds_with(Capability.methods))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    yield from rig_of(request.param)


def test_the_methods_have_names(rig: Rig) -> None:
    with rig.open() as connection:
        methods = need(connection.methods).fetch_methods()
    assert methods
    assert all(one.name and one.external_id for one in methods)
