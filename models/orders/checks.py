"""Checks of an order: what stops it, with the reason and the field of each finding.

An order is checked when it is imported, when it changes, after a person edits it, and again right before it
is released. A finding that a person accepted (`Hold.accepted`) does not hold the order again unless its
detail changes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.catalog.article import price_for, prices_of
from models.clock import utc_now
from models.countries import COUNTRIES, postcode_fits
from models.database.bulk import insert_rows
from models.database.conditions import among
from models.orders.history import OrderEvent, event_values
from models.orders.holds import Hold, HoldReason, hold_values
from models.orders.order import AddressRole, Customer, Order, OrderState
from models.orders.queries import destination, line_parts_of, lines_of, order_addresses
from models.orders.records import AddressData
from models.orders.states import ACTIVE
from models.tenants.account import Account, options_as
from models.tenants.methods import (
    ADDRESS_LIMITS,
    Carrier,
    ShippingMethod,
    list_shipping_methods,
    payment_code,
)
from models.tenants.options import ChannelOptions, Release
from models.tenants.records import PAID_ON_DELIVERY, AccountData, PaymentKind

CHECKED = frozenset(
    {
        HoldReason.address_incomplete,
        HoldReason.address_too_long,
        HoldReason.country_unknown,
        HoldReason.postcode_misfit,
        HoldReason.price_off,
        HoldReason.payment_unmapped,
        HoldReason.shipping_unmapped,
        HoldReason.paid_too_early,
        HoldReason.suspected_duplicate,
    }
)
"""Reasons that these checks find, and release again when the cause is gone."""
WITHOUT_CHECKS = (OrderState.cancelled, OrderState.merged)


@dataclass(frozen=True)
class LineFacts:
    id: int
    quantity: int
    price: Decimal
    articles: tuple[tuple[int, int], ...]
    """Matched articles as (article id, quantity per unit of the line)."""


@dataclass(frozen=True)
class OrderFacts:
    """What the checks read of one order."""

    order_id: int
    placed_at: datetime
    customer_id: int | None
    currency: str
    total: Decimal
    paid: Decimal
    payment_code: str
    payment: PaymentKind | None
    shipping_code: str
    shipping: ShippingMethod | None
    role: AddressRole
    """Role of the address that the goods are shipped to."""
    address: AddressData
    lines: list[LineFacts] = field(default_factory=list)


@dataclass(frozen=True)
class CheckFinding:
    order_id: int
    reason: HoldReason
    field: str
    detail: dict[str, Any]
    line_id: int | None = None


def check_orders(
    session: Session, account: AccountData, facts: Sequence[OrderFacts], *, with_duplicates: bool = True
) -> list[CheckFinding]:
    """Return all findings for these orders of an account.

    Without `with_duplicates`, the orders are not compared with other orders.
    """
    options = options_as(account, ChannelOptions)
    findings: list[CheckFinding] = []
    for each in facts:
        findings += check_address(each, need_house_number=options.need_house_number)
        findings += _check_methods(each, options)
    if options.price_tolerance is not None:
        findings += _check_prices(session, facts, options.price_tolerance, options.price_group)
    if options.duplicate_hours and with_duplicates:
        findings += _find_duplicates(session, account, facts, timedelta(hours=options.duplicate_hours))
    return findings


def check_address(facts: OrderFacts, *, need_house_number: bool = True) -> list[CheckFinding]:
    """Return what is wrong with an address for the carrier; an order for pickup needs only a name."""
    address, role = facts.address, facts.role
    found: list[CheckFinding] = []

    def add(reason: HoldReason, name: str, detail: dict[str, Any]) -> None:
        found.append(CheckFinding(facts.order_id, reason, f"{role}.{name}", detail))

    pickup = facts.shipping is not None and facts.shipping.pickup
    person = f"{address.first_name} {address.last_name}".strip()
    needed = {"last_name": address.company.strip() or person}
    if not pickup:
        needed |= {"street": address.street, "postcode": address.postcode, "city": address.city}
    missing = [name for name, value in needed.items() if not value.strip()]
    if (
        need_house_number
        and not pickup
        and address.country == "DE"
        and address.street.strip()
        and not any(sign.isdigit() for sign in address.street + address.street2)
    ):
        missing.append("house_number")
    if missing:
        add(HoldReason.address_incomplete, missing[0], {"missing": missing})
    if pickup:
        return found
    if address.country not in COUNTRIES:
        add(HoldReason.country_unknown, "country", {"country": address.country})
    elif address.postcode.strip() and not postcode_fits(address.country, address.postcode):
        add(HoldReason.postcode_misfit, "postcode", {"country": address.country})
    if facts.shipping is not None and facts.shipping.limits:
        limits = ADDRESS_LIMITS[Carrier(facts.shipping.limits)]
        long = {
            name: {"length": len(value), "limit": limit}
            for name, value, limit in (
                ("company", address.company, limits.name),
                ("last_name", person, limits.name),
                ("street", address.street, limits.street),
                ("street2", address.street2, limits.street),
                ("city", address.city, limits.city),
            )
            if len(value) > limit
        }
        if long:
            add(HoldReason.address_too_long, next(iter(long)), {"carrier": facts.shipping.limits, **long})
    return found


def _check_methods(facts: OrderFacts, options: ChannelOptions) -> list[CheckFinding]:
    found = []
    if options.release is Release.automatic:
        # Only automatic release depends on mapped methods; a person who releases looks at the order anyway.
        if facts.payment is None:
            detail = {"method": facts.payment_code}
            found.append(CheckFinding(facts.order_id, HoldReason.payment_unmapped, "payment_method", detail))
        if facts.shipping is None:
            detail = {"method": facts.shipping_code}
            found.append(
                CheckFinding(facts.order_id, HoldReason.shipping_unmapped, "shipping_method", detail)
            )
    if facts.payment in PAID_ON_DELIVERY and facts.paid > 0:
        detail = {"method": facts.payment_code, "paid": str(facts.paid)}
        found.append(CheckFinding(facts.order_id, HoldReason.paid_too_early, "paid_amount", detail))
    return found


def _check_prices(
    session: Session, facts: Sequence[OrderFacts], tolerance: Decimal, group: str
) -> list[CheckFinding]:
    """Compare line prices with the articles' prices in the order's currency and for the ordered quantity.

    `tolerance` is in percent. Lines without a match or with an article that has no such price are skipped.
    """
    ids = {article_id for each in facts for line in each.lines for article_id, _ in line.articles}
    prices = prices_of(session, ids, group)
    found = []
    for each in facts:
        for line in each.lines:
            usual = Decimal(0)
            for article_id, quantity in line.articles:
                price = price_for(prices[article_id, each.currency], max(1, line.quantity) * quantity)
                if price is None:
                    break
                usual += price * quantity
            else:
                if line.articles and abs(line.price - usual) * 100 > tolerance * usual:
                    detail = {"price": str(line.price), "usual": str(usual)}
                    found.append(CheckFinding(each.order_id, HoldReason.price_off, "price", detail, line.id))
    return found


def _find_duplicates(
    session: Session, account: AccountData, facts: Sequence[OrderFacts], within: timedelta
) -> list[CheckFinding]:
    """Find orders that repeat an earlier one: the same buyer, goods and total within this time."""
    buyers = _find_buyers(session, account, facts)
    if not buyers:
        return []
    others = session.execute(
        sqlalchemy_select(
            col(Order.id),
            col(Order.external_id),
            col(Order.customer_id),
            col(Order.placed_at),
            col(Order.total),
        ).where(
            among(col(Order.customer_id), buyers),
            col(Order.placed_at) >= min(each.placed_at for each in facts) - within,
            col(Order.placed_at) <= max(each.placed_at for each in facts),
            col(Order.state).not_in(WITHOUT_CHECKS),
            col(Order.trial).is_(False),
        )
    ).all()
    by_buyer: dict[Any, list[Any]] = defaultdict(list)
    for row in others:
        by_buyer[buyers[row.customer_id]].append(row)
    pairs: list[tuple[OrderFacts, int, str]] = []
    for each in facts:
        for row in by_buyer.get(buyers.get(each.customer_id or 0), ()):
            earlier = (row.placed_at, row.id) < (each.placed_at, each.order_id)
            if earlier and row.total == each.total and each.placed_at - row.placed_at <= within:
                pairs.append((each, row.id, row.external_id))
    lines = lines_of(
        session, sorted({other for _, other, _ in pairs} | {each.order_id for each, _, _ in pairs})
    )
    bought = {
        order_id: Counter({(str(row.codes), row.price): row.quantity - row.cancelled for row in rows})
        for order_id, rows in lines.items()
    }
    # Of several earlier orders, the last one counts.
    earlier_of = {each.order_id: (other, number) for each, other, number in pairs}
    return [
        CheckFinding(order_id, HoldReason.suspected_duplicate, "order", {"of": number})
        for order_id, (other, number) in earlier_of.items()
        if bought.get(order_id) == bought.get(other)
    ]


def _find_buyers(session: Session, account: AccountData, facts: Sequence[OrderFacts]) -> dict[int, str | int]:
    """Return {customer id: what identifies the buyer} of these orders, and of other ids of the same buyers.

    A buyer is recognised by the channel's id or the mail address, also across the tenant's accounts.
    """
    customers = {each.customer_id for each in facts if each.customer_id is not None}
    if not customers:
        return {}
    mails = select(Customer.email).where(among(col(Customer.id), customers), Customer.email != "")
    accounts = select(Account.id).where(Account.tenant_id == account.tenant_id)
    rows = session.execute(
        select(col(Customer.id), col(Customer.email)).where(
            among(col(Customer.id), customers)
            | (col(Customer.email).in_(mails) & col(Customer.account_id).in_(accounts))
        )
    )
    return {customer_id: email or customer_id for customer_id, email in rows}


def recheck(session: Session, account: AccountData, order_ids: Iterable[int]) -> None:
    """Check orders again and update their holds; the caller has locked the orders.

    Shipped, cancelled, merged and test orders are left alone.
    """
    orders = session.exec(
        select(Order)
        .where(
            among(col(Order.id), order_ids),
            col(Order.state).in_(ACTIVE),
            col(Order.trial).is_(False),
        )
        .order_by(col(Order.id))
    ).all()
    if not orders:
        return
    ids = [order.row_id for order in orders]
    save_check_findings(session, ids, check_orders(session, account, _read_facts(session, account, orders)))


def save_check_findings(session: Session, order_ids: Sequence[int], findings: Sequence[CheckFinding]) -> None:
    """Hold these orders for the findings, and release holds whose findings are gone."""
    rows = session.exec(
        select(Hold)
        .where(
            among(col(Hold.order_id), order_ids),
            col(Hold.reason).in_(CHECKED),
            col(Hold.released_at).is_(None) | col(Hold.accepted).is_(True),
        )
        .order_by(col(Hold.id))
    ).all()
    held = {(row.order_id, row.order_line_id, row.reason): row for row in rows if row.released_at is None}
    accepted = [(row.order_id, row.order_line_id, row.reason, row.detail) for row in rows if row.accepted]
    now = utc_now()
    new: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for one in findings:
        row = held.pop((one.order_id, one.line_id, one.reason), None)
        if row is not None and row.detail == one.detail:
            continue
        if row is None and (one.order_id, one.line_id, one.reason, one.detail) in accepted:
            continue
        if row is not None:
            row.detail, row.field = one.detail, one.field
            session.add(row)
        else:
            new.append(hold_for(one))
        events.append(
            event_values(one.order_id, "held", {"reason": one.reason, "field": one.field, **one.detail})
        )
    for row in held.values():
        row.released_at = now
        session.add(row)
        events.append(event_values(row.order_id, "hold_released", {"reason": row.reason}))
    session.flush()
    insert_rows(session, Hold, new)
    insert_rows(session, OrderEvent, events)


def hold_for(finding: CheckFinding) -> dict[str, Any]:
    """Return the values of the `Hold` row for a finding."""
    return hold_values(finding.order_id, finding.reason, finding.field, finding.detail, finding.line_id)


def _read_facts(session: Session, account: AccountData, orders: Sequence[Order]) -> list[OrderFacts]:
    ids = [order.row_id for order in orders]
    lines, addresses = lines_of(session, ids), order_addresses(session, ids)
    parts = line_parts_of(session, [line.row_id for rows in lines.values() for line in rows])
    shipping_methods = {row.id: row for row in list_shipping_methods(session, account.tenant_id)}
    facts = []
    for order in orders:
        order_id = order.row_id
        address = destination(addresses.get(order_id, {}))
        facts.append(
            OrderFacts(
                order_id=order_id,
                placed_at=order.placed_at,
                customer_id=order.customer_id,
                currency=order.currency,
                total=order.total,
                paid=order.paid_amount,
                payment_code=payment_code(order),
                payment=order.payment_kind,
                shipping_code=order.shipping_method,
                shipping=shipping_methods.get(order.shipping_method_id),
                role=address.role if address else AddressRole.billing,
                address=AddressData.model_validate(address.model_dump(exclude={"order_id", "role"}))
                if address
                else AddressData(),
                lines=[
                    LineFacts(
                        line.row_id,
                        line.quantity - line.cancelled,
                        line.price,
                        tuple(parts.get(line.row_id, ())),
                    )
                    for line in lines.get(order_id, ())
                    if line.quantity > line.cancelled
                ],
            )
        )
    return facts
