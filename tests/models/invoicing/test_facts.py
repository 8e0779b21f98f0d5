"""What an invoice is made from: what earlier documents have of an order, and what is still to come."""

from decimal import Decimal

from models.database.session import session_scope
from models.invoicing.facts import owes_more, read_facts
from tests.support.builders import (
    get_order,
    make_invoicing_shop,
    ship_units,
)
from tests.support.invoicing import content_of, invoice, sell, taxed


def test_an_order_that_took_over_another_has_its_shipping_once(sqlite_database: str) -> None:
    """What was invoiced of an order that the channel merged into this one counts here, too."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        sell(session, shop, "1", taxed("a", 2), shipping_amount=Decimal("4.90"))
        ship_units(session, "1", a=1)
        first = invoice(session)
        sell(session, shop, "2", taxed("a", 2), taxed("b"), shipping_amount=Decimal("5.90"))
        assert get_order(session, "1").merged_into_id == get_order(session, "2").id
        ship_units(session, "2")

        second = content_of(invoice(session, "2"))

        assert second.shipping_amount == Decimal("1.00")
        assert first.gross + second.gross == get_order(session, "2").total


def test_what_is_owed_counts_once_nothing_else_is_to_come(sqlite_database: str) -> None:
    """While goods are still to be shipped, the rest of the total waits for the last invoice."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        sell(session, shop, "1", taxed("a", 2), shipping_amount=Decimal("4.90"))
        ship_units(session, "1", a=1)
        order = get_order(session, "1")
        before = read_facts(session, [order])[order.row_id]
        first = invoice(session)
        ship_units(session, "1")
        after = read_facts(session, [order])[order.row_id]

        assert (before.shipping, before.on_paper, before.is_settled) == (Decimal(0), Decimal(0), False)
        assert (after.shipping, after.on_paper, after.is_settled) == (Decimal("4.90"), first.gross, True)
        assert not owes_more(order, before)
        assert owes_more(order, after)
        assert [units for _, units, _ in after.departures] == [1, 1]
