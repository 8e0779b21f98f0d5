"""What differs between an order or listing here and at its channel: rules about the records of both sides.

Nothing here reads the database or asks the channel; `models.reconciliation.queries` reads our side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from models.clock import local_date
from models.intake.merges import foreign_owners
from models.intake.order_changes import line_difference
from models.orders.holds import Hold, HoldReason
from models.orders.order import Order, OrderLine, OrderState
from models.orders.records import OrderData
from models.orders.row_values import order_hash, without_erased
from models.orders.states import ACTIVE, NOT_RELEASED
from models.payments.payment import Payment
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.tenants.records import Side

AMOUNTS = ("total", "shipping_amount", "fee_amount", "currency")
NOT_COMPARED = (OrderState.merged, OrderState.cancelled)
"""States in which neither content nor payment nor shipment of an order is compared."""


@dataclass(frozen=True)
class OurOrder:
    """An order as it is stored here, with all its data that is compared."""

    order: Order
    lines: Sequence[OrderLine] = ()
    holds: Sequence[Hold] = ()
    """Its holds because the channel changed or cancelled it after release, including ended ones."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """The fields that a person changed here, each with what the channel reported before."""
    payments: Sequence[Payment] = ()
    is_outdated: bool = False
    """Whether this merged order appears at the channel only because its page was read before the merge."""

    @property
    def open_reasons(self) -> set[HoldReason]:
        """Return why the order is held now."""
        return {hold.reason for hold in self.holds if hold.released_at is None}


@dataclass(frozen=True)
class OurShipment:
    """What is published of an order's shipments, and whether the channel shows the same."""

    shipped_at: datetime
    tracking_numbers: int
    is_there: bool


@dataclass(frozen=True)
class OurCancellation:
    """Whether a cancellation was ever queued for the channel, and whether the channel shows the same."""

    was_queued: bool
    is_there: bool


def missing_here(data: OrderData, owners: Mapping[str, Order], *, is_history: bool) -> DifferenceData | None:
    """Return the finding that an order of the channel is missing here; None if order import leaves it out.

    `owners` has our order of each line by the line's id. History is left out, unless an order here has one of
    its lines.
    """
    if is_history and not foreign_owners(owners, data):
        return None
    there = f"{data.total} {data.currency}"
    return DifferenceData(DifferenceKind.order_not_here, data.external_id, "", "", there, Remedy.read)


def unreadable_here(number: str) -> DifferenceData:
    """Return the finding that the channel's record of an order cannot be used."""
    return DifferenceData(DifferenceKind.order_not_here, number, "", "", "unreadable", Remedy.read)


def missing_there(ours: OurOrder) -> DifferenceData | None:
    """Return the finding that the channel does not know an order; None if that is expected.

    It is expected of merged and cancelled orders. An order that was ever held because the channel changed it
    after release may have been merged there.
    """
    order = ours.order
    if order.state in NOT_COMPARED or _was_changed_after_release(ours):
        return None
    here = f"{order.total} {order.currency}"
    return DifferenceData(DifferenceKind.order_not_there, order.external_id, "", here, "", Remedy.decide)


def compare_content(ours: OurOrder, data: OrderData) -> list[DifferenceData]:
    """Return in what an order differs: amounts, lines, state.

    What order import leaves unchanged on purpose is no difference: an order cancelled here, an order that is
    held because of a change, and a field that a person changed here.
    """
    order = ours.order
    if order.state is OrderState.cancelled or (order.state is OrderState.merged and ours.is_outdated):
        return []
    if order.state is OrderState.merged:
        return [_differs(order, "state", order.state, "not merged")]
    return [
        finding for finding in _compare_fields(ours, data) if ours.edits.get(finding.field) != finding.there
    ]


def _compare_fields(ours: OurOrder, data: OrderData) -> list[DifferenceData]:
    """Return in what an order differs that is neither cancelled nor merged here."""
    order = ours.order
    if data.cancelled and order.state in ACTIVE:
        if HoldReason.cancelled_after_release in ours.open_reasons:
            return []
        return [_differs(order, "state", order.state, "cancelled")]
    findings: list[DifferenceData] = []
    if order.state is OrderState.pending and data.checkout_at is not None:
        findings.append(_differs(order, "state", order.state, "checkout done"))
    if is_meant_to_differ(ours, data):
        return findings
    # Of a shipped order, order import only applies changes of its goods and total.
    for name in ("total",) if order.state is OrderState.shipped else AMOUNTS:
        here, there = getattr(order, name), getattr(data, name)
        if here != there:
            findings.append(_differs(order, name, str(here), str(there)))
    for label, (here, there) in line_difference(ours.lines, data).items():
        findings.append(_differs(order, label, here, there))
    return findings


def is_meant_to_differ(ours: OurOrder, data: OrderData) -> bool:
    """Return whether a rule or a person wants an order to differ from what the channel reports.

    It is if the order is held because of a change. So it is if the order was held for one before or is partly
    shipped, and the channel's record has not changed since it was last read.
    """
    order = ours.order
    if HoldReason.changed_after_release in ours.open_reasons:
        return True
    partly_shipped = order.state in NOT_RELEASED and any(line.shipped for line in ours.lines)
    may_differ = partly_shipped or _was_changed_after_release(ours)
    return may_differ and order.content_hash == order_hash(without_erased(order, data))


def compare_payment(ours: OurOrder, data: OrderData, *, ours_lead: bool) -> DifferenceData | None:
    """Return the difference between what was received here and there, None if there is none.

    `ours_lead` is true if payments are handled here. If the channel handles them, it need not know money that
    was recorded here.
    """
    order, there = ours.order, data.paid_amount
    if order.state in NOT_COMPARED or there == order.paid_amount or is_meant_to_differ(ours, data):
        return None
    reported = sum((row.amount for row in ours.payments if row.told_by is Side.channel), Decimal(0))
    if not ours_lead and there == reported:
        return None
    remedy = Remedy.read
    if ours_lead and there < order.paid_amount:
        # Less than the channel itself reported may be a refund there, which publishing ours would undo.
        remedy = Remedy.tell if there >= reported else Remedy.decide
    elif ours_lead and there <= order.paid_amount + order.refunded_amount:
        remedy = Remedy.tell
    here = str(order.paid_amount)
    return DifferenceData(DifferenceKind.payment, order.external_id, "paid", here, str(there), remedy)


def compare_shipment(ours: OurOrder, data: OrderData, shipment: OurShipment | None) -> DifferenceData | None:
    """Return the difference in whether and when an order was shipped, and with which tracking numbers.

    `shipment` is None if no shipment of the order was recorded here; then the channel's shipment is read. If
    the channel reported an order as shipped and shows it as open again, a person decides.
    """
    order = ours.order
    if order.state in NOT_COMPARED:
        return None
    if shipment is not None:
        if shipment.is_there:
            return None
        here, remedy = _shipped(shipment.shipped_at, shipment.tracking_numbers), Remedy.tell
    elif data.shipped_at and not data.cancelled and order.state in ACTIVE:
        here, remedy = "", Remedy.read
    elif order.state is OrderState.shipped and data.shipped_at is None:
        here, remedy = "shipped", Remedy.decide
    else:
        return None
    there = _shipped(data.shipped_at, len(data.tracking_numbers))
    return DifferenceData(DifferenceKind.shipment, order.external_id, "shipped", here, there, remedy)


def _shipped(at: datetime | None, tracking_numbers: int) -> str:
    """Return in words when an order was shipped. Tracking numbers identify the buyer, so they are counted."""
    shipped_on = local_date(at).isoformat() if at else "not shipped"
    return f"{shipped_on}, tracking numbers: {tracking_numbers}"


def compare_cancellation(
    ours: OurOrder, data: OrderData, cancellation: OurCancellation
) -> DifferenceData | None:
    """Return the finding that an order is cancelled here and not there; None if that is shown as a hold."""
    order = ours.order
    if order.state is not OrderState.cancelled or cancellation.is_there:
        return None
    if HoldReason.changed_after_release in ours.open_reasons:
        return None
    remedy = Remedy.tell if cancellation.was_queued else Remedy.decide
    there = "shipped" if data.shipped_at else "open"
    return DifferenceData(DifferenceKind.cancellation, order.external_id, "state", "cancelled", there, remedy)


def compare_stock(number: str, here: int | None, there: int | None) -> DifferenceData | None:
    """Return the difference between what a listing may sell and what the channel offers.

    None if they agree, or if one of them is not known.
    """
    if here is None or there is None or here == there:
        return None
    return DifferenceData(DifferenceKind.stock, number, "quantity", str(here), str(there), Remedy.tell)


def _was_changed_after_release(ours: OurOrder) -> bool:
    return any(hold.reason is HoldReason.changed_after_release for hold in ours.holds)


def _differs(order: Order, name: str, here: str, there: str) -> DifferenceData:
    return DifferenceData(DifferenceKind.order_differs, order.external_id, name, here, there, Remedy.read)
