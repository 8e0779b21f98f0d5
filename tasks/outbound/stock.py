"""Stock: publish the quantity of a listing that may be sold, never a difference."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectors.protocols.results import ItemResult
from connectors.protocols.stock import StockItem
from models.catalog.listing import Listing, get_listings
from models.clock import utc_now
from models.database.session import Session
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.upkeep.after_restore import clear_published
from models.warehouse.sellable import sellable_quantities
from tasks.outbound.read_back import ReadBack
from tasks.run.work import Work

KIND = OutboundKind.stock


def batch_size(work: Work) -> int:
    """Return how many quantities one request takes."""
    return work.stock.batch_size


def build(
    session: Session, work: Work, ids: Sequence[int], _repeats: Collection[int] = ()
) -> dict[int, StockItem]:
    """Return the quantity to offer, by listing id; a listing that already offers it is left out."""
    listings = get_listings(session, ids)
    quantities = sellable_quantities(session, work.account.id, listings)
    items: dict[int, StockItem] = {}
    for listing in listings:
        listing_id = listing.row_id
        if listing_id in quantities and quantities[listing_id] != listing.published_quantity:
            items[listing_id] = StockItem(str(listing_id), listing.external_id, quantities[listing_id])
    return items


def values(item: StockItem) -> dict[str, str]:
    """Return the listing's number and the quantity."""
    return {"external_id": item.external_id, "quantity": str(item.quantity)}


def publish(work: Work, items: Sequence[StockItem]) -> list[ItemResult]:
    """Send quantities."""
    return work.stock.publish_stock(items)


def read_back(work: Work, rows: Sequence[Outbound]) -> ReadBack:
    """Compare the quantities that were sent with those the system holds.

    A listing that the system does not know counts as not arrived: sent again it is refused, with the reason.
    """
    sent = {row.key: row.sent_values for row in rows if row.sent_values}
    numbers = sorted({each["external_id"] for each in sent.values()})
    there = work.stock.fetch_stock(numbers) if numbers else {}
    return ReadBack(
        arrived={key for key, each in sent.items() if str(there.get(each["external_id"])) == each["quantity"]}
    )


def note_sent(session: Session, row: Outbound, values: Mapping[str, Any] | None) -> None:
    """Save on the listing what it offers now. None: not known, for instance because it was sold meanwhile."""
    listing = session.get_one(Listing, int(row.key))
    listing.published_quantity = int(values["quantity"]) if values is not None else None
    listing.published_at = utc_now()
    session.add(listing)


def forget_sent(session: Session, account_id: int) -> None:
    """Forget what every listing of an account offers, and queue all of them."""
    clear_published(session, account_id)
