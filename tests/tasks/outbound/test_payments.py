"""What a system is told of an order's payments."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.protocols.order_updates import PaymentItem
from tasks.outbound import payments
from tests.support.order_status import status


@pytest.mark.parametrize(("there", "is_there"), [("12.30", True), ("12.3", True), ("12", False)])
def test_a_payment_is_recognised_by_its_amount(there: str, is_there: bool) -> None:
    """However many places it has."""
    item = PaymentItem("1", "7", Decimal("12.30"), datetime(2026, 3, 2, tzinfo=UTC))

    assert payments.values(item) == {"external_id": "7", "paid_amount": "12.30"}
    assert payments.is_there(payments.values(item), status(paid_amount=Decimal(there))) is is_there
