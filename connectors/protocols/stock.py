"""Publishing the quantities that a system may offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.protocols.results import ItemResult


@dataclass(frozen=True)
class StockItem:
    """The quantity that a system offers of one listing: absolute, never a difference."""

    key: str
    external_id: str
    quantity: int


class PublishesStock(Protocol):
    """A system that takes quantities of listings, and says which it holds."""

    batch_size: int
    """The most items that one call of `publish_stock` sends in one request."""

    def publish_stock(self, items: Sequence[StockItem]) -> list[ItemResult]:
        """Set quantities; return one result for each item. Safe to repeat.

        A lost answer is a result (`Outcome.uncertain`), never an UncertainError.
        """

    def fetch_stock(self, external_ids: Sequence[str]) -> dict[str, int]:
        """Return the quantity of each listing; a listing that the system does not know is missing."""
