"""Many processes that invoice at once: law 8 holds on both databases."""

from collections import Counter
from decimal import Decimal

from sqlmodel import col, func, select

from models.accounting.issued import Document
from models.accounting.numbers import DocumentSeries, SeriesKind
from models.accounting.records import DocumentKind
from models.database.columns import need_id
from models.database.session import session_scope
from models.orders.order import OrderLine
from tests.support.builders import (
    add_article,
    make_invoicing_shop,
    make_line,
    make_order,
    ship_units,
    take_in,
)
from tests.support.races import invoice_all, run_at_once

ORDERS = 12
PROCESSES = 6


def test_numbers_have_no_gap_and_nothing_is_invoiced_twice(database: str) -> None:
    """Six processes go for the same orders, abort every third time, and take some invoices back."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        add_article(session, shop, "MUG", on_hand=2 * ORDERS)
        ids = []
        for number in range(ORDERS):
            line = make_line(f"l{number}", "MUG", 2, tax_rate=Decimal(19))
            take_in(session, shop, make_order(f"O-{number}", line))
            ship_units(session, f"O-{number}")
            ids.append(f"O-{number}")

    done = run_at_once(database, invoice_all, [(worker, ids) for worker in range(PROCESSES)])

    assert all(isinstance(each, Counter) for each in done), done
    total = sum(done, Counter[str]())
    assert total["aborted"]
    assert total["corrected"]
    with session_scope() as session:
        for kind, count in (
            (DocumentKind.invoice, total["issued"]),
            (DocumentKind.credit_note, total["corrected"]),
        ):
            query = select(Document.number).where(Document.kind == kind).order_by(col(Document.number))
            assert session.exec(query).all() == list(range(1, count + 1))
            last = select(DocumentSeries.last).where(DocumentSeries.kind == SeriesKind(kind))
            assert session.exec(last).one() == count
        assert set(session.exec(select(OrderLine.invoiced)).all()) == {2}
        gross = session.exec(select(func.sum(Document.gross))).one()
        assert gross == ORDERS * Decimal("20.00")
        rows = session.exec(select(Document.order_id, func.count()).group_by(col(Document.order_id))).all()
        # An invoice that stands, and two documents for each that was taken back.
        assert all(count % 2 for _, count in rows)
        assert need_id(session.exec(select(func.max(Document.id))).one()) >= ORDERS
