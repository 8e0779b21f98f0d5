"""What channels may sell of our stock, and which of them are told of a change."""

from sqlmodel import select

from models.catalog.listing import StockLimit
from models.database.session import session_scope
from models.warehouse.sellable import (
    StockFigures,
    queue_account_listings,
    queue_listings,
    sellable_for,
    stock_figures,
)
from tests.support.builders import (
    add_article,
    add_listing,
    make_account,
    make_line,
    make_order,
    make_shop,
    queued_listings,
    settle_outbound,
    take_in,
)


def test_what_was_never_counted_is_not_offered_as_zero(database: str) -> None:
    """Nothing is known of it, so the channel is told nothing."""
    with session_scope() as session:
        shop = make_shop(session)
        known, unknown = add_article(session, shop, "MUG", on_hand=0), add_article(session, shop, "NEW")

        assert sellable_for(session, shop.account.id, [known, unknown]) == {known: 0}


def test_each_account_that_lists_an_article_is_told(database: str) -> None:
    """One row for each listing, however often it changed, and none for other articles."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        mug = add_article(session, shop, "MUG", on_hand=9, listed=True)
        add_article(session, shop, "CUP", on_hand=9, listed=True)
        add_listing(session, other, mug, "S-MUG")
        settle_outbound(session)
        queue_listings(session, [mug])
        queue_listings(session, [mug, mug])

        assert list(queued_listings(session)) == ["L-MUG", "S-MUG"]
        versions = queued_listings(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG")))
        assert queued_listings(session)["S-MUG"] > versions["S-MUG"]


def test_a_whole_account_can_be_told_anew(database: str) -> None:
    """All listings whose article is known, of this account alone."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        mug = add_article(session, shop, "MUG", listed=True)
        add_article(session, shop, "CUP", listed=True)
        add_listing(session, shop.account, None, "L-UNKNOWN")
        add_listing(session, other, mug, "S-MUG")
        queue_account_listings(session, shop.account.id)

        assert queued_listings(session) == {"L-MUG": 1, "L-CUP": 1}
        assert session.exec(select(StockLimit)).all() == []


def test_a_bundle_is_as_available_as_its_scarcest_part(database: str) -> None:
    """Figures of a set come from its parts; an article that was never counted has none."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7)
        pot = add_article(session, shop, "POT", on_hand=2)
        unknown = add_article(session, shop, "NEW")
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2, pot: 1})
        half = add_article(session, shop, "HALF-KNOWN", parts={cup: 1, unknown: 1})
        none = add_article(session, shop, "UNKNOWN-SET", parts={unknown: 1})

        assert stock_figures(session, [cup, pot, unknown, tea, half, none]) == {
            cup: StockFigures(7, 0, 7),
            pot: StockFigures(2, 0, 2),
            tea: StockFigures(2, 0, 2),
            half: StockFigures(0, 0, 0),
        }


def test_selling_a_part_changes_the_bundle(database: str) -> None:
    """The listing of the set is queued too, and only listings that the sale concerns."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7, listed=True)
        pot = add_article(session, shop, "POT", on_hand=9, listed=True)
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2, pot: 1}, listed=True)
        settle_outbound(session)

        take_in(session, shop, make_order("1", make_line("a", "CUP", 3)))

        assert stock_figures(session, [tea])[tea].available == 2
        assert sorted(queued_listings(session)) == ["L-CUP", "L-TEA-SET"]
