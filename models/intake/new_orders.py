"""New orders: one builder for the rows of each table, and one multi-row statement for a table and page.

All ids are reserved first, so that each builder needs only an order or a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from models.catalog.lists import skus_by_id
from models.clock import utc_now
from models.database.bulk import insert_or_update, insert_rows, reserve_ids
from models.database.conditions import among
from models.intake.line_matching import Matcher, match_hold
from models.mails.buyer_events import queue_arrival_mails
from models.orders.amounts import payment_state_of, total_difference
from models.orders.checks import LineFacts, OrderFacts, check_orders, hold_for
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import Hold, HoldReason, hold_values
from models.orders.matching import Match
from models.orders.order import AddressRole, Customer, LinePart, Order, OrderAddress, OrderLine, OrderState
from models.orders.records import OrderData, OrderLineData
from models.orders.row_values import (
    addresses_of,
    credited_on_import,
    imported_state,
    line_values,
    mapped_methods,
    order_values,
)
from models.orders.states import NOT_RELEASED
from models.payments.payment import Payment, book_payments
from models.tenants.account_kinds import kind_of
from models.tenants.methods import Methods, payment_code
from models.tenants.records import AccountData, Side


@dataclass(slots=True)
class _NewLine:
    """A line of a new order, with the id of its row."""

    id: int
    position: int
    data: OrderLineData
    match: Match


@dataclass(slots=True)
class _NewOrder:
    """A new order, with the id of its row."""

    id: int
    data: OrderData
    state: OrderState
    customer_id: int | None
    lines: list[_NewLine]


def insert_orders(
    session: Session,
    account: AccountData,
    records: Sequence[OrderData],
    matcher: Matcher,
    methods: Methods,
    *,
    trial: bool,
) -> list[int]:
    """Insert orders with all their rows; return their ids in the order of the records.

    The matcher has their lines already. Test orders (`trial`) cause no bookings and no buyer mails.
    """
    if not records:
        return []
    now = utc_now()
    orders = _reserve_rows(session, account, records, matcher)
    lines = [(order, line) for order in orders for line in order.lines]
    insert_rows(session, Order, [_order_row(account, order, methods, now, trial=trial) for order in orders])
    insert_rows(session, OrderLine, [_line_row(account, order, line) for order, line in lines])
    insert_rows(session, LinePart, [row for _, line in lines for row in _part_rows(line)])
    insert_rows(session, OrderAddress, [row for order in orders for row in _address_rows(order)])
    holds = _hold_rows(session, account, orders, methods, trial=trial)
    insert_rows(session, Hold, holds)
    insert_rows(session, OrderEvent, _event_rows(account, orders, holds))
    paid = [order for order in orders if order.data.paid_amount]
    payment_ids = reserve_ids(session, Payment, len(paid))
    payments = [_payment_row(order, row_id, now) for order, row_id in zip(paid, payment_ids, strict=True)]
    insert_rows(session, Payment, payments)
    if not trial:
        book_payments(session, [Payment(**row) for row in payments])
        bought_at = {order.id: order.data.bought_at for order in orders if order.state is OrderState.open}
        queue_arrival_mails(session, account, bought_at)
    return [order.id for order in orders]


def insert_without_lines(session: Session, account: AccountData, data: OrderData) -> Order:
    """Insert an order without lines: they are stored with other orders, and are moved to it afterwards."""
    order = Order(
        tenant_id=account.tenant_id,
        account_id=account.id,
        external_id=data.external_id,
        state=OrderState.open if data.checkout_at else OrderState.pending,
        placed_at=data.placed_at,
        currency=data.currency,
        total=data.total,
        customer_id=_save_customers(session, account.id, [data]).get(data.customer_id),
    )
    session.add(order)
    session.flush()
    if data.checkout_at is not None:
        queue_arrival_mails(session, account, {order.row_id: data.checkout_at})
    return order


def _reserve_rows(
    session: Session, account: AccountData, records: Sequence[OrderData], matcher: Matcher
) -> list[_NewOrder]:
    """Save the customers, and reserve an id for each order and line."""
    customers = _save_customers(session, account.id, records)
    order_ids = reserve_ids(session, Order, len(records))
    line_ids = iter(reserve_ids(session, OrderLine, sum(len(data.lines) for data in records)))
    return [
        _NewOrder(
            order_id,
            data,
            imported_state(data),
            customers.get(data.customer_id),
            [
                _NewLine(next(line_ids), position, line, matcher.match_of(line))
                for position, line in enumerate(data.lines)
            ],
        )
        for order_id, data in zip(order_ids, records, strict=True)
    ]


def _save_customers(session: Session, account_id: int, records: Sequence[OrderData]) -> dict[str, int]:
    """Insert or update the buyers of orders; return {channel's id of the buyer: row id}."""
    rows: dict[str, dict[str, Any]] = {
        data.customer_id: {
            "account_id": account_id,
            "external_id": data.customer_id,
            "user_name": data.customer_name,
            "email": data.billing.email,
            "created_at": utc_now(),
        }
        for data in sorted(records, key=lambda data: data.customer_id)
        if data.customer_id
    }
    if not rows:
        return {}
    insert_or_update(
        session,
        Customer,
        list(rows.values()),
        key=("account_id", "external_id"),
        update=("user_name", "email"),
    )
    found = session.execute(
        select(col(Customer.external_id), col(Customer.id)).where(
            col(Customer.account_id) == account_id, among(col(Customer.external_id), rows)
        )
    )
    return dict(found.tuples().all())


def _order_row(
    account: AccountData, order: _NewOrder, methods: Methods, now: datetime, *, trial: bool
) -> dict[str, Any]:
    data, credited = order.data, credited_on_import(order.data)
    return {
        **order_values(data),
        **mapped_methods(data, methods),
        "id": order.id,
        "tenant_id": account.tenant_id,
        "account_id": account.id,
        "external_id": data.external_id,
        "placed_at": data.placed_at,
        "state": order.state,
        "payment_state": payment_state_of(data.total, data.paid_amount, credited=credited),
        "paid_amount": data.paid_amount,
        "credited_amount": credited,
        "shipped_at": data.shipped_at,
        "carrier": data.carrier,
        "trial": trial,
        "customer_id": order.customer_id,
        "imported_at": now,
        "changed_at": now,
    }


def _line_row(account: AccountData, order: _NewOrder, line: _NewLine) -> dict[str, Any]:
    return {
        **line_values(line.data, line.position),
        "id": line.id,
        "order_id": order.id,
        "account_id": account.id,
        "external_id": line.data.external_id,
        "quantity": line.data.quantity,
        "shipped": line.data.quantity if order.state is OrderState.shipped else 0,
        "cancelled": line.data.quantity if order.state is OrderState.cancelled else 0,
        "article_id": line.match.article_id,
        "matched_by": line.match.rule if line.match.parts else "",
    }


def _part_rows(line: _NewLine) -> list[dict[str, Any]]:
    return [
        {"order_line_id": line.id, "article_id": article_id, "quantity": quantity}
        for article_id, quantity in line.match.parts
    ]


def _address_rows(order: _NewOrder) -> list[dict[str, Any]]:
    return [
        {**address.model_dump(), "order_id": order.id, "role": role}
        for role, address in addresses_of(order.data)
    ]


def _payment_row(order: _NewOrder, row_id: int, now: datetime) -> dict[str, Any]:
    data = order.data
    return {
        "id": row_id,
        "order_id": order.id,
        "told_by": Side.channel,
        "amount": data.paid_amount,
        "currency": data.currency,
        "method": data.payment_method,
        "reference": data.payment_reference,
        "paid_at": data.paid_at or now,
        "recorded_at": now,
    }


def _hold_rows(
    session: Session, account: AccountData, orders: Sequence[_NewOrder], methods: Methods, *, trial: bool
) -> list[dict[str, Any]]:
    """Return the holds of orders that are still to ship: wrong totals, unmatched lines, failed checks."""
    to_ship = [order for order in orders if order.state in NOT_RELEASED]
    holds: list[dict[str, Any]] = []
    for order in to_ship:
        if difference := total_difference(order.data):
            detail = {"difference": str(difference)}
            holds.append(hold_values(order.id, HoldReason.total_mismatch, "total", detail))
    unmatched = [(order, line) for order in to_ship for line in order.lines if not line.match.parts]
    skus = skus_by_id(session, [article_id for _, line in unmatched for article_id in line.match.candidates])
    for order, line in unmatched:
        reason, detail = match_hold(line.match, skus)
        holds.append(hold_values(order.id, reason, "article", detail, line.id))
    facts = [_facts_of(order, methods) for order in to_ship]
    findings = check_orders(session, account, facts, with_duplicates=not trial)
    holds += [hold_for(finding) for finding in findings]
    return holds


def _facts_of(order: _NewOrder, methods: Methods) -> OrderFacts:
    data = order.data
    return OrderFacts(
        order_id=order.id,
        placed_at=data.placed_at,
        customer_id=order.customer_id,
        currency=data.currency,
        total=data.total,
        paid=data.paid_amount,
        payment_code=payment_code(data),
        payment=methods.payment_of(data),
        shipping_code=data.shipping_method,
        shipping=methods.shipping_of(data),
        role=AddressRole.shipping if data.shipping else AddressRole.billing,
        address=data.shipping or data.billing,
        lines=[
            LineFacts(line.id, line.data.quantity, line.data.price, tuple(line.match.parts))
            for line in order.lines
            if line.data.quantity
        ],
    )


def _event_rows(
    account: AccountData, orders: Sequence[_NewOrder], holds: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    actor = Actor.person if kind_of(account.kind).takes_manual_orders else Actor.channel
    return [
        *(event_values(order.id, "imported", _summary(order.data), actor=actor) for order in orders),
        *(
            event_values(hold["order_id"], "held", {"reason": hold["reason"], **hold["detail"]})
            for hold in holds
        ),
    ]


def _summary(data: OrderData) -> dict[str, Any]:
    return {"total": str(data.total), "paid": str(data.paid_amount), "lines": len(data.lines)}
