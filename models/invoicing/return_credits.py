"""Credit for received returns; the money itself is paid back by a separate refund."""

from decimal import Decimal

from sqlmodel import Session

from models.accounting.issued import Document
from models.errors import RuleError
from models.fulfilment.returns import Return, ReturnState, lines_of_return
from models.invoicing.credit_notes import credit_partly
from models.invoicing.invoices import issue_remaining
from models.orders.amounts import update_payment_state
from models.orders.history import Actor, add_event
from models.orders.order import Order
from models.orders.queries import lines_of_order, lock_order
from models.values import half_up


def credit_return(
    session: Session,
    row: Return,
    *,
    fee: Decimal = Decimal(0),
    goodwill: Decimal = Decimal(0),
    with_shipping: bool = False,
) -> list[Document]:
    """Credit a received return, minus a fee, plus goodwill; return the documents, if this system invoices.

    One credit note is issued for each invoice concerned. If goods were returned before they were invoiced,
    but something is still owed, such as shipping, an invoice for that is issued. The amount owed falls, so a
    paid order shows what to refund.
    Raises: RuleError, if the return is not received or already credited, or if the amount is negative or
    exceeds what is owed; then nothing changes.
    """
    order = session.get_one(Order, row.order_id)
    lock_order(session, order)
    session.refresh(row)
    if row.state is not ReturnState.received:
        raise RuleError(f"Return {row.id} is {row.state}; only a received return is credited, and only once.")
    lines = {line.row_id: line for line in lines_of_order(session, order)}
    units = {each.order_line_id: each.units for each in lines_of_return(session, row.row_id) if each.units}
    goods = sum((lines[line_id].price * count for line_id, count in units.items()), Decimal(0))
    shipping = order.shipping_amount if with_shipping else Decimal(0)
    amount = goods + shipping + goodwill - fee
    if fee < 0 or goodwill < 0 or amount != half_up(amount):
        raise RuleError("Fee and goodwill are amounts of at least zero, in whole cents.")
    if not 0 <= amount <= order.total - order.credited_amount:
        raise RuleError(
            f"Return {row.id} comes to {amount}, and the buyer owes "
            f"{order.total - order.credited_amount} in all."
        )
    notes = credit_partly(
        session,
        order,
        units,
        shipping=shipping,
        extra=goodwill - fee,
        reason=row.reason or f"Retoure {row.id}",
    )
    order.credited_amount += amount
    row.credited_amount, row.state = amount, ReturnState.credited
    update_payment_state(order)
    session.add_all([order, row])
    detail = {"return": row.id, "amount": str(amount), "documents": [note.label for note in notes]}
    add_event(session, order, "credited", detail, actor=Actor.person)
    session.flush()
    rest = issue_remaining(session, order)
    return [*notes, rest] if rest is not None else notes
