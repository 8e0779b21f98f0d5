"""Invoices of goods that were shipped and are not invoiced yet; `credit_notes` cancels them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlmodel import Session, col, func, select

from models.accounting.issued import Document, DocumentDraft, issue_each
from models.clock import midnight, utc_now
from models.database.bulk import insert_rows
from models.database.conditions import among
from models.errors import RuleError
from models.fulfilment.holding import hold_order
from models.invoicing.drafts import Draft, draft_from, invoices_from, is_invoiced_there
from models.invoicing.facts import owes_more, read_facts
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import HoldReason
from models.orders.order import Order, OrderLine
from models.orders.queries import lock_each
from models.tenants.account import Account, account_options
from models.tenants.options import makes_invoices
from models.tenants.records import Mode

REFUSED = HoldReason.invoice_refused


def issue_invoice(session: Session, order: Order, *, actor: Actor) -> Document:
    """Issue the invoice of one order; see `issue_invoices`.

    Raises: RuleError, as `draft_invoice`; then nothing is changed.
    """
    (document,) = issue_invoices(session, [order], actor=actor, hold=False)
    if isinstance(document, RuleError):
        raise document
    return document


def issue_or_hold(session: Session, order: Order) -> Document | None:
    """Issue an order's invoice; if that is impossible, hold the order with the reason and return None."""
    (document,) = issue_invoices(session, [order], actor=Actor.cycle, hold=True)
    return document if isinstance(document, Document) else None


def issue_remaining(session: Session, order: Order) -> Document | None:
    """Issue an invoice for what is still owed for an order without goods to invoice; if impossible, hold it.

    The cycle finds orders by their goods, so it misses such an order. None, if no more is owed than documents
    state, or if the order is not invoiced automatically. The caller holds the order's lock.
    """
    account = session.get_one(Account, order.account_id)
    if account.mode is not Mode.live or not makes_invoices(account_options(account)):
        return None
    order_id = order.row_id
    if not invoiceable(session, [order_id], invoices_from(account)):
        return None
    facts = read_facts(session, [order])[order_id]
    has_goods = any(line.shipped - line.returned > line.invoiced for line in facts.lines)
    was_shipped = any(line.shipped for line in facts.lines)
    if has_goods or not was_shipped or not owes_more(order, facts):
        return None
    return issue_or_hold(session, order)


def issue_invoices(
    session: Session, orders: Sequence[Order], *, actor: Actor, hold: bool
) -> list[Document | RuleError]:
    """Issue the invoices of `draft_invoices` in the order given, and count their units as invoiced.

    Returns: for each order its document, or the reason why it cannot be invoiced; if `hold` is true, the
    order is then held for that reason. An order may occur only once. Locks the orders.
    """
    lock_each(session, orders)
    facts = read_facts(session, orders)
    drafts = [draft_from(order, facts[order.row_id]) for order in orders]
    issued = [(order, draft) for order, draft in zip(orders, drafts, strict=True) if isinstance(draft, Draft)]
    papers = [
        DocumentDraft(draft.content, draft.quantities, order.tenant_id, order.account_id, order.row_id)
        for order, draft in issued
    ]
    documents = issue_each(session, papers)
    events = []
    for (order, draft), document in zip(issued, documents, strict=True):
        its = facts[order.row_id]
        for line in its.lines:
            line.invoiced += draft.quantities.get(line.row_id, 0)
        for held in its.holds:
            if held.reason is REFUSED:
                held.released_at = utc_now()
                session.add(held)
        detail: dict[str, Any] = {
            "document": document.label,
            "gross": str(document.gross),
            "units": sum(draft.quantities.values()),
        }
        events.append(event_values(order.row_id, "invoiced", detail, actor=actor))
    session.flush()
    insert_rows(session, OrderEvent, events)
    for order, draft_or_error in zip(orders, drafts, strict=True):
        if hold and isinstance(draft_or_error, RuleError):
            detail = {"reason": str(draft_or_error)}
            if draft_or_error.advice:
                detail["advice"] = [asdict(advice) for advice in draft_or_error.advice]
            hold_order(session, order, REFUSED, detail)
    session.flush()
    done = iter(documents)
    return [each if isinstance(each, RuleError) else next(done) for each in drafts]


def first_order_from(session: Session, account_id: int, placed_from: date) -> int | None:
    """Return the lowest id of an account's orders placed on or after a German day; None if there is none."""
    query = select(func.min(Order.id)).where(
        Order.account_id == account_id, Order.placed_at >= midnight(placed_from)
    )
    return session.exec(query).one()


def list_uninvoiced(session: Session, account_id: int, after: int, limit: int) -> list[int]:
    """Return ids above `after` of orders with units shipped, not invoiced and not returned, ascending."""
    query = (
        select(OrderLine.order_id)
        .where(
            OrderLine.account_id == account_id,
            OrderLine.order_id > after,
            # The same condition as in the index.
            col(OrderLine.shipped) > col(OrderLine.invoiced),
            col(OrderLine.shipped) - col(OrderLine.returned) > col(OrderLine.invoiced),
        )
        .distinct()
        .order_by(col(OrderLine.order_id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def invoiceable(
    session: Session,
    order_ids: Sequence[int],
    placed_from: date,
    *,
    lock: bool = False,
    with_test_orders: bool = False,
) -> list[Order]:
    """Return the orders among these that are invoiced automatically, by id; if `lock` is true, locked.

    Orders that the channel has invoiced are left out, and so are test orders, unless they are asked for.
    """
    query = (
        select(Order)
        .where(among(col(Order.id), order_ids), Order.placed_at >= midnight(placed_from))
        .order_by(col(Order.id))
    )
    if not with_test_orders:
        query = query.where(col(Order.trial).is_(False))
    orders = session.exec(query.with_for_update() if lock else query).all()
    return [order for order in orders if not is_invoiced_there(order)]
