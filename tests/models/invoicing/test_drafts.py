"""What an invoice says, and why there can be none."""

from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from models.accounting.issued import list_documents
from models.accounting.numbers import DocumentSeries
from models.accounting.records import PaperContent, content_hash
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.invoicing.invoices import issue_or_hold
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import OrderLine
from models.orders.records import AddressData
from models.tenants.account import Account
from models.tenants.records import Mode
from models.tenants.tenant import Tenant
from tests.support.builders import BILLING, get_order, holds_in, make_invoicing_shop, make_line, ship_units
from tests.support.invoicing import YEAR, content_of, invoice, invoiced, sell, shipped, taxed

VIENNA = AddressData(
    first_name="Eva", last_name="Huber", street="Ring 1", postcode="1010", city="Wien", country="AT"
)


def test_an_invoice_says_what_was_shipped_and_its_tax(database: str) -> None:
    """Goods of two rates and shipping with a rate of its own; the whole content at once."""
    with session_scope() as session:
        shop = shipped(
            session,
            taxed("a", 3, "9.99"),
            taxed("b", 1, "5.00", "7"),
            shipping_amount=Decimal("4.90"),
            shipping_tax_rate=Decimal(19),
            channel_number="X-77",
        )
        document = invoice(session)
        tenant = session.get_one(Tenant, shop.tenant_id)
        lines = {row.external_id: row.id for row in session.exec(select(OrderLine))}

        assert content_of(document) == PaperContent.model_validate(
            {
                "kind": "invoice",
                "label": f"RE-{YEAR}-00001",
                "issued_on": document.issued_on,
                "language": "de",
                "currency": "EUR",
                "seller": tenant.seller,
                "buyer": ["Änne Groß", "Am Ölberg 3", "04109 Leipzig"],
                "tax_case": "domestic",
                "goes_to": "DE",
                "order_number": "X-77",
                "ordered_on": "2026-03-02",
                "delivered_from": "2026-03-04",
                "delivered_until": "2026-03-04",
                "lines": [
                    {"number": "A", "title": "A", "quantity": 3, "price": "9.99", "amount": "29.97",
                     "tax_rate": "19", "order_line_id": lines["a"]},
                    {"number": "B", "title": "B", "quantity": 1, "price": "5", "amount": "5",
                     "tax_rate": "7", "order_line_id": lines["b"]},
                ],
                "shipping_amount": "4.90",
                "fee_amount": "0",
                "taxes": [
                    {"rate": "19", "net": "29.30", "tax": "5.57", "gross": "34.87"},
                    {"rate": "7", "net": "4.67", "tax": "0.33", "gross": "5"},
                ],
                "net": "33.97",
                "tax": "5.90",
                "gross": "39.87",
            }
        )  # fmt: skip
        assert (document.net, document.tax, document.gross) == (
            Decimal("33.97"), Decimal("5.90"), Decimal("39.87"),
        )  # fmt: skip
        assert document.sha256 == content_hash(document.content)
        assert invoiced(session) == {"a": 3, "b": 1}


def test_of_a_cancelled_order_what_had_left_is_invoiced(sqlite_database: str) -> None:
    """The rest is not."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        sell(session, shop, "1", taxed("a", 3))
        ship_units(session, "1", a=2)
        cancel_order(session, get_order(session, "1"), actor=Actor.person)

        assert invoice(session).gross == Decimal("20.00")


def test_shipping_and_fees_without_a_rate_go_with_the_goods(sqlite_database: str) -> None:
    """In proportion to their value; the cent that is left goes to the larger part."""
    with session_scope() as session:
        shipped(
            session,
            taxed("a", 1, "20.00"),
            taxed("b", 1, "10.00", "7"),
            shipping_amount=Decimal("4.99"),
            fee_amount=Decimal("-1.00"),
        )
        taxes = content_of(invoice(session)).taxes

        assert [(part.rate, part.gross) for part in taxes] == [
            (Decimal(19), Decimal("22.66")),
            (Decimal(7), Decimal("11.33")),
        ]


def test_a_small_business_shows_no_tax(sqlite_database: str) -> None:
    """Not even where the channel told rates."""
    with session_scope() as session:
        shipped(session, taxed("a"), make_line("b", "B"), seller={"small_business": True})
        document = invoice(session)

        assert content_of(document).taxes == []
        assert (document.tax, document.net) == (Decimal(0), Decimal("20.00"))


@pytest.mark.parametrize(
    ("lines", "fields", "seller", "said"),
    [
        ([make_line("a", "A")], {}, {}, "reports no tax rate"),
        ([taxed("a", rate="0")], {}, {}, "no tax rate, or 0 %"),
        ([taxed("a", tax_collected_by_channel=True)], {}, {}, "The marketplace says that it collects"),
        ([taxed("a", price="0.005")], {}, {}, "no whole number of cents"),
        ([taxed("a", price="-3.00")], {}, {}, "less than nothing"),
        ([taxed("a")], {"currency": "CHF"}, {}, "is in CHF"),
        ([taxed("a")], {"invoice_number": "4711"}, {}, "is invoiced already, as the channel reports"),
        ([taxed("a")], {"shipping": VIENNA}, {}, "goods go to a consumer in AT"),
        ([taxed("a", rate="16")], {}, {}, "reports 16 % tax, but in DE it is 19 % or 7 %"),
        ([taxed("a")], {"shipping_amount": Decimal(3), "shipping_tax_rate": Decimal(16)}, {},
         "Shipping: the channel reports 16 %"),
        ([taxed("a")], {"billing": BILLING.model_copy(update={"postcode": "4109"})}, {}, "not show"),
        ([taxed("a")], {"billing": BILLING.model_copy(update={"country": ""})}, {}, "not known"),
        ([taxed("a")], {"billing": BILLING.model_copy(update={"city": " "})}, {}, "address has no city"),
        ([taxed("a")], {}, {"address": []}, "tenant 'nord' has no address"),
        ([taxed("a")], {}, {"tax_number": "", "vat_id": "", "name": ""}, "no legal name, no tax number"),
    ],
)  # fmt: skip
def test_what_cannot_be_invoiced_is_refused_with_the_reason(
    lines: list[Any], fields: dict[str, Any], seller: dict[str, Any], said: str, sqlite_database: str
) -> None:
    """Nothing is issued, no number is used up, and the order is held until it can be."""
    with session_scope() as session:
        shipped(session, *lines, seller=seller, **fields)
        with pytest.raises(RuleError, match=said) as caught:
            invoice(session)
        assert "Groß" not in str(caught.value)
        assert issue_or_hold(session, get_order(session, "1")) is None
        assert issue_or_hold(session, get_order(session, "1")) is None

        assert [reason for reason, _, _ in holds_in(session, "1")] == [HoldReason.invoice_refused]
        assert list_documents(session) == []
        assert session.exec(select(DocumentSeries)).all() == []
        assert set(invoiced(session).values()) == {0}


def test_a_total_that_does_not_add_up_is_not_invoiced(sqlite_database: str) -> None:
    """The order is held for it, and the invoice waits for a person."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        sell(session, shop, "1", taxed("a"), total=Decimal("11.00"))
        row = session.exec(select(OrderLine)).one()
        row.allocated, row.shipped = 0, 1
        session.add(row)

        with pytest.raises(RuleError, match="is held"):
            invoice(session)


def test_only_an_account_that_wants_it_and_is_live(sqlite_database: str) -> None:
    """The channel makes invoices unless told otherwise; in test none is made."""
    with session_scope() as session:
        shop = shipped(session, taxed("a"))
        account = session.get_one(Account, shop.account.id)
        account.mode = Mode.test
        session.add(account)
        with pytest.raises(RuleError, match="is not live"):
            invoice(session)
        account.mode, account.settings = Mode.live, {}
        session.add(account)
        with pytest.raises(RuleError, match="made by its channel"):
            invoice(session)
