"""What a system is told of what was cancelled here."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from connectors.protocols.order_updates import CancellationItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.results import ItemResult, Outcome
from tasks.outbound import cancellations
from tasks.run.work import Work
from tests.support.builders import PLACED_AT
from tests.support.order_status import status

PART = CancellationItem("1", "7", left={"b": 0, "a": 1}, known={"a": 3, "b": 2})
WHOLE = CancellationItem("1", "7", left={"a": 0}, known={"a": 3})


class System:
    """A system that shows one order, or none, and takes every cancellation."""

    def __init__(self, shown: OrderStatus | None) -> None:
        self.shown, self.sent = shown, 0

    @property
    def orders(self) -> "System":
        return self

    @property
    def cancellations(self) -> "System":
        return self

    def fetch_order_statuses(self, _numbers: Sequence[str]) -> list[OrderStatus]:
        return [self.shown] if self.shown else []

    def publish_cancellations(self, items: Sequence[CancellationItem]) -> list[ItemResult]:
        self.sent += len(items)
        return [ItemResult(item.key, Outcome.sent) for item in items]


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
    assert cancellations.values(PART) == {"external_id": "7", "left": "a=1\nb=0"}
    assert cancellations.is_there(cancellations.values(PART), status(**there)) is is_there


@pytest.mark.parametrize(
    ("item", "shown", "outcome", "sent"),
    [
        (PART, status(lines={"a": 3, "b": 2}), Outcome.sent, 1),
        (PART, status(lines={"a": 1}), Outcome.sent, 0),
        (PART, None, Outcome.retry, 0),
        (PART, status(lines={"a": 4, "b": 2}), Outcome.refused, 0),
        (PART, status(lines={"a": 3, "new": 1}), Outcome.refused, 0),
        (WHOLE, status(lines={"a": 3}, cancelled=True), Outcome.sent, 0),
        (WHOLE, status(lines={"a": 3}, shipped_at=PLACED_AT), Outcome.refused, 0),
        (PART, status(lines={"a": 3, "b": 2}, shipped_at=PLACED_AT), Outcome.sent, 1),
    ],
)
def test_an_order_is_looked_at_before_it_is_cancelled(
    item: CancellationItem, shown: OrderStatus | None, outcome: Outcome, sent: int
) -> None:
    """Nothing is sent for an order that is cancelled already, not shown, shipped, or has more than before."""
    system = System(shown)

    (result,) = cancellations.publish(cast(Work, system), [item])

    assert (result.outcome, system.sent) == (outcome, sent)
