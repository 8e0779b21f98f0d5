"""Order intake: how a page of orders from a channel becomes rows, each exactly once.

New orders go in with multi-row statements; orders whose content did not change are recognised by a hash
and left alone; changed ones are followed field by field (`models.intake.order_changes`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_or_update, insert_returning, insert_rows
from models.database.columns import need_id
from models.database.conditions import among
from models.intake.line_matching import Matcher, match_hold, skus_of
from models.intake.merges import Known, foreign_owners, is_old_news, owners_of_lines
from models.intake.order_changes import follow
from models.intake.trials import delete_trials
from models.mails.buyer_events import tell_of_arrival
from models.orders.amounts import payment_state_of, total_difference
from models.orders.checks import Facts, LineFacts, find, hold_of, recheck
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import Hold, HoldReason, hold_values
from models.orders.matching import MatchRule
from models.orders.order import AddressRole, Customer, LinePart, Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import lock_orders
from models.orders.records import OrderData, OrderLineData
from models.orders.row_values import (
    addresses_of,
    as_kept,
    credited_at_arrival,
    line_values,
    means,
    order_hash,
    order_values,
    state_of,
)
from models.orders.states import MOVABLE
from models.payments.payment import Payment, book_payments
from models.payments.reminders import ask_to_pay
from models.sync.records import Counts
from models.tenants.locks import lock_tenants
from models.tenants.methods import Methods, payment_code
from models.tenants.options import ChannelOptions
from models.tenants.records import OWN, AccountData, Mode, Side
from models.warehouse.allocation import promise
from models.warehouse.ledger import take_out_departed
from models.warehouse.sellable import note_sold_there


@dataclass
class Intake:
    """What became of a page."""

    counts: Counts = field(default_factory=Counts)
    oldest_news_at: datetime | None = None
    slowest_seconds: int | None = None


def save_orders(
    session: Session,
    account: AccountData,
    rules: Sequence[MatchRule],
    records: Sequence[OrderData],
    *,
    trial: bool = False,
    is_history: Callable[[OrderData], bool] = lambda _: False,
) -> Intake:
    """Save one page; repeating it changes nothing.

    `trial` marks what is new as imported for inspection and leaves orders alone that are no trials.
    Orders that are not known yet and for which `is_history` holds are skipped: they are booked elsewhere,
    or not due yet.
    """
    lock_tenants(session, [account.tenant_id])
    intake = Intake(counts=Counts(read=len(records)))
    page = {record.external_id: record for record in records}
    known = {order.external_id: order for order in lock_orders(session, account.id, page)}
    page |= {number: as_kept(order, page[number]) for number, order in known.items() if order.anonymised_at}
    owners = owners_of_lines(session, account.id, page.values(), trial=trial)
    options = ChannelOptions.model_validate(account.settings)

    replaced = [
        order
        for order in known.values()
        if order.trial and not (trial and order.content_hash == order_hash(page[order.external_id]))
    ]
    if replaced:
        delete_trials(session, [need_id(order.id) for order in replaced])
        known = {key: order for key, order in known.items() if order not in replaced}

    new: list[OrderData] = []
    new_lines: set[str] = set()
    changed: list[tuple[Order, OrderData]] = []
    for external_id, data in page.items():
        order = known.get(external_id)
        line_ids = {line.external_id for line in data.lines}
        elsewhere = bool(foreign_owners(owners, data, external_id)) or not new_lines.isdisjoint(line_ids)
        if order is None and not elsewhere:
            if is_history(data):
                intake.counts.skipped += 1
            else:
                new.append(data)
                new_lines |= line_ids
        elif trial:
            intake.counts.unchanged += 1
        elif order is None:
            changed.append((_insert_shell(session, account, data), data))
        elif (
            is_old_news(session, order, data, owners, page)
            if order.state is OrderState.merged
            else order.content_hash == order_hash(data)
        ):
            intake.counts.unchanged += 1
        else:
            changed.append((order, data))

    matcher = Matcher(session, account, rules)
    matcher.add([line for data in new for line in data.lines])
    methods = Methods(session, account.id, account.tenant_id)
    if not trial or account.mode is Mode.test:
        methods.note([*new, *(data for _, data in changed)])
    new_ids = _insert_new(session, account, new, matcher, methods, trial=trial)
    if changed:
        # The owners are read anew: a new order of this page may have lines of one that changed.
        owners = owners_of_lines(session, account.id, [data for _, data in changed], trial=False)
        known_here = Known(session, owners, [order for order, _ in changed])
        for order, data in changed:
            follow(session, account, options, order, data, matcher, known_here, methods)
        recheck(session, account, [need_id(order.id) for order, _ in changed])
    if not trial:
        take_out_departed(session, _departed(new_ids, new))
        to_serve = [order_id for order_id, data in zip(new_ids, new, strict=True) if not data.shipped_at]
        to_serve += [need_id(order.id) for order, _ in changed if order.state in MOVABLE]
        # Whatever is promised here was sold here, so its listings are queued below.
        promise(session, to_serve)
        fixed = [data for order, data in changed if order.state not in MOVABLE]
        note_sold_there(
            session,
            account.id,
            [*new_ids, *(need_id(order.id) for order, _ in changed)],
            {line.listing_id for data in fixed for line in data.lines},
        )
        ask_to_pay(session, account, [*new_ids, *(need_id(order.id) for order, _ in changed)])
    intake.counts.new = len(new)
    intake.counts.changed = len(changed)
    intake.counts.held = _count_held(session, [*new_ids, *(need_id(order.id) for order, _ in changed)])
    _note_age(intake, new)
    return intake


def _departed(order_ids: Sequence[int], new: Sequence[OrderData]) -> dict[int, tuple[datetime, datetime]]:
    """Return for each new order that has been shipped when it was sold, and when it left at the earliest.

    A channel may know the day of shipping alone; nothing leaves before it is sold.
    """
    departed = {}
    for order_id, data in zip(order_ids, new, strict=True):
        if data.shipped_at is not None and state_of(data) is OrderState.shipped:
            sold_at = data.checkout_at or data.placed_at
            departed[order_id] = (sold_at, max(sold_at, data.shipped_at))
    return departed


def _insert_new(
    session: Session,
    account: AccountData,
    new: Sequence[OrderData],
    matcher: Matcher,
    methods: Methods,
    *,
    trial: bool,
) -> list[int]:
    now = utc_now()
    customers = save_customers(session, account.id, new)
    order_ids = insert_returning(
        session,
        Order,
        [
            {
                **order_values(data),
                "tenant_id": account.tenant_id,
                "account_id": account.id,
                "external_id": data.external_id,
                "placed_at": data.placed_at,
                "state": state_of(data),
                "payment_state": payment_state_of(
                    data.total, data.paid_amount, credited=credited_at_arrival(data)
                ),
                "paid_amount": data.paid_amount,
                "credited_amount": credited_at_arrival(data),
                "shipped_at": data.shipped_at,
                "carrier": data.carrier,
                **means(data, methods),
                "trial": trial,
                "customer_id": customers.get(data.customer_id),
                "imported_at": now,
                "changed_at": now,
            }
            for data in new
        ],
    )
    lines = [
        (order_id, data, position, line)
        for order_id, data in zip(order_ids, new, strict=True)
        for position, line in enumerate(data.lines)
    ]
    line_ids = insert_returning(
        session,
        OrderLine,
        [
            {
                **line_values(line, position),
                "order_id": order_id,
                "account_id": account.id,
                "external_id": line.external_id,
                "quantity": line.quantity,
                "shipped": line.quantity if state_of(data) is OrderState.shipped else 0,
                "cancelled": line.quantity if state_of(data) is OrderState.cancelled else 0,
                "article_id": matcher.of(line).article_id,
                "matched_by": matcher.of(line).rule if matcher.of(line).parts else "",
            }
            for order_id, data, position, line in lines
        ],
    )
    parts = [
        {"order_line_id": line_id, "article_id": article_id, "quantity": quantity}
        for line_id, (_, _, _, line) in zip(line_ids, lines, strict=True)
        for article_id, quantity in matcher.of(line).parts
    ]
    addresses = [
        {**address.model_dump(), "order_id": order_id, "role": role}
        for order_id, data in zip(order_ids, new, strict=True)
        for role, address in addresses_of(data)
    ]
    payments: list[dict[str, Any]] = [
        {
            "order_id": order_id,
            "told_by": Side.channel,
            "amount": data.paid_amount,
            "currency": data.currency,
            "method": data.payment_method,
            "reference": data.payment_reference,
            "paid_at": data.paid_at or now,
            "recorded_at": now,
        }
        for order_id, data in zip(order_ids, new, strict=True)
        if data.paid_amount
    ]
    numbered = list(zip(line_ids, lines, strict=True))
    holds = _new_holds(session, order_ids, new, numbered, matcher)
    facts = _facts_of(order_ids, new, numbered, matcher, methods, customers)
    holds += [hold_of(finding) for finding in find(session, account, facts, alone=trial)]
    events = [
        event_values(
            order_id,
            "imported",
            {"total": str(data.total), "paid": str(data.paid_amount), "lines": len(data.lines)},
            actor=Actor.person if account.kind == OWN else Actor.channel,
        )
        for order_id, data in zip(order_ids, new, strict=True)
    ]
    events += [
        event_values(hold["order_id"], "held", {"reason": hold["reason"], **hold["detail"]}) for hold in holds
    ]
    for table, rows in (
        (LinePart, parts),
        (OrderAddress, addresses),
        (Hold, holds),
        (OrderEvent, events),
    ):
        insert_rows(session, table, rows)
    payment_ids = insert_returning(session, Payment, payments)
    if not trial:
        book_payments(
            session, [Payment(id=new, **row) for new, row in zip(payment_ids, payments, strict=True)]
        )
        arrived = zip(order_ids, new, strict=True)
        bought = {
            order_id: data.checkout_at or data.placed_at
            for order_id, data in arrived
            if state_of(data) is OrderState.open
        }
        tell_of_arrival(session, account, bought)
    return order_ids


def _facts_of(
    order_ids: Sequence[int],
    new: Sequence[OrderData],
    lines: Sequence[tuple[int, tuple[int, OrderData, int, OrderLineData]]],
    matcher: Matcher,
    methods: Methods,
    customers: Mapping[str, int],
) -> list[Facts]:
    """Return what is checked of those among new orders that are still to be sent."""
    facts = {
        order_id: Facts(
            order_id=order_id,
            placed_at=data.placed_at,
            customer_id=customers.get(data.customer_id),
            currency=data.currency,
            total=data.total,
            paid=data.paid_amount,
            payment_code=payment_code(data),
            payment=methods.payment_of(data),
            shipping_code=data.shipping_method,
            way=methods.shipping_of(data),
            role=AddressRole.shipping if data.shipping else AddressRole.billing,
            address=data.shipping or data.billing,
        )
        for order_id, data in zip(order_ids, new, strict=True)
        if state_of(data) in MOVABLE
    }
    for line_id, (order_id, _, _, line) in lines:
        if order_id in facts and line.quantity:
            facts[order_id].lines.append(
                LineFacts(line_id, line.quantity, line.price, tuple(matcher.of(line).parts))
            )
    return list(facts.values())


def _new_holds(
    session: Session,
    order_ids: Sequence[int],
    new: Sequence[OrderData],
    lines: Sequence[tuple[int, tuple[int, OrderData, int, OrderLineData]]],
    matcher: Matcher,
) -> list[dict[str, Any]]:
    holds: list[dict[str, Any]] = []
    for order_id, data in zip(order_ids, new, strict=True):
        difference = total_difference(data)
        if difference and state_of(data) in MOVABLE:
            detail = {"difference": str(difference)}
            holds.append(hold_values(order_id, HoldReason.total_mismatch, "total", detail))
    unsettled = [
        (line_id, order_id, line)
        for line_id, (order_id, data, _, line) in lines
        if not matcher.of(line).parts and state_of(data) in MOVABLE
    ]
    skus = skus_of(session, [matcher.of(line) for _, _, line in unsettled])
    for line_id, order_id, line in unsettled:
        reason, detail = match_hold(matcher.of(line), skus)
        holds.append(hold_values(order_id, reason, "article", detail, line_id))
    return holds


def save_customers(session: Session, account_id: int, records: Sequence[OrderData]) -> dict[str, int]:
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


def _insert_shell(session: Session, account: AccountData, data: OrderData) -> Order:
    """Add an order that will take over lines known from other orders."""
    order = Order(
        tenant_id=account.tenant_id,
        account_id=account.id,
        external_id=data.external_id,
        state=OrderState.open if data.checkout_at else OrderState.pending,
        placed_at=data.placed_at,
        currency=data.currency,
        total=data.total,
        customer_id=save_customers(session, account.id, [data]).get(data.customer_id),
    )
    session.add(order)
    session.flush()
    if data.checkout_at is not None:
        tell_of_arrival(session, account, {need_id(order.id): data.checkout_at})
    return order


def _count_held(session: Session, order_ids: Sequence[int]) -> int:
    held = session.exec(
        select(Hold.order_id)
        .where(among(col(Hold.order_id), order_ids), col(Hold.released_at).is_(None))
        .distinct()
    ).all()
    return len(held)


def _note_age(intake: Intake, new: Sequence[OrderData]) -> None:
    if not new:
        return
    now = utc_now()
    oldest = min(data.checkout_at or data.placed_at for data in new)
    intake.oldest_news_at = oldest
    intake.slowest_seconds = max(0, int((now - oldest).total_seconds()))
