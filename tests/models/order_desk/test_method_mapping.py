"""What a channel's methods mean here: a mapping settles every order that waits for it."""

from typing import Any

import pytest
from sqlmodel import Session

from models.database.session import session_scope
from models.errors import Action, NotFoundError, RuleError
from models.order_desk.method_mapping import apply_mapping
from models.tenants.account import get_account
from models.tenants.methods import list_channel_methods, map_channel_method, save_shipping_method
from models.tenants.records import MethodKind, PaymentKind
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    holds_in,
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


def test_methods_that_nobody_explained(sqlite_database: str) -> None:
    """Where a cycle releases, an unknown method holds; explaining it settles all orders that name it."""
    with session_scope() as session:
        shop = make_stock(session, release="automatic")
        save_shipping_method(session, shop.tenant_id, "parcel", {"express": True})
        for number in "12":
            line = make_line(number, "MUG")
            take_in(session, shop, make_order(number, line, payment_method="TRANSFER", shipping_method="DHL"))
        before = [reason for reason, _, _ in holds_in(session, "2")]
        count = map_payment(session, shop, "TRANSFER", PaymentKind.prepayment)
        halfway = [reason for reason, _, _ in holds_in(session, "2")]
        map_channel_method(session, shop.tenant_id, shop.account.id, MethodKind.shipping, "DHL", "parcel")

        apply_mapping(session, get_account(session, "nord"), MethodKind.shipping, "DHL")
        order = get_order(session, "2")

        assert before == ["payment_unmapped", "shipping_unmapped"]
        assert (count, halfway, holds_in(session, "2")) == (2, ["shipping_unmapped"], [])
        assert (order.payment_kind, order.express) == (PaymentKind.prepayment, True)
        take_in(
            session,
            shop,
            make_order("3", make_line("c", "MUG"), payment_method="TRANSFER", shipping_method="DHL"),
        )
        assert (holds_in(session, "3"), get_order(session, "3").express) == ([], True)


def test_a_mapping_needs_what_exists(sqlite_database: str) -> None:
    """Neither an unknown method nor an unknown meaning is taken, and the answer says what there is."""
    with session_scope() as session:
        shop = make_stock(session)
        take_in(session, shop, make_order("1", MUG, payment_method="TRANSFER"))
        with pytest.raises(NotFoundError, match="no payment method 'PAYPAL'") as refused:
            map_payment(session, shop, "PAYPAL", PaymentKind.wallet)
        assert [one.action for one in refused.value.advice] == [Action.method_list]
        with pytest.raises(RuleError, match="prepayment, card"):
            map_channel_method(
                session, shop.tenant_id, shop.account.id, MethodKind.payment, "TRANSFER", "cash"
            )

        assert [(row.external_id, row.mapped_to) for row in list_channel_methods(session)] == [
            ("TRANSFER", "")
        ]
