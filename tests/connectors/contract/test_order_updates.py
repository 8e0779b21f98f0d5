"""What holds for every system that takes payments, shipments or cancellations of its orders."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.protocols.connection import Connection
from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.results import ItemResult, Outcome
from models.tenants.account_kinds import Capability
from tests.connectors.contract.rig import OrderUpdatesRig, kinds_with, need, rig_of

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def pay(connection: Connection, orders: list[str]) -> list[ItemResult]:
    items = [PaymentItem("k", number, Decimal("7.50"), NOW) for number in orders]
    return need(connection.payments).publish_payments(items)


def ship(connection: Connection, orders: list[str]) -> list[ItemResult]:
    items = [ShipmentItem("k", number, NOW, "DHL", [ParcelItem("T1", {})]) for number in orders]
    return need(connection.shipments).publish_shipments(items)


def cancel(connection: Connection, orders: list[str]) -> list[ItemResult]:
    items = [CancellationItem("k", number, {number: 0}, {number: 1}) for number in orders]
    return need(connection.cancellations).publish_cancellations(items)


@dataclass
class Case:
    """One system, an order there, and one thing that can be published about it."""

    rig: OrderUpdatesRig
    order_id: str
    capability: Capability
    publish: Callable[[Connection, list[str]], list[ItemResult]]

    def has_arrived(self) -> bool:
        """Return whether the system has it."""
        match self.capability:
            case Capability.payments:
                return self.rig.paid_of(self.order_id) == Decimal("7.50")
            case Capability.shipments:
                return self.rig.is_shipped(self.order_id)
        return self.rig.is_cancelled(self.order_id)


PUBLISH = {Capability.payments: pay, Capability.shipments: ship, Capability.cancellations: cancel}


@pytest.fixture(
    params=[(kind, capability) for capability in PUBLISH for kind in kinds_with(capability)], ids="-".join
)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    kind, capability = request.param
    for rig in rig_of(kind):
        order_id = rig.place_order(rig.add_article("MUG", stock=5), quantity=1)
        yield Case(rig, order_id, capability, PUBLISH[capability])


def test_what_is_published_arrives_and_again_changes_nothing(case: Case) -> None:
    with case.rig.open() as connection:
        for _ in range(2):
            [result] = case.publish(connection, [case.order_id])
            assert (result.key, result.outcome) == ("k", Outcome.sent)
    assert case.has_arrived()


def test_test_mode_sends_nothing_and_says_what_it_would_have_sent(case: Case) -> None:
    with case.rig.open(test=True) as connection:
        [result] = case.publish(connection, [case.order_id])
        assert (result.key, result.outcome) == ("k", Outcome.would_send)
        assert result.fields
        assert len(connection.would_send) == 1
        shown = repr(connection.would_send) + repr(result)
    assert case.rig.writes() == 0
    assert not case.has_arrived()
    assert not any(secret in shown for secret in case.rig.secrets.values())


def test_a_write_whose_reply_is_lost_is_uncertain_and_sent_once(case: Case) -> None:
    with case.rig.open() as connection:
        case.rig.lose_next_reply()
        [result] = case.publish(connection, [case.order_id])
    assert result.outcome is Outcome.uncertain
    assert case.rig.writes() == 1


def test_nothing_to_publish_sends_nothing(case: Case) -> None:
    with case.rig.open() as connection:
        assert case.publish(connection, []) == []
        assert getattr(connection, case.capability).batch_size > 0
    assert case.rig.writes() == 0


@pytest.fixture(
    params=[kind for kind in kinds_with(Capability.orders) if kind in kinds_with(Capability.payments)]
)
def rig(request: pytest.FixtureRequest) -> Iterator[OrderUpdatesRig]:
    yield from rig_of(request.param)


def test_payment_and_shipment_are_read_back(rig: OrderUpdatesRig) -> None:
    order_id = rig.place_order(rig.add_article("MUG", stock=5), quantity=1)
    with rig.open() as connection:
        pay(connection, [order_id])
        ship(connection, [order_id])
        [status] = need(connection.orders).fetch_order_statuses([order_id])
    assert (status.external_id, status.paid_amount, status.paid_at) == (order_id, Decimal("7.50"), NOW)
    # A system may keep the day alone.
    assert status.shipped_at is not None
    assert abs(status.shipped_at - NOW) < timedelta(days=1)
    assert status.shipped_on in (None, NOW.date())
    assert (status.carrier, status.tracking_numbers) == ("DHL", ["T1"])
