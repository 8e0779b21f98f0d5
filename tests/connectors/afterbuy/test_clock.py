"""Afterbuy's clock, or ours."""

from datetime import UTC, datetime, timedelta

from connectors.afterbuy.simulator import Fault
from tests.connectors.afterbuy.rig import AfterbuyRig


def test_a_server_that_tells_no_time_is_read_by_our_clock(rig: AfterbuyRig) -> None:
    rig.simulator.faults.add(Fault.error(12), "GetAfterbuyTime")
    with rig.open() as connection:
        assert abs(connection.clock.check() - datetime.now(UTC)) < timedelta(seconds=30)
