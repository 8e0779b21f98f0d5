"""From our stock, payments, shipments and cancellations to elements for Afterbuy.

Elements stand in the order of the wire notes, 2.4 and 2.6.
"""

from collections.abc import Sequence

from connectors.afterbuy.mapping_orders import ITEM_PREFIX, is_provisional
from connectors.afterbuy.settings import AfterbuySettings, StockPool, TrackingField
from connectors.afterbuy.values import format_decimal, format_instant
from connectors.afterbuy.xml import Node
from connectors.protocols.order_updates import CancellationItem, ParcelItem, PaymentItem, ShipmentItem
from connectors.protocols.stock import StockItem


def stock_to_wire(item: StockItem, settings: AfterbuySettings) -> list[Node]:
    """Return the smallest update that sets a quantity; Afterbuy keeps the value of an element left out."""
    quantity = str(item.quantity)
    nodes: list[Node] = [
        (
            "ProductIdent",
            [("ProductInsert", "0"), ("UserProductID", item.key), ("ProductID", item.external_id)],
        )
    ]
    if settings.stock_pool in (StockPool.quantity, StockPool.both):
        nodes.append(("Quantity", quantity))
    if settings.stock_pool in (StockPool.auction, StockPool.both):
        nodes.append(("AuctionQuantity", quantity))
    return nodes


def payment_to_wire(item: PaymentItem, settings: AfterbuySettings) -> list[Node]:
    """Return an order's payment; AlreadyPaid is the total received, not an increment."""
    payment: list[Node] = [
        ("PaymentMethod", item.method_name),
        ("PaymentDate", format_instant(item.paid_at)),
        ("PaymentTransactionID", item.reference),
        ("AlreadyPaid", format_decimal(item.paid_amount)),
    ]
    if settings.mail_buyer_payment and not item.repeat:
        payment.append(("SendPaymentMail", "1"))
    return [_identity(item.order_external_id), ("PaymentInfo", _set(payment))]


def shipment_to_wire(item: ShipmentItem, settings: AfterbuySettings) -> list[Node]:
    """Return an order's shipment. DeliveryDate means "shipped"; only several parcels have labels."""
    numbers = [parcel.tracking_number for parcel in item.parcels if parcel.tracking_number]
    if settings.tracking_field is TrackingField.first:
        numbers = numbers[:1]
    shipping: list[Node] = [
        ("DeliveryDate", format_instant(item.shipped_at)),
        ("DeliveryService", item.carrier),
    ]
    if settings.mail_buyer_shipping and not item.repeat:
        shipping.append(("SendShippingMail", "1"))
    if len(item.parcels) > 1:
        shipping.append(("ParcelLabels", _labels(item.parcels)))
    nodes: list[Node] = [
        _identity(item.order_external_id),
        ("AdditionalInfo", ",".join(dict.fromkeys(numbers))),
        ("ShippingInfo", _set(shipping)),
    ]
    return _set(nodes)


def cancellation_to_wire(item: CancellationItem, settings: AfterbuySettings) -> list[Node]:
    """Return the cancellation of an order, with the marker that means "cancelled" for this account.

    Afterbuy books no stock (-1), because our stock goes there as an absolute figure. So a repeat changes
    nothing.
    """
    return _set(
        [
            ("OrderId", item.order_external_id),
            ("StockBooking", "-1"),
            ("MarkId", next(iter(settings.cancelled_flags), "")),
        ]
    )


def _labels(parcels: Sequence[ParcelItem]) -> list[Node]:
    """Return one row for each item and parcel, numbered from 1. Afterbuy refuses a row without an item."""
    labelled = [parcel for parcel in parcels if parcel.tracking_number and parcel.lines]
    return [
        (
            "ParcelLabel",
            [
                ("ItemID", item_id),
                ("PackageNumber", str(number)),
                ("ParcelLabelNumber", parcel.tracking_number),
            ],
        )
        for number, parcel in enumerate(labelled, start=1)
        for item_id in sorted(parcel.lines)
    ]


def _identity(external_id: str) -> Node:
    if is_provisional(external_id):
        return ("ItemID", external_id.removeprefix(ITEM_PREFIX))
    return ("OrderID", external_id)


def _set(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that hold something: an empty element would delete what Afterbuy has."""
    return [(name, content) for name, content in nodes if content]
