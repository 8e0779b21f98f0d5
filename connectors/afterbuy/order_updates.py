"""What Afterbuy is sent about orders: payments, shipments, cancellations."""

from collections.abc import Sequence

from connectors.afterbuy.client import AfterbuyClient, Answer
from connectors.afterbuy.mapping_orders import ITEM_PREFIX, is_provisional
from connectors.afterbuy.mapping_updates import cancellation_to_wire, payment_to_wire, shipment_to_wire
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.write_batches import BatchItem, send
from connectors.protocols.order_updates import CancellationItem, PaymentItem, ShipmentItem
from connectors.protocols.results import ItemResult, Outcome


class AfterbuyPayments:
    """See `PublishesPayments`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings
        self.batch_size = settings.status_batch_size

    def publish_payments(self, items: Sequence[PaymentItem]) -> list[ItemResult]:
        """Publish what was received in total; return one result for each item, in their order.

        Safe to repeat.
        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [
            BatchItem(item.key, _wire_id(item.order_external_id), payment_to_wire(item, self._settings))
            for item in items
        ]
        mails_buyers = self._settings.mail_buyer_payment
        return _update_orders(self._client, batch, self.batch_size, mails_buyers=mails_buyers)


class AfterbuyShipments:
    """See `PublishesShipments`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings
        self.batch_size = settings.status_batch_size

    def publish_shipments(self, items: Sequence[ShipmentItem]) -> list[ItemResult]:
        """Publish that orders were shipped; return one result for each item, in their order.

        Safe to repeat.
        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [
            BatchItem(item.key, _wire_id(item.order_external_id), shipment_to_wire(item, self._settings))
            for item in items
        ]
        mails_buyers = self._settings.mail_buyer_shipping
        return _update_orders(self._client, batch, self.batch_size, mails_buyers=mails_buyers)


class AfterbuyCancellations:
    """See `PublishesCancellations`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings
        self.batch_size = settings.status_batch_size

    def publish_cancellations(self, items: Sequence[CancellationItem]) -> list[ItemResult]:
        """Cancel whole orders without booking stock; return one result for each item. Safe to repeat.

        Refused is what Afterbuy has no call for (wire notes 2.6): to cancel a part of an order, or an order
        that has no number yet.
        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch: list[BatchItem] = []
        refused: list[ItemResult] = []
        for item in items:
            number = item.order_external_id
            if item.is_whole and not is_provisional(number):
                batch.append(BatchItem(item.key, number, cancellation_to_wire(item, self._settings)))
            else:
                left = ", ".join(f"{units} × item {line}" for line, units in item.left.items() if units)
                what = (
                    f"change order {number} there by hand, so that it has {left}"
                    if left
                    else f"cancel {number} there by hand, its checkout has no order number yet"
                )
                message = f"Afterbuy takes no cancellation of this kind through its interface: {what}."
                refused.append(ItemResult(item.key, Outcome.refused, message))
        return [*refused, *send(batch, self._write, self.batch_size, splits=True)]

    def _write(self, batch: Sequence[BatchItem]) -> Answer:
        return self._client.cancel_orders(
            [item.nodes for item in batch], [item.external_id for item in batch]
        )


def _update_orders(
    client: AfterbuyClient, items: Sequence[BatchItem], size: int, *, mails_buyers: bool
) -> list[ItemResult]:
    """Send updates of orders. If Afterbuy mails the buyers, none is sent twice: it would mail them again."""

    def write(batch: Sequence[BatchItem]) -> Answer:
        return client.update_sold_items([item.nodes for item in batch], [item.external_id for item in batch])

    return send(items, write, size, splits=not mails_buyers)


def _wire_id(order_external_id: str) -> str:
    """Return the OrderID or ItemID as Afterbuy spells it."""
    return order_external_id.removeprefix(ITEM_PREFIX)
