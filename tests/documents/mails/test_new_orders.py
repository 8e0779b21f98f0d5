"""The mail to operators about new orders."""

from decimal import Decimal

import pytest

from documents.mails.new_orders import render_orders
from models.mails.records import NewOrder, OrdersNotice


@pytest.mark.parametrize("language", ["de", "en"])
def test_operators_read_of_new_orders_without_their_buyers(language: str) -> None:
    """One, and those of a day, of which a hundred are shown."""
    orders = [
        NewOrder(row_id=number, number=f"A-{number}", total=Decimal("24.70"), currency="EUR", lines=2)
        for number in range(1, 104)
    ]
    one = render_orders(
        OrdersNotice(account="shop", tenant="Müller <&>", orders=orders[:1]), language=language
    )
    many = render_orders(OrdersNotice(account="shop", tenant="Müller <&>", orders=orders), language=language)
    amount = "24,70\u00a0€" if language == "de" else "€24.70"
    assert (
        one.subject
        == f"[Warenfluss] shop: {'neuer Auftrag' if language == 'de' else 'new order'} A-1, {amount}"
    )
    assert "103" in many.subject
    assert "A-100:" in many.text
    assert "A-101" not in many.text
    assert many.text.count(amount) == many.html.count(amount) == 100
    assert "Müller &lt;&amp;&gt;" in many.html
