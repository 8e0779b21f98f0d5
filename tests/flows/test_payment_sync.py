"""The cycle `payment-sync`, in both directions."""

from datetime import UTC, datetime
from decimal import Decimal

from models.database.session import session_scope
from models.orders.order import PaymentState
from models.orders.queries import find_order
from models.payments.payment import payments_of, record_payment
from models.sync.records import Cycle
from models.tenants.account import account_data, get_account
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, cursor, events, outbound, prepare, sync

PAYMENT = Cycle.payment_sync
PAID_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def _pay(shop: Shop, number: int, amount: str) -> None:
    with session_scope() as session:
        account = account_data(get_account(session, shop.name))
        order = find_order(session, str(number))
        record_payment(session, account, order, Decimal(amount), PAID_AT, reference="TX-7")


def test_payments_come_from_the_channel(shop: Shop) -> None:
    """Part and full payments there reach ours once each, also when the cycle is repeated."""
    mug = add_mug(shop)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([mug])
    unpaid = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)

    shop.channel.pay(theirs.order_id, Decimal("4.80"))
    first = sync(PAYMENT, shop)
    partly = shop.order(theirs.order_id)
    shop.channel.pay(theirs.order_id, transaction_id="PP-1")
    second = sync(PAYMENT, shop)
    third = sync(PAYMENT, shop)
    sync(Cycle.order_import, shop)

    assert (first.changed, second.changed, third.changed, third.unchanged) == (1, 1, 0, 1)
    assert (partly.paid_amount, partly.payment_state) == (Decimal("4.80"), PaymentState.partly_paid)
    order = shop.order(theirs.order_id)
    assert (order.paid_amount, order.payment_state) == (Decimal("14.80"), PaymentState.paid)
    assert shop.order(unpaid.order_id).payment_state is PaymentState.open
    with session_scope() as session:
        amounts = [row.amount for row in payments_of(session, order.id or 0)]
    assert amounts == [Decimal("4.80"), Decimal("10.00")]
    assert events(order) == ["imported", "payment", "payment"]
    assert shop.simulator.writes == []


def test_unknown_orders_are_left_alone(sqlite_shop: Shop) -> None:
    """Payments of orders that are not here are skipped; the cycle's own cursor moves."""
    shop = sqlite_shop
    mug = add_mug(shop)
    shop.channel.place_order([mug], paid=True)
    orders_before = cursor(shop, "orders")

    counts = sync(PAYMENT, shop, orders=["410000001"])

    assert (counts.read, counts.skipped, counts.changed) == (1, 1, 0)
    assert cursor(shop, "orders") == orders_before == {}


def test_our_payments_go_to_the_channel(shop: Shop) -> None:
    """What was received in all is told, absolute, once, with date and reference, and no buyer is mailed."""
    shop.configure(payments="warenfluss")
    mug = add_mug(shop)
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)

    _pay(shop, theirs.order_id, "4.80")
    _pay(shop, theirs.order_id, "10.00")
    first, second = sync(PAYMENT, shop), sync(PAYMENT, shop)

    assert (first.sent, second.sent) == (1, 0)
    record = shop.channel.order(theirs.order_id)
    assert (record.already_paid, record.payment_date) == (Decimal("14.80"), PAID_AT)
    assert record.payment_transaction_id == "TX-7"
    assert shop.simulator.effects_by_name["UpdateSoldItems"] == 1
    assert shop.channel.mails_to_buyers == []
    assert outbound(shop) == [("payment", "sent")]


def test_our_payments_are_not_taken_back(shop: Shop) -> None:
    """An order read before the channel heard of a payment does not undo it, and one read after adds none."""
    shop.configure(payments="warenfluss")
    mug = add_mug(shop)
    theirs = shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    _pay(shop, theirs.order_id, "14.80")
    shop.channel.touch(shop.channel.order(theirs.order_id))

    sync(Cycle.order_import, shop)
    before = shop.order(theirs.order_id).paid_amount
    sync(PAYMENT, shop)
    sync(Cycle.order_import, shop)

    assert before == Decimal("14.80")
    assert shop.order(theirs.order_id).paid_amount == Decimal("14.80")
    with session_scope() as session:
        assert len(payments_of(session, shop.order(theirs.order_id).id or 0)) == 1


def test_the_channel_handles_payments_by_default(sqlite_shop: Shop) -> None:
    """Money recorded here is not sent where the channel handles payments."""
    shop = sqlite_shop
    theirs = shop.channel.place_order([add_mug(shop)])
    sync(Cycle.order_import, shop)
    _pay(shop, theirs.order_id, "14.80")

    sync(PAYMENT, shop)

    assert shop.simulator.writes == []
    assert outbound(shop) == []
