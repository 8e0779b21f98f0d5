"""Credit notes that cancel an invoice."""

from decimal import Decimal

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.errors import RuleError
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import list_uninvoiced
from models.orders.order import OrderLine
from models.tenants.account import Account
from tests.support.invoicing import YEAR, content_of, invoice, invoiced, shipped, taxed


def test_a_correction_is_a_document_of_its_own_and_lets_the_goods_be_invoiced_anew(database: str) -> None:
    """All amounts are taken back, shipping too; once alone; the old invoice stays as it is."""
    with session_scope() as session:
        shipped(session, taxed("a", 2), taxed("b", 1, "5.00", "7"), shipping_amount=Decimal("4.90"))
        first = invoice(session)
        before = dict(first.content)
        note = cancel_invoice(session, first, " Anschrift\nfalsch ")

        assert note.label == f"RK-{YEAR}-00001"
        assert (note.net, note.tax, note.gross) == (-first.net, -first.tax, -first.gross)
        content = content_of(note)
        assert (content.corrects, content.reason) == (first.label, "Anschrift falsch")
        assert sum((part.gross for part in content.taxes), Decimal(0)) == note.gross
        assert first.content == before
        assert invoiced(session) == {"a": 0, "b": 0}
        with pytest.raises(RuleError, match=f"cancelled by {note.label} already"):
            cancel_invoice(session, first, "again")
        with pytest.raises(RuleError, match="is no invoice"):
            cancel_invoice(session, note, "again")
        with pytest.raises(RuleError, match="needs a reason"):
            cancel_invoice(session, first, "  ")

        again = invoice(session)
        assert (again.label, again.gross) == (f"RE-{YEAR}-00002", first.gross)


def test_what_came_back_is_not_invoiced_anew(sqlite_database: str) -> None:
    """After a correction only what the buyer kept."""
    with session_scope() as session:
        shipped(session, taxed("a", 3))
        cancel_invoice(session, invoice(session), "returned")
        line = session.exec(select(OrderLine)).one()
        line.returned = 1
        session.add(line)
        session.flush()

        assert content_of(invoice(session)).lines[0].quantity == 2
        assert list_uninvoiced(session, session.exec(select(Account.id)).one() or 0, 0, 10) == []
