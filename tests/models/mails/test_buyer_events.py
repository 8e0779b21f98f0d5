"""Which events of an order queue a mail to its buyer: once each, in the commit of their cause."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.mails.buyer_events import mail_key, queue_buyer_mail, read_key
from models.orders.history import Actor
from models.orders.order import OrderState
from models.payments.payment import apply_channel_total
from models.sync.outbound import Outbound, OutboundState, queue_once
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.records import BuyerEvent, Mode, Side
from tests.support.builders import get_order, make_line, make_order, make_shop, settle_outbound, take_in
from tests.support.buyer_mail import NOW, bought, open_shop, pay, queued, sell, ship


def test_what_happens_to_an_order_is_queued_once(database: str) -> None:
    """Arrival, each payment and shipment, and the end, in the transaction of each; a page again adds none."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        sell(session, shop)
        pay(session, shop, order, "10.00")
        apply_channel_total(session, order, Decimal("34.97"), NOW, handled_by=Side.channel, method="")
        ship(session, order, {"1-a": 1})
        cancel_order(session, order, actor=Actor.person)

        expected = ["1 order_received", *["1 payment_received #"] * 2, "1 shipped #", "1 cancelled"]
        assert queued(session) == expected
        settle_outbound(session)
        with pytest.raises(RuleError, match="is cancelled and does not become cancelled"):
            cancel_order(session, get_order(session, "1"), actor=Actor.person)
        sell(session, shop)
        assert queued(session) == [], "what was told is told no more"


def test_nobody_is_told_unasked(database: str) -> None:
    """By default, for trials, while an account is no live one, and of what the account does not want."""
    with session_scope() as session:
        shop = open_shop(session, wanted="shipped, cancelled")
        order = bought(session, shop)
        pay(session, shop, order, "34.97")
        sell(session, shop, "2", trial=True)
        account = session.get_one(Account, shop.account.id)
        account.mode = Mode.test
        ship(session, order)
        assert queued(session) == []
        account.mode = Mode.live
        assert "buyer_mails" not in make_shop(session, "sued").account.settings
        quiet = make_shop(session, "west")
        take_in(session, quiet, make_order("9", make_line("9-a", "A"), placed_at=NOW, checkout_at=NOW))
        cancel_order(session, get_order(session, "9"), actor=Actor.person)
        assert queued(session) == []


def test_history_and_open_checkouts_wait(database: str) -> None:
    """An order bought long ago or shipped already is no arrival; an open one arrives with its checkout."""
    with session_scope() as session:
        shop = open_shop(session, take_orders="sold", order_notice="each")
        old = NOW - timedelta(days=4)
        sell(session, shop, "1", placed_at=old, checkout_at=old)
        sell(session, shop, "2", shipped_at=NOW)
        sell(session, shop, "3", cancelled=True)
        sell(session, shop, "4", checkout_at=None)
        assert queued(session) == []

        sell(session, shop, "4")
        assert queued(session) == ["4 order_received"]
        assert queued(session, OutboundKind.order_notice) == ["4"]


def test_an_open_checkout_that_is_cancelled_is_told_to_nobody(database: str) -> None:
    """Its buyer has never heard of it."""
    with session_scope() as session:
        shop = open_shop(session, take_orders="sold")
        cancel_order(session, bought(session, shop, checkout_at=None), actor=Actor.person)
        assert queued(session) == []


def test_what_the_channel_shipped_is_its_own_to_tell(database: str) -> None:
    """Also after a restore, when what left in the lost time comes back from there."""
    with session_scope() as session:
        shop = open_shop(session, wanted="shipped")
        sell(session, shop)
        sell(session, shop, shipped_at=NOW)
        assert get_order(session, "1").state is OrderState.shipped
        assert queued(session) == []


def test_the_same_key_is_told_once(database: str) -> None:
    """Whatever became of its row."""
    with session_scope() as session:
        shop = open_shop(session)
        order = bought(session, shop)
        settle_outbound(session)
        for _ in range(2):
            queue_buyer_mail(session, order, BuyerEvent.refund, 7)
            queue_buyer_mail(session, order, BuyerEvent.order_received)
        assert queued(session) == ["1 refund #"]
        parked = session.exec(select(Outbound).where(Outbound.state == OutboundState.pending)).one()
        parked.state = OutboundState.parked
        session.add(parked)
        session.flush()
        queue_once(session, shop.account.id, OutboundKind.buyer_mail, [parked.key])
        assert queued(session) == []
        assert read_key(mail_key(3, BuyerEvent.shipped, 4)) == (3, BuyerEvent.shipped, "4")
