"""Cancellations: publish what remains of an order after units of it were cancelled here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectors.protocols.order_updates import CancellationItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.results import ItemResult, Outcome
from models.database.session import Session
from models.orders.queries import lines_of, list_publishable
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tasks.outbound.read_back import ReadBack, read_back_orders
from tasks.run.work import Work

KIND = OutboundKind.cancellation


def batch_size(work: Work) -> int:
    """Return how many orders one request takes."""
    return work.cancellations.batch_size


def build(
    session: Session, _work: Work, ids: Sequence[int], _repeats: Collection[int] = ()
) -> dict[int, CancellationItem]:
    """Return what remains of each order, by its id; an order without cancelled units is left out."""
    items: dict[int, CancellationItem] = {}
    orders = list_publishable(session, ids)
    lines = lines_of(session, [order.row_id for order in orders])
    for order in orders:
        own = lines.get(order.row_id, [])
        if any(line.cancelled for line in own):
            items[order.row_id] = CancellationItem(
                key=str(order.id),
                order_external_id=order.external_id,
                left={line.external_id: line.quantity - line.cancelled for line in own},
                known={line.external_id: line.quantity for line in own},
            )
    return items


def values(item: CancellationItem) -> dict[str, str]:
    """Return the order's number, and the units that remain of each line as `line=units`, one on each line."""
    left = [f"{line}={units}" for line, units in sorted(item.left.items())]
    return {"external_id": item.order_external_id, "left": "\n".join(left)}


def is_there(values: Mapping[str, Any], status: OrderStatus) -> bool:
    """Return whether a system shows the order as cancelled, or with just the units that remain."""
    left = dict(pair.split("=") for pair in values["left"].split("\n"))
    wanted = {line: int(units) for line, units in left.items() if int(units)}
    return status.cancelled or wanted == {line: units for line, units in status.lines.items() if units}


def publish(work: Work, items: Sequence[CancellationItem]) -> list[ItemResult]:
    """Send cancellations. Each order is read right before: units that were added there since are kept."""
    numbers = [item.order_external_id for item in items]
    statuses = {status.external_id: status for status in work.orders.fetch_order_statuses(numbers)}
    results: list[ItemResult] = []
    sendable: list[CancellationItem] = []
    for item in items:
        status = statuses.get(item.order_external_id)
        if status is None:
            why = "the channel does not show this order now, so what is in it cannot be checked"
            results.append(ItemResult(item.key, Outcome.retry, why))
        elif is_there(values(item), status):
            results.append(ItemResult(item.key, Outcome.sent))
        elif objection := _objection(item, status):
            results.append(ItemResult(item.key, Outcome.refused, objection))
        else:
            sendable.append(item)
    return [*results, *(work.cancellations.publish_cancellations(sendable) if sendable else [])]


def _objection(item: CancellationItem, status: OrderStatus) -> str:
    """Return why an order must not be cancelled at its channel, empty if it may be."""
    number = item.order_external_id
    if more := [line for line, units in status.lines.items() if units > item.known.get(line, 0)]:
        return (
            f"Order {number} has more there than was cancelled here (item {', '.join(more)}): nothing was "
            "cancelled there. Decide what the buyer gets, and cancel the rest there by hand."
        )
    if item.is_whole and status.shipped_at is not None:
        return f"Order {number} is cancelled here, but the channel says that it was shipped: decide there."
    return ""


def read_back(work: Work, rows: Sequence[Outbound]) -> ReadBack:
    """Compare what was sent with what the orders there show."""
    return read_back_orders(work, rows, is_there)


def note_sent(_session: Session, _row: Outbound, _values: Mapping[str, Any] | None) -> None:
    """Save nothing: the row itself says what was sent."""


def forget_sent(_session: Session, _account_id: int) -> None:
    """Forget nothing: what waits is looked up by its row."""
