"""Shipments: publish all parcels of an order that have left so far."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from connectors.protocols.order_updates import ParcelItem, ShipmentItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.results import ItemResult
from models.clock import local_date
from models.database.session import Session
from models.fulfilment.shipments import contents_of, shipments_of
from models.orders.queries import lines_of, list_publishable
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.records import Side
from tasks.outbound.read_back import ReadBack, read_back_orders
from tasks.run.work import Work

KIND = OutboundKind.shipment


def batch_size(work: Work) -> int:
    """Return how many orders one request takes."""
    return work.shipments.batch_size


def build(
    session: Session, _work: Work, ids: Sequence[int], repeats: Collection[int] = ()
) -> dict[int, ShipmentItem]:
    """Return what was shipped from here, by order id; an order without such a shipment is left out."""
    items: dict[int, ShipmentItem] = {}
    for order in list_publishable(session, ids):
        order_id = order.row_id
        shipments = [pair for pair in shipments_of(session, order_id) if pair[0].told_by is Side.warenfluss]
        if not shipments:
            continue
        last = shipments[-1][0]
        parcels = [parcel for _, parcels in shipments for parcel in parcels]
        contents = contents_of(session, [parcel.row_id for parcel in parcels])
        line_ids = {line.row_id: line.external_id for line in lines_of(session, [order_id])[order_id]}
        items[order_id] = ShipmentItem(
            key=str(order_id),
            order_external_id=order.external_id,
            shipped_at=last.shipped_at,
            carrier=last.carrier,
            parcels=[
                ParcelItem(
                    tracking_number=parcel.tracking_number,
                    lines={
                        line_ids[line_id]: quantity
                        for line_id, quantity in contents[parcel.row_id].items()
                        if line_id in line_ids
                    },
                    weight_grams=parcel.weight_grams,
                )
                for parcel in parcels
            ],
            repeat=order_id in repeats,
        )
    return items


def values(item: ShipmentItem) -> dict[str, str]:
    """Return the order's number, the tracking numbers, one on each line, and when the last parcel left."""
    return {
        "external_id": item.order_external_id,
        "tracking": "\n".join(tracking_numbers(item)),
        "shipped_at": item.shipped_at.isoformat(),
    }


def tracking_numbers(item: ShipmentItem) -> list[str]:
    """Return the numbers of the parcels that have one."""
    return [parcel.tracking_number for parcel in item.parcels if parcel.tracking_number]


def is_there(work: Work, values: Mapping[str, Any], status: OrderStatus) -> bool:
    """Return whether a system shows the time that was sent and the tracking numbers, perhaps with others."""
    numbers = {number for number in values["tracking"].split("\n") if number}
    shows_time = _shows_time(work, status, datetime.fromisoformat(values["shipped_at"]))
    return shows_time and numbers <= set(status.tracking_numbers)


def _shows_time(work: Work, status: OrderStatus, shipped_at: datetime) -> bool:
    """Return whether a system shows this time: its day, if it keeps only days, else as exactly as it can."""
    if status.shipped_on is not None:
        return status.shipped_on == local_date(shipped_at)
    if status.shipped_at is None:
        return False
    # What it keeps of a time may have no fractions of a second, or stand for one of two hours in autumn.
    reads_as = work.orders.earliest_reading
    return reads_as(status.shipped_at) == reads_as(shipped_at)


def publish(work: Work, items: Sequence[ShipmentItem]) -> list[ItemResult]:
    """Send shipments."""
    return work.shipments.publish_shipments(items)


def read_back(work: Work, rows: Sequence[Outbound]) -> ReadBack:
    """Compare what was sent with what the orders there show."""
    return read_back_orders(work, rows, partial(is_there, work))


def note_sent(_session: Session, _row: Outbound, _values: Mapping[str, Any] | None) -> None:
    """Save nothing: the row itself says what was sent."""


def forget_sent(_session: Session, _account_id: int) -> None:
    """Forget nothing: what waits is looked up by its row."""
