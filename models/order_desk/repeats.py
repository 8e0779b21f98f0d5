"""Repeated orders, and exchanges of returned goods."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import ValidationError
from sqlmodel import Session, select

from models.catalog.article import Article
from models.errors import Action, Advice, RuleError
from models.fulfilment.returns import Return, ReturnState, lines_of_return
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder, word_faults
from models.orders.history import Actor, add_event
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine
from models.orders.origin import OriginKind, find_by_reference, find_exchange
from models.orders.queries import lines_of, lock_order
from models.tenants.account import Account
from models.tenants.methods import ShippingMethod
from models.tenants.records import PaymentKind


def repeat_order(
    session: Session,
    order: Order,
    account: Account,
    *,
    prices_of_then: bool = True,
    payment: PaymentKind | None = None,
    shipping_method: str | None = None,
    reference: str = "",
) -> tuple[Order, bool]:
    """Create an order with the same goods and addresses; return it, and whether it is new.

    `prices_of_then`: prices, tax rates and titles are those of the old order, else today's.
    Raises: RuleError, as `take_manual_order`, for a line without a single article, or without a payment kind.
    """
    lock_order(session, order)
    lines = [
        (line, line.quantity - line.cancelled)
        for line in lines_of(session, [order.row_id]).get(order.row_id, [])
        if line.quantity > line.cancelled
    ]
    if order.trial or not lines:
        raise RuleError(f"Order {order.external_id} has nothing that could be repeated.")
    asked = _repeat_for_buyer(
        session,
        order,
        [_repeat_line(session, line, count, of_then=prices_of_then) for line, count in lines],
        payment or order.payment_kind,
        shipping_method,
        order.shipping_amount,
        reference,
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
    by_id = {line.id: line for line in lines_of(session, [row.order_id])[row.order_id]}
    came = row.state is not ReturnState.announced
    back = [
        (by_id[each.order_line_id], each.to_stock + each.b_stock + each.scrapped if came else each.announced)
        for each in lines_of_return(session, row.row_id)
    ]
    back = [(line, count) for line, count in back if count]
    asked = _repeat_for_buyer(
        session,
        order,
        list(wanted) or [_repeat_line(session, line, count, of_then=True) for line, count in back],
        payment,
        None,
        Decimal(0),
        reference,
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
    worth = sum((line.price * count for line, count in back), Decimal(0))
    return new, new.total - worth, is_new


def _repeat_line(session: Session, line: OrderLine, quantity: int, *, of_then: bool) -> ManualLine:
    if line.article_id is None:
        raise RuleError(
            f"Line {line.external_id} is not one article of ours: take its order by hand.",
            Advice(Action.order_take),
        )
    sku = session.get_one(Article, line.article_id).sku
    if not of_then:
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
    payment: PaymentKind | None,
    shipping_method: str | None,
    shipping_amount: Decimal,
    reference: str,
) -> ManualOrder:
    """Return an order record for the same buyer. Raises: RuleError, if it cannot be made."""
    if order.anonymised_at is not None:
        raise RuleError(f"Order {order.external_id} was made anonymous: nobody knows any more whose it was.")
    if payment is None:
        raise RuleError(f"How order {order.external_id} is paid is not known.", Advice(Action.payment_choose))
    rows = session.exec(select(OrderAddress).where(OrderAddress.order_id == order.id)).all()
    way = session.get(ShippingMethod, order.shipping_method_id) if order.shipping_method_id else None
    try:
        addresses = {row.role: ManualAddress(**row.model_dump(exclude={"order_id", "role"})) for row in rows}
        return ManualOrder(
            billing=addresses.get(AddressRole.billing, ManualAddress()),
            shipping=addresses.get(AddressRole.shipping),
            lines=lines,
            currency=order.currency,
            shipping_amount=shipping_amount,
            payment=payment,
            shipping_method=shipping_method if shipping_method is not None else way.name if way else "",
            reference=reference,
        )
    except ValidationError as error:
        raise RuleError(f"Order {order.external_id} cannot be made anew: {word_faults(error)[0]}.") from None
