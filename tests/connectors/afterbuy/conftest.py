"""A stand-in for Afterbuy with an account on it, for each test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.connectors.afterbuy.rig import AfterbuyRig


@pytest.fixture
def rig() -> Iterator[AfterbuyRig]:
    with AfterbuyRig() as rig:
        yield rig
