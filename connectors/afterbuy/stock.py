"""The stock of Afterbuy's products."""

from collections.abc import Sequence

from connectors.afterbuy import xml
from connectors.afterbuy.client import MAX_STOCK_PRODUCTS, AfterbuyClient, Answer
from connectors.afterbuy.mapping_articles import quantity_of
from connectors.afterbuy.mapping_updates import stock_to_wire
from connectors.afterbuy.paging import PageReader
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.wire_articles import StockWire
from connectors.afterbuy.write_batches import BatchItem, send
from connectors.protocols.results import ItemResult
from connectors.protocols.stock import StockItem


class AfterbuyStock:
    """See `PublishesStock`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings
        self.batch_size = settings.stock_batch_size

    def publish_stock(self, items: Sequence[StockItem]) -> list[ItemResult]:
        """Set quantities; return one result for each item, in their order. Safe to repeat.

        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [BatchItem(item.key, item.external_id, stock_to_wire(item, self._settings)) for item in items]
        return send(batch, self._write, self.batch_size, splits=True)

    def fetch_stock(self, external_ids: Sequence[str]) -> dict[str, int]:
        """Return what Afterbuy holds of each product; a product that it does not know is missing."""
        stock: dict[str, int] = {}
        wanted = list(dict.fromkeys(external_ids))
        reader = PageReader("stock", "ProductID")
        for start in range(0, len(wanted), MAX_STOCK_PRODUCTS):
            answer = self._client.get_stock_info(wanted[start : start + MAX_STOCK_PRODUCTS])
            elements = xml.find_all(answer.result, "Products", "Product")
            for wire in reader.read(elements, StockWire, lambda wire: wire):
                quantity = quantity_of(wire, self._settings.stock_pool)
                if quantity is not None and wire.ProductID:
                    stock[wire.ProductID] = quantity
        return {external_id: stock[external_id] for external_id in wanted if external_id in stock}

    def _write(self, batch: Sequence[BatchItem]) -> Answer:
        return self._client.update_shop_products([item.nodes for item in batch])
