"""Lines without an article are settled by a person, or matched again when the article comes."""

import pytest

from models.database.session import session_scope
from models.errors import NotFoundError
from models.order_desk.match_choices import list_unmatched, rematch_lines, resolve_line
from models.orders.match_rules import DEFAULT_RULES
from models.tenants.account import Account, account_data
from tests.support.builders import (
    add_article,
    check_laws,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)


def test_a_line_is_settled_by_hand(database: str) -> None:
    """The choice promises stock, ends the hold, is written down, and the next order follows it."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=10)
        take_in(session, shop, make_order("1", make_line("a", "ODD-1", 2)))
        account = session.get_one(Account, shop.account.id)
        resolve_line(session, account, get_order(session, "1"), "a", [(mug, 3)], remember=True)
        take_in(session, shop, make_order("2", make_line("b", "ODD-1")))

        assert (holds_in(session, "1"), lines_in(session, "1")) == ([], {"a": (2, 2, 0, 0)})
        assert (stock_in(session), list_unmatched(session)) == ({"MUG": (10, 9)}, [])
        with pytest.raises(NotFoundError, match="no line 'z'"):
            resolve_line(session, account, get_order(session, "1"), "z", [(mug, 1)])
        check_laws(session)


def test_lines_that_wait_are_matched_when_the_article_comes(database: str) -> None:
    """Trying the rules again settles what can be settled, and leaves the rest held."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG"), make_line("b", "NIX")))
        add_article(session, shop, "MUG", on_hand=1)
        account = session.get_one(Account, shop.account.id)

        assert rematch_lines(session, account_data(account), DEFAULT_RULES) == 1
        assert [hold[:2] for hold in holds_in(session, "1")] == [("line_unmatched", "b")]
        assert stock_in(session) == {"MUG": (1, 1)}
