"""Repeated orders, and exchanges of returned goods."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import ValidationError
from sqlmodel import Session

from models.catalog.article import Article
from models.errors import Action, Advice, RuleError
from models.fulfilment.returns import Return, ReturnState, lines_of_return
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder, word_faults
from models.orders.history import Actor, add_event
from models.orders.order import AddressRole, Order, OrderLine
from models.orders.origin import OriginKind, find_by_reference, find_exchange
from models.orders.queries import addresses_of_order, lines_of_order, lock_order
from models.tenants.account import Account
from models.tenants.methods import find_shipping_method
from models.tenants.records import PaymentKind


def repeat_order(
    session: Session,
    order: Order,
    account: Account,
    *,
    at_old_prices: bool = True,
    payment: PaymentKind | None = None,
    shipping_method: str | None = None,
    reference: str = "",
) -> tuple[Order, bool]:
    """Create an order with the same goods and addresses; return it, and whether it is new.

    If `at_old_prices` is true, prices, tax rates and titles are those of the old order, else today's.
    Raises: RuleError, as `take_manual_order`, for a line without a single article, or without a payment kind.
    """
    lock_order(session, order)
    lines = [
        _repeat_line(session, line, line.quantity - line.cancelled, at_old_price=at_old_prices)
        for line in lines_of_order(session, order)
        if line.quantity > line.cancelled
    ]
    if order.trial or not lines:
        raise RuleError(f"Order {order.external_id} has nothing that could be repeated.")
    asked = _repeat_for_buyer(
        session,
        order,
        lines,
        payment=payment or order.payment_kind,
        shipping_method=shipping_method,
        shipping_amount=order.shipping_amount,
        reference=reference,
    )
    return take_manual_order(session, account, asked, OriginKind.repeat, from_order_id=order.row_id)


def exchange_return(
    session: Session,
    row: Return,
    account: Account,
    wanted: Sequence[ManualLine] = (),
    *,
    payment: PaymentKind = PaymentKind.invoice,
    reference: str = "",
) -> tuple[Order, Decimal, bool]:
    """Create the order that replaces a return; by default with the same goods at their old prices.

    The return is credited and the new order invoiced independently. Shipping is not charged again.
    Returns: the order, its price minus the value of the returned goods, and whether it is new.
    Raises: RuleError, as `take_manual_order`, or if the return was cancelled or has been exchanged already.
    """
    order = session.get_one(Order, row.order_id)
    lock_order(session, order)
    session.refresh(row)
    if row.state is ReturnState.cancelled:
        raise RuleError(f"Return {row.id} was cancelled: there is nothing to exchange.")
    lines = {line.id: line for line in lines_of_order(session, order)}
    is_announced = row.state is ReturnState.announced
    returned = [
        (lines[each.order_line_id], units)
        for each in lines_of_return(session, row.row_id)
        if (units := each.announced if is_announced else each.units)
    ]
    asked = _repeat_for_buyer(
        session,
        order,
        list(wanted) or [_repeat_line(session, line, units, at_old_price=True) for line, units in returned],
        payment=payment,
        reference=reference,
    )
    known = find_exchange(session, row.row_id)
    used = find_by_reference(session, account.row_id, reference) if reference else None
    if known is not None and (used is None or used.order_id != known.id):
        raise RuleError(f"Return {row.id} is exchanged by order {known.external_id} already.")
    new, is_new = take_manual_order(
        session,
        account,
        asked,
        OriginKind.exchange,
        from_order_id=row.order_id,
        return_id=row.row_id,
    )
    if is_new:
        detail = {"return": row.id, "by": new.external_id}
        add_event(session, order, "exchanged", detail, actor=Actor.person)
        session.flush()
    worth = sum((line.price * units for line, units in returned), Decimal(0))
    return new, new.total - worth, is_new


def _repeat_line(session: Session, line: OrderLine, quantity: int, *, at_old_price: bool) -> ManualLine:
    if line.article_id is None:
        raise RuleError(
            f"Line {line.external_id} is not one article of ours: enter the order by hand.",
            Advice(Action.order_take),
        )
    sku = session.get_one(Article, line.article_id).sku
    if not at_old_price:
        return ManualLine(article=sku, quantity=quantity)
    return ManualLine(
        article=sku,
        quantity=quantity,
        price=line.price,
        tax_rate=line.tax_rate or None,
        title=line.title[:300],
    )


def _repeat_for_buyer(
    session: Session,
    order: Order,
    lines: list[ManualLine],
    *,
    payment: PaymentKind | None,
    shipping_method: str | None = None,
    shipping_amount: Decimal = Decimal(0),
    reference: str,
) -> ManualOrder:
    """Return an order record for the same buyer; by default with the order's shipping method.

    Raises: RuleError, if it cannot be made.
    """
    if order.anonymised_at is not None:
        raise RuleError(f"Order {order.external_id} was anonymised: its buyer is not known any more.")
    if payment is None:
        raise RuleError(
            f"The payment method of order {order.external_id} is not known.", Advice(Action.payment_choose)
        )
    if shipping_method is None:
        method = find_shipping_method(session, order.shipping_method_id)
        shipping_method = method.name if method else ""
    try:
        addresses = {
            role: ManualAddress(**row.model_dump(exclude={"order_id", "role"}))
            for role, row in addresses_of_order(session, order).items()
        }
        return ManualOrder(
            billing=addresses.get(AddressRole.billing, ManualAddress()),
            shipping=addresses.get(AddressRole.shipping),
            lines=lines,
            currency=order.currency,
            shipping_amount=shipping_amount,
            payment=payment,
            shipping_method=shipping_method,
            reference=reference,
        )
    except ValidationError as error:
        raise RuleError(f"Order {order.external_id} cannot be repeated: {word_faults(error)[0]}.") from None
