"""Papers with prices: order confirmation, offer, receipt."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models.clock import local_date, today
from models.errors import RuleError
from models.invoicing.sums import check_total, exchange_of, paper_line, taxes_of, treat_order
from models.orders.amounts import amount_owed
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import paper_language, printed_number
from models.orders.queries import addresses_of_order, destination, lines_of_order
from models.orders.states import NOT_RELEASED
from models.papers.facts import (
    TO_SHIP_OR_SHIPPED,
    check_state,
    need_address,
    printed_address,
    seller_on_paper,
    shipping_name,
)
from models.papers.records import OrderPaper, PaperKind, Received
from models.payments.payment import Payment, payments_of
from models.tax.records import HOME
from models.tax.treatment import extras_rate, rate_of
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant


def confirmation_paper(session: Session, order: Order, *, language: str = "") -> OrderPaper:
    """Return an order's confirmation; it lists everything that is not cancelled.

    Raises: RuleError, if the order is a test order, pending, cancelled or merged, or does not add up.
    """
    check_state(order, *TO_SHIP_OR_SHIPPED)
    return _order_paper(session, order, PaperKind.confirmation, language)


def order_offer_paper(session: Session, order: Order, valid_until: date, *, language: str = "") -> OrderPaper:
    """Return an offer for what an order contains, valid until the end of a German day.

    Raises: RuleError, if the order is a test order or is released, cancelled or merged, if its amounts do not
    add up, or if the day has passed.
    """
    check_state(order, *NOT_RELEASED)
    check_valid_until(valid_until)
    paper = _order_paper(session, order, PaperKind.offer, language)
    return paper.model_copy(update={"valid_until": valid_until})


def check_valid_until(day: date) -> None:
    """Raises: RuleError, if an offer's last day has passed."""
    if day < today():
        raise RuleError(f"An offer cannot be valid until {day}: that day has passed.")


def receipt_paper(
    session: Session, order: Order, payments: Sequence[Payment] = (), *, language: str = ""
) -> OrderPaper:
    """Return the receipt for these payments of an order; without payments given, for all of them.

    Raises: RuleError, if the order is a test order, cancelled or merged, if its amounts do not add up, or if
    nothing was received.
    """
    check_state(order, OrderState.pending, *TO_SHIP_OR_SHIPPED)
    payments = payments or payments_of(session, order.row_id)
    if sum((payment.amount for payment in payments), Decimal(0)) <= 0:
        raise RuleError(f"Order {order.external_id} has no payment for which a receipt could be printed.")
    paper = _order_paper(session, order, PaperKind.receipt, language)
    received = [
        Received(
            on=local_date(payment.paid_at),
            amount=payment.amount,
            method=payment.method or paper.payment_method,
            reference=payment.reference,
        )
        for payment in payments
    ]
    return paper.model_copy(update={"received": received, "open_amount": amount_owed(order)})


def _order_paper(session: Session, order: Order, kind: PaperKind, language: str) -> OrderPaper:
    addresses = addresses_of_order(session, order)
    places = {
        AddressRole.billing: need_address(order, addresses.get(AddressRole.billing)),
        AddressRole.shipping: need_address(order, destination(addresses)),
    }
    return price_paper(session, order, lines_of_order(session, order), places, kind, language)


def price_paper(
    session: Session,
    order: Order,
    lines: Sequence[OrderLine],
    places: Mapping[AddressRole, OrderAddress],
    kind: PaperKind,
    language: str = "",
) -> OrderPaper:
    """Return a paper for an order, its lines and its addresses; none of them needs to be in the database yet.

    If the tax cannot be stated, the paper has prices but no tax.
    Raises: RuleError, if the order's amounts do not add up.
    """
    tenant = session.get_one(Tenant, order.tenant_id)
    seller = seller_on_paper(tenant)
    check_total(order, lines)
    chosen = [line for line in lines if line.quantity > line.cancelled]
    extras = (order.shipping_amount, order.fee_amount)
    try:
        tax_fields = _state_tax(order, tenant, seller, places, chosen)
    except RuleError:
        # No invoice could state this tax, so the paper does not either.
        printed = [paper_line(line, line.quantity - line.cancelled, None) for line in chosen]
        gross = sum((line.amount for line in printed), sum(extras, Decimal(0)))
        tax_fields = {"lines": printed, "net": gross, "tax": Decimal(0), "gross": gross}
    buyer = printed_address(places[AddressRole.billing], tenant)
    goes_to = printed_address(places[AddressRole.shipping], tenant)
    return OrderPaper(
        kind=kind,
        dated=today(),
        language=paper_language(tenant, language),
        currency=order.currency,
        seller=seller,
        buyer=buyer.lines,
        buyer_country=buyer.country,
        ships_to=goes_to if goes_to != buyer else None,
        order_number=printed_number(order),
        ordered_on=local_date(order.placed_at),
        payment_method=order.payment_method_name or order.payment_method,
        shipping_method=shipping_name(session, order),
        shipping_amount=order.shipping_amount,
        fee_amount=order.fee_amount,
        **tax_fields,
    )


def _state_tax(
    order: Order,
    tenant: Tenant,
    seller: SellerData,
    places: Mapping[AddressRole, OrderAddress],
    lines: Sequence[OrderLine],
) -> dict[str, Any]:
    """Return the fields of an `OrderPaper` for goods and tax, as if these lines were shipped today.

    Raises: RuleError, if an invoice for them could not state the tax.
    """
    if tenant.country != HOME:
        raise RuleError("Tax is only stated by German law.")
    treatment = treat_order(tenant, seller, places, lines, today())
    printed = [
        paper_line(
            line,
            line.quantity - line.cancelled,
            rate_of(treatment, line.tax_rate, f"Line {line.external_id}"),
        )
        for line in lines
    ]
    taxes = taxes_of(
        printed,
        order.shipping_amount,
        order.fee_amount,
        extras_rate(treatment, order.shipping_tax_rate),
    )
    gross = sum((line.amount for line in printed), order.shipping_amount + order.fee_amount)
    tax = sum((part.tax for part in taxes), Decimal(0))
    return {
        "buyer_vat_id": treatment.vat_id,
        "tax_case": treatment.case,
        "goes_to": treatment.country,
        "collected_by_channel": treatment.collected,
        "lines": printed,
        "taxes": taxes,
        "net": gross - tax,
        "tax": tax,
        "gross": gross,
        "exchange": exchange_of(order, tenant, today(), tax),
    }
