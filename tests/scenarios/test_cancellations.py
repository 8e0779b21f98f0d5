"""What is cancelled or given back here: the channel hears of it once; what was added there is not lost."""

from decimal import Decimal

import pytest
from sqlmodel import col, select

from connectors.afterbuy.simulator import Fault
from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.simulator.state import CANCELLED_FLAG
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.order_desk.edits import set_quantity
from models.orders.history import Actor
from models.orders.order import OrderState
from models.orders.queries import find_order, lines_of
from models.payments.payment import record_refund
from models.sync.outbound import Outbound
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import account_data, get_account
from tests.flows.conftest import Shop
from tests.flows.test_payment_sync import _pay
from tests.flows.test_reconcile import set_clock
from tests.flows.test_shipping_sync import ship
from tests.support.cli_steps import call, read
from tests.support.steps import Figures, add_mug, holds, outbound, prepare, stock_of, sync

SHIPPING, IMPORT = Cycle.shipping_sync, Cycle.order_import


def _order(shop: Shop, *quantities: int) -> TheirOrder:
    shop.configure(cancelled_flags=str(CANCELLED_FLAG))
    mugs = [add_mug(shop, 20, f"M-{number}") for number in range(len(quantities))]
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, n) for mug, n in zip(mugs, quantities, strict=True)])
    sync(IMPORT, shop)
    return theirs


def _cancel(theirs: TheirOrder) -> None:
    with session_scope() as session:
        cancel_order(session, find_order(session, str(theirs.order_id)), actor=Actor.person)


def _set_quantity(theirs: TheirOrder, quantity: int) -> None:
    with session_scope() as session:
        order = find_order(session, str(theirs.order_id))
        line = lines_of(session, [order.id or 0])[order.id or 0][0]
        set_quantity(session, order, line, quantity, actor=Actor.person)


def _told(shop: Shop) -> list[tuple[str, str]]:
    return [row for row in outbound(shop) if row[0] == "cancellation"]


def _error(kind: OutboundKind = OutboundKind.cancellation) -> str:
    with read_scope() as session:
        return session.exec(select(Outbound.error).where(col(Outbound.kind) == kind)).one()


def test_an_order_cancelled_here_is_cancelled_there_and_books_no_stock_twice(shop: Shop) -> None:
    """It carries the account's marker there; our stock goes there as a figure; reading it changes nothing."""
    theirs = _order(shop, 2)
    before = shop.channel.products[theirs.items[0].product_id or 0].quantity
    _cancel(theirs)

    first, second = sync(SHIPPING, shop), sync(SHIPPING, shop)

    record = shop.channel.order(theirs.order_id)
    assert (first.sent, second.read, _told(shop)) == (1, 0, [("cancellation", "sent")])
    assert record.cancelled_at is not None
    assert {item.flag for item in record.items} == {CANCELLED_FLAG}
    assert shop.channel.products[theirs.items[0].product_id or 0].quantity == before
    sync(Cycle.stock_export, shop)
    assert shop.channel.products[theirs.items[0].product_id or 0].quantity == 20
    sync(IMPORT, shop)
    assert shop.order(theirs.order_id).state is OrderState.cancelled
    assert holds(shop.order(theirs.order_id)) == []
    assert sync(Cycle.reconcile, shop).different == 0


@pytest.mark.parametrize("fault", [Fault.reset_before(), Fault.reset_after(), Fault.html_page()])
def test_a_lost_reply_is_looked_up_and_never_sent_twice(sqlite_shop: Shop, fault: Fault) -> None:
    """Whether it had arrived or not, the order is cancelled there once."""
    shop = sqlite_shop
    theirs = _order(shop, 1)
    _cancel(theirs)
    shop.simulator.faults.add(fault, "CancelOrders")

    sync(SHIPPING, shop)
    with session_scope() as session:
        for row in session.exec(select(Outbound)):
            row.next_try_at = utc_now()
    sync(SHIPPING, shop)

    assert shop.channel.order(theirs.order_id).cancelled_at is not None
    assert shop.simulator.effects_by_name["CancelOrders"] == 1
    assert _told(shop) == [("cancellation", "sent")]


def test_what_a_buyer_adds_meanwhile_is_not_cancelled(sqlite_shop: Shop) -> None:
    """The order is looked at right before: with more in it there, a person decides, and is mailed."""
    shop = sqlite_shop
    theirs = _order(shop, 1)
    _cancel(theirs)
    shop.channel.change_quantity(theirs.order_id, theirs.items[0].id, 3)

    assert sync(SHIPPING, shop).parked == 1

    assert shop.channel.order(theirs.order_id).cancelled_at is None
    assert shop.simulator.writes == []
    assert f"Order {theirs.order_id} has more there" in _error()
    sync(IMPORT, shop)
    assert holds(shop.order(theirs.order_id)) == ["changed_after_release"]


def test_what_was_shipped_there_is_not_cancelled(sqlite_shop: Shop) -> None:
    """Goods that are on their way are no cancellation: a person is told."""
    shop = sqlite_shop
    theirs = _order(shop, 1)
    _cancel(theirs)
    shop.channel.ship(theirs.order_id, tracking_number="X1")
    assert sync(SHIPPING, shop).parked == 1
    assert "was shipped" in _error()
    assert shop.channel.order(theirs.order_id).cancelled_at is None


def test_a_part_is_shown_until_somebody_has_taken_it_out_there(sqlite_shop: Shop) -> None:
    """Afterbuy has no call for it: the change is parked with what is to be done, and closes once it is."""
    shop = sqlite_shop
    theirs = _order(shop, 3)
    _set_quantity(theirs, 1)

    assert sync(SHIPPING, shop).parked == 1
    assert f"change order {theirs.order_id} there by hand, so that it has 1 ×" in _error()
    assert shop.simulator.writes == []
    assert sync(Cycle.reconcile, shop).different == 0

    shop.channel.change_quantity(theirs.order_id, theirs.items[0].id, 1)
    sync(IMPORT, shop)
    assert call("outbound", "retry", "--all").exit_code == 0
    assert sync(SHIPPING, shop).sent == 1
    assert (_told(shop), shop.simulator.writes) == ([("cancellation", "sent")], [])
    assert stock_of("M-0") == Figures(20, 1)
    assert holds(shop.order(theirs.order_id)) == []


def test_the_rest_of_an_order_that_has_left_in_part_is_never_cancelled_whole(sqlite_shop: Shop) -> None:
    """CancelOrders knows whole orders alone, and goods are on their way."""
    shop = sqlite_shop
    theirs = _order(shop, 3)
    with read_scope() as session:
        line_id = lines_of(session, [shop.order(theirs.order_id).id or 0]).popitem()[1][0].id or 0
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1", lines={line_id: 1}))
    _cancel(theirs)
    sync(SHIPPING, shop)
    assert shop.channel.order(theirs.order_id).cancelled_at is None
    assert "so that it has 1 ×" in _error()


def test_what_the_channel_cancelled_is_not_told_back(sqlite_shop: Shop) -> None:
    """It knows."""
    shop = sqlite_shop
    theirs = _order(shop, 1)
    shop.channel.cancel(theirs.order_id)
    sync(IMPORT, shop)
    assert shop.order(theirs.order_id).state is OrderState.cancelled
    assert _told(shop) == []


def test_a_test_run_shows_what_it_would_cancel(sqlite_shop: Shop) -> None:
    """Nothing leaves, and the row waits."""
    shop = sqlite_shop
    theirs = _order(shop, 1)
    _cancel(theirs)
    assert sync(SHIPPING, shop, test=True).would_send == 1
    assert (shop.simulator.writes, _told(shop)) == ([], [("cancellation", "pending")])


def test_a_cancellation_that_the_channel_lost_is_found_and_told_again(sqlite_shop: Shop) -> None:
    """Somebody reopened the order there: the reconciliation says so, and its command tells it again."""
    shop = sqlite_shop
    shop.configure(overlap_minutes=0)
    set_clock(shop, -120)
    theirs = _order(shop, 1)
    _cancel(theirs)
    sync(SHIPPING, shop)
    record = shop.channel.order(theirs.order_id)
    record.cancelled_at = None
    for item in record.items:
        item.flag = 0
    set_clock(shop, 0)
    for cycle in (IMPORT, Cycle.stock_export):
        sync(cycle, shop)

    assert sync(Cycle.reconcile, shop).different == 1
    (row,) = read("reconcile", "list")
    assert (row["kind"], row["here"], row["there"]) == ("cancellation", "cancelled", "open")
    assert call("reconcile", "mend", str(row["id"])).exit_code == 0
    sync(SHIPPING, shop)
    assert record.cancelled_at is not None
    assert sync(Cycle.reconcile, shop).different == 0


@pytest.mark.parametrize("told_first", [True, False])
def test_a_refund_is_told_and_never_comes_back_as_a_payment(sqlite_shop: Shop, told_first: bool) -> None:
    """The channel's old figure, read before it heard of the refund, is no money."""
    shop = sqlite_shop
    shop.configure(payments="warenfluss")
    theirs = _order(shop, 1)
    _pay(shop, theirs.order_id, "14.80")
    sync(Cycle.payment_sync, shop)
    with session_scope() as session:
        account = account_data(get_account(session, shop.name))
        record_refund(session, account, find_order(session, str(theirs.order_id)), Decimal("4.80"), utc_now())
    shop.channel.touch(shop.channel.order(theirs.order_id))

    for cycle in (Cycle.payment_sync, IMPORT) if told_first else (IMPORT, Cycle.payment_sync):
        sync(cycle, shop)

    assert shop.order(theirs.order_id).paid_amount == Decimal("10.00")
    assert shop.channel.order(theirs.order_id).already_paid == Decimal("10.00")
    sync(IMPORT, shop)
    assert shop.order(theirs.order_id).paid_amount == Decimal("10.00")
    assert sync(Cycle.reconcile, shop).different == 0
