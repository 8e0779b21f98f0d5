"""Trial orders are there to be looked at: they touch nothing, and are replaced whole."""

from decimal import Decimal

from models.database.session import session_scope
from models.orders.order import Order, OrderLine
from models.payments.payment import Payment
from tests.support.builders import (
    counts_of,
    get_order,
    lines_in,
    make_line,
    make_order,
    queued_listings,
    row_counts,
    stock_in,
    take_in,
)
from tests.support.trials import trial_shop


def test_a_trial_order_touches_nothing(database: str) -> None:
    """Law 5: it is there to be looked at; no stock is promised and nobody is told."""
    with session_scope() as session:
        trial_shop(session)

        assert get_order(session, "O-1").trial
        assert (stock_in(session), queued_listings(session)) == ({"MUG": (3, 0)}, {})
        assert lines_in(session, "O-1") == {"a": (1, 0, 0, 0), "b": (1, 0, 0, 0)}


def test_a_trial_order_is_read_again_without_doubling(database: str) -> None:
    """Unchanged it stays; changed it is replaced."""
    with session_scope() as session:
        shop = trial_shop(session)
        same = make_order("O-1", make_line("a", "MUG"), make_line("b", "NIX"), paid_amount=Decimal(20))
        unchanged = take_in(session, shop, same, trial=True)
        changed = take_in(session, shop, make_order("O-1", make_line("a", "MUG", 3)), trial=True)

        assert (counts_of(unchanged), counts_of(changed)) == (
            {"read": 1, "unchanged": 1},
            {"read": 1, "new": 1},
        )
        assert lines_in(session, "O-1") == {"a": (3, 0, 0, 0)}
        assert row_counts(session, Order, OrderLine, Payment) == [1, 1, 0]


def test_a_live_import_replaces_a_trial(database: str) -> None:
    """The order is taken in earnest, once."""
    with session_scope() as session:
        shop = trial_shop(session)
        data = make_order("O-1", make_line("a", "MUG"), paid_amount=Decimal(10))
        intake = take_in(session, shop, data)

        assert counts_of(intake) == {"read": 1, "new": 1}
        assert (get_order(session, "O-1").trial, stock_in(session)) == (False, {"MUG": (3, 1)})
        assert row_counts(session, Order, OrderLine, Payment) == [1, 1, 1]
