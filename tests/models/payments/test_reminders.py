"""Buyers who have not paid are reminded once a term, and their orders cancelled after the last."""

from datetime import timedelta
from decimal import Decimal

from models.clock import utc_now
from models.database.session import session_scope
from models.payments.payment import record_payment
from models.payments.reminders import list_unpaid, send_reminders
from models.tenants.account import Account, account_data
from tests.support.builders import events_in, get_order, stock_in
from tests.support.releasing import buy, make_house, state


def test_reminded_then_cancelled(database: str) -> None:
    """Who has not paid is reminded once a term, and cancelled after the last; the goods are free again."""
    with session_scope() as session:
        shop = make_house(session, remind_after_days=7, remind_times=2, cancel_after_days=5)
        buy(
            session,
            shop,
            "late",
            checkout_at=utc_now() - timedelta(days=8),
            placed_at=utc_now() - timedelta(days=8),
        )
        buy(session, shop, "new", checkout_at=utc_now(), placed_at=utc_now())
        buy(session, shop, "wallet", payment_method="PAYPAL")
        steps = []
        for days in (0, 0, 8, 4, 2, 9):
            order = get_order(session, "late")
            if order.reminded_at is not None:
                order.reminded_at -= timedelta(days=days)
                session.add(order)
                session.flush()
            account = account_data(session.get_one(Account, shop.account.id))
            done = send_reminders(session, account, list_unpaid(session, account, 0, 100))
            steps.append((done.reminded, done.cancelled))

        assert steps == [(1, 0), (0, 0), (1, 0), (0, 0), (0, 1), (0, 0)]
        assert [state(session, name) for name in ("late", "new", "wallet")] == ["cancelled", "open", "open"]
        assert [kind for _, kind in events_in(session, "late")] == [
            "imported",
            "payment_reminded",
            "payment_reminded",
            "cancelled",
        ]
        assert stock_in(session)["MUG"] == (10, 2)


def test_money_stops_the_reminders(sqlite_database: str) -> None:
    """A partly paid order is reminded and never cancelled by itself; a paid one is left alone."""
    with session_scope() as session:
        shop = make_house(session, remind_after_days=1, cancel_after_days=1)
        buy(session, shop, "part")
        buy(session, shop, "paid")
        for number, amount in (("part", "4.00"), ("paid", "10.00")):
            record_payment(session, shop.account, get_order(session, number), Decimal(amount), utc_now())
        account = account_data(session.get_one(Account, shop.account.id))
        first = send_reminders(session, account, list_unpaid(session, account, 0, 100))
        order = get_order(session, "part")
        order.reminded_at = utc_now() - timedelta(days=30)
        session.add(order)
        session.flush()
        second = send_reminders(session, account, list_unpaid(session, account, 0, 100))

        assert ((first.reminded, first.cancelled), (second.reminded, second.cancelled)) == ((1, 0), (0, 0))
        assert (state(session, "part"), get_order(session, "paid").reminders) == ("open", 0)
