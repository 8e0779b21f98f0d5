"""Invoices of goods that were shipped and are not invoiced yet; `credit_notes` cancels them.

By German law (§ 14 UStG), for goods shipped from Germany. Prices are gross; `sums` has the arithmetic.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, func, select

from models.accounting.issued import Document, DocumentLine, Paper, issue_each
from models.accounting.numbers import check_numbers
from models.accounting.records import DocumentKind, PaperContent, PaperLine
from models.clock import local_date, midnight, today, utc_now
from models.database.bulk import insert_rows
from models.database.columns import need_id
from models.database.conditions import among
from models.errors import Action, Advice, RuleError
from models.fulfilment.holding import hold_order
from models.fulfilment.returns import Return, ReturnState
from models.fulfilment.shipments import Parcel, ParcelLine, Shipment
from models.invoicing.sums import check_adds_up, exchange_of, print_line, taxes_of, treat_order
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import Hold, HoldReason, open_holds
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import abroad, address_lines, paper_language, printed_number
from models.orders.queries import lines_of, lock_each
from models.tax.records import HOME
from models.tax.treatment import Treatment, extras_rate, rate_of
from models.tenants.account import Account, account_options, options_as
from models.tenants.options import ChannelOptions, makes_invoices
from models.tenants.records import AccountData, Mode, SellerData
from models.tenants.tenant import Tenant
from models.values import half_up

IN_QUESTION = frozenset(
    {HoldReason.total_mismatch, HoldReason.changed_after_release, HoldReason.cancelled_after_release}
)
"""Holds with which it is unclear what the buyer owes."""
REFUSED = HoldReason.invoice_refused
INVOICED = (OrderState.open, OrderState.released, OrderState.shipped, OrderState.cancelled)
"""States in which an order may be invoiced; for a cancelled order, the goods shipped before."""


@dataclass(frozen=True)
class Draft:
    """An invoice without a number."""

    content: PaperContent
    quantities: dict[int, int]
    """Units by order line id."""


@dataclass(frozen=True)
class _Facts:
    """What an invoice is made from, besides its order."""

    account: Account
    tenant: Tenant
    lines: list[OrderLine]
    holds: list[Hold]
    """Open holds."""
    places: dict[AddressRole, OrderAddress]
    shipping: Decimal
    """Shipping on documents that stand, of this order or of orders merged into it."""
    fees: Decimal
    """Fees on the same documents."""
    on_paper: Decimal
    """Gross sum of all documents, credit notes included."""
    is_settled: bool
    """Nothing is left to ship, and no received return is left to credit."""
    departures: list[tuple[int, int, datetime]]
    """(order line id, units, shipped at), latest parcels first."""


def seller_of(tenant: Tenant) -> SellerData:
    """Return the seller that a tenant's invoices name.

    Raises: RuleError, if a detail is missing that an invoice must have (§ 14 (4) UStG), or if the tenant's
    numbers are in doubt; it says what to do.
    """
    if tenant.country != HOME:
        raise RuleError(
            f"Tenant {tenant.name!r} is in {tenant.country}, and invoices are made here by German law alone: "
            "let the channel make them.",
            Advice(Action.account_set, values={"invoices": "channel"}),
        )
    check_numbers(tenant)
    seller = SellerData.model_validate(tenant.seller)
    missing = {
        field: name
        for field, name, given in (
            ("legal_name", "legal name", seller.name),
            ("address", "address", len(seller.address) > 1),
            ("tax_number", "tax number or VAT ID", seller.tax_number or seller.vat_id),
        )
        if not given
    }
    if missing:
        others = [field for field in missing if field != "tax_number"]
        either = [["tax_number"], ["vat_id"]] if "tax_number" in missing else [[]]
        raise RuleError(
            f"An invoice must name who issues it (§ 14 (4) UStG): tenant {tenant.name!r} states no "
            f"{', no '.join(missing.values())}.",
            *(Advice(Action.tenant_set, tenant.name, dict.fromkeys([*others, *one], "")) for one in either),
        )
    return seller


def invoices_from(account: Account | AccountData) -> date:
    """Return the German day from which an account's orders are invoiced here automatically.

    Raises: RuleError, if its channel makes the invoices.
    """
    options = options_as(account, ChannelOptions)
    begin = options.invoices_from
    if begin is None or not makes_invoices(options):
        raise RuleError(
            f"Invoices of account {account.name!r} are made by its channel.",
            Advice(Action.account_set, account.name, {"invoices": "warenfluss", "invoices_from": ""}),
        )
    return begin


def draft_invoice(session: Session, order: Order, *, test: bool = False) -> Draft:
    """Return the invoice of one order; see `draft_invoices`.

    Raises: RuleError, if there is nothing to invoice, or it cannot be invoiced; it says what to do.
    """
    (draft,) = draft_invoices(session, [order], test=test)
    if isinstance(draft, RuleError):
        raise draft
    return draft


def draft_invoices(
    session: Session, orders: Sequence[Order], *, test: bool = False
) -> list[Draft | RuleError]:
    """Return for each order its next invoice: of units shipped, not invoiced and not returned.

    The first invoice of an order includes its shipping and fees, a later one what was added to them. The last
    one brings all documents to what the buyer owes; if all goods came back before they were invoiced, it has
    no goods. `test`: a preview, independent of the account's mode. If an order cannot be invoiced, the result
    is the reason.
    """
    facts = _read_facts(session, orders)
    return [_try_draft(order, facts[need_id(order.id)], test=test) for order in orders]


def _try_draft(order: Order, facts: _Facts, *, test: bool = False) -> Draft | RuleError:
    try:
        return _draft(order, facts, test=test)
    except RuleError as error:
        return error


def _draft(order: Order, facts: _Facts, *, test: bool) -> Draft:
    tenant, lines = facts.tenant, facts.lines
    _check_may_invoice(order, facts, test=test)
    seller = seller_of(tenant)
    quantities = {
        need_id(line.id): line.shipped - line.returned - line.invoiced
        for line in lines
        if line.shipped - line.returned > line.invoiced
    }
    # Returned units are not invoiced, but the shipping of goods that came back may still be owed.
    units = quantities or {need_id(line.id): line.shipped for line in lines if line.shipped}
    if not quantities and (not units or not _owes_more(order, facts)):
        raise RuleError(f"Order {order.external_id}: nothing is left to invoice of what was shipped.")
    check_adds_up(order, lines)
    delivered = _delivered_on(order, facts, units)
    buyer = _buyer(order, facts.places)
    chosen = [line for line in lines if line.id in units]
    treatment = treat_order(tenant, seller, facts.places, chosen, max(delivered))
    sent = [_print_line(line, units[need_id(line.id)], treatment) for line in chosen]
    printed = sent if quantities else []
    goods = sum((line.amount for line in printed), Decimal(0))
    shipping, fee = _left_of_extras(order, facts, goods)
    gross = sum((line.amount for line in printed), shipping + fee)
    if gross < 0:
        raise RuleError(f"Order {order.external_id} comes to {gross}: an invoice of less than nothing.")
    shipping_rate = extras_rate(treatment, order.shipping_tax_rate)
    taxes = taxes_of(printed, shipping, fee, shipping_rate, with_goods=sent)
    if taxes and sum((part.gross for part in taxes), Decimal(0)) != gross:
        raise RuleError(f"Order {order.external_id}: the sums of the tax rates do not make {gross}.")
    tax = sum((part.tax for part in taxes), Decimal(0))
    content = PaperContent(
        kind=DocumentKind.invoice,
        label="",
        issued_on=today(),
        language=paper_language(tenant),
        currency=order.currency,
        seller=seller,
        buyer=buyer,
        buyer_country=abroad(facts.places[AddressRole.billing], tenant),
        buyer_vat_id=treatment.vat_id,
        tax_case=treatment.case,
        goes_to=treatment.country,
        collected_by_channel=treatment.collected,
        order_number=printed_number(order),
        ordered_on=local_date(order.placed_at),
        delivered_from=min(delivered),
        delivered_until=max(delivered),
        lines=printed,
        shipping_amount=shipping,
        fee_amount=fee,
        taxes=taxes,
        net=gross - tax,
        tax=tax,
        gross=gross,
        exchange=exchange_of(order, tenant, max(delivered), tax),
    )
    return Draft(content, quantities)


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


def issue_rest(session: Session, order: Order) -> Document | None:
    """Issue an invoice for what is still owed for an order without goods to invoice; if impossible, hold it.

    The cycle finds orders by their goods, so it misses these. None, if no more is owed than documents state,
    or if the order is not invoiced automatically. The caller holds the order's lock.
    """
    account = session.get_one(Account, order.account_id)
    if account.mode is not Mode.live or not makes_invoices(account_options(account)):
        return None
    order_id = need_id(order.id)
    if not invoiceable(session, [order_id], invoices_from(account)):
        return None
    facts = _read_facts(session, [order])[order_id]
    goods = any(line.shipped - line.returned > line.invoiced for line in facts.lines)
    sent = any(line.shipped for line in facts.lines)
    return issue_or_hold(session, order) if sent and not goods and _owes_more(order, facts) else None


def issue_invoices(
    session: Session, orders: Sequence[Order], *, actor: Actor, hold: bool
) -> list[Document | RuleError]:
    """Issue the invoices of `draft_invoices` in the order given, and count their units as invoiced.

    Returns: for each order its document, or the reason why it cannot be invoiced; with `hold` the order is
    then held for that reason. An order may occur only once. Locks the orders.
    """
    lock_each(session, orders)
    facts = _read_facts(session, orders)
    drafts = [_try_draft(order, facts[need_id(order.id)]) for order in orders]
    issued = [(order, draft) for order, draft in zip(orders, drafts, strict=True) if isinstance(draft, Draft)]
    papers = [
        Paper(draft.content, draft.quantities, order.tenant_id, order.account_id, need_id(order.id))
        for order, draft in issued
    ]
    documents = issue_each(session, papers)
    events = []
    for (order, draft), document in zip(issued, documents, strict=True):
        its = facts[need_id(order.id)]
        for line in its.lines:
            line.invoiced += draft.quantities.get(need_id(line.id), 0)
        for held in its.holds:
            if held.reason is REFUSED:
                held.released_at = utc_now()
                session.add(held)
        detail = {
            "document": document.label,
            "gross": str(document.gross),
            "units": sum(draft.quantities.values()),
        }
        events.append(event_values(need_id(order.id), "invoiced", detail, actor=actor))
    session.flush()
    insert_rows(session, OrderEvent, events)
    for order, refused in zip(orders, drafts, strict=True):
        if hold and isinstance(refused, RuleError):
            found: dict[str, Any] = {"reason": str(refused)}
            if refused.advice:
                found["advice"] = [asdict(advice) for advice in refused.advice]
            known = [held.detail for held in facts[need_id(order.id)].holds if held.reason is REFUSED]
            if found not in known:
                hold_order(session, order, REFUSED, found)
    session.flush()
    done = iter(documents)
    return [each if isinstance(each, RuleError) else next(done) for each in drafts]


def find_first(session: Session, account_id: int, placed_from: date) -> int | None:
    """Return the lowest id of an account's orders placed on or after a German day; None if there is none."""
    query = select(func.min(Order.id)).where(
        Order.account_id == account_id, Order.placed_at >= midnight(placed_from)
    )
    return session.exec(query).one()


def list_to_invoice(session: Session, account_id: int, after: int, limit: int) -> list[int]:
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
    trials: bool = False,
) -> list[Order]:
    """Return the orders among these that are invoiced automatically, by id; `trials`: test orders, too.

    Orders that the channel has invoiced are left out. `lock`: the orders are locked.
    """
    query = (
        select(Order)
        .where(among(col(Order.id), order_ids), Order.placed_at >= midnight(placed_from))
        .order_by(col(Order.id))
    )
    if not trials:
        query = query.where(col(Order.trial).is_(False))
    orders = session.exec(query.with_for_update() if lock else query).all()
    return [order for order in orders if not _is_invoiced_there(order)]


def _is_invoiced_there(order: Order) -> bool:
    """Return whether the channel reports that it has invoiced an order."""
    told = order.details
    return bool(told.get("externally_invoiced")) or told.get("invoice_number", "0") not in ("", "0")


def _check_may_invoice(order: Order, facts: _Facts, *, test: bool) -> None:
    account = facts.account
    invoices_from(account)
    if not test and (account.mode is not Mode.live or order.trial):
        raise RuleError(f"Order {order.external_id} is not invoiced: its account is in test, or was then.")
    if order.state not in INVOICED:
        raise RuleError(f"Order {order.external_id} is {order.state} and cannot be invoiced.")
    if _is_invoiced_there(order):
        raise RuleError(f"Order {order.external_id}: the channel says that it has been invoiced there.")
    reasons = {hold.reason for hold in facts.holds} & IN_QUESTION
    if reasons:
        raise RuleError(
            f"Order {order.external_id} is held ({', '.join(sorted(reasons))}); settle that first."
        )


def _print_line(line: OrderLine, quantity: int, treatment: Treatment) -> PaperLine:
    rate = rate_of(treatment, line.tax_rate, f"Line {line.external_id}")
    printed = print_line(line, quantity, rate)
    if printed.amount != half_up(printed.amount):
        sum_of_line = f"{quantity} × {line.price} is {printed.amount}"
        raise RuleError(f"Line {line.external_id}: {sum_of_line}, no whole number of cents.")
    return printed


def _read_facts(session: Session, orders: Sequence[Order]) -> dict[int, _Facts]:
    """Return what the invoices of these orders are made from."""
    order_ids = [need_id(order.id) for order in orders]
    lines, holds = lines_of(session, order_ids), open_holds(session, order_ids)
    owners = {need_id(line.id): line.order_id for rows in lines.values() for line in rows}
    places: dict[int, dict[AddressRole, OrderAddress]] = defaultdict(dict)
    for row in session.exec(select(OrderAddress).where(among(col(OrderAddress.order_id), order_ids))):
        places[row.order_id][row.role] = row
    departures: dict[int, list[tuple[int, int, datetime]]] = defaultdict(list)
    for line_id, units, at in session.execute(
        select(col(ParcelLine.order_line_id), col(ParcelLine.quantity), col(Shipment.shipped_at))
        .join(Parcel, col(Parcel.id) == col(ParcelLine.parcel_id))
        .join(Shipment, col(Shipment.id) == col(Parcel.shipment_id))
        .where(among(col(ParcelLine.order_line_id), owners))
        .order_by(col(Shipment.shipped_at).desc(), col(Parcel.id).desc())
    ):
        departures[owners[line_id]].append((line_id, units, at))
    extras = _invoiced_extras(session, order_ids, owners)
    waiting = select(Return.order_id).where(
        among(col(Return.order_id), order_ids), Return.state == ReturnState.received
    )
    uncredited = set(session.exec(waiting).all())
    accounts = {each: session.get_one(Account, each) for each in {order.account_id for order in orders}}
    tenants = {each: session.get_one(Tenant, each) for each in {order.tenant_id for order in orders}}
    return {
        order_id: _Facts(
            accounts[order.account_id],
            tenants[order.tenant_id],
            lines.get(order_id, []),
            holds.get(order_id, []),
            places[order_id],
            *extras.get(order_id, (Decimal(0), Decimal(0), Decimal(0))),
            order_id not in uncredited and not any(line.left for line in lines.get(order_id, [])),
            departures[order_id],
        )
        for order_id, order in zip(order_ids, orders, strict=True)
    }


def _invoiced_extras(
    session: Session, order_ids: Sequence[int], owners: Mapping[int, int]
) -> dict[int, tuple[Decimal, Decimal, Decimal]]:
    """Return (shipping, fees, gross sum) of the documents of each order and of orders merged into it.

    `owners` maps order line ids to order ids. Orders without documents are missing. Shipping and fees that a
    partial credit note gave back still count as invoiced.
    """
    found: dict[int, set[int]] = defaultdict(set)
    """By document id: ids of the orders that it may belong to."""
    for document_id, line_id in session.execute(
        select(col(DocumentLine.document_id), col(DocumentLine.order_line_id)).where(
            among(col(DocumentLine.order_line_id), owners)
        )
    ):
        found[document_id].add(owners[line_id])
    columns = sqlalchemy_select(
        col(Document.id),
        col(Document.order_id),
        col(Document.credits_id),
        col(Document.shipping_amount),
        col(Document.fee_amount),
        col(Document.gross),
    )
    rows = {row.id: row for row in session.execute(columns.where(among(col(Document.order_id), order_ids)))}
    if others := set(found) - set(rows):
        rows |= {row.id: row for row in session.execute(columns.where(among(col(Document.id), others)))}
    extras: dict[int, tuple[Decimal, Decimal, Decimal]] = {}
    for row in rows.values():
        heir = _heir(session, row.order_id)
        if heir in found[row.id] | {row.order_id}:
            shipping, fees, gross = extras.get(heir, (Decimal(0), Decimal(0), Decimal(0)))
            # What a partial credit note gave back must not be invoiced again.
            if row.credits_id is None:
                shipping, fees = shipping + row.shipping_amount, fees + row.fee_amount
            extras[heir] = shipping, fees, gross + row.gross
    return extras


def _owes_more(order: Order, facts: _Facts) -> bool:
    """Return whether nothing else is to come and the buyer owes more than all documents state."""
    return facts.is_settled and order.total - order.credited_amount > facts.on_paper


def _left_of_extras(order: Order, facts: _Facts, goods: Decimal) -> tuple[Decimal, Decimal]:
    """Return the shipping and fees for the next invoice: what the existing documents lack.

    `goods` is the next invoice's sum of goods. On the last invoice, credits given before invoicing are
    deducted.
    Raises: RuleError, if more was invoiced than the order has now, or an amount is not in whole cents.
    """
    shipping, fees = order.shipping_amount - facts.shipping, order.fee_amount - facts.fees
    # A negative fee is a discount.
    if shipping < 0:
        raise RuleError(
            f"Order {order.external_id}: more shipping was invoiced than it has now. Take the earlier "
            "invoice back; then all is invoiced anew.",
            Advice(Action.document_correct),
        )
    for rest in (shipping, fees):
        if rest != half_up(rest):
            raise RuleError(f"Order {order.external_id}: {rest} is no whole number of cents.")
    if facts.is_settled:
        due = order.total - order.credited_amount - facts.on_paper - goods
        shipping = max(Decimal(0), min(shipping, due - min(fees, Decimal(0))))
        fees = due - shipping
    return half_up(shipping), half_up(fees)


def _heir(session: Session, order_id: int) -> int:
    """Return the id of the order that an order was finally merged into, or its own id."""
    while (heir := session.get_one(Order, order_id).merged_into_id) is not None:
        order_id = heir
    return order_id


def _delivered_on(order: Order, facts: _Facts, quantities: Mapping[int, int]) -> list[date]:
    """Return the German days on which these units were shipped, latest parcels of each line first."""
    left = dict(quantities)
    days = []
    for line_id, units, at in facts.departures:
        if left.get(line_id, 0) > 0:
            left[line_id] -= units
            days.append(local_date(at))
    if days:
        return days
    # The order was shipped before it was imported.
    return [local_date(order.shipped_at or utc_now())]


def _buyer(order: Order, places: Mapping[AddressRole, OrderAddress]) -> list[str]:
    billing = places.get(AddressRole.billing)
    if billing is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    needed = {
        "name": "".join((billing.company, billing.first_name, billing.last_name)).strip(),
        "street": billing.street.strip(),
        "postcode": billing.postcode.strip(),
        "city": billing.city.strip(),
    }
    if missing := [field for field, value in needed.items() if not value]:
        raise RuleError(
            f"Order {order.external_id}: the billing address has no {', '.join(missing)}, and an invoice "
            "must name to whom it goes (§ 14 (4) UStG)."
        )
    return address_lines(billing)
