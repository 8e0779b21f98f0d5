"""Each document and each payment is booked once, exactly and for ever."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models.accounting.bookings import PAPERS, Booking, list_bookings, rows_by_rate, sums_of
from models.accounting.issued import Document, list_documents
from models.clock import utc_now
from models.database.engine import get_engine
from models.database.schema import downgrade, upgrade
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import issue_invoice
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.orders.history import Actor
from models.orders.order import Order
from models.payments.payment import Payment, record_payment, record_refund
from tasks.sheets.bookings import fill_books
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    row_counts,
    ship_units,
    take_in,
)

LATE = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
"""Already the first of April in Germany."""


def open_shop(session: Session, **seller: Any) -> Shop:
    """A shop with an order `1` that has left: a mug of 19 % and a cup of 7 %, paid by 30 euros."""
    shop = make_invoicing_shop(session, **seller)
    for sku in ("MUG", "CUP"):
        add_article(session, shop, sku, on_hand=50)
    take_in(session, shop, sold("1"))
    ship_units(session, "1")
    return shop


def sold(name: str, paid: str = "30.00") -> Any:
    lines = [
        make_line(f"{name}a", "MUG", 1, "23.80", tax_rate=Decimal(19)),
        make_line(f"{name}b", "CUP", 1, "10.70", tax_rate=Decimal(7)),
    ]
    return make_order(
        name,
        *lines,
        channel_number=f"M-{name}",
        customer_id="aenne-gross",
        paid_amount=Decimal(paid),
        paid_at=LATE,
        payment_method="PAYPAL",
        payment_reference=f"T-{name}",
    )


def bookings(session: Session) -> list[Booking]:
    return list(session.exec(select(Booking).order_by(col(Booking.id))))


def shown(session: Session) -> list[tuple[Any, ...]]:
    """Return all records as they were written, one row for each rate."""
    return [
        (row["kind"], row["label"], row["reference"], row["tax_rate"], row["net"], row["tax"], row["gross"])
        for booking in bookings(session)
        for row in rows_by_rate(booking)
    ]


def give_back(session: Session, order: Order, line: str) -> None:
    """Let a unit of a line come back and be credited."""
    line_id = find_line(session, order, line).row_id
    row = announce_return(session, order, {line_id: 1})
    receive_return(session, row, {line_id: InspectedUnits(scrapped=1)})
    credit_return(session, row)


def test_documents_and_payments_of_every_kind(database: str) -> None:
    """Rates, signs, what each belongs to; all of it without the buyer's name."""
    with session_scope() as session:
        shop = open_shop(session)
        order = get_order(session, "1")
        first = issue_invoice(session, order, actor=Actor.cycle)
        cancel_invoice(session, first, "Anschrift")
        second = issue_invoice(session, order, actor=Actor.cycle)
        give_back(session, order, "1b")
        record_payment(session, shop.account, order, Decimal("10.00"), utc_now(), reference="Bank 7")
        record_payment(session, shop.account, order, Decimal("-5.50"), utc_now())
        record_refund(session, shop.account, order, Decimal("10.70"), utc_now(), method="bank")

        year = first.year
        assert shown(session) == [
            ("payment", "", "T-1", None, None, None, Decimal("30.00")),
            ("invoice", first.label, "", 19, Decimal("20.00"), Decimal("3.80"), Decimal("23.80")),
            ("invoice", first.label, "", 7, Decimal("10.00"), Decimal("0.70"), Decimal("10.70")),
            (
                "cancellation",
                f"RK-{year}-00001",
                first.label,
                19,
                Decimal("-20.00"),
                Decimal("-3.80"),
                Decimal("-23.80"),
            ),
            (
                "cancellation",
                f"RK-{year}-00001",
                first.label,
                7,
                Decimal("-10.00"),
                Decimal("-0.70"),
                Decimal("-10.70"),
            ),
            ("invoice", second.label, "", 19, Decimal("20.00"), Decimal("3.80"), Decimal("23.80")),
            ("invoice", second.label, "", 7, Decimal("10.00"), Decimal("0.70"), Decimal("10.70")),
            (
                "credit_note",
                f"RK-{year}-00002",
                second.label,
                7,
                Decimal("-10.00"),
                Decimal("-0.70"),
                Decimal("-10.70"),
            ),
            ("payment", "", "Bank 7", None, None, None, Decimal("10.00")),
            ("payment_reversal", "", "", None, None, None, Decimal("-5.50")),
            ("refund", "", "", None, None, None, Decimal("-10.70")),
        ]
        told, invoiced = bookings(session)[:2]
        assert (told.booked_on, invoiced.booked_on) == (date(2026, 4, 1), first.issued_on)
        assert (told.order_number, told.method, told.customer_id) == ("M-1", "PAYPAL", order.customer_id)
        assert (invoiced.order_id, invoiced.account_id) == (order.id, shop.account.id)
        kept = str([row.model_dump() for row in bookings(session)])
        assert "Groß" not in kept
        assert "aenne" not in kept


def test_a_small_business_books_without_tax(sqlite_database: str) -> None:
    """One row without a rate, and no tax in it."""
    with session_scope() as session:
        shop = open_shop(session, small_business=True)
        issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)

        (_, row) = [each for booking in bookings(session) for each in rows_by_rate(booking)]
        assert (row["tax_rate"], row["net"], row["tax"], row["gross"]) == (
            None,
            Decimal("34.50"),
            Decimal(0),
            Decimal("34.50"),
        )
        assert list(list_bookings(session, shop.tenant_id, until=date(2026, 3, 31))) == []
        day = date(2026, 4, 1)
        assert len(list(list_bookings(session, shop.tenant_id, since=day, until=day))) == 1


def test_trials_are_not_booked(sqlite_database: str) -> None:
    """Neither when they arrive nor afterwards."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        take_in(session, shop, sold("1"), trial=True)
    assert fill_books() == 0
    with session_scope() as session:
        assert row_counts(session, Payment, Booking) == [1, 0]


@pytest.mark.parametrize("change", [update(Booking).values(gross=Decimal(1)), delete(Booking)])
def test_what_is_booked_never_changes(database: str, change: Any) -> None:
    """The database itself refuses."""
    with session_scope() as session:
        open_shop(session)
    with pytest.raises(IntegrityError, match="never changes"), session_scope() as session:
        session.execute(change)


def test_what_was_there_before_is_booked_once(database: str) -> None:
    """An upgrade from the version without books: all is booked as it would have been, and only once."""
    with session_scope() as session:
        open_shop(session)
        cancel_invoice(
            session, issue_invoice(session, get_order(session, "1"), actor=Actor.cycle), "Anschrift"
        )
        before = sorted(shown(session), key=str)
    downgrade("0014")
    upgrade()

    assert [fill_books(), fill_books()] == [3, 0]
    with session_scope() as session:
        assert sorted(shown(session), key=str) == before


STEPS = ("more", "less", "ship", "invoice", "correct", "return", "pay", "take", "refund", "merge", "cancel")
steps = st.lists(
    st.tuples(
        st.sampled_from(STEPS), st.integers(1, 2), st.integers(1, 4000).map(lambda n: Decimal(n) / 100)
    ),
    min_size=12,
    max_size=25,
)


def live(session: Session, shop: Shop, step: str, name: str, amount: Decimal) -> None:
    """Take one step in the life of an order."""
    order = session.exec(select(Order).where(Order.external_id == name)).first()
    if order is None:
        take_in(session, shop, sold(name, str(amount)))
    elif step in ("more", "less"):
        sign = 1 if step == "more" else -1
        take_in(session, shop, sold(name, str(max(Decimal(0), order.paid_amount + sign * amount))))
    elif step == "ship":
        ship_units(session, name)
    elif step == "invoice":
        issue_invoice(session, order, actor=Actor.cycle)
    elif step == "correct":
        for document in list_documents(session, order_id=order.id, limit=1):
            cancel_invoice(session, document, "Anschrift")
    elif step == "return":
        give_back(session, order, f"{name}a")
    elif step in ("pay", "take"):
        record_payment(session, shop.account, order, amount if step == "pay" else -amount, LATE)
    elif step == "refund":
        record_refund(session, shop.account, order, amount, LATE)
    elif step == "cancel":
        cancel_order(session, order, actor=Actor.person)
    else:
        other = sold(name)
        both = [*other.lines, *sold("3" if name == "2" else "2").lines]
        total = sum((line.price for line in both), Decimal(0))
        take_in(session, shop, other.model_copy(update={"lines": both, "total": total}))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_books_hold_what_was_issued_and_received(
    sqlite_database: str, taken: Sequence[tuple[str, int, Decimal]]
) -> None:
    """Over random lives: each document and payment once, and the sums of both are those of the orders."""
    with Session(get_engine(), expire_on_commit=False) as session:
        shop = open_shop(session)
        for step, number, amount in taken:
            try:
                with session.begin_nested():
                    live(session, shop, step, str(number), amount)
            except RuleError:
                continue
        session.flush()
        session.expire_all()
        booked = bookings(session)
        documents = session.exec(select(Document)).all()
        papers = [row for row in booked if row.kind in PAPERS]
        money = [row for row in booked if row.kind not in PAPERS]

        assert {row.document_id for row in papers} == {row.id for row in documents}
        assert {row.payment_id for row in money} == {row.id for row in session.exec(select(Payment))}
        assert _sum(papers) == sum((row.gross for row in documents), Decimal(0))
        assert _sum(money) == sum((row.paid_amount for row in session.exec(select(Order))), Decimal(0))
        by_rate = sums_of([row for booking in papers for row in rows_by_rate(booking)])
        for name in ("net", "tax", "gross"):
            assert sum((row[name] for row in by_rate), Decimal(0)) == sum(
                (getattr(row, name) for row in documents), Decimal(0)
            )
        session.rollback()


def _sum(rows: Sequence[Booking]) -> Decimal:
    return sum((row.gross for row in rows), Decimal(0))
