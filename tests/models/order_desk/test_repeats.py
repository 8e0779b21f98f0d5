"""Orders that are repeated, and returns that are exchanged: a new order each, linked to the first."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models.clock import utc_now
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.returns import InspectedUnits, announce_return, cancel_return, receive_return
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualLine
from models.order_desk.repeats import exchange_return, repeat_order
from models.orders.origin import links_of
from models.tenants.records import PaymentKind
from tests.support.builders import (
    check_laws,
    events_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    ship_units,
    take_in,
)
from tests.support.order_desk import FIRST, asked, open_shop, own


@pytest.mark.parametrize(("of_then", "total"), [(True, "30.00"), (False, "35.70")])
def test_an_order_is_repeated(sqlite_database: str, of_then: bool, total: str) -> None:
    """What was cancelled of it is not, and that it is the same again is no reason to hold it."""
    with session_scope() as session:
        shop = open_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 3), make_line("b", "CUP", 0)))
        order = get_order(session, "1")
        with pytest.raises(RuleError, match="The payment method of order 1 is not known"):
            repeat_order(session, order, own(session))
        new, _ = repeat_order(
            session, order, own(session), at_old_prices=of_then, payment=PaymentKind.prepayment
        )

        assert (new.total, new.payment_kind) == (Decimal(total), PaymentKind.prepayment)
        assert lines_in(session, FIRST) == {f"{FIRST}-1": (3, 3, 0, 0)}
        assert links_of(session, new.row_id) == [("repeat of", "1")]
        assert links_of(session, order.row_id) == [("repeated as", FIRST)]
        again, _ = repeat_order(session, new, own(session))
        assert (holds_in(session, again.external_id), again.payment_kind) == ([], PaymentKind.prepayment)


def test_who_is_forgotten_gets_nothing_sent(sqlite_database: str) -> None:
    with session_scope() as session:
        open_shop(session)
        order, _ = take_manual_order(session, own(session), asked())
        order.anonymised_at = utc_now()
        session.add(order)
        with pytest.raises(RuleError, match="was anonymised"):
            repeat_order(session, order, own(session))


def test_a_line_without_an_article_is_not_repeated(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = open_shop(session)
        take_in(session, shop, make_order("1", make_line("a", "???")))
        with pytest.raises(RuleError, match="Line a is not one article"):
            repeat_order(session, get_order(session, "1"), own(session), payment=PaymentKind.invoice)


def come_back(session: Session) -> Any:
    """Two of three mugs of order 1 are on their way back."""
    shop = open_shop(session)
    lines = (make_line("a", "MUG", 3, "11.90", tax_rate=Decimal(19)),)
    take_in(session, shop, make_order("1", *lines, paid_amount=Decimal("35.70")))
    ship_units(session, "1")
    order = get_order(session, "1")
    return announce_return(session, order, {find_line(session, order, "a").row_id: 2})


def test_a_return_is_exchanged(database: str) -> None:
    """The replacement costs what it costs, is linked both ways, and money stays with each order."""
    with session_scope() as session:
        row = come_back(session)
        new, difference, _ = exchange_return(
            session, row, own(session), [ManualLine(article="CUP", quantity=3)]
        )
        old = get_order(session, "1")
        line_id = find_line(session, old, "a").row_id
        receive_return(session, row, {line_id: InspectedUnits(to_stock=2)})
        credit_return(session, row)

        assert (new.total, difference) == (Decimal("32.10"), Decimal("8.30"))
        assert (old.total - old.credited_amount, old.paid_amount) == (Decimal("11.90"), Decimal("35.70"))
        assert new.paid_amount == 0
        assert links_of(session, new.row_id) == [("exchange for", "1")]
        assert links_of(session, old.row_id) == [("exchanged for", FIRST)]
        assert ("person", "exchanged") in events_in(session, "1")
        with pytest.raises(RuleError, match=f"exchanged by order {FIRST} already"):
            exchange_return(session, row, own(session))
        check_laws(session)


def test_an_exchange_is_for_the_same_goods_if_nobody_says_otherwise(sqlite_database: str) -> None:
    """Given twice with its reference it is one; a return that never came is not exchanged."""
    with session_scope() as session:
        row = come_back(session)
        first = exchange_return(session, row, own(session), reference="T")
        again = exchange_return(session, row, own(session), reference="T")

        assert (first[0].id, first[1:], again[1:]) == (again[0].id, (Decimal(0), True), (Decimal(0), False))
        assert lines_in(session, FIRST) == {f"{FIRST}-1": (2, 2, 0, 0)}
        cancel_return(session, row)
        with pytest.raises(RuleError, match="was cancelled"):
            exchange_return(session, row, own(session))
