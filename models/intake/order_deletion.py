"""Deletion of test orders: test mode imports them for inspection, and they can be imported again."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models.database.columns import need_id
from models.database.conditions import in_batches
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.order import Customer, LinePart, Order, OrderAddress, OrderLine
from models.orders.origin import OrderOrigin
from models.payments.payment import Payment


def delete_all_test_orders(session: Session, account_id: int) -> int:
    """Delete an account's test orders; return how many there were."""
    query = select(Order.id).where(Order.account_id == account_id, col(Order.trial).is_(True))
    ids = [need_id(order_id) for order_id in session.exec(query)]
    for batch in in_batches(ids, 500):
        delete_test_orders(session, batch)
    return len(ids)


def delete_test_orders(session: Session, order_ids: Sequence[int]) -> None:
    """Delete test orders with everything that belongs to them, and their buyers if they have no other order.

    Test orders have no allocated stock and no shipments. Other orders among these ids stay.
    """
    orders = select(Order.id).where(col(Order.id).in_(order_ids), col(Order.trial).is_(True))
    lines = select(OrderLine.id).where(col(OrderLine.order_id).in_(orders))
    session.execute(delete(LinePart).where(col(LinePart.order_line_id).in_(lines)))
    for table in (Hold, OrderEvent, OrderAddress, Payment, OrderLine, OrderOrigin):
        session.execute(delete(table).where(col(table.order_id).in_(orders)))
    bought = select(Order.customer_id).where(col(Order.id).in_(orders), col(Order.customer_id).is_not(None))
    buyers = session.exec(bought).all()
    session.execute(delete(Order).where(col(Order.id).in_(order_ids), col(Order.trial).is_(True)))
    others = select(Order.id).where(col(Order.customer_id) == col(Customer.id))
    session.execute(delete(Customer).where(col(Customer.id).in_(buyers), ~others.exists()))
