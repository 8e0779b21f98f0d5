"""What a system may sell of a listing."""

from sqlmodel import Session

from connectors.protocols.stock import StockItem
from models.catalog.listing import Listing, get_listings
from models.database.session import session_scope
from models.sync.outbound import list_by_keys, queue_outbound
from models.sync.records import OutboundKind
from tasks.outbound import stock
from tests.support.builders import Shop, add_article, add_listing, make_shop


def make_listing(session: Session) -> tuple[Shop, Listing]:
    """Return a listing that was queued."""
    shop = make_shop(session)
    listing_id = add_listing(session, shop.account, add_article(session, shop, "MUG", on_hand=7), "L-1")
    queue_outbound(session, shop.account.id, OutboundKind.stock, [listing_id])
    return shop, get_listings(session, [listing_id])[0]


def test_a_quantity_is_saved_with_its_listing() -> None:
    """Enough to compare it with what the system holds."""
    assert stock.values(StockItem("1", "L-1", 7)) == {"external_id": "L-1", "quantity": "7"}


def test_what_the_system_holds_now_is_saved(sqlite_database: str) -> None:
    """Its quantity, or that it is not known any more."""
    with session_scope() as session:
        shop, listing = make_listing(session)
        (row,) = list_by_keys(session, shop.account.id, OutboundKind.stock, None)
        stock.note_sent(session, row, {"external_id": "L-1", "quantity": "7", "version": 1})
        assert (listing.published_quantity, listing.published_at is not None) == (7, True)
        stock.note_sent(session, row, None)
        assert listing.published_quantity is None


def test_after_a_restore_no_quantity_is_known(sqlite_database: str) -> None:
    """And every listing is queued."""
    with session_scope() as session:
        shop, listing = make_listing(session)
        listing.published_quantity = 7
        session.add(listing)
        session.flush()
        stock.forget_sent(session, shop.account.id)
        session.refresh(listing)

        assert listing.published_quantity is None
        assert [row.version for row in list_by_keys(session, shop.account.id, OutboundKind.stock, None)] == [
            2
        ]
