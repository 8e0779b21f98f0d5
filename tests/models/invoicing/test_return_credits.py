"""What came back is credited once, for what it cost, on the paper that fits."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from documents.papers.invoice import render_invoice
from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind, PaperContent
from models.clock import utc_now
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import issue_invoice
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line, set_quantity
from models.orders.history import Actor
from models.orders.order import PaymentState
from models.payments.payment import record_refund
from tests.support.builders import events_in, get_order, make_line, make_order, ship_units, take_in
from tests.support.returns import come_back, notes, owed, sell


def test_a_part_is_credited_and_given_back(database: str) -> None:
    """A credit note names the units and their tax, the buyer owes less, and the refund settles it."""
    with session_scope() as session:
        shop = sell(session)
        row = come_back(session, a=1)
        (note,) = credit_return(session, row)
        order = get_order(session, "1")
        after = owed(session)
        record_refund(session, shop.account, order, Decimal("11.90"), utc_now())

        content = PaperContent.model_validate(note.content)
        assert (note.gross, note.net, note.tax) == (Decimal("-11.90"), Decimal("-10.00"), Decimal("-1.90"))
        assert (content.is_part, content.corrects[:2], content.shipping_amount) == (True, "RE", Decimal(0))
        assert after == (Decimal("39.40"), PaymentState.overpaid)
        assert owed(session) == (Decimal("39.40"), PaymentState.paid)
        assert find_line(session, order, "a").invoiced == 2
        assert [kind for _, kind in events_in(session, "1")][-4:] == [
            "return_announced",
            "return_received",
            "credited",
            "refund",
        ]
        with pytest.raises(RuleError, match="no shipped units left to invoice"):
            issue_invoice(session, order, actor=Actor.person)


def test_one_after_the_other_until_nothing_is_left(sqlite_database: str) -> None:
    """Three returns of one invoice; the last gives the shipping back, too, and all of the invoice is gone."""
    with session_scope() as session:
        sell(session)
        for units, shipping in (({"a": 1}, False), ({"a": 2}, False), ({"b": 1}, True)):
            credit_return(session, come_back(session, **units), with_shipping=shipping)

        invoice = list_documents(session, kind=DocumentKind.invoice)[0]
        assert sum((gross for _, gross, _ in notes(session)), invoice.gross) == 0
        assert owed(session) == (Decimal(0), PaymentState.overpaid)
        with pytest.raises(RuleError, match="has no shipped units"):
            announce_return(session, get_order(session, "1"), {})


def test_a_fee_and_goodwill(sqlite_database: str) -> None:
    """A fee is kept, goodwill is given; both go by the rates of what came back; too high a fee is refused."""
    with session_scope() as session:
        sell(session)
        row = come_back(session, a=1, b=1)
        with pytest.raises(RuleError, match="comes to -"):
            credit_return(session, row, fee=Decimal("30.00"))
        with pytest.raises(RuleError, match="whole cents"):
            credit_return(session, row, goodwill=Decimal("0.005"))
        (note,) = credit_return(session, row, fee=Decimal("5.00"), goodwill=Decimal("2.00"))

        assert (note.gross, row.credited_amount) == (Decimal("-19.60"), Decimal("19.60"))
        taxes = PaperContent.model_validate(note.content).taxes
        assert sum((part.gross for part in taxes), Decimal(0)) == Decimal("-19.60")
        assert [part.rate for part in taxes] == [19, 7]


def test_what_came_back_before_the_invoice(sqlite_database: str) -> None:
    """It is not invoiced, so no credit note takes it back; the buyer owes it all the same no more."""
    with session_scope() as session:
        sell(session, invoiced=False)
        row = come_back(session, a=1)
        invoice = issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)

        assert credit_return(session, row) == []
        assert invoice.gross == Decimal("39.40")
        assert owed(session)[0] == Decimal("39.40")
        assert find_line(session, get_order(session, "1"), "a").invoiced == 2


def papers(session: Session) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    """Return kind, gross, shipping and fee of all documents, the first first."""
    return [
        (str(row.kind), row.gross, row.shipping_amount, row.fee_amount)
        for row in reversed(list_documents(session))
    ]


@pytest.mark.parametrize(
    ("given", "shipping", "fee"),
    [
        ({}, "4.90", "0.00"),
        ({"fee": Decimal("2.50")}, "4.90", "2.50"),
        ({"goodwill": Decimal("2.00")}, "2.90", "0.00"),
        ({"with_shipping": True, "fee": Decimal("1.00")}, "1.00", "0.00"),
        ({"with_shipping": True}, "", ""),
    ],
)
def test_what_is_owed_though_all_came_back_stands_on_an_invoice(
    database: str, given: dict[str, Any], shipping: str, fee: str
) -> None:
    """Sending the goods cost something, and no invoice had said so; its tax goes by the goods."""
    with session_scope() as session:
        sell(session, invoiced=False)
        documents = credit_return(session, come_back(session, a=3, b=1), **given)

        due = Decimal(shipping or 0) + Decimal(fee or 0)
        told = [("invoice", due, Decimal(shipping), Decimal(fee))] if shipping else []
        assert (papers(session), owed(session)[0]) == (told, due)
        assert [row.label for row in documents] == [row.label for row in list_documents(session)]
        with pytest.raises(RuleError, match="no shipped units left to invoice"):
            issue_invoice(session, get_order(session, "1"), actor=Actor.person)
        for row in documents:
            content = PaperContent.model_validate(row.content)
            assert not content.lines
            assert [part.rate for part in content.taxes] == [19, 7]
            assert sum((part.gross for part in content.taxes), Decimal(0)) == due
            assert render_invoice(content).startswith(b"%PDF")


def test_after_an_invoice_was_taken_back_what_is_owed_has_one(sqlite_database: str) -> None:
    """The goods came back meanwhile; taken back itself, it can be issued anew."""
    with session_scope() as session:
        sell(session)
        row = come_back(session, a=3, b=1)
        first = list_documents(session, kind=DocumentKind.invoice)[0]
        cancel_invoice(session, first, "Anschrift")
        (rest,) = credit_return(session, row)
        cancel_invoice(session, rest, "Anschrift")
        again = issue_invoice(session, get_order(session, "1"), actor=Actor.person)

        assert (rest.gross, again.gross, owed(session)[0]) == (Decimal("4.90"),) * 3
        assert sum((gross for _, gross, _, _ in papers(session)), Decimal(0)) == Decimal("4.90")


def test_what_was_given_before_the_last_invoice_is_taken_off_there(sqlite_database: str) -> None:
    """Of three mugs one came back, with the shipping; the invoice asks for the others alone."""
    with session_scope() as session:
        sell(session, invoiced=False)
        row = come_back(session, a=1)
        assert credit_return(session, row, with_shipping=True, goodwill=Decimal("1.00")) == []
        invoice = issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)

        assert papers(session) == [("invoice", Decimal("33.50"), Decimal(0), Decimal("-1.00"))]
        assert owed(session)[0] == invoice.gross


def test_what_is_given_after_the_invoice_of_other_units_has_a_note(sqlite_database: str) -> None:
    """One mug came back before the invoice, which has the shipping; that is given back with it."""
    with session_scope() as session:
        sell(session, invoiced=False)
        row = come_back(session, a=1)
        issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)
        (note,) = credit_return(session, row, with_shipping=True)

        assert (note.gross, PaperContent.model_validate(note.content).lines) == (Decimal("-4.90"), [])
        assert sum((gross for _, gross, _, _ in papers(session)), Decimal(0)) == owed(session)[0]


@pytest.mark.parametrize("whole", [True, False])
def test_the_rest_is_cancelled_after_the_first_part_came_back(sqlite_database: str, whole: bool) -> None:
    """By its line the order ends as shipped, and the shipping is invoiced; as a whole nothing is owed."""
    with session_scope() as session:
        shop = sell(session)
        lines = [
            make_line("2a", "MUG", 1, "11.90", tax_rate=Decimal(19)),
            make_line("2b", "CUP", 1, "10.70", tax_rate=Decimal(7)),
        ]
        take_in(session, shop, make_order("2", *lines, shipping_amount=Decimal("4.90")))
        ship_units(session, "2", **{"2a": 1})
        order = get_order(session, "2")
        mug = find_line(session, order, "2a").row_id
        row = announce_return(session, order, {mug: 1})
        receive_return(session, row, {mug: InspectedUnits(to_stock=1)})
        assert credit_return(session, row) == []
        if whole:
            cancel_order(session, order, actor=Actor.person)
        else:
            set_quantity(session, order, find_line(session, order, "2b"), 0, actor=Actor.person)

        told = [row.gross for row in list_documents(session, order_id=order.row_id)]
        assert order.total - order.credited_amount == sum(told, Decimal(0))
        assert (str(order.state), told) == (("cancelled", []) if whole else ("shipped", [Decimal("4.90")]))
        assert ("person", "cancelled" if whole else "completed") in events_in(session, "2")


def test_an_invoice_is_not_given_back_twice(sqlite_database: str) -> None:
    """Whole after a part is refused; of one taken back whole no part is given back."""
    with session_scope() as session:
        sell(session)
        credit_return(session, come_back(session, a=1))
        first = list_documents(session, kind=DocumentKind.invoice)[0]
        with pytest.raises(RuleError, match="is partly credited"):
            cancel_invoice(session, first, "Anschrift")

        assert len(notes(session)) == 1
