"""Plain records of differences: each kind of order update has one."""

from models.reconciliation.records import OUTBOUND_FOR
from models.sync.outbound import ORDER_UPDATES
from models.sync.records import OutboundKind


def test_every_kind_that_a_channel_is_told_of_an_order_has_its_difference() -> None:
    """And stock, too: what is published can be compared."""
    assert set(OUTBOUND_FOR.values()) == {OutboundKind.stock, *ORDER_UPDATES}
