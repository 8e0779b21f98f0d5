"""The cycle `invoicing`: what was shipped is invoiced and drawn, once; bad orders are held, others go on."""

import io
from decimal import Decimal

import pytest
from pypdf import PdfReader
from sqlmodel import select

from models.accounting.issued import Document, DocumentFile, find_document
from models.accounting.numbers import DocumentSeries
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.invoicing.credit_notes import cancel_invoice
from models.orders.queries import find_order
from models.sync.records import Cycle
from models.sync.runs import RunState
from models.tenants.account import get_account
from models.tenants.records import Mode
from models.tenants.tenant import Tenant
from tests.flows.conftest import Shop
from tests.support.builders import SELLER, SHIPPED_AT
from tests.support.steps import (
    add_mug,
    artifacts,
    attempt,
    events,
    holds,
    last_counts,
    last_run,
    line_rows,
    prepare,
    sync,
)

INVOICING = Cycle.invoicing


def set_seller(shop: Shop, **changes: object) -> None:
    with session_scope() as session:
        tenant = session.get_one(Tenant, get_account(session, shop.name).tenant_id)
        tenant.seller = {**SELLER, **changes}
        session.add(tenant)


def ship(shop: Shop, number: int, units: int | None = None) -> None:
    """Book an order out of the house, or some units of its first line."""
    lines = {} if units is None else {line_rows(shop.order(number))[0].id or 0: units}
    with session_scope() as session:
        record_shipment(
            session, find_order(session, str(number)), "DHL", [ParcelData(lines=lines)], SHIPPED_AT
        )


@pytest.fixture
def ready(shop: Shop) -> list[int]:
    """Three orders of two mugs each at an account whose invoices are made here; their numbers."""
    shop.configure(invoices="warenfluss", invoices_from="2020-01-01")
    set_seller(shop)
    mug = add_mug(shop, 20)
    numbers = [shop.channel.place_order([(mug.id, 2)]).order_id for _ in range(3)]
    prepare(shop, Cycle.article_import, Cycle.order_import)
    return numbers


def papers() -> list[tuple[str, Decimal]]:
    with read_scope() as session:
        rows = session.exec(select(Document).order_by(Document.id)).all()  # type: ignore[arg-type]
        return [(row.label.split("-")[0] + row.label[-2:], row.gross) for row in rows]


def test_what_was_shipped_is_invoiced_and_drawn_once(shop: Shop, ready: list[int]) -> None:
    """A part first, the rest later; another run finds nothing, and after a correction all is issued anew."""
    ship(shop, ready[0], 1)
    ship(shop, ready[1])
    assert sync(INVOICING, shop).text() == "2 read, 2 issued"
    assert sync(INVOICING, shop).text() == "nothing new"
    ship(shop, ready[0])
    assert sync(INVOICING, shop).issued == 1

    assert papers() == [("RE01", Decimal("14.80")), ("RE02", Decimal("24.70")), ("RE03", Decimal("9.90"))]
    assert events(shop.order(ready[0])).count("invoiced") == 2
    with session_scope() as session:
        cancel_invoice(session, session.get_one(Document, 2), "Anschrift")
    assert sync(INVOICING, shop).issued == 1
    assert papers()[3:] == [("RK01", Decimal("-24.70")), ("RE04", Decimal("24.70"))]
    with read_scope() as session:
        for document in session.exec(select(Document)):
            file = session.get_one(DocumentFile, document.id)
            words = PdfReader(io.BytesIO(file.pdf)).pages[0].extract_text()
            assert document.label in words
            assert f"{document.gross:.2f}".replace(".", ",") in words
        (run_id,) = {session.get_one(Document, 5).run_id}
    assert run_id == last_run(shop, INVOICING).id
    assert shop.simulator.writes == []


def test_a_bad_order_is_held_and_the_others_go_on(shop: Shop, ready: list[int]) -> None:
    """With the reason; once it is mended, its invoice follows."""
    for number in ready:
        ship(shop, number)
    with session_scope() as session:
        order = find_order(session, str(ready[1]))
        order.total += 1
        session.add(order)

    counts = sync(INVOICING, shop)

    assert (counts.issued, counts.held) == (2, 1)
    assert holds(shop.order(ready[1])) == ["invoice_refused"]
    with session_scope() as session:
        order = find_order(session, str(ready[1]))
        order.total -= 1
        session.add(order)
    assert sync(INVOICING, shop).issued == 1
    assert holds(shop.order(ready[1])) == []


def test_a_test_run_issues_nothing_and_shows_what_it_would(shop: Shop, ready: list[int]) -> None:
    """Of a live account; no number is used up."""
    ship(shop, ready[0])
    counts = sync(INVOICING, shop, test=True)

    assert (counts.issued, counts.would_send) == (0, 1)
    assert papers() == []
    with read_scope() as session:
        assert session.exec(select(DocumentSeries)).all() == []
    shown = str(artifacts(shop, INVOICING)[f"would-send-invoicing-{shop.name}"])
    assert "24.70 EUR" in shown
    assert sync(INVOICING, shop).issued == 1


def test_what_every_invoice_lacks_fails_the_run_with_what_to_do(shop: Shop, ready: list[int]) -> None:
    """Not order by order; an account whose channel makes the invoices has no such cycle."""
    ship(shop, ready[0])
    set_seller(shop, tax_number="", vat_id="")
    assert attempt(INVOICING, shop).is_failed()
    error = last_run(shop, INVOICING).error
    assert "--set seller.tax_number=NUMBER" in error
    assert "--set seller.vat_id=ID" in error
    assert holds(shop.order(ready[0])) == []

    shop.configure(invoices="channel")
    assert attempt(INVOICING, shop).is_failed()
    assert "made by its channel" in last_run(shop, INVOICING).error
    assert papers() == []


def test_orders_placed_before_are_the_channels(shop: Shop, ready: list[int]) -> None:
    """Only from the set day on."""
    ship(shop, ready[0])
    shop.configure(invoices_from="2099-01-01")

    assert sync(INVOICING, shop).text() == "nothing new"
    assert papers() == []


def test_what_was_issued_in_a_run_that_died_is_drawn_by_the_next(
    shop: Shop, ready: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what was issued, whatever the tenant says by then."""

    def die(_: object) -> None:
        raise RuntimeError

    ship(shop, ready[0])
    with monkeypatch.context() as broken:
        broken.setattr("tasks.invoicing.draw_missing", die)
        assert attempt(INVOICING, shop).is_failed()
    assert last_run(shop, INVOICING).state is RunState.failed
    set_seller(shop, name="Another Name")

    assert sync(INVOICING, shop).issued == 0

    with read_scope() as session:
        document = session.exec(select(Document)).one()
        words = PdfReader(io.BytesIO(session.get_one(DocumentFile, document.id).pdf)).pages[0].extract_text()
        assert find_document(session, document.label).content["seller"]["name"] == SELLER["name"]
    assert str(SELLER["name"]) in words
    assert "Another Name" not in words


def test_an_account_in_test_issues_nothing(shop: Shop, ready: list[int]) -> None:
    """Whatever the run says."""
    ship(shop, ready[0])
    shop.set_mode(Mode.test)
    sync(INVOICING, shop)

    assert last_counts(shop, INVOICING).issued == 0
    assert papers() == []
