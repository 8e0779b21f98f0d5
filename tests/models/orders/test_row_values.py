"""An order of a channel as values of our rows."""

from itertools import product

from models.orders.records import OrderData, OrderLineData
from models.orders.row_values import imported_state, without_buyer
from models.orders.states import TRANSITIONS
from tests.support.builders import PLACED_AT, make_line, make_order
from tests.support.privacy import TRACES, record


def test_an_order_arrives_in_a_state_of_the_table() -> None:
    """Whatever the channel tells first."""
    told = [
        imported_state(
            make_order("1", make_line("a"), cancelled=cancelled, shipped_at=shipped, checkout_at=done)
        )
        for cancelled, shipped, done in product((False, True), (None, PLACED_AT), (None, PLACED_AT))
    ]

    assert set(told) == {step.after for step in TRANSITIONS if step.before is None}


def test_every_field_of_a_record_was_judged() -> None:
    """What an anonymous order is told again has no trace of its buyer, and everything else."""
    told = record()
    anonymous = without_buyer(told)

    blank = {name for name in OrderData.model_fields if getattr(told, name) != getattr(anonymous, name)}
    assert blank == {
        "customer_id",
        "customer_name",
        "billing",
        "shipping",
        "buyer_comment",
        "memo",
        "payment_reference",
        "payment_details",
        "tags",
        "meta",
        "lines",
    }
    assert not [trace for trace in TRACES if trace in anonymous.model_dump_json().lower()]
    assert set(OrderData.model_fields) - blank == {
        "external_id",
        "channel_number",
        "alternative_number",
        "platform",
        "placed_at",
        "checkout_at",
        "currency",
        "total",
        "shipping_amount",
        "shipping_tax_rate",
        "fee_amount",
        "exchange_rate",
        "original_total",
        "original_currency",
        "paid_amount",
        "paid_at",
        "paid_on",
        "payment_method",
        "payment_method_name",
        "shipping_method",
        "carrier",
        "shipped_at",
        "shipped_on",
        "tracking_numbers",
        "cancelled",
        "invoice_number",
        "invoice_on",
        "externally_invoiced",
    }
    assert "attributes" in OrderLineData.model_fields
