"""What is published of each kind: worked out, recognised, and told by a channel as it may be."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.stock import StockItem
from models.clock import midnight
from models.sync.records import OutboundKind
from tasks.outbound import cancellations, payments, shipments, stock
from tasks.outbound.subjects import SUBJECTS
from tasks.run.work import Work

SENT_AT = datetime(2026, 3, 2, 13, 30, 15, 250_000, tzinfo=UTC)
MAILED = {OutboundKind.buyer_mail, OutboundKind.order_notice}
"""Kinds that the mail server takes."""


def status(**fields: Any) -> OrderStatus:
    values: dict[str, Any] = {
        "external_id": "7",
        "paid_amount": Decimal(0),
        "paid_at": None,
        "shipped_at": None,
        "carrier": "",
        "tracking_numbers": [],
        "cancelled": False,
        "lines": {},
    }
    return OrderStatus(**{**values, **fields})


def test_every_kind_that_goes_to_a_system_has_a_subject() -> None:
    """Each under its own name."""
    assert set(SUBJECTS) == set(OutboundKind) - MAILED
    assert {kind: subject.KIND for kind, subject in SUBJECTS.items()} == {kind: kind for kind in SUBJECTS}


def test_a_quantity_is_kept_with_its_listing() -> None:
    """Enough to compare it with what the system holds."""
    assert stock.values(StockItem("1", "L-1", 7)) == {"external_id": "L-1", "quantity": "7"}


@pytest.mark.parametrize(("there", "is_there"), [("12.30", True), ("12.3", True), ("12", False)])
def test_a_payment_is_recognised_by_its_amount(there: str, is_there: bool) -> None:
    """However many places it has."""
    sent = payments.values(PaymentItem("1", "7", Decimal("12.30"), SENT_AT))

    assert sent == {"external_id": "7", "paid_amount": "12.30"}
    assert payments.is_there(sent, status(paid_amount=Decimal(there))) is is_there


class Reader:
    """A system that keeps whole minutes; the only thing that is asked of a connection here."""

    @property
    def orders(self) -> "Reader":
        return self

    def earliest_reading(self, at: datetime) -> datetime:
        return at.replace(second=0, microsecond=0)


WORK = cast(Work, Reader())
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


@pytest.mark.parametrize(
    ("there", "is_there"),
    [
        ({"lines": {"a": 1}}, True),
        ({"lines": {"a": 1, "b": 0}}, True),
        ({"lines": {"a": 1, "b": 2}}, False),
        ({"lines": {"a": 2}}, False),
        ({"lines": {"a": 3, "b": 2}, "cancelled": True}, True),
    ],
)
def test_a_cancellation_is_recognised_by_what_remains(there: dict[str, Any], is_there: bool) -> None:
    """Or by the order that is cancelled there."""
    item = CancellationItem("1", "7", left={"b": 0, "a": 1}, known={"a": 3, "b": 2})

    assert cancellations.values(item) == {"external_id": "7", "left": "a=1\nb=0"}
    assert cancellations.is_there(cancellations.values(item), status(**there)) is is_there
