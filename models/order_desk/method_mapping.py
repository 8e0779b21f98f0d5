"""Effects of a changed method mapping on orders that are not shipped yet."""

from sqlmodel import Session, col, select

from models.database.conditions import in_batches
from models.orders.checks import recheck
from models.orders.history import OrderEdit
from models.orders.order import Order
from models.orders.queries import lock_orders
from models.orders.states import ACTIVE
from models.payments.reminders import queue_payment_requests
from models.tenants.account import Account, account_data
from models.tenants.locks import lock_tenants
from models.tenants.methods import Methods, payment_code
from models.tenants.records import MethodKind


def apply_mapping(session: Session, account: Account, kind: MethodKind, code: str) -> int:
    """Apply a method's new meaning to the orders that name it, and check them again; return how many.

    Orders for which a person chose a method keep it. Takes the tenant's lock.
    """
    lock_tenants(session, [account.tenant_id])
    data = account_data(account)
    methods = Methods(session, data.id, data.tenant_id)
    field = "payment_kind" if kind is MethodKind.payment else "shipping_method_id"
    names_it = col(Order.shipping_method) == code
    if kind is MethodKind.payment:
        names_it = (col(Order.payment_method) == code) | (
            (col(Order.payment_method) == "") & (col(Order.payment_method_name) == code)
        )
    chosen = select(OrderEdit.order_id).where(OrderEdit.field == field)
    numbers = session.exec(
        select(Order.external_id).where(
            Order.account_id == data.id,
            col(Order.state).in_(ACTIVE),
            names_it,
            col(Order.id).not_in(chosen),
        )
    ).all()
    for batch in in_batches(sorted(numbers)):
        orders = lock_orders(session, data.id, batch)
        for order in orders:
            if kind is MethodKind.payment and payment_code(order) == code:
                order.payment_kind = methods.payment_of(order)
            elif kind is MethodKind.shipping:
                method = methods.shipping_of(order)
                order.shipping_method_id = method.id if method else None
                order.express = method is not None and method.express
            session.add(order)
        session.flush()
        ids = [order.row_id for order in orders]
        recheck(session, data, ids)
        queue_payment_requests(session, data, ids)
    return len(numbers)
