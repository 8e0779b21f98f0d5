"""Orders go to the warehouse by themselves when they are paid, there, and nothing speaks against it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models.clock import utc_now
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import ReleaseResult, list_open_orders, release_order, release_ready
from models.fulfilment.shipments import ParcelData
from models.order_desk.edits import set_partial_shipping
from models.orders.history import Actor
from models.orders.order import OrderState, PaymentState
from models.payments.payment import record_refund, set_authorised
from models.privacy.persons import find_person, set_buyer_partial_shipping
from models.tenants.account import Account, account_data
from models.tenants.tenant import Tenant
from models.warehouse.ledger import set_on_hand
from tests.support.builders import (
    PLACED_AT,
    Shop,
    check_laws,
    details_in,
    events_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    stock_in,
    take_in,
)
from tests.support.releasing import buy, make_house, state


def run(session: Session, shop: Shop) -> ReleaseResult:
    account = account_data(session.get_one(Account, shop.account.id))
    return release_ready(session, account, list_open_orders(session, shop.account.id, 0, 100))


def test_who_goes_and_who_waits(database: str) -> None:
    """Paid orders and those on invoice go; unpaid and held ones wait, and are counted."""
    with session_scope() as session:
        shop = make_house(session)
        buy(session, shop, "paid", paid=True)
        buy(session, shop, "invoice", payment_method="INVOICE")
        buy(session, shop, "unpaid")
        buy(session, shop, "short", units=50, paid=True)
        buy(session, shop, "unknown", payment_method="BITCOIN")
        done = run(session, shop)
        again = run(session, shop)

        assert (len(done.released), done.held, done.unpaid) == (2, 2, 1)
        assert again.released == []
        assert [state(session, name) for name in ("paid", "invoice", "unpaid", "short", "unknown")] == [
            "released",
            "released",
            "open",
            "open",
            "open",
        ]
        assert events_in(session, "paid")[-1] == ("cycle", "released")
        check_laws(session)


def test_money_that_is_promised_is_enough(sqlite_database: str) -> None:
    """Authorised is not received, and the goods may go; taking the promise back stops that."""
    with session_scope() as session:
        shop = make_house(session)
        buy(session, shop, "1", payment_method="PAYPAL")
        order = get_order(session, "1")
        set_authorised(session, order, Decimal("10.00"), actor=Actor.person)
        promised = order.payment_state
        set_authorised(session, order, Decimal(0), actor=Actor.person)
        without = run(session, shop)
        set_authorised(session, order, Decimal("10.00"), actor=Actor.person)
        done = run(session, shop)

        assert (promised, without.unpaid, len(done.released)) == (PaymentState.authorised, 1, 1)
        assert order.paid_amount == 0


def test_a_last_look_before_the_door(sqlite_database: str) -> None:
    """What changed since the order was taken in is found before it goes."""
    with session_scope() as session:
        shop = make_house(session)
        buy(session, shop, "1", paid=True)
        account = session.get_one(Account, shop.account.id)
        account.settings = {**account.settings, "price_tolerance": "5"}
        from sqlmodel import select

        from models.catalog.article import Article, ArticlePrice

        article = session.exec(select(Article).where(Article.sku == "MUG")).one()
        session.add(ArticlePrice(article_id=article.row_id, currency="EUR", amount=Decimal("12.00")))
        session.flush()
        done = run(session, shop)

        assert (done.held, state(session, "1")) == (1, "open")
        assert [reason for reason, _, _ in holds_in(session, "1")] == ["price_off"]


@pytest.mark.parametrize("account_allows", [True, False])
@pytest.mark.parametrize("buyer_allows", [None, True, False])
@pytest.mark.parametrize("order_allows", [None, True, False])
def test_the_nearest_word_says_whether_parts_may_leave(
    sqlite_database: str, account_allows: bool, buyer_allows: bool | None, order_allows: bool | None
) -> None:
    """That of the order, else of its buyer, else of the account; a buyer's word is for later orders, too."""
    with session_scope() as session:
        shop = make_house(session, partial_shipping=account_allows)
        buy(session, shop, "0", customer_id="anna")
        person = find_person(session, session.get_one(Tenant, shop.tenant_id), "anna")
        assert set_buyer_partial_shipping(session, person, buyer_allows) == 1
        buy(session, shop, "1", units=12, paid=True, customer_id="anna")
        set_partial_shipping(session, get_order(session, "1"), order_allows)
        line = make_line("2-a", "CUP", 12)
        ways = {"payment_method": "INVOICE", "shipping_method": "parcel", "customer_id": "ben"}
        take_in(session, shop, make_order("2", line, **ways))
        run(session, shop)

        allowed = next(each for each in (order_allows, buyer_allows, account_allows) if each is not None)
        assert state(session, "1") == ("released" if allowed else "open")
        assert state(session, "2") == ("released" if account_allows else "open")
        changes = [detail["changes"] for detail in details_in(session, "1", "edited")]
        said = {"partial_shipping": ["", str(order_allows).lower()]}
        assert changes == ([] if order_allows is None else [said])


def test_what_is_there_may_go_first(database: str) -> None:
    """With partial shipping what is short keeps back itself alone, and is served from what comes in."""
    with session_scope() as session:
        shop = make_house(session, partial_shipping=True)
        lines = [make_line("a", "MUG", 4), make_line("b", "CUP", 12)]
        money = {"paid_amount": Decimal("160.00"), "paid_at": PLACED_AT}
        take_in(
            session,
            shop,
            make_order("1", *lines, payment_method="TRANSFER", shipping_method="parcel", **money),
        )
        done = run(session, shop)
        order = get_order(session, "1")
        line_ids = {row.external_id: row.row_id for row in _lines(session, "1")}
        with pytest.raises(RuleError, match="stock_short"):
            record_shipment(session, order, "DHL", [ParcelData(lines={line_ids["b"]: 11})], utc_now())
        record_shipment(
            session, order, "DHL", [ParcelData(lines={line_ids["a"]: 4, line_ids["b"]: 10})], utc_now()
        )
        partly = (order.state, lines_in(session, "1"), holds_in(session, "1"))
        cup = _article(session, "CUP")
        set_on_hand(session, shop.warehouse_id, {cup: 5})
        record_shipment(session, order, "DHL", [ParcelData()], utc_now())

        assert len(done.released) == 1
        assert partly == (
            OrderState.released,
            {"a": (4, 0, 4, 0), "b": (12, 0, 10, 0)},
            [("stock_short", "b", {"missing": 2, "quantity": 12})],
        )
        assert (order.state, lines_in(session, "1")["b"], holds_in(session, "1")) == (
            OrderState.shipped,
            (12, 0, 12, 0),
            [],
        )
        assert stock_in(session) == {"CUP": (3, 0), "MUG": (6, 0)}
        check_laws(session)


def test_a_person_releases_in_part(sqlite_database: str) -> None:
    """By hand an order goes unpaid; one that is short goes in part alone, and not if nothing is there."""
    with session_scope() as session:
        shop = make_house(session, release="by_hand")
        buy(session, shop, "1", units=12)
        buy(session, shop, "2", units=3)
        with pytest.raises(RuleError, match="stock_short"):
            release_order(session, get_order(session, "1"))
        with pytest.raises(RuleError, match="stock_short"):
            release_order(session, get_order(session, "2"), partly=True)
        release_order(session, get_order(session, "1"), partly=True)

        assert (state(session, "1"), state(session, "2")) == ("released", "open")


def test_express_is_served_first(sqlite_database: str) -> None:
    """What comes in goes to express orders before older ones."""
    with session_scope() as session:
        shop = make_house(session)
        set_on_hand(session, shop.warehouse_id, {_article(session, "MUG"): 0})
        buy(session, shop, "old", paid=True)
        buy(session, shop, "express", paid=True, way="express", placed_at=PLACED_AT + timedelta(days=1))
        set_on_hand(session, shop.warehouse_id, {_article(session, "MUG"): 1})

        assert (lines_in(session, "old")["old-a"][1], lines_in(session, "express")["express-a"][1]) == (0, 1)


def test_cancelled_and_given_back(database: str) -> None:
    """A paid order that is cancelled has received too much; given back, nothing is owed on either side."""
    with session_scope() as session:
        shop = make_house(session)
        buy(session, shop, "1", paid=True)
        buy(session, shop, "2")
        first, second = get_order(session, "1"), get_order(session, "2")
        cancel_order(session, first, actor=Actor.person)
        cancel_order(session, second, actor=Actor.person)
        over = first.payment_state
        with pytest.raises(RuleError, match=r"10\.00 were received"):
            record_refund(session, shop.account, first, Decimal("10.01"), utc_now())
        record_refund(session, shop.account, first, Decimal("10.00"), utc_now())

        assert (over, first.payment_state) == (PaymentState.overpaid, PaymentState.refunded)
        assert (first.paid_amount, first.refunded_amount) == (Decimal(0), Decimal("10.00"))
        assert second.payment_state is PaymentState.open, "nothing came and nothing is owed"
        assert events_in(session, "1")[-1] == ("person", "refund")


def _article(session: Session, sku: str) -> int:
    from sqlmodel import select

    from models.catalog.article import Article

    return session.exec(select(Article).where(Article.sku == sku)).one().row_id


def _lines(session: Session, number: str) -> list[Any]:
    from models.orders.queries import lines_of

    order_id = get_order(session, number).row_id
    return lines_of(session, [order_id])[order_id]
