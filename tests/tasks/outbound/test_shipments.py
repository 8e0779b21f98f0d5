"""What a system is told of an order's parcels."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from connectors.protocols.order_updates import ParcelItem, ShipmentItem
from models.clock import midnight
from tasks.outbound import shipments
from tasks.run.work import Work
from tests.support.order_status import status


class Reader:
    """A system that keeps whole minutes: all that is asked of a connection here."""

    @property
    def orders(self) -> "Reader":
        return self

    def earliest_reading(self, at: datetime) -> datetime:
        return at.replace(second=0, microsecond=0)


WORK = cast(Work, Reader())
SENT_AT = datetime(2026, 3, 2, 13, 30, 15, 250_000, tzinfo=UTC)
MINUTE = SENT_AT.replace(second=0, microsecond=0)
DAY = date(2026, 3, 2)
BOTH = ["X1", "X2"]


@pytest.mark.parametrize(
    ("there", "is_there"),
    [
        ({}, False),
        ({"shipped_at": MINUTE, "tracking_numbers": BOTH}, True),
        ({"shipped_at": MINUTE, "tracking_numbers": ["X2", "X3", "X1"]}, True),
        ({"shipped_at": MINUTE, "tracking_numbers": ["X1"]}, False),
        ({"shipped_at": MINUTE - timedelta(minutes=1), "tracking_numbers": BOTH}, False),
        ({"shipped_at": midnight(DAY), "shipped_on": DAY, "tracking_numbers": BOTH}, True),
        ({"shipped_at": midnight(DAY), "tracking_numbers": BOTH}, False),
        ({"shipped_on": DAY + timedelta(days=1), "tracking_numbers": BOTH}, False),
    ],
)
def test_a_shipment_is_recognised_by_its_time_and_numbers(there: dict[str, Any], is_there: bool) -> None:
    """As exactly as the system keeps times; a parcel without a number is counted nowhere."""
    parcels = [ParcelItem("X1", {}), ParcelItem("", {}), ParcelItem("X2", {})]
    sent = shipments.values(ShipmentItem("1", "7", SENT_AT, "DHL", parcels))

    assert sent["tracking"] == "X1\nX2"
    assert shipments.is_there(WORK, sent, status(**there)) is is_there


def test_a_shipment_without_numbers_is_recognised_by_its_time() -> None:
    """Nothing else is known of it."""
    sent = shipments.values(ShipmentItem("1", "7", SENT_AT, "DHL", [ParcelItem("", {})]))

    assert shipments.is_there(WORK, sent, status(shipped_at=MINUTE))
