"""What a channel may sell: available less a buffer, capped, each by account, category or article."""

import pytest
from sqlmodel import Session, select

from models.catalog.article import ArticleCategory
from models.catalog.listing import LimitScope, StockLimit, limits_for, sellable
from models.database.session import session_scope
from models.warehouse.sellable import queue_account_listings, queue_listings, sellable_for
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


@pytest.mark.parametrize(
    ("available", "buffer", "maximum", "expected"),
    [(10, 0, None, 10), (10, 3, None, 7), (2, 3, None, 0), (10, 3, 5, 5), (10, 8, 5, 2), (10, 0, 0, 0),
     (0, 0, 5, 0)],
)  # fmt: skip
def test_what_may_be_sold(available: int, buffer: int, maximum: int | None, expected: int) -> None:
    """Never below zero, at most the maximum."""
    assert sellable(available, buffer, maximum) == expected


def add_limit(
    session: Session, account_id: int, scope: LimitScope, key: str, buffer: int, maximum: int | None
) -> None:
    session.add(StockLimit(account_id=account_id, scope=scope, scope_key=key, buffer=buffer, maximum=maximum))
    session.flush()


def test_the_narrowest_limit_wins(database: str) -> None:
    """An article's own, else its categories', of several the strictest, else the account's."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        skus = ("PLAIN", "IN-ONE", "IN-TWO", "OWN", "FREE")
        ids = {sku: add_article(session, shop, sku, on_hand=20) for sku in skus}
        account_id = shop.account.id
        links = [("IN-ONE", "c1"), ("IN-TWO", "c1"), ("IN-TWO", "c2"), ("OWN", "c1"), ("FREE", "c1")]
        for sku, category in links:
            session.add(
                ArticleCategory(article_id=ids[sku], account_id=account_id, category_external_id=category)
            )
        add_limit(session, account_id, LimitScope.account, "", 1, 15)
        add_limit(session, account_id, LimitScope.category, "c1", 2, 9)
        add_limit(session, account_id, LimitScope.category, "c2", 12, None)
        add_limit(session, account_id, LimitScope.article, str(ids["OWN"]), 4, 3)
        add_limit(session, account_id, LimitScope.article, str(ids["FREE"]), 0, None)

        assert limits_for(session, account_id, list(ids.values())) == {
            ids["PLAIN"]: (1, 15),
            ids["IN-ONE"]: (2, 9),
            ids["IN-TWO"]: (12, 9),
            ids["OWN"]: (4, 3),
            ids["FREE"]: (0, None),
        }
        assert sellable_for(session, account_id, list(ids.values())) == {
            ids["PLAIN"]: 15, ids["IN-ONE"]: 9, ids["IN-TWO"]: 8, ids["OWN"]: 3, ids["FREE"]: 20,
        }  # fmt: skip
        assert limits_for(session, other.id, [ids["OWN"]]) == {ids["OWN"]: (0, None)}


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
