"""An order that is sold, paid and invoiced in a test, and units of it that come back."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind
from models.fulfilment.returns import InspectedUnits, Return, announce_return, receive_return
from models.invoicing.invoices import issue_invoice
from models.order_desk.edits import find_line
from models.orders.history import Actor
from models.orders.order import PaymentState
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    ship_units,
    take_in,
)


def sell(session: Session, *, paid: bool = True, invoiced: bool = True) -> Shop:
    """Order 1 of three mugs and a cup at two rates has left, paid and invoiced."""
    shop = make_invoicing_shop(session)
    for sku in ("MUG", "CUP"):
        add_article(session, shop, sku, on_hand=10)
    lines = [
        make_line("a", "MUG", 3, "11.90", tax_rate=Decimal(19)),
        make_line("b", "CUP", 1, "10.70", tax_rate=Decimal(7)),
    ]
    order = make_order(
        "1",
        *lines,
        shipping_amount=Decimal("4.90"),
        paid_amount=Decimal("51.30") if paid else Decimal(0),
    )
    take_in(session, shop, order)
    ship_units(session, "1")
    if invoiced:
        issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)
    return shop


def line_id(session: Session, name: str) -> int:
    return find_line(session, get_order(session, "1"), name).row_id


def come_back(session: Session, **units: Any) -> Return:
    """Announce and receive units of lines, all good or as judged."""
    ids = {line_id(session, name): each for name, each in units.items()}
    judged = {
        key: each if isinstance(each, InspectedUnits) else InspectedUnits(to_stock=each)
        for key, each in ids.items()
    }
    row = announce_return(session, get_order(session, "1"), {key: each.units for key, each in judged.items()})
    receive_return(session, row, judged)
    return row


def owed(session: Session) -> tuple[Decimal, PaymentState]:
    order = get_order(session, "1")
    return order.total - order.credited_amount, order.payment_state


def notes(session: Session) -> list[tuple[str, Decimal, Decimal]]:
    rows = list_documents(session, kind=DocumentKind.credit_note)
    return [(row.label, row.gross, row.tax) for row in reversed(rows)]
