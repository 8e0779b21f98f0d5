"""What a channel is told of a subject, worked out from the truth here, and how that is recognised there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.orders import OrderStatus
from connectors.protocols.results import ItemResult, Outcome
from connectors.protocols.stock import StockItem
from models.catalog.listing import get_listings
from models.clock import LOCAL
from models.database.columns import need_id
from models.fulfilment.shipments import contents_of, shipments_of
from models.orders.queries import lines_of, list_tellable
from models.payments.payment import payments_of
from models.sync.records import OutboundKind
from models.tenants.records import Side
from models.warehouse.sellable import offer_of
from tasks.run.work import Work

Item = StockItem | PaymentItem | ShipmentItem | CancellationItem


def stock_items(session: Session, work: Work, listing_ids: Sequence[int]) -> dict[int, Item]:
    """Return by listing what its channel is to offer; one that offers it already is missing."""
    listings = get_listings(session, listing_ids)
    quantities = offer_of(session, work.account.id, listings)
    items: dict[int, Item] = {}
    for listing in listings:
        listing_id = need_id(listing.id)
        if listing_id in quantities and quantities[listing_id] != listing.published_quantity:
            items[listing_id] = StockItem(str(listing_id), listing.external_id, quantities[listing_id])
    return items


def payment_items(session: Session, _work: Work, order_ids: Sequence[int]) -> dict[int, Item]:
    """Return by order what its channel is to know of payments; one without any is missing."""
    items: dict[int, Item] = {}
    for order in list_tellable(session, order_ids):
        payments = payments_of(session, need_id(order.id))
        if payments:
            last = payments[-1]
            items[need_id(order.id)] = PaymentItem(
                key=str(order.id),
                order_external_id=order.external_id,
                paid_amount=order.paid_amount,
                paid_at=last.paid_at,
                method_name=order.payment_method_name,
                reference=last.reference,
            )
    return items


def shipment_items(session: Session, _work: Work, order_ids: Sequence[int]) -> dict[int, Item]:
    """Return by order what its channel is to know of shipments; one that we shipped nothing of is missing."""
    items: dict[int, Item] = {}
    for order in list_tellable(session, order_ids):
        order_id = need_id(order.id)
        shipments = [pair for pair in shipments_of(session, order_id) if pair[0].told_by is Side.warenfluss]
        if not shipments:
            continue
        parcels = [parcel for _, parcels in shipments for parcel in parcels]
        contents = contents_of(session, [need_id(parcel.id) for parcel in parcels])
        line_ids = {need_id(line.id): line.external_id for line in lines_of(session, [order_id])[order_id]}
        items[order_id] = ShipmentItem(
            key=str(order_id),
            order_external_id=order.external_id,
            shipped_at=shipments[-1][0].shipped_at,
            carrier=shipments[-1][0].carrier,
            parcels=[
                ParcelItem(
                    tracking_number=parcel.tracking_number,
                    lines={
                        line_ids[line_id]: quantity
                        for line_id, quantity in contents[need_id(parcel.id)].items()
                        if line_id in line_ids
                    },
                    weight_grams=parcel.weight_grams,
                )
                for parcel in parcels
            ],
        )
    return items


def cancellation_items(session: Session, _work: Work, order_ids: Sequence[int]) -> dict[int, Item]:
    """Return by order what is left of it here; one of which nothing is cancelled is missing."""
    items: dict[int, Item] = {}
    orders = list_tellable(session, order_ids)
    lines = lines_of(session, [need_id(order.id) for order in orders])
    for order in orders:
        own = lines.get(need_id(order.id), [])
        if any(line.cancelled for line in own):
            items[need_id(order.id)] = CancellationItem(
                key=str(order.id),
                order_external_id=order.external_id,
                left={line.external_id: line.quantity - line.cancelled for line in own},
                known={line.external_id: line.quantity for line in own},
            )
    return items


ITEMS_OF: Mapping[OutboundKind, Callable[[Session, Work, Sequence[int]], dict[int, Item]]] = {
    OutboundKind.stock: stock_items,
    OutboundKind.payment: payment_items,
    OutboundKind.shipment: shipment_items,
    OutboundKind.cancellation: cancellation_items,
}
"""How each kind is worked out; one with nothing to say is missing."""


def values_of(item: Item) -> dict[str, str]:
    """Return what is compared when a write has to be looked up."""
    if isinstance(item, StockItem):
        return {"external_id": item.external_id, "quantity": str(item.quantity)}
    if isinstance(item, PaymentItem):
        return {"external_id": item.order_external_id, "paid_amount": str(item.paid_amount)}
    if isinstance(item, CancellationItem):
        left = [f"{line}={units}" for line, units in sorted(item.left.items())]
        return {"external_id": item.order_external_id, "left": "\n".join(left)}
    tracking = [parcel.tracking_number for parcel in item.parcels if parcel.tracking_number]
    return {
        "external_id": item.order_external_id,
        "tracking": "\n".join(tracking),
        "shipped_at": item.shipped_at.isoformat(),
    }


def publish(work: Work, kind: OutboundKind, items: Sequence[Item]) -> list[ItemResult]:
    """Tell a channel items of one kind; return how each ended. Raises: as the channel's calls."""
    if kind is OutboundKind.stock:
        return work.stock.publish_stock([item for item in items if isinstance(item, StockItem)])
    if kind is OutboundKind.payment:
        return work.payments.publish_payments([item for item in items if isinstance(item, PaymentItem)])
    if kind is OutboundKind.cancellation:
        return _cancel(work, [item for item in items if isinstance(item, CancellationItem)])
    return work.shipments.publish_shipments([item for item in items if isinstance(item, ShipmentItem)])


def _cancel(work: Work, items: Sequence[CancellationItem]) -> list[ItemResult]:
    """Look at each order right before it is cancelled: what was added there since is somebody's wish."""
    numbers = [item.order_external_id for item in items]
    statuses = {status.external_id: status for status in work.orders.fetch_order_statuses(numbers)}
    results: list[ItemResult] = []
    going: list[CancellationItem] = []
    for item in items:
        status = statuses.get(item.order_external_id)
        if status is None:
            why = "the channel does not show this order now, so that nobody can tell what is in it"
            results.append(ItemResult(item.key, Outcome.retry, why))
        elif stands_there(OutboundKind.cancellation, values_of(item), status):
            results.append(ItemResult(item.key, Outcome.sent))
        elif trouble := _against(item, status):
            results.append(ItemResult(item.key, Outcome.refused, trouble))
        else:
            going.append(item)
    return [*results, *(work.cancellations.publish_cancellations(going) if going else [])]


def _against(item: CancellationItem, status: OrderStatus) -> str:
    """Return why an order must not be cancelled at its channel, empty if nothing speaks against it."""
    number = item.order_external_id
    if more := [line for line, units in status.lines.items() if units > item.known.get(line, 0)]:
        return (
            f"Order {number} has more there than was cancelled here (item {', '.join(more)}): nothing was "
            "cancelled there. Decide what the buyer gets, and cancel the rest there by hand."
        )
    if item.is_whole and status.shipped_at is not None:
        return f"Order {number} is cancelled here, and was shipped by what the channel says: decide there."
    return ""


def stands_there(kind: OutboundKind, values: Mapping[str, str], status: OrderStatus) -> bool:
    """Return whether a channel holds what it was, or is to be, told of an order; `values` of `values_of`."""
    if kind is OutboundKind.payment:
        return status.paid_amount == Decimal(values["paid_amount"])
    if kind is OutboundKind.cancellation:
        left = dict(pair.split("=") for pair in values["left"].split("\n"))
        wanted = {line: int(units) for line, units in left.items() if int(units)}
        return status.cancelled or wanted == {line: units for line, units in status.lines.items() if units}
    numbers = [number for number in values["tracking"].split("\n") if number]
    shipped_at = datetime.fromisoformat(values["shipped_at"])
    return _is_date_of(status.shipped_at, shipped_at) and set(numbers) <= set(status.tracking_numbers)


def _is_date_of(told: datetime | None, at: datetime) -> bool:
    """Return whether what a channel keeps as a date is an instant of ours: its second, or its day alone."""
    if told is None:
        return False
    there, here = told.astimezone(LOCAL), at.astimezone(LOCAL).replace(microsecond=0)
    return there == here or there == here.replace(hour=0, minute=0, second=0)
