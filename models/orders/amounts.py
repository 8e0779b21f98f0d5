"""Amounts of an order: what is owed, and its payment state."""

from decimal import Decimal

from models.orders.order import Order, PaymentState
from models.orders.records import OrderData


def payment_state_of(
    total: Decimal,
    paid: Decimal,
    *,
    authorised: Decimal = Decimal(0),
    refunded: Decimal = Decimal(0),
    credited: Decimal = Decimal(0),
) -> PaymentState:
    """Return the payment state that follows from these amounts; a total of zero counts as paid.

    `credited` is the part of the total that the buyer need not pay. An order cancelled before any payment
    stays `open`, although nothing is owed.
    """
    owed = total - credited
    if paid > owed:
        return PaymentState.overpaid
    if paid == owed:
        if paid or not total:
            return PaymentState.paid
        return PaymentState.refunded if refunded else PaymentState.open
    if paid + authorised >= owed:
        return PaymentState.authorised
    return PaymentState.partly_paid if paid > 0 else PaymentState.open


def amount_owed(order: Order) -> Decimal:
    """Return the amount still to pay; negative if too much was paid."""
    return order.total - order.credited_amount - order.paid_amount


def update_payment_state(order: Order) -> None:
    """Set an order's payment state from its amounts."""
    order.payment_state = payment_state_of(
        order.total,
        order.paid_amount,
        authorised=order.authorised_amount,
        refunded=order.refunded_amount,
        credited=order.credited_amount,
    )


def total_difference(data: OrderData) -> Decimal:
    """Return total less lines, shipping and fees; zero if the order adds up."""
    lines = sum((line.price * line.quantity for line in data.lines), Decimal(0))
    return data.total - lines - data.shipping_amount - data.fee_amount
