"""What a person mends holds against the next import, and what the channel changes after it is shown."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models.database.session import session_scope
from models.errors import NotFoundError, RuleError
from models.fulfilment.release import release_order
from models.order_desk.edits import (
    discard_edits,
    find_line,
    set_address,
    set_payment_kind,
    set_price,
    set_quantity,
    set_shipping_method,
)
from models.orders.history import Actor, OrderEdit
from models.orders.order import AddressRole, OrderAddress, OrderState, PaymentState
from models.tenants.methods import save_shipping_method
from models.tenants.records import PaymentKind
from tests.support.builders import (
    BILLING,
    Shop,
    add_article,
    check_laws,
    details_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    row_counts,
    ship_units,
    stock_in,
    take_in,
)

WRONG = BILLING.model_copy(update={"street": "Dorfstraße"})


def make_stock(session: Session, **settings: Any) -> Shop:
    shop = make_shop(session, **settings)
    for sku in ("MUG", "CUP"):
        add_article(session, shop, sku, on_hand=10)
    return shop


def two(quantity: int = 3, price: str = "10.00", **fields: Any) -> Any:
    return make_order("1", make_line("a", "MUG", quantity, price), make_line("b", "CUP"), **fields)


def street(session: Session, role: AddressRole = AddressRole.billing) -> str:
    session.flush()
    order_id = get_order(session, "1").row_id
    return session.get_one(OrderAddress, (order_id, role)).street


def test_a_mended_address(database: str) -> None:
    """The hold ends, and neither the same news nor other news of the channel brings the old street back."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two(billing=WRONG))
        held = [reason for reason, _, _ in holds_in(session, "1")]
        set_address(session, get_order(session, "1"), AddressRole.billing, {"street": "Dorfstraße 4"})
        after = holds_in(session, "1")
        take_in(session, shop, two(billing=WRONG))
        take_in(session, shop, two(billing=WRONG, memo="bitte klingeln"))

        assert (held, after) == (["address_incomplete"], [])
        assert (street(session), holds_in(session, "1")) == ("Dorfstraße 4", [])
        assert get_order(session, "1").memo == "bitte klingeln"
        assert details_in(session, "1", "edited") == [
            {"changes": {"billing.street": ["Dorfstraße", "Dorfstraße 4"]}}
        ]


def test_the_channel_changes_what_was_mended(sqlite_database: str) -> None:
    """That holds the order with both texts; taking the channel's version ends it."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two(billing=WRONG))
        set_address(session, get_order(session, "1"), AddressRole.billing, {"street": "Dorfstraße 4"})
        news = two(billing=BILLING.model_copy(update={"street": "Hauptstraße 9"}))
        take_in(session, shop, news)
        held = holds_in(session, "1")
        discard_edits(session, get_order(session, "1"))
        take_in(session, shop, news)

        assert held == [
            ("changed_after_release", "", {"changes": {"billing.street": ["Dorfstraße 4", "Hauptstraße 9"]}})
        ]
        assert (street(session), holds_in(session, "1")) == ("Hauptstraße 9", [])
        assert row_counts(session, OrderEdit) == [0]


def test_an_address_of_its_own(sqlite_database: str) -> None:
    """Where the goods go is made from where the bill goes, and stays when the channel tells of none."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        set_address(session, get_order(session, "1"), AddressRole.shipping, {"street": "Hinterhof 1"})
        take_in(session, shop, two(memo="x"))

        assert (street(session), street(session, AddressRole.shipping)) == ("Am Ölberg 3", "Hinterhof 1")
        assert holds_in(session, "1") == []


def test_fewer_of_a_line(database: str) -> None:
    """Units are cancelled, the total falls with them, their stock is free, and the import leaves it so."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        order = get_order(session, "1")
        set_quantity(session, order, find_line(session, order, "a"), 1, actor=Actor.person)
        take_in(session, shop, two(memo="x"))
        take_in(session, shop, make_order("2", make_line("c", "MUG", 9)))

        assert lines_in(session, "1") == {"a": (3, 1, 0, 2), "b": (1, 1, 0, 0)}
        assert (order.total, holds_in(session, "1")) == (Decimal("20.00"), [])
        assert (stock_in(session)["MUG"], holds_in(session, "2")) == ((10, 10), [])
        check_laws(session)


def test_the_last_unit_cancels_the_order(sqlite_database: str) -> None:
    """Nothing left to send is a cancelled order."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        order = get_order(session, "1")
        set_quantity(session, order, find_line(session, order, "a"), 0, actor=Actor.person)
        set_quantity(session, order, find_line(session, order, "b"), 0, actor=Actor.person)

        assert order.state is OrderState.cancelled
        assert stock_in(session) == {"CUP": (10, 0), "MUG": (10, 0)}
        assert (order.total - order.credited_amount, order.payment_state) == (Decimal(0), PaymentState.open)


def test_what_has_left_is_not_cancelled(sqlite_database: str) -> None:
    """Nor is more sold by cancelling; a refusal changes nothing."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        ship_units(session, "1", a=2)
        order = get_order(session, "1")
        line = find_line(session, order, "a")
        for units, why in ((1, "2 units are shipped"), (4, "has 3")):
            with pytest.raises(RuleError, match=why):
                set_quantity(session, order, line, units, actor=Actor.person)
        with pytest.raises(NotFoundError, match="it has a, b"):
            find_line(session, order, "zzz")

        assert (lines_in(session, "1")["a"], order.total) == ((3, 1, 2, 0), Decimal("40.00"))


def test_another_price(sqlite_database: str) -> None:
    """The total follows, and who paid the old one has paid too much."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two(paid_amount=Decimal("40.00")))
        order = get_order(session, "1")
        set_price(session, order, find_line(session, order, "a"), Decimal("9.50"))
        take_in(session, shop, two(paid_amount=Decimal("40.00"), memo="x"))

        assert (order.total, order.payment_state) == (Decimal("38.50"), PaymentState.overpaid)
        assert holds_in(session, "1") == []


def test_other_methods(sqlite_database: str) -> None:
    """One order's methods are what a person says, also after news; the channel's address still arrives."""
    with session_scope() as session:
        shop = make_stock(session)
        save_shipping_method(session, shop.tenant_id, "express", {"express": True})
        take_in(session, shop, two(payment_method="X", shipping_method="Y"))
        order = get_order(session, "1")
        set_payment_kind(session, order, PaymentKind.invoice)
        set_shipping_method(session, order, "express")
        moved = BILLING.model_copy(update={"street": "Neue Gasse 1"})
        take_in(session, shop, two(payment_method="X", shipping_method="Y", billing=moved))
        kept = (get_order(session, "1").payment_kind, order.express, street(session))
        take_in(session, shop, two(payment_method="Z", shipping_method="Y", billing=moved))

        assert kept == (PaymentKind.invoice, True, "Neue Gasse 1")
        assert get_order(session, "1").payment_kind is None, (
            "another method is told: nobody has said what it means"
        )
        with pytest.raises(RuleError, match="express"):
            set_shipping_method(session, order, "by dove")


def test_a_released_order_is_reopened(sqlite_database: str) -> None:
    """What changed at the channel after release is taken over by going back one step."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        release_order(session, get_order(session, "1"))
        take_in(session, shop, two(quantity=5))
        held = [reason for reason, _, _ in holds_in(session, "1")]
        discard_edits(session, get_order(session, "1"))
        take_in(session, shop, two(quantity=5))

        assert held == ["changed_after_release"]
        assert (get_order(session, "1").state, lines_in(session, "1")["a"]) == (OrderState.open, (5, 5, 0, 0))
        assert holds_in(session, "1") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hausnummer": "3"}, "no field 'hausnummer'"),
        ({"street": "x" * 321}, "too long"),
        ({"city": "a\x00b"}, "too"),
        ({"country": "Deutschland"}, "two letters"),
    ],
)
def test_rubbish_is_refused(sqlite_database: str, changes: dict[str, str], why: str) -> None:
    """An unknown field or a text that no paper could show changes nothing."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, two())
        with pytest.raises(RuleError, match=why):
            set_address(session, get_order(session, "1"), AddressRole.billing, changes)

        assert session.exec(select(OrderEdit)).all() == []
        assert street(session) == "Am Ölberg 3"
