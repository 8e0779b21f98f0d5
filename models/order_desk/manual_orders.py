"""Manual orders: taken by telephone or in the shop, in an account without a channel.

They are saved by the same intake as a channel's orders (`models.intake.orders`), with numbers of the tenant.
"""

import hashlib
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from models.accounting.numbers import SeriesKind, check_numbers_known, label_of, take_number
from models.catalog.article import Article, price_for, prices_of, titles_of
from models.clock import today, utc_now
from models.database.bulk import insert_or_update
from models.errors import Action, Advice, RuleError
from models.intake.line_matching import set_match
from models.intake.orders import save_orders
from models.order_desk.edits import accept_holds
from models.order_desk.manual_records import MOST_LINES, TOO_MUCH, ManualAddress, ManualLine, ManualOrder
from models.orders.amounts import update_payment_state
from models.orders.checks import recheck
from models.orders.history import Actor, add_event
from models.orders.holds import HoldReason, holds_of_order
from models.orders.match_rules import MatchBy, MatchRule, Source
from models.orders.matching import match_lines
from models.orders.order import Customer, Order, OrderLine, OrderState
from models.orders.origin import OrderOrigin, OriginKind, find_by_reference
from models.orders.queries import lines_of_order, lock_order
from models.orders.records import AddressData, OrderData, OrderLineData
from models.orders.row_values import line_values
from models.orders.scanned_codes import find_scanned
from models.orders.states import state_name
from models.payments.reminders import queue_payment_requests
from models.tenants.account import Account, account_data, options_as
from models.tenants.account_kinds import KINDS, MANUAL, kind_of
from models.tenants.locks import lock_tenants
from models.tenants.methods import ChannelMethod, list_shipping_methods
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, MethodKind, Mode, PaymentKind, SellerData
from models.tenants.tenant import Tenant
from models.values import half_up
from models.warehouse.allocation import allocate

RULES = (MatchRule(by=MatchBy.sku, sources=(Source.sku,)),)
"""A line of a manual order names our SKU."""


def pick_manual_account(session: Session, tenant_id: int, name: str | None = None) -> Account:
    """Return the tenant's account for manual orders: the named one, or the only one.

    Raises: RuleError, if there is none, if there are several and none is named, or if it is a draft.
    """
    kinds = [kind.name for kind in KINDS.values() if kind.takes_manual_orders]
    query = select(Account).where(Account.tenant_id == tenant_id, col(Account.kind).in_(kinds))
    accounts = {row.name: row for row in session.exec(query.order_by(col(Account.name)))}
    if not accounts:
        tenant = session.get_one(Tenant, tenant_id).name
        raise RuleError(
            f"Tenant {tenant!r} has no account in which orders are taken by hand.",
            Advice(Action.account_add, values={"kind": MANUAL.name, "tenant": tenant}),
        )
    if name is None and len(accounts) > 1:
        raise RuleError(f"Orders are taken by hand in several accounts ({', '.join(accounts)}); name one.")
    if name is not None and name not in accounts:
        raise RuleError(f"In {name!r} no orders are taken by hand, only in {', '.join(accounts)}.")
    account = accounts[name] if name is not None else next(iter(accounts.values()))
    if account.mode is Mode.draft:
        raise RuleError(
            f"Account {account.name!r} is a draft.",
            Advice(Action.account_mode, account.name, {"mode": "live"}),
        )
    return account


def complete_order(session: Session, account: AccountData, asked: ManualOrder) -> ManualOrder:
    """Return the order with SKUs, titles, prices and tax rates completed as of today.

    Raises: RuleError, with one sentence per line that names no article of ours or lacks a price or tax rate.
    """
    tenant = session.get_one(Tenant, account.tenant_id)
    currency = asked.currency or tenant.currency
    group = options_as(account, ChannelOptions).price_group
    faults, lines = [], []
    for number, line in enumerate(asked.lines, start=1):
        try:
            lines.append(_complete_line(session, tenant, line, currency, group))
        except RuleError as error:
            faults.append(f"line {number}: {error}")
    methods = [method.name for method in list_shipping_methods(session, account.tenant_id)]
    advice = []
    if asked.shipping_method and asked.shipping_method not in methods:
        existing = ", ".join(methods) or "none yet"
        faults.append(f"shipping_method: there is no {asked.shipping_method!r}: {existing}.")
        advice.append(Advice(Action.method_add, asked.shipping_method))
    if faults:
        raise RuleError("\n".join(faults), *advice)
    completed = asked.model_copy(update={"lines": lines, "currency": currency})
    _check_not_too_much(total_of(completed))
    return completed


def _complete_line(
    session: Session, tenant: Tenant, line: ManualLine, currency: str, price_group: str
) -> ManualLine:
    """Return a line with the SKU, title, price and tax rate of its article where it has none of its own.

    Raises: RuleError, if it names no article of ours, or lacks a price or tax rate.
    """
    found = find_scanned(session, tenant.row_id, line.article)
    if len(found) != 1:
        what = "several articles have" if found else "no article has"
        raise RuleError(f"{what} the SKU or GTIN {line.article!r}.")
    article = session.get_one(Article, found[0].article_id)
    article_id, price = article.row_id, line.price
    if price is None:
        prices = prices_of(session, [article_id], price_group)[article_id, currency]
        price = price_for(prices, line.quantity)
    rate = article.tax_rate if line.tax_rate is None else line.tax_rate
    if price is None:
        raise RuleError(f"{article.sku} has no price in {currency}; name one.")
    if price != half_up(price):
        raise RuleError(f"{article.sku} costs {price}, which is not whole cents; name a price.")
    if rate is None and not SellerData.model_validate(tenant.seller).small_business:
        raise RuleError(f"{article.sku} has no tax rate; name one.")
    title = line.title or titles_of(session, [article_id], tenant.language).get(article_id) or article.sku
    values = {"article": article.sku, "price": price, "tax_rate": rate, "title": title[:300]}
    return line.model_copy(update=values)


def _check_not_too_much(total: Decimal) -> None:
    if total >= TOO_MUCH:
        raise RuleError(f"The total is {total}; an order must stay below {TOO_MUCH}.")


def total_of(order: ManualOrder) -> Decimal:
    """Return the total of a completed order."""
    goods = sum(((line.price or Decimal(0)) * line.quantity for line in order.lines), Decimal(0))
    return goods + order.shipping_amount


def take_manual_order(
    session: Session,
    account: Account,
    asked: ManualOrder,
    kind: OriginKind = OriginKind.phone,
    *,
    from_order_id: int | None = None,
    return_id: int | None = None,
) -> tuple[Order, bool]:
    """Save a manual order under the tenant's next number; return it, and whether it is new.

    If its reference was used before for the same request, that order is returned. In test mode it is a test
    order. Takes the tenant's lock.
    Raises: RuleError, as `complete_order`, if the reference was used for another request, or after a restore.
    """
    lock_tenants(session, [account.tenant_id])
    data = account_data(account)
    # Without this field when it is unset, so that references from before the field existed still match.
    newer = {"partial_shipping"} if asked.partial_shipping is None else set()
    asked_hash = hashlib.sha256(asked.model_dump_json(exclude=newer).encode()).hexdigest()
    if asked.reference and (known := find_by_reference(session, data.id, asked.reference)) is not None:
        order = session.get_one(Order, known.order_id)
        if known.asked_hash != asked_hash:
            raise RuleError(
                f"The reference {asked.reference!r} belongs to order {order.external_id}, which differs from "
                "this one; give a new order another reference."
            )
        return order, False
    completed = complete_order(session, data, asked)
    check_numbers_known(session.get_one(Tenant, account.tenant_id))
    _save_methods(session, data.id, completed)
    year = today().year
    number = label_of(SeriesKind.order, year, take_number(session, account.tenant_id, SeriesKind.order, year))
    record = _record(session, data.id, number, completed, kind)
    save_orders(session, data, RULES, [record], trial=account.mode is Mode.test)
    query = select(Order).where(Order.account_id == data.id, Order.external_id == number)
    order = session.exec(query.execution_options(populate_existing=True)).one()
    order.partial_shipping = asked.partial_shipping
    session.add(order)
    session.add(
        OrderOrigin(
            order_id=order.row_id,
            account_id=data.id,
            kind=kind,
            reference=asked.reference or None,
            asked_hash=asked_hash,
            from_order_id=from_order_id,
            return_id=return_id,
        )
    )
    session.flush()
    if from_order_id is not None:
        _accept_repeat(session, order, session.get_one(Order, from_order_id).external_id)
    return order, True


def _record(
    session: Session, account_id: int, number: str, order: ManualOrder, kind: OriginKind
) -> OrderData:
    now = utc_now()
    return OrderData(
        external_id=number,
        platform=kind,
        placed_at=now,
        checkout_at=now,
        currency=order.currency or "",
        total=total_of(order),
        shipping_amount=order.shipping_amount,
        payment_method=order.payment,
        payment_method_name=order.payment,
        shipping_method=order.shipping_method,
        customer_id=_customer_id(session, account_id, number, order.billing.email),
        billing=AddressData.model_validate(order.billing.model_dump()),
        shipping=AddressData.model_validate(order.shipping.model_dump()) if order.shipping else None,
        buyer_comment=order.comment,
        memo=order.memo,
        lines=[line_data(f"{number}-{position}", line) for position, line in enumerate(order.lines, start=1)],
    )


def line_data(external_id: str, line: ManualLine) -> OrderLineData:
    """Return a completed line as an intake record."""
    return OrderLineData(
        external_id=external_id,
        title=line.title,
        quantity=line.quantity,
        price=line.price or Decimal(0),
        tax_rate=line.tax_rate,
        sku=line.article,
    )


def _customer_id(session: Session, account_id: int, number: str, email: str) -> str:
    """Return the account's id of the buyer with this mail address; a new one if it is unknown."""
    if not email:
        return ""
    query = select(Customer.external_id).where(Customer.account_id == account_id, Customer.email == email)
    return session.exec(query.order_by(col(Customer.id))).first() or f"C-{number}"


def _save_methods(session: Session, account_id: int, order: ManualOrder) -> None:
    """Save the order's payment and shipping method as methods of the account, mapped to themselves."""
    named = [(MethodKind.payment, str(order.payment)), (MethodKind.shipping, order.shipping_method)]
    rows = [
        {"account_id": account_id, "kind": kind, "external_id": name, "name": name, "mapped_to": name}
        for kind, name in named
        if name
    ]
    insert_or_update(
        session, ChannelMethod, rows, key=("account_id", "kind", "external_id"), update=("mapped_to",)
    )


def _accept_repeat(session: Session, order: Order, number: str) -> None:
    """Accept the hold of an order that is suspected to be a duplicate of the order it repeats on purpose."""
    for hold in holds_of_order(session, order):
        if hold.reason is HoldReason.suspected_duplicate and hold.detail == {"of": number}:
            accept_holds(session, order, [HoldReason.suspected_duplicate], f"made from {number}")


def add_line(session: Session, order: Order, line: ManualLine) -> OrderLine:
    """Add a line to an open manual order; the total rises, and available stock is allocated.

    Raises: RuleError, for a channel's order, an order that is not open, or as `complete_order`.
    """
    lock_order(session, order)
    account = account_data(session.get_one(Account, order.account_id))
    if not kind_of(account.kind).takes_manual_orders:
        raise RuleError(
            f"Order {order.external_id} comes from a channel: take further goods as an order of their own."
        )
    if order.trial or order.state is not OrderState.open:
        raise RuleError(f"Order {order.external_id} is {state_name(order)}: no line can be added.")
    order_id = order.row_id
    lines = lines_of_order(session, order)
    if len(lines) >= MOST_LINES:
        raise RuleError(f"A manual order has at most {MOST_LINES} lines.")
    asked = ManualOrder(
        billing=ManualAddress(), lines=[line], currency=order.currency, payment=PaymentKind.invoice
    )
    data = line_data(
        f"{order.external_id}-{len(lines) + 1}", complete_order(session, account, asked).lines[0]
    )
    row = OrderLine(
        order_id=order_id,
        account_id=order.account_id,
        external_id=data.external_id,
        quantity=data.quantity,
        **line_values(data, len(lines)),
    )
    session.add(row)
    session.flush()
    (match,) = match_lines(session, account.tenant_id, account.id, RULES, [data])
    set_match(session, order, row, match)
    total = order.total + data.price * data.quantity
    _check_not_too_much(total)
    changes: dict[str, Any] = {
        f"line {data.external_id}": ["", f"{data.quantity} × {data.price}"],
        "total": [str(order.total), str(total)],
    }
    order.total = total
    update_payment_state(order)
    session.add(order)
    add_event(session, order, "edited", {"changes": changes}, actor=Actor.person)
    session.flush()
    allocate(session, [order_id])
    recheck(session, account, [order_id])
    queue_payment_requests(session, account, [order_id])
    session.refresh(row)
    return row
