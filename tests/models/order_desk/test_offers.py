"""Offers: they reserve nothing, and each becomes one order at most, at its own prices."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlmodel import select

from models.catalog.article import ArticlePrice
from models.clock import today
from models.database.session import session_scope
from models.errors import Action, Advice, NotFoundError, RuleError
from models.order_desk.manual_records import ManualLine
from models.order_desk.offers import Offer, OfferState, accept_offer, decline_offer, find_offer, make_offer
from models.orders.order import Order
from models.orders.origin import OrderOrigin, OriginKind
from models.tenants.account_kinds import MANUAL
from models.tenants.tenant import add_tenant
from tests.support.builders import lines_in, make_account, stock_in
from tests.support.order_desk import FIRST, YEAR, asked, open_shop, own
from tests.support.races import accept_by_hand, run_at_once


@pytest.fixture
def offered(database: str) -> str:
    """An offer of five mugs at ten euro; the database."""
    with session_scope() as session:
        open_shop(session)
        line = ManualLine(article="MUG", quantity=5, price=Decimal(10))
        make_offer(session, own(session), asked(line), today() + timedelta(days=3))
    return database


def test_an_offer_becomes_an_order_once(offered: str) -> None:
    """Until then it promises nothing; then it is an order at its prices, whatever the article costs now."""
    number = f"AN-{YEAR}-00001"
    with session_scope() as session:
        offer = find_offer(session, number.lower())
        session.exec(select(ArticlePrice)).first().amount = Decimal(99)  # type: ignore[union-attr]

        assert (offer.state, offer.total, stock_in(session)["MUG"]) == (OfferState.open, Decimal(50), (10, 0))
        order = accept_offer(session, offer)

        assert (order.total, lines_in(session, FIRST)) == (Decimal(50), {f"{FIRST}-1": (5, 5, 0, 0)})
        assert session.get_one(OrderOrigin, order.id).kind is OriginKind.offer
        with pytest.raises(RuleError, match=f"accepted already, as order {FIRST}"):
            accept_offer(session, offer)
        with pytest.raises(RuleError, match="accepted already"):
            decline_offer(session, offer)


def test_an_offer_accepted_twice_at_once_is_one_order(offered: str) -> None:
    results = run_at_once(offered, accept_by_hand, [(f"AN-{YEAR}-00001",)] * 3)

    assert sorted(results) == ["RuleError", "RuleError", FIRST]


def test_an_offer_that_is_over_or_declined_is_no_order(sqlite_database: str) -> None:
    with session_scope() as session:
        open_shop(session)
        account, yesterday = own(session), date(2026, 3, 1)
        with pytest.raises(RuleError, match="that day has passed"):
            make_offer(session, account, asked(), yesterday)
        offer = make_offer(session, account, asked(), today() + timedelta(days=1))
        offer.valid_until = yesterday
        session.add(offer)
        session.flush()
        with pytest.raises(RuleError, match="was valid until 2026-03-01"):
            accept_offer(session, offer)
        assert session.exec(select(Order)).all() == []
        assert accept_offer(session, offer, late=True).external_id == FIRST
        other = make_offer(session, account, asked(), today() + timedelta(days=1))
        decline_offer(session, other)
        with pytest.raises(RuleError, match="was declined already"):
            accept_offer(session, other)


def test_an_offer_is_found_by_its_number_alone_if_one_tenant_has_it(sqlite_database: str) -> None:
    number = f"AN-{YEAR}-00001"
    with session_scope() as session:
        open_shop(session)
        offer = make_offer(session, own(session), asked(), today())
        assert find_offer(session, f" {number.lower()} ").id == offer.id

        other = make_account(session, add_tenant(session, "other").row_id, "other", MANUAL.name)
        its = {"id": None, "tenant_id": other.tenant_id, "account_id": other.id}
        session.add(Offer(**{**offer.model_dump(), **its}))
        with pytest.raises(RuleError, match=f"Several tenants have offer '{number}'"):
            find_offer(session, number)
        assert find_offer(session, number, other.tenant_id).tenant_id == other.tenant_id
        with pytest.raises(NotFoundError, match="There is no offer 'AN-1'") as refused:
            find_offer(session, "AN-1")
        assert refused.value.advice == (Advice(Action.offer_list),)
