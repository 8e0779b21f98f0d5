"""Drafts: an invoice before it has a number, and why there can be none.

By German law (§ 14 UStG), for goods shipped from Germany. Prices are gross; `sums` works out the sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlmodel import Session

from models.accounting.numbers import check_numbers_known
from models.accounting.records import DocumentKind, PaperContent, PaperLine
from models.clock import local_date, today, utc_now
from models.errors import Action, Advice, RuleError
from models.invoicing.facts import InvoiceFacts, owes_more, read_facts
from models.invoicing.sums import check_total, exchange_of, paper_line, taxes_of, treat_order
from models.orders.holds import CHANGED_LATE, HoldReason
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import address_lines, foreign_country, paper_language, printed_number
from models.orders.states import TO_SHIP
from models.tax.records import HOME
from models.tax.treatment import Treatment, extras_rate, rate_of
from models.tenants.account import Account, options_as
from models.tenants.options import ChannelOptions, makes_invoices
from models.tenants.records import AccountData, Mode, SellerData
from models.tenants.tenant import Tenant
from models.values import half_up

AMOUNT_UNCLEAR = frozenset({HoldReason.total_mismatch, *CHANGED_LATE})
"""Holds with which it is unclear what the buyer owes."""
INVOICED = (*TO_SHIP, OrderState.shipped, OrderState.cancelled)
"""States in which an order may be invoiced; for a cancelled order, the goods shipped before."""


@dataclass(frozen=True)
class Draft:
    """An invoice without a number."""

    content: PaperContent
    quantities: dict[int, int]
    """Units by order line id."""


def seller_of(tenant: Tenant) -> SellerData:
    """Return the seller that a tenant's invoices name.

    Raises: RuleError, if a detail is missing that an invoice must have (§ 14 (4) UStG), or if the tenant's
    numbers are in doubt; it says what to do.
    """
    if tenant.country != HOME:
        raise RuleError(
            f"Tenant {tenant.name!r} is in {tenant.country}, and invoices are only made by German law: let "
            "the channel make them.",
            Advice(Action.account_set, values={"invoices": "channel"}),
        )
    check_numbers_known(tenant)
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
            f"An invoice must name who issues it (§ 14 (4) UStG): tenant {tenant.name!r} has no "
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

    The first invoice of an order includes its shipping and fees, a later one their increase. With the last
    one, all documents together state what the buyer owes; if all goods were returned before they were
    invoiced, it has no goods. If `test` is true, it is a preview, independent of the account's mode. If an
    order cannot be invoiced, the result is the reason.
    """
    facts = read_facts(session, orders)
    return [draft_from(order, facts[order.row_id], test=test) for order in orders]


def draft_from(order: Order, facts: InvoiceFacts, *, test: bool = False) -> Draft | RuleError:
    """Return the invoice of one order, as `draft_invoices` does, from facts that are read already."""
    try:
        return _draft(order, facts, test=test)
    except RuleError as error:
        return error


def _draft(order: Order, facts: InvoiceFacts, *, test: bool) -> Draft:
    tenant, lines = facts.tenant, facts.lines
    _check_may_invoice(order, facts, test=test)
    seller = seller_of(tenant)
    quantities = {
        line.row_id: line.shipped - line.returned - line.invoiced
        for line in lines
        if line.shipped - line.returned > line.invoiced
    }
    # Returned units are not invoiced, but their shipping may still be owed.
    units = quantities or {line.row_id: line.shipped for line in lines if line.shipped}
    if not quantities and (not units or not owes_more(order, facts)):
        raise RuleError(f"Order {order.external_id} has no shipped units left to invoice.")
    check_total(order, lines)
    delivered = _delivered_on(order, facts, units)
    buyer = _buyer(order, facts.places)
    chosen = [line for line in lines if line.id in units]
    treatment = treat_order(tenant, seller, facts.places, chosen, max(delivered))
    shipped = [_print_line(line, units[line.row_id], treatment) for line in chosen]
    printed = shipped if quantities else []
    goods = sum((line.amount for line in printed), Decimal(0))
    shipping, fee = _remaining_extras(order, facts, goods)
    gross = sum((line.amount for line in printed), shipping + fee)
    if gross < 0:
        raise RuleError(f"Order {order.external_id}: the invoice would come to {gross}, less than nothing.")
    shipping_rate = extras_rate(treatment, order.shipping_tax_rate)
    taxes = taxes_of(printed, shipping, fee, shipping_rate, with_goods=shipped)
    if taxes and sum((part.gross for part in taxes), Decimal(0)) != gross:
        raise RuleError(f"Order {order.external_id}: the sums of the tax rates do not add up to {gross}.")
    tax = sum((part.tax for part in taxes), Decimal(0))
    content = PaperContent(
        kind=DocumentKind.invoice,
        label="",
        issued_on=today(),
        language=paper_language(tenant),
        currency=order.currency,
        seller=seller,
        buyer=buyer,
        buyer_country=foreign_country(facts.places[AddressRole.billing], tenant),
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


def _check_may_invoice(order: Order, facts: InvoiceFacts, *, test: bool) -> None:
    account = facts.account
    invoices_from(account)
    if not test and (account.mode is not Mode.live or order.trial):
        raise RuleError(
            f"Order {order.external_id} is not invoiced: it is a test order, or its account is not live."
        )
    if order.state not in INVOICED:
        raise RuleError(f"Order {order.external_id} is {order.state} and cannot be invoiced.")
    if is_invoiced_there(order):
        raise RuleError(f"Order {order.external_id} is invoiced already, as the channel reports.")
    reasons = {hold.reason for hold in facts.holds} & AMOUNT_UNCLEAR
    if reasons:
        raise RuleError(
            f"Order {order.external_id} is held ({', '.join(sorted(reasons))}); settle that first."
        )


def is_invoiced_there(order: Order) -> bool:
    """Return whether the channel reports that it has invoiced an order."""
    details = order.details
    return bool(details.get("externally_invoiced")) or details.get("invoice_number", "0") not in ("", "0")


def _print_line(line: OrderLine, quantity: int, treatment: Treatment) -> PaperLine:
    rate = rate_of(treatment, line.tax_rate, f"Line {line.external_id}")
    printed = paper_line(line, quantity, rate)
    if printed.amount != half_up(printed.amount):
        raise RuleError(
            f"Line {line.external_id}: {quantity} × {line.price} is {printed.amount}, no whole number of "
            "cents."
        )
    return printed


def _remaining_extras(order: Order, facts: InvoiceFacts, goods: Decimal) -> tuple[Decimal, Decimal]:
    """Return the shipping and fees of the next invoice: what the existing documents lack.

    `goods` is the next invoice's sum of goods. On the last invoice, credits given before invoicing are
    deducted.
    Raises: RuleError, if more was invoiced than the order has now, or an amount is not in whole cents.
    """
    shipping, fees = order.shipping_amount - facts.shipping, order.fee_amount - facts.fees
    # A negative fee is a discount.
    if shipping < 0:
        raise RuleError(
            f"Order {order.external_id}: more shipping was invoiced than it has now. Cancel the earlier "
            "invoice; then everything is invoiced again.",
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


def _delivered_on(order: Order, facts: InvoiceFacts, quantities: Mapping[int, int]) -> list[date]:
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
            "must name its recipient (§ 14 (4) UStG)."
        )
    return address_lines(billing)
