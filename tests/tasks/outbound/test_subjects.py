"""What is published of each kind: worked out, recognised, and told by a channel as it may be."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.stock import StockItem
from models.sync.records import OutboundKind
from tasks.outbound import cancellations, payments, shipments, stock
from tasks.outbound.subjects import SUBJECTS

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


@pytest.mark.parametrize(
    ("there", "is_there"),
    [
        ({}, False),
        ({"shipped_at": SENT_AT.replace(microsecond=0), "tracking_numbers": ["X1", "X2"]}, True),
        ({"shipped_at": SENT_AT.replace(microsecond=0), "tracking_numbers": ["X2", "X3", "X1"]}, True),
        ({"shipped_at": SENT_AT.replace(microsecond=0), "tracking_numbers": ["X1"]}, False),
        ({"shipped_at": SENT_AT.replace(second=0, microsecond=0), "tracking_numbers": ["X1", "X2"]}, False),
    ],
)
def test_a_shipment_is_recognised_by_its_time_and_numbers(there: dict[str, Any], is_there: bool) -> None:
    """A parcel without a number is counted nowhere; further numbers there do no harm."""
    parcels = [ParcelItem("X1", {}), ParcelItem("", {}), ParcelItem("X2", {})]
    sent = shipments.values(ShipmentItem("1", "7", SENT_AT, "DHL", parcels))

    assert sent["tracking"] == "X1\nX2"
    assert shipments.is_there(sent, status(**there)) is is_there


def test_a_shipment_without_numbers_is_recognised_by_its_time() -> None:
    """Nothing else is known of it."""
    sent = shipments.values(ShipmentItem("1", "7", SENT_AT, "DHL", [ParcelItem("", {})]))

    assert shipments.is_there(sent, status(shipped_at=SENT_AT.replace(microsecond=0)))


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
