"""The cycles `order-release` and `payment-due`: orders go on by themselves; test mode only tells of it."""

from datetime import timedelta

import pytest

from models.clock import today, utc_now
from models.database.session import session_scope
from models.fulfilment.holding import cancel_order
from models.fulfilment.splitting import split_order
from models.order_desk.method_mapping import apply_mapping
from models.orders.history import Actor
from models.orders.order import OrderState
from models.orders.queries import lines_of
from models.sync.records import Cycle
from models.tenants.account import get_account
from models.tenants.methods import list_channel_methods, map_channel_method, save_shipping_method
from models.tenants.records import MethodKind
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, events, holds, prepare, sync

RELEASE, DUE = Cycle.order_release, Cycle.payment_due


def explain_methods(shop: Shop) -> None:
    """Say of every method that orders have named what it means."""
    with session_scope() as session:
        account = get_account(session, shop.name)
        save_shipping_method(session, account.tenant_id, "parcel", {"carrier": "DHL"})
        for row in list_channel_methods(session, account.row_id):
            meaning = "prepayment" if row.kind is MethodKind.payment else "parcel"
            map_channel_method(session, account.tenant_id, row.account_id, row.kind, row.external_id, meaning)
            apply_mapping(session, account, row.kind, row.external_id)


@pytest.fixture
def orders(shop: Shop) -> list[int]:
    """A paid and an unpaid order; the channel's own words for their methods are explained."""
    shop.configure(release="automatic", remind_after_days=1, cancel_after_days=1)
    mug = add_mug(shop, 20)
    numbers = [shop.channel.place_order([(mug.id, 2)], paid=paid).order_id for paid in (True, False)]
    prepare(shop, Cycle.article_import, Cycle.order_import)
    explain_methods(shop)
    return numbers


def test_a_paid_order_goes_once(shop: Shop, orders: list[int]) -> None:
    """In test mode the figures alone say so; in earnest it goes, and another run finds nothing to do."""
    tried = sync(RELEASE, shop, test=True)
    before = shop.order(orders[0]).state
    done = sync(RELEASE, shop)
    again = sync(RELEASE, shop)

    assert (tried.released, tried.unpaid, before) == (1, 1, OrderState.open)
    assert (done.released, again.released) == (1, 0)
    assert [shop.order(number).state for number in orders] == [OrderState.released, OrderState.open]
    assert events(shop.order(orders[0])).count("released") == 1
    assert holds(shop.order(orders[1])) == []


def test_what_was_kept_back_until_today_goes_by_itself(shop: Shop, orders: list[int]) -> None:
    """In test mode it stays; in earnest it is let go, also if no order is open any more, and once."""
    sync(RELEASE, shop)
    with session_scope() as session:
        order = session.merge(shop.order(orders[0]))
        (line,) = lines_of(session, [order.row_id])[order.row_id]
        cancel_order(session, session.merge(shop.order(orders[1])), actor=Actor.person)
        split_order(session, order, {line.row_id: 1}, today() + timedelta(days=1))
        line.kept_until = today()
    told = []
    for test in (True, False, False):
        sync(RELEASE, shop, test=test)
        with session_scope() as session:
            (line,) = lines_of(session, [order.row_id])[order.row_id]
            told.append((line.kept_back, events(shop.order(orders[0])).count("unsplit")))

    assert told == [(1, 0), (0, 1), (0, 1)]


def test_an_unpaid_order_is_reminded_and_cancelled(shop: Shop, orders: list[int]) -> None:
    """Each step when its days have passed, and once, however often the cycle runs."""
    with session_scope() as session:
        order = session.merge(shop.order(orders[1]))
        order.checkout_at = order.placed_at = utc_now() - timedelta(days=2)
    tried = sync(DUE, shop, test=True)
    first, second = sync(DUE, shop), sync(DUE, shop)
    with session_scope() as session:
        session.merge(shop.order(orders[1])).reminded_at = utc_now() - timedelta(days=2)
    third = sync(DUE, shop)

    assert [count.reminded for count in (tried, first, second, third)] == [1, 1, 0, 0]
    assert [count.cancelled for count in (tried, first, second, third)] == [0, 0, 0, 1]
    assert shop.order(orders[1]).state is OrderState.cancelled
    assert events(shop.order(orders[1]))[-2:] == ["payment_reminded", "cancelled"]
