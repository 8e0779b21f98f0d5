"""What a return is worth: credited once it was received; money goes back by a refund of its own."""

from decimal import Decimal

from sqlmodel import Session

from models.accounting.issued import Document
from models.database.columns import need_id
from models.errors import RuleError
from models.fulfilment.returns import Return, ReturnState, lines_of_return
from models.invoicing.credit_notes import credit_part
from models.invoicing.invoices import issue_rest
from models.orders.amounts import settle_payment_state
from models.orders.history import Actor, add_event
from models.orders.order import Order
from models.orders.queries import lines_of, lock_order
from models.values import half_up


def credit_return(
    session: Session,
    row: Return,
    *,
    fee: Decimal = Decimal(0),
    goodwill: Decimal = Decimal(0),
    with_shipping: bool = False,
) -> list[Document]:
    """Credit what came back, less a fee, with goodwill on top; return the documents, if invoices are ours.

    These are credit notes, one for each invoice concerned. What is owed though all came back before it was
    invoiced, sending it perhaps, stands on an invoice of its own. What the buyer owes falls, so that a paid
    order shows what is to be given back.
    Raises: RuleError, if it was not received, or credited before, or it comes to less than nothing or more
    than is owed; then nothing changes.
    """
    order = session.get_one(Order, row.order_id)
    lock_order(session, order)
    session.refresh(row)
    if row.state is not ReturnState.received:
        raise RuleError(f"Return {row.id} is {row.state}: what was received is credited once.")
    lines = {need_id(line.id): line for line in lines_of(session, [row.order_id]).get(row.order_id, [])}
    units = {
        each.order_line_id: each.to_stock + each.b_stock + each.scrapped
        for each in lines_of_return(session, need_id(row.id))
    }
    units = {line_id: count for line_id, count in units.items() if count}
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
    notes = credit_part(
        session,
        order,
        units,
        shipping=shipping,
        extra=goodwill - fee,
        reason=row.reason or f"Retoure {row.id}",
    )
    order.credited_amount += amount
    row.credited_amount, row.state = amount, ReturnState.credited
    settle_payment_state(order)
    session.add_all([order, row])
    detail = {"return": row.id, "amount": str(amount), "documents": [note.label for note in notes]}
    add_event(session, order, "credited", detail, actor=Actor.person)
    session.flush()
    rest = issue_rest(session, order)
    return [*notes, rest] if rest is not None else notes
