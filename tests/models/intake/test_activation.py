"""The mode of an account: going live takes the test orders away."""

from decimal import Decimal

from sqlmodel import select

from models.database.session import session_scope
from models.intake.activation import set_mode
from models.orders.history import OrderEvent
from models.orders.order import Order, OrderLine
from models.payments.payment import Payment
from models.sync.cursors import cursor_name_in_test, find_cursor, save_cursor
from models.tenants.account import Account
from models.tenants.records import Mode
from tests.support.builders import (
    make_line,
    make_order,
    row_counts,
    take_in,
)
from tests.support.trials import trial_shop


def test_trials_vanish_when_the_account_goes_live(database: str) -> None:
    """Their rows go whole with the cursor of the test; live orders, their cursor and the stock stay."""
    with session_scope() as session:
        shop = trial_shop(session)
        take_in(session, shop, make_order("O-2", make_line("c", "MUG"), paid_amount=Decimal(10)))
        save_cursor(session, shop.account.id, "orders", {"page": "3"})
        save_cursor(session, shop.account.id, cursor_name_in_test("orders"), {"page": "9"})
        account = session.get_one(Account, shop.account.id)
        account.mode = Mode.test

        removed = set_mode(session, account, Mode.live)

        assert removed == 1
        assert [row.external_id for row in session.exec(select(Order))] == ["O-2"]
        assert row_counts(session, OrderLine, Payment, OrderEvent) == [1, 1, 1]
        assert find_cursor(session, shop.account.id, cursor_name_in_test("orders")) == {}
        assert find_cursor(session, shop.account.id, "orders") == {"page": "3"}
        assert (account.mode, account.activated_at is not None) == (Mode.live, True)
