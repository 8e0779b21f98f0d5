"""What stands on confirmations, offers and receipts: what was ordered, its tax, and what was paid."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from models.accounting.records import PaperLine, TaxSum
from models.clock import today
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.release import release_order
from models.orders.queries import lines_of
from models.papers.priced_papers import confirmation_paper, order_offer_paper, receipt_paper
from models.papers.records import OrderPaper, PaperKind, Place
from models.payments.payment import record_payment
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant
from tests.support.builders import BILLING, PLACED_AT, make_invoicing_shop
from tests.support.papers import VIENNA, line, open_shop, sell


def test_a_confirmation_has_all_that_was_ordered_with_its_tax(database: str) -> None:
    """Two rates, shipping and a second address; the whole record at once."""
    with session_scope() as session:
        shop = open_shop(session, a=5, b=5)
        order = sell(
            session,
            shop,
            "1",
            line("a", 2, "9.99"),
            line("b", 1, "5.00", tax_rate=Decimal(7)),
            shipping_amount=Decimal("4.90"),
            shipping_tax_rate=Decimal(19),
            channel_number="X-77",
            shipping=BILLING.model_copy(update={"street": "Kai 2"}),
            payment_method_name="PayPal",
            shipping_method="DHL",
        )
        tenant = session.get_one(Tenant, shop.tenant_id)
        ids = {row.external_id: row.id for row in lines_of(session, [order.row_id])[order.row_id]}

        assert confirmation_paper(session, order, language="en") == OrderPaper(
            kind=PaperKind.confirmation,
            dated=today(),
            language="en",
            currency="EUR",
            seller=SellerData.model_validate(tenant.seller),
            buyer=["Änne Groß", "Am Ölberg 3", "04109 Leipzig"],
            ships_to=Place(lines=["Änne Groß", "Kai 2", "04109 Leipzig"]),
            goes_to="DE",
            order_number="X-77",
            ordered_on=date(2026, 3, 2),
            payment_method="PayPal",
            shipping_method="DHL",
            lines=[
                PaperLine(
                    number="A", title="A", quantity=2, price=Decimal("9.99"), amount=Decimal("19.98"),
                    tax_rate=Decimal(19), order_line_id=ids["a"],
                ),
                PaperLine(
                    number="B", title="B", quantity=1, price=Decimal(5), amount=Decimal(5),
                    tax_rate=Decimal(7), order_line_id=ids["b"],
                ),
            ],
            shipping_amount=Decimal("4.90"),
            fee_amount=Decimal(0),
            taxes=[
                TaxSum(rate=Decimal(19), net=Decimal("20.91"), tax=Decimal("3.97"), gross=Decimal("24.88")),
                TaxSum(rate=Decimal(7), net=Decimal("4.67"), tax=Decimal("0.33"), gross=Decimal(5)),
            ],
            net=Decimal("25.58"),
            tax=Decimal("4.30"),
            gross=Decimal("29.88"),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "fields", "seller"),
    [
        ([line("a")], {}, {"small_business": True}),
        ([line("a", tax_rate=None)], {}, {}),
        ([line("a", tax_rate=Decimal(0))], {}, {}),
        ([line("a", tax_collected_by_channel=True)], {}, {}),
        ([line("a", price="0.00"), line("b", price="0.00", tax_rate=Decimal(7))],
         {"shipping_amount": Decimal(4)}, {}),
        ([line("a")], {"shipping": VIENNA}, {}),
        ([line("a")], {"currency": "CHF"}, {}),
    ],
)  # fmt: skip
def test_tax_that_is_not_known_or_not_ours_is_not_stated(
    sqlite_database: str, lines: list[Any], fields: dict[str, Any], seller: dict[str, Any]
) -> None:
    """Such an order is confirmed all the same."""
    with session_scope() as session:
        shop = make_invoicing_shop(session, **seller)
        paper = confirmation_paper(session, sell(session, shop, "1", *lines, **fields))

        assert (paper.taxes, paper.tax, paper.net) == ([], Decimal(0), paper.gross)
        assert [one.tax_rate for one in paper.lines] == [None] * len(lines)


def test_an_offer_is_good_for_a_while(sqlite_database: str) -> None:
    """Not until a day that is over, and not of what the warehouse has."""
    with session_scope() as session:
        order = sell(session, open_shop(session, a=1), "1", line("a"))
        day = today()

        assert order_offer_paper(session, order, day + timedelta(days=3)).valid_until == day + timedelta(
            days=3
        )
        with pytest.raises(RuleError, match="that day has passed"):
            order_offer_paper(session, order, day - timedelta(days=2))
        release_order(session, order)
        with pytest.raises(RuleError, match="is released"):
            order_offer_paper(session, order, day + timedelta(days=3))


def test_a_receipt_tells_what_came_when_and_what_is_left(database: str) -> None:
    """All payments, or the one that is named; nothing received has no receipt."""
    with session_scope() as session:
        shop = open_shop(session, a=5)
        order = sell(session, shop, "1", line("a", 3), payment_method="7", payment_method_name="Vorkasse")
        with pytest.raises(RuleError, match="has no payment for which a receipt"):
            receipt_paper(session, order)
        record_payment(session, shop.account, order, Decimal("20.00"), PLACED_AT, reference="R-1")
        second = record_payment(session, shop.account, order, Decimal("5.00"), PLACED_AT, method="Bar")

        paper = receipt_paper(session, order)
        assert [(one.on, one.amount, one.method, one.reference) for one in paper.received] == [
            (date(2026, 3, 2), Decimal("20.00"), "Vorkasse", "R-1"),
            (date(2026, 3, 2), Decimal("5.00"), "Bar", ""),
        ]
        assert (paper.gross, paper.open_amount, paper.taxes[0].tax) == (
            Decimal("30.00"), Decimal("5.00"), Decimal("4.79"),
        )  # fmt: skip
        assert [one.amount for one in receipt_paper(session, order, [second]).received] == [Decimal("5.00")]
