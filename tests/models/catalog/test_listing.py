"""What a channel may sell: available less a buffer, capped, each by account, category or article."""

import pytest
from sqlmodel import Session

from models.catalog.article import ArticleCategory
from models.catalog.listing import LimitScope, StockLimit, limits_for, sellable
from models.database.session import session_scope
from models.warehouse.sellable import sellable_for
from tests.support.builders import add_article, make_account, make_shop


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
