"""An order is held for what would go wrong with it, one row a reason, and only for that."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models.catalog.article import Article, ArticlePrice
from models.database.session import session_scope
from models.errors import RuleError
from models.order_desk.edits import accept_holds
from models.order_desk.method_mapping import apply_mapping
from models.orders.holds import HoldReason
from models.orders.records import AddressData
from models.tenants.account import get_account
from models.tenants.methods import map_channel_method, save_shipping_method
from models.tenants.records import MethodKind, PaymentKind
from models.warehouse.ledger import set_on_hand
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    Shop,
    add_article,
    events_in,
    get_order,
    holds_in,
    make_account,
    make_line,
    make_order,
    make_shop,
    take_in,
)

MUG = make_line("a", "MUG")


def make_stock(session: Session, **settings: Any) -> Shop:
    shop = make_shop(session, **settings)
    add_article(session, shop, "MUG", on_hand=50)
    return shop


def map_payment(session: Session, shop: Shop, code: str, kind: PaymentKind) -> int:

    map_channel_method(session, shop.tenant_id, shop.account.id, MethodKind.payment, code, kind)
    return apply_mapping(session, get_account(session, shop.account.name), MethodKind.payment, code)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"last_name": " ", "first_name": ""}, [("address_incomplete", {"missing": ["last_name"]})]),
        ({"last_name": "", "first_name": "", "company": "Krug AG"}, []),
        ({"street": "", "city": ""}, [("address_incomplete", {"missing": ["street", "city"]})]),
        ({"street": "Dorfstraße"}, [("address_incomplete", {"missing": ["house_number"]})]),
        ({"street": "Dorfstraße", "street2": "Hof 3"}, []),
        ({"street": "Dorfstraße", "country": "AT", "postcode": "1010"}, []),
        ({"country": ""}, [("country_unknown", {"country": ""})]),
        ({"country": "ZZ"}, [("country_unknown", {"country": "ZZ"})]),
        ({"postcode": "4109"}, [("postcode_misfit", {"country": "DE"})]),
        ({"postcode": "D-04109"}, []),
        ({"postcode": "D 04109"}, [("postcode_misfit", {"country": "DE"})]),
        ({"postcode": ""}, [("address_incomplete", {"missing": ["postcode"]})]),
    ],
)
def test_an_address(sqlite_database: str, changes: dict[str, str], expected: list[Any]) -> None:
    """What is missing or does not fit is named; the address of shipping counts where there is one."""
    address = BILLING.model_copy(update=changes)
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, billing=address))
        take_in(
            session, shop, make_order("2", make_line("b", "MUG"), billing=AddressData(), shipping=address)
        )

        assert [(reason, detail) for reason, _, detail in holds_in(session, "1")] == expected
        assert [(reason, detail) for reason, _, detail in holds_in(session, "2")] == expected


def test_a_carriers_limits(sqlite_database: str) -> None:
    """A part too long for the carrier of the order's method is held, with the limit; no method, no limit."""
    long = BILLING.model_copy(update={"company": "Gesellschaft für allzu lange Namen im Versandhandel mbH"})
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, billing=long, shipping_method="Paket"))
        before = holds_in(session, "1")
        save_shipping_method(session, shop.tenant_id, "parcel", {"carrier": "DHL", "limits": "dhl"})
        map_channel_method(session, shop.tenant_id, shop.account.id, MethodKind.shipping, "Paket", "parcel")

        count = apply_mapping(session, get_account(session, "nord"), MethodKind.shipping, "Paket")

        assert (before, count) == ([], 1)
        assert holds_in(session, "1") == [
            ("address_too_long", "", {"carrier": "dhl", "company": {"length": 55, "limit": 50}})
        ]


def test_cash_at_the_door_cannot_be_there_yet(sqlite_database: str) -> None:
    """An order told as paid by cash on pick-up is held; the same by transfer is not."""
    paid = {"payment_method": "CASH", "paid_amount": Decimal("10.00"), "paid_at": PLACED_AT}
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, **paid))
        map_payment(session, shop, "CASH", PaymentKind.prepayment)
        fine = holds_in(session, "1")
        map_payment(session, shop, "CASH", PaymentKind.cash_on_pickup)

        assert fine == []
        assert holds_in(session, "1") == [("paid_too_early", "", {"method": "CASH", "paid": "10.00"})]


def test_a_price_that_is_off(sqlite_database: str) -> None:
    """A price further from the article's than the share that is allowed is held; prices by quantity count."""
    with session_scope() as session:
        shop = make_stock(session, price_tolerance="10")
        article = add_article(session, shop, "CUP", on_hand=50)
        for least, amount in ((1, "10.00"), (10, "8.00")):
            session.add(
                ArticlePrice(article_id=article, currency="EUR", min_quantity=least, amount=Decimal(amount))
            )
        session.flush()
        lines = [
            make_line("a", "CUP", 1, "9.00"),
            make_line("b", "CUP", 1, "8.99"),
            make_line("c", "CUP", 10, "8.00"),
        ]
        take_in(session, shop, make_order("1", *lines), make_order("2", make_line("d", "MUG", 1, "0.01")))

        assert holds_in(session, "1") == [("price_off", "b", {"price": "8.99", "usual": "10.00"})]
        assert holds_in(session, "2") == [], "no price is known"


def test_the_same_order_twice(database: str) -> None:
    """The later of two like orders of a buyer is held, also by mail address at another account."""
    buyer = {"customer_id": "77", "billing": BILLING.model_copy(update={"email": "a@b.de"})}
    with session_scope() as session:
        shop = make_stock(session)
        other = make_account(session, shop.tenant_id, "sued")
        again = PLACED_AT + timedelta(hours=3)
        take_in(session, shop, make_order("1", MUG, **buyer))
        take_in(session, shop, make_order("2", make_line("b", "MUG"), **buyer | {"placed_at": again}))
        take_in(session, shop, make_order("3", make_line("c", "MUG", 2), **buyer | {"placed_at": again}))
        late = PLACED_AT + timedelta(hours=30)
        take_in(session, shop, make_order("4", make_line("d", "MUG"), **buyer | {"placed_at": late}))
        take_in(
            session,
            shop,
            make_order("5", make_line("e", "MUG"), **buyer | {"customer_id": "x9", "placed_at": again}),
            account=other,
        )

        found = {number: holds_in(session, number) for number in "12345"}
        assert found == {
            "1": [],
            "2": [("suspected_duplicate", "", {"of": "1"})],
            "3": [],
            "4": [],
            "5": [("suspected_duplicate", "", {"of": "2"})],
        }


def test_what_is_not_made_any_more(sqlite_database: str) -> None:
    """Short of a discontinued article, an order is held for that; what comes in all the same goes to it."""
    with session_scope() as session:
        shop = make_shop(session)
        article = add_article(session, shop, "OLD", on_hand=1)
        session.get_one(Article, article).active = False
        take_in(session, shop, make_order("1", make_line("a", "OLD", 3)))
        before = holds_in(session, "1")
        set_on_hand(session, shop.warehouse_id, {article: 3})

        assert before == [("article_discontinued", "a", {"missing": 2, "quantity": 3})]
        assert holds_in(session, "1") == []


def test_what_a_person_let_pass_stays_so(database: str) -> None:
    """The same finding holds an order no more, however often it is looked at; another one does."""
    street = BILLING.model_copy(update={"street": "Dorfstraße"})
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, billing=street))
        done = accept_holds(session, get_order(session, "1"), [], "so heißt das Dorf")
        take_in(session, shop, make_order("1", MUG, billing=street, memo="news"))
        after = holds_in(session, "1")
        worse = street.model_copy(update={"city": ""})
        take_in(session, shop, make_order("1", MUG, billing=worse))

        assert (done, after) == ([HoldReason.address_incomplete], [])
        assert holds_in(session, "1") == [("address_incomplete", "", {"missing": ["city", "house_number"]})]
        assert ("person", "hold_accepted") in events_in(session, "1")


def test_what_no_word_lets_pass(sqlite_database: str) -> None:
    """Goods that are missing do not come by accepting; a reason that does not hold is refused, too."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=0)
        take_in(session, shop, make_order("1", MUG))
        with pytest.raises(RuleError, match="cannot be accepted"):
            accept_holds(session, get_order(session, "1"), [HoldReason.stock_short])
        with pytest.raises(RuleError, match="no hold that can be accepted"):
            accept_holds(session, get_order(session, "1"), [])

        assert [reason for reason, _, _ in holds_in(session, "1")] == ["stock_short"]


def test_a_trial_is_looked_at_alone(sqlite_database: str) -> None:
    """Inspection shows what is wrong with an order itself, and never compares it with others."""
    buyer = {"customer_id": "77"}
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, **buyer))
        trial = make_order(
            "2", make_line("b", "MUG"), **buyer, shipping=BILLING.model_copy(update={"city": ""})
        )
        take_in(session, shop, trial, trial=True)

        assert [reason for reason, _, _ in holds_in(session, "2")] == ["address_incomplete"]
