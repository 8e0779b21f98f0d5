"""Invoices: what was shipped, once, with tax that adds up; and what is refused with a reason."""

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models.accounting.bookings import Booking
from models.accounting.issued import Document, DocumentLine, list_documents
from models.accounting.records import DocumentKind
from models.database.engine import get_engine
from models.database.session import session_scope
from models.errors import RuleError
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import (
    first_order_from,
    invoiceable,
    issue_invoices,
    issue_or_hold,
    list_uninvoiced,
)
from models.order_desk.edits import accept_holds
from models.orders.history import Actor
from models.orders.order import Order, OrderLine, OrderState
from models.tenants.tenant import Tenant
from tests.support.builders import (
    BILLING,
    counted_statements,
    events_in,
    get_order,
    holds_in,
    make_invoicing_shop,
    ship_units,
)
from tests.support.invoicing import YEAR, content_of, invoice, invoiced, sell, shipped, taxed


def test_parts_are_invoiced_as_they_leave_and_nothing_twice(database: str) -> None:
    """The first invoice has the shipping; a second one of the same goods is refused; numbers follow."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        lines = (taxed("a", 3), taxed("b"))
        sell(session, shop, "1", *lines, shipping_amount=Decimal("4.90"))
        with pytest.raises(RuleError, match="no shipped units left to invoice"):
            invoice(session)
        ship_units(session, "1", a=1)
        first = invoice(session)
        with pytest.raises(RuleError, match="no shipped units left to invoice"):
            invoice(session)
        ship_units(session, "1", a=1)
        ship_units(session, "1")
        second = invoice(session)

        assert [first.gross, second.gross] == [Decimal("14.90"), Decimal("30.00")]
        assert [first.number, second.number] == [1, 2]
        assert invoiced(session) == {"a": 3, "b": 1}
        assert first.gross + second.gross == get_order(session, "1").total


def test_what_the_channel_has_invoiced_waits_for_nobody(sqlite_database: str) -> None:
    """Its orders of before would all be held otherwise, when invoices begin to be made here."""
    with session_scope() as session:
        shipped(session, taxed("a"), invoice_number="4711")
        order = get_order(session, "1")
        assert invoiceable(session, [order.row_id], date(2020, 1, 1)) == []
        order.details = {**order.details, "invoice_number": "0"}
        assert invoiceable(session, [order.row_id], date(2020, 1, 1)) == [order]
        order.details = {**order.details, "externally_invoiced": True}
        assert invoiceable(session, [order.row_id], date(2020, 1, 1)) == []


def test_a_hold_for_an_invoice_keeps_no_goods_back_and_ends_with_the_invoice(sqlite_database: str) -> None:
    """The rest is shipped; once the tax number is known, the next try succeeds."""
    with session_scope() as session:
        shop = make_invoicing_shop(session, tax_number="", vat_id="")
        sell(session, shop, "1", taxed("a", 2))
        ship_units(session, "1", a=1)
        assert issue_or_hold(session, get_order(session, "1")) is None
        ship_units(session, "1")
        tenant = session.get_one(Tenant, shop.tenant_id)
        tenant.seller = {**tenant.seller, "vat_id": "DE123456789"}
        session.add(tenant)

        document = issue_or_hold(session, get_order(session, "1"))

        assert document is not None
        assert document.gross == Decimal("20.00")
        assert holds_in(session, "1") == []


def test_what_waits_is_found_by_day_and_account(database: str) -> None:
    """Orders placed before the day from which invoices are made here are left alone, by German time."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        days = [datetime(2026, 2, 28, 22, 59, tzinfo=UTC), datetime(2026, 2, 28, 23, 0, tzinfo=UTC)]
        for number, placed_at in enumerate([*days, days[1]]):
            sell(session, shop, str(number), taxed(f"l{number}"), placed_at=placed_at)
        for number in range(2):
            ship_units(session, str(number))
        march = date(2026, 3, 1)
        first = first_order_from(session, shop.account.id, march)
        assert first == get_order(session, "1").id
        ids = list_uninvoiced(session, shop.account.id, 0, 10)

        assert ids == [get_order(session, number).id for number in ("0", "1")]
        assert [order.external_id for order in invoiceable(session, ids, march)] == ["1"]
        assert list_uninvoiced(session, shop.account.id, ids[0], 10) == ids[1:]
        assert first_order_from(session, shop.account.id, date(2026, 4, 1)) is None
        invoice(session, "1")
        assert list_uninvoiced(session, shop.account.id, ids[0], 10) == []


def test_more_than_was_shipped_cannot_be_invoiced(database: str) -> None:
    """The database itself refuses it."""
    with session_scope() as session:
        shipped(session, taxed("a"))
        invoice(session)
    for wrong in ("invoiced + 1", "-1"):
        with pytest.raises(IntegrityError), session_scope() as session:
            session.execute(text(f"UPDATE order_line SET invoiced = {wrong}"))


LINES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 99_99), st.sampled_from(["19", "7"])), min_size=1, max_size=4
)
STEPS = st.lists(st.sampled_from(["ship", "ship", "invoice", "correct"]), max_size=14)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, steps=STEPS, shipping=st.integers(0, 2000), dice=st.randoms(use_true_random=False))
def test_over_random_lives_money_and_goods_are_invoiced_once(
    lines: list[tuple[int, int, str]], steps: list[str], shipping: int, dice: Any, sqlite_database: str
) -> None:
    """Never more than was shipped; at the end what stands is the order's total, to the cent."""
    with Session(get_engine(), expire_on_commit=False) as session:
        shop = make_invoicing_shop(session)
        told = [
            taxed(f"l{number}", quantity, str(Decimal(cents) / 100), rate)
            for number, (quantity, cents, rate) in enumerate(lines)
        ]
        sell(session, shop, "1", *told, shipping_amount=Decimal(shipping) / 100)

        def documents() -> list[Document]:
            return list_documents(session)

        def standing() -> list[Document]:
            undone = {document.corrects_id for document in documents()}
            return [one for one in documents() if one.kind is DocumentKind.invoice and one.id not in undone]

        def take(step: str) -> None:
            rows = session.exec(select(OrderLine)).all()
            open_rows = [row for row in rows if row.quantity > row.shipped]
            if step == "ship" and open_rows:
                row = dice.choice(open_rows)
                ship_units(session, "1", **{row.external_id: dice.randint(1, row.quantity - row.shipped)})
            elif step == "invoice" and any(row.shipped > row.invoiced for row in rows):
                # Goods for nothing at two rates do not say what tax shipping has.
                with suppress(RuleError):
                    invoice(session)
            elif step == "correct" and standing():
                cancel_invoice(session, dice.choice(standing()), "so it goes")
            for row in session.exec(select(OrderLine)):
                assert 0 <= row.invoiced <= row.shipped

        for step in [*steps, *["ship"] * sum(quantity for quantity, _, _ in lines)]:
            take(step)
        take("invoice")

        for document in documents():
            content = content_of(document)
            assert document.net + document.tax == document.gross
            assert sum((part.gross for part in content.taxes), Decimal(0)) == document.gross
            goods = sum((line.amount for line in content.lines), Decimal(0))
            assert goods + content.shipping_amount + content.fee_amount == document.gross
        numbers = [one.number for one in documents() if one.kind is DocumentKind.invoice]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        if all(row.invoiced == row.quantity for row in session.exec(select(OrderLine))):
            gross = sum((one.gross for one in standing()), Decimal(0))
            assert gross == get_order(session, "1").total


def make_page(session: Session) -> list[Order]:
    """Return orders: shipped whole, in part, without a city, invoiced in part, and merged into the first."""
    shop = make_invoicing_shop(session)
    extras = {"shipping_amount": Decimal("4.90"), "shipping_tax_rate": Decimal(19)}
    for number in "12345":
        lines = [taxed(f"a{number}", 2, "9.99"), taxed(f"b{number}", 1, "5.00", "7")]
        billing = BILLING.model_copy(update={"city": " "}) if number == "3" else BILLING
        sell(session, shop, number, *lines, **extras, billing=billing)
    accept_holds(session, get_order(session, "3"), [])
    for number, units in {"1": {}, "2": {"a2": 1}, "3": {}, "4": {"b4": 1}, "5": {"a5": 1}}.items():
        ship_units(session, number, **units)
    invoice(session, "4")
    invoice(session, "5")
    ship_units(session, "4", a4=1)
    orders = [get_order(session, number) for number in "12345"]
    # Shipping of the fifth was invoiced with it: it is not to be asked for once more with its other lines.
    orders[4].state, orders[4].merged_into_id = OrderState.merged, orders[0].id
    for line in session.exec(select(OrderLine).where(OrderLine.order_id == orders[4].id)):
        line.order_id = orders[0].row_id
        orders[0].total += line.price * line.quantity
    session.flush()
    return orders


def issued(session: Session) -> tuple[Any, ...]:
    session.flush()
    return (
        [(row.label, row.order_id, row.content, row.sha256) for row in list_documents(session)],
        sorted(
            (session.get_one(Document, row.document_id).label, row.order_line_id, row.quantity)
            for row in session.exec(select(DocumentLine))
        ),
        sorted((row.label, row.gross, str(row.taxes)) for row in session.exec(select(Booking))),
        invoiced(session),
        [holds_in(session, number) for number in "12345"],
        [events_in(session, number) for number in "12345"],
    )


def test_a_page_is_invoiced_like_one_order_after_the_other(database: str) -> None:
    """Numbers follow each other without a gap; the order that is refused is held, and keeps nobody back."""
    with session_scope() as session:
        orders = make_page(session)
        undone = session.begin_nested()
        alone = [document.label if (document := issue_or_hold(session, order)) else "" for order in orders]
        expected = issued(session)
        undone.rollback()
        session.expire_all()
        together = issue_invoices(session, orders, actor=Actor.cycle, hold=True)
        assert ["" if isinstance(each, RuleError) else each.label for each in together] == alone
        assert issued(session) == expected
        # The same refusal again: its hold stands there already.
        issue_invoices(session, [orders[2]], actor=Actor.cycle, hold=True)
        assert issued(session) == expected
        assert [each[0] for each in expected[0]] == [f"RE-{YEAR}-{number:05}" for number in (5, 4, 3, 2, 1)]
        first = next(each for each in expected[0] if each[1] == get_order(session, "1").id)
        assert Decimal(first[2]["shipping_amount"]) == 0


def test_a_page_of_invoices_takes_no_more_statements_than_a_small_one(database: str) -> None:
    """Twenty orders are asked for and written in as many statements as two are."""
    asked: list[int] = []
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        for number in range(22):
            sell(session, shop, str(number), taxed(f"a{number}"))
            ship_units(session, str(number))
    for numbers in (range(2), range(2, 22)):
        with session_scope() as session, counted_statements() as seen:
            orders = [get_order(session, str(number)) for number in numbers]
            seen.clear()
            done = issue_invoices(session, orders, actor=Actor.cycle, hold=True)
            assert all(isinstance(each, Document) for each in done)
            session.flush()
            asked.append(len(seen))
    assert asked[0] == asked[1] <= 25
