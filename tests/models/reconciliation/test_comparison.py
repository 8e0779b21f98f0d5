"""What differs between both sides, from plain records: no database, no channel."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from models.orders.holds import Hold, HoldReason
from models.orders.order import Order, OrderLine, OrderState
from models.orders.records import OrderData
from models.orders.row_values import line_values, order_hash
from models.payments.payment import Payment
from models.reconciliation.comparison import (
    OurCancellation,
    OurOrder,
    OurShipment,
    compare_cancellation,
    compare_content,
    compare_payment,
    compare_shipment,
    compare_stock,
    is_meant_to_differ,
    missing_here,
    missing_there,
    unreadable_here,
)
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.tenants.records import Side
from tests.support.builders import PLACED_AT, make_line, make_order

LATE = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
"""Already the third in Germany."""
CHANGED, CANCELLED = HoldReason.changed_after_release, HoldReason.cancelled_after_release


def reported(**fields: Any) -> OrderData:
    """Return the channel's record of an order of two mugs for 20 EUR, sold on a sunny day."""
    return make_order("7", make_line("a", "MUG", 2), **fields)


def ours(state: OrderState = OrderState.open, *holds: Hold, **fields: Any) -> OurOrder:
    """Return that order as it stands here: the same, but for the fields that are named."""
    data = reported()
    shipped = fields.pop("shipped", 0)
    more = {name: fields.pop(name) for name in ("edits", "payments", "is_outdated") if name in fields}
    line = OrderLine(external_id="a", quantity=2, shipped=shipped, **line_values(data.lines[0], 0))
    values = {"id": 1, "external_id": "7", "total": data.total, "currency": "EUR", **fields}
    return OurOrder(Order(account_id=1, state=state, **values), lines=[line], holds=holds, **more)


def held(reason: HoldReason, *, ended: bool = False) -> Hold:
    return Hold(order_id=1, reason=reason, released_at=PLACED_AT if ended else None)


def fields_of(findings: list[DifferenceData]) -> list[tuple[str, str, str]]:
    return [(one.field, one.here, one.there) for one in findings]


# Presence.


def test_an_order_that_is_missing_here_is_read() -> None:
    """History is left out, unless one of its lines stands in an order here."""
    data, elsewhere = reported(), {"a": ours(id=5, external_id="8").order}
    missing = DifferenceData(DifferenceKind.order_not_here, "7", "", "", "20.00 EUR", Remedy.read)

    assert missing_here(data, {}, is_history=False) == missing
    assert missing_here(data, {}, is_history=True) is None
    assert missing_here(data, elsewhere, is_history=True) == missing


def test_an_unusable_record_is_read_again() -> None:
    """Only its number is known."""
    assert unreadable_here("7") == DifferenceData(
        DifferenceKind.order_not_here, "7", "", "", "unreadable", Remedy.read
    )


@pytest.mark.parametrize(
    ("state", "holds", "is_missed"),
    [
        (OrderState.open, (), True),
        (OrderState.shipped, (), True),
        (OrderState.merged, (), False),
        (OrderState.cancelled, (), False),
        (OrderState.released, (held(CHANGED),), False),
        (OrderState.released, (held(CHANGED, ended=True),), False),
        (OrderState.released, (held(CANCELLED),), True),
    ],
)
def test_an_order_that_the_channel_lost_is_left_to_a_person(
    state: OrderState, holds: tuple[Hold, ...], is_missed: bool
) -> None:
    """One that the channel changed after its release may have been merged there."""
    found = missing_there(ours(state, *holds))

    expected = DifferenceData(DifferenceKind.order_not_there, "7", "", "20.00 EUR", "", Remedy.decide)
    assert found == (expected if is_missed else None)


# Content.


def test_the_same_order_differs_in_nothing() -> None:
    """Whatever its state, as long as it is alive."""
    for state in (OrderState.open, OrderState.released, OrderState.shipped):
        assert compare_content(ours(state), reported()) == []


def test_amounts_and_lines_are_compared() -> None:
    """Each field is a finding of its own; an order that has left is followed in goods and price alone."""
    data = make_order("7", make_line("a", "MUG", 3), shipping_amount=Decimal("4.90"))
    line = ("line a", "2 × 10.00", "3 × 10.00")

    assert fields_of(compare_content(ours(), data)) == [
        ("total", "20.00", "34.90"),
        ("shipping_amount", "0", "4.90"),
        line,
    ]
    shipped = compare_content(ours(OrderState.shipped), data)
    assert fields_of(shipped) == [("total", "20.00", "34.90"), line]
    assert {finding.remedy for finding in shipped} == {Remedy.read}


def test_what_a_person_changed_here_is_meant_so() -> None:
    """As long as the channel reports what it reported then."""
    data = make_order("7", make_line("a", "MUG", 3), total=Decimal("20.00"))

    assert compare_content(ours(edits={"line a": "3 × 10.00"}), data) == []
    assert fields_of(compare_content(ours(edits={"line a": "4 × 10.00"}), data)) == [
        ("line a", "2 × 10.00", "3 × 10.00")
    ]


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        (ours(), [("state", "open", "cancelled")]),
        (ours(OrderState.released), [("state", "released", "cancelled")]),
        (ours(OrderState.released, held(CANCELLED)), []),
        (ours(OrderState.released, held(CANCELLED, ended=True)), [("state", "released", "cancelled")]),
        (ours(OrderState.shipped), []),
        (ours(OrderState.cancelled), []),
    ],
)
def test_an_order_that_was_cancelled_there(here: OurOrder, expected: list[tuple[str, str, str]]) -> None:
    """It is cancelled here, too, or held over it, or has left."""
    assert fields_of(compare_content(here, reported(cancelled=True))) == expected


def test_a_checkout_that_is_done_there() -> None:
    """An order taken in early waits for it here."""
    pending = ours(OrderState.pending)

    assert fields_of(compare_content(pending, reported())) == [("state", "pending", "checkout done")]
    assert compare_content(pending, reported(checkout_at=None)) == []


def test_a_merged_order_that_is_alive_there() -> None:
    """Unless the page was read before the merger."""
    assert fields_of(compare_content(ours(OrderState.merged), reported())) == [
        ("state", "merged", "not merged")
    ]
    assert compare_content(ours(OrderState.merged, is_outdated=True), reported()) == []


@pytest.mark.parametrize(
    ("here", "is_meant"),
    [
        (ours(OrderState.released, held(CHANGED)), True),
        (ours(OrderState.released, held(CHANGED, ended=True)), False),
        (ours(OrderState.released, held(CHANGED, ended=True), content_hash=order_hash(reported())), True),
        (ours(OrderState.open, shipped=1, content_hash=order_hash(reported())), True),
        (ours(OrderState.open, content_hash=order_hash(reported())), False),
        (ours(OrderState.released, shipped=1, content_hash=order_hash(reported())), False),
    ],
)
def test_an_order_that_differs_on_purpose(here: OurOrder, is_meant: bool) -> None:
    """It is held over a change, or this very version was read when it was, or when a part had left."""
    assert is_meant_to_differ(here, reported()) is is_meant


# Payments.


def paid(amount: str, told_by: Side) -> Payment:
    return Payment(order_id=1, told_by=told_by, amount=Decimal(amount), currency="EUR", paid_at=PLACED_AT)


@pytest.mark.parametrize(
    ("there", "ours_lead", "remedy"),
    [
        ("12", True, None),
        ("12", False, None),
        # The channel reported 5, 10 were recorded here, 3 were given back: 12 here.
        ("5", False, None),
        ("0", False, Remedy.read),
        ("20", False, Remedy.read),
        ("11", True, Remedy.tell),
        ("5", True, Remedy.tell),
        ("4", True, Remedy.decide),
        ("15", True, Remedy.tell),
        ("16", True, Remedy.read),
    ],
)
def test_payments_are_compared(there: str, ours_lead: bool, remedy: Remedy | None) -> None:
    """The side that handles payments is right, but for what may be a refund there."""
    here = ours(
        paid_amount=Decimal(12),
        refunded_amount=Decimal(3),
        payments=[paid("5", Side.channel), paid("10", Side.warenfluss), paid("-3", Side.warenfluss)],
    )

    found = compare_payment(here, reported(paid_amount=Decimal(there)), ours_lead=ours_lead)

    expected = remedy and DifferenceData(DifferenceKind.payment, "7", "paid", "12", there, remedy)
    assert found == expected


@pytest.mark.parametrize(
    "here", [ours(OrderState.merged), ours(OrderState.cancelled), ours(OrderState.released, held(CHANGED))]
)
def test_payments_of_some_orders_are_not_compared(here: OurOrder) -> None:
    """Their money is another order's, or given back, or moves with their lines."""
    assert compare_payment(here, reported(paid_amount=Decimal(9)), ours_lead=True) is None


# Shipments.

GONE = {"shipped_at": LATE, "tracking_numbers": ["X1"]}
NOT_GONE = "not shipped, tracking numbers: 0"
THERE = "2026-03-03, tracking numbers: 1"


@pytest.mark.parametrize(
    ("here", "shipment", "fields", "expected"),
    [
        (ours(OrderState.shipped), OurShipment(LATE, 1, True), {}, None),
        (
            ours(OrderState.shipped),
            OurShipment(LATE, 2, False),
            {},
            ("2026-03-03, tracking numbers: 2", NOT_GONE, Remedy.tell),
        ),
        (ours(), None, GONE, ("", THERE, Remedy.read)),
        (ours(OrderState.released), None, GONE, ("", THERE, Remedy.read)),
        (ours(), None, {**GONE, "cancelled": True}, None),
        (ours(OrderState.shipped), None, GONE, None),
        (ours(OrderState.shipped), None, {}, ("shipped", NOT_GONE, Remedy.decide)),
        (ours(), None, {}, None),
        (ours(OrderState.cancelled), OurShipment(LATE, 1, False), GONE, None),
        (ours(OrderState.merged), None, GONE, None),
    ],
)
def test_shipments_are_compared(
    here: OurOrder,
    shipment: OurShipment | None,
    fields: dict[str, Any],
    expected: tuple[str, str, Remedy] | None,
) -> None:
    """Ours is published again, theirs is read; a person decides where the channel takes its own word back."""
    found = compare_shipment(here, reported(**fields), shipment)

    assert (found and (found.here, found.there, found.remedy)) == expected
    assert found is None or (found.kind, found.field) == (DifferenceKind.shipment, "shipped")


# Cancellations.


@pytest.mark.parametrize(
    ("here", "cancellation", "expected"),
    [
        (ours(OrderState.cancelled), OurCancellation(was_queued=True, is_there=False), Remedy.tell),
        (ours(OrderState.cancelled), OurCancellation(was_queued=False, is_there=False), Remedy.decide),
        (ours(OrderState.cancelled), OurCancellation(was_queued=True, is_there=True), None),
        (ours(OrderState.cancelled, held(CHANGED)), OurCancellation(was_queued=True, is_there=False), None),
        (
            ours(OrderState.cancelled, held(CHANGED, ended=True)),
            OurCancellation(was_queued=True, is_there=False),
            Remedy.tell,
        ),
        (ours(), OurCancellation(was_queued=True, is_there=False), None),
    ],
)
def test_cancellations_are_compared(
    here: OurOrder, cancellation: OurCancellation, expected: Remedy | None
) -> None:
    """What was queued once is published again; what never was is for a person; a hold shows it already."""
    found = compare_cancellation(here, reported(), cancellation)

    assert (found and found.remedy) == expected


def test_a_cancelled_order_that_the_channel_shipped_is_named_so() -> None:
    """A person reads what became of it there."""
    found = compare_cancellation(
        ours(OrderState.cancelled), reported(**GONE), OurCancellation(was_queued=True, is_there=False)
    )

    assert found is not None
    assert (found.here, found.there) == ("cancelled", "shipped")


# Stock.


@pytest.mark.parametrize(
    ("here", "there", "differs"),
    [(7, 7, False), (7, 9, True), (0, 1, True), (None, 9, False), (7, None, False)],
)
def test_stock_is_compared_where_both_sides_know_it(
    here: int | None, there: int | None, differs: bool
) -> None:
    """Ours is published again."""
    found = compare_stock("L-1", here, there)

    expected = DifferenceData(DifferenceKind.stock, "L-1", "quantity", str(here), str(there), Remedy.tell)
    assert found == (expected if differs else None)
