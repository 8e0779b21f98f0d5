"""Tax and totals of papers with prices: tax is worked out from the gross sum of each rate, rounded once.

`models.tax.treatment` decides the rates. For tax-free sales the rate is 0 %, and net equals gross.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from models.accounting.records import Exchange, PaperLine, RateSource, TaxSum
from models.clock import local_date
from models.errors import Action, Advice, RuleError
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import destination
from models.tax.options import TaxOptions
from models.tax.treatment import Sale, Treatment, decide_tax
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant
from models.values import half_up, print_text


def tax_sums(gross_by_rate: Mapping[Decimal, Decimal]) -> list[TaxSum]:
    """Return net and tax of each rate's gross sum, highest rate first."""
    sums = []
    for rate, gross in sorted(gross_by_rate.items(), reverse=True):
        tax = half_up(gross * rate / (100 + rate))
        sums.append(TaxSum(rate=rate, net=gross - tax, tax=tax, gross=gross))
    return sums


def prorate(amount: Decimal, goods: Mapping[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    """Return an amount split by tax rate, in proportion to the value of the goods at each rate.

    Transport and similar services share the tax of their goods (Umsatzsteuer-Anwendungserlass, section 3.10
    paragraph 5). Shares are whole cents; the rounding difference goes to the rate with the highest value.
    Raises: RuleError, if the goods have several rates and no value.
    """
    if len(goods) == 1:
        return dict.fromkeys(goods, amount)
    total = sum(goods.values(), Decimal(0))
    if total <= 0 or min(goods.values()) < 0:
        raise RuleError("The tax rate of shipping and fees does not follow from goods without value.")
    shares = {rate: half_up(amount * value / total) for rate, value in goods.items()}
    largest = max(goods, key=lambda rate: (goods[rate], rate))
    shares[largest] += amount - sum(shares.values(), Decimal(0))
    return shares


def taxes_of(
    lines: Sequence[PaperLine],
    shipping: Decimal,
    fee: Decimal,
    shipping_rate: Decimal | None,
    *,
    with_goods: Sequence[PaperLine] = (),
) -> list[TaxSum]:
    """Return the tax of lines, shipping and fees.

    Without `shipping_rate`, shipping is taxed like the goods; fees always are. If no lines are printed,
    `with_goods` are the goods. Lines of a small business have no rate: the result is empty.
    Raises: RuleError, as `prorate`.
    """
    gross = gross_by_rate(lines)
    goods = gross if lines else gross_by_rate(with_goods)
    if (lines or with_goods) and not goods:
        return []
    gross = dict(gross)
    for amount, rate in ((shipping, shipping_rate), (fee, None)):
        shares = {rate: amount} if rate is not None else prorate(amount, goods) if amount else {}
        for each, share in shares.items():
            if share:
                gross[each] = gross.get(each, Decimal(0)) + share
    return tax_sums(gross)


def gross_by_rate(lines: Iterable[PaperLine]) -> dict[Decimal, Decimal]:
    """Return the total of lines at each tax rate."""
    goods: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.tax_rate is not None:
            goods[line.tax_rate] += line.amount
    return dict(goods)


def treat_order(
    tenant: Tenant,
    seller: SellerData,
    places: Mapping[AddressRole, OrderAddress],
    lines: Sequence[OrderLine],
    day: date,
) -> Treatment:
    """Return how goods of an order that are shipped on `day` are taxed. Raises: RuleError, if undecidable."""
    billing, goes_to = places.get(AddressRole.billing), destination(places)
    if billing is None or goes_to is None:
        raise RuleError("The order has no address.")
    collected = any(line.tax_collected_by_channel for line in lines)
    if collected and not all(line.tax_collected_by_channel for line in lines):
        raise RuleError(
            "The marketplace says that it collects the tax of some lines and not of others: let it make the "
            "invoice."
        )
    sale = Sale(goes_to.country, goes_to.postcode, billing.vat_id or goes_to.vat_id, day, collected)
    return decide_tax(seller, TaxOptions.model_validate(tenant.taxes), sale)


def exchange_of(order: Order, tenant: Tenant, day: date, tax: Decimal) -> Exchange | None:
    """Return a document's tax in the tenant's currency; None if that is the order's. `day`: of delivery.

    § 16 (6) UStG: converted at the monthly average rate, or with permission of the tax office at the daily
    rate.
    Raises: RuleError, if no rate is known.
    """
    if order.currency == tenant.currency:
        return None
    options = TaxOptions.model_validate(tenant.taxes)
    month = f"{day:%Y-%m}"
    rate = options.exchange_rates.get(month, {}).get(order.currency)
    source, on = RateSource.month, day.replace(day=1)
    if rate is None and options.day_rates:
        rate = _reported_rate(order, tenant)
        source, on = RateSource.channel, local_date(order.placed_at)
    if rate is None:
        raise RuleError(
            f"Order {order.external_id} is in {order.currency}: its tax must be stated in {tenant.currency} "
            f"too, and no exchange rate of {month} is known.",
            Advice(Action.exchange_rate_set, tenant.name, {"currency": order.currency, "month": month}),
        )
    return Exchange(currency=tenant.currency, rate=rate, source=source, on=on, tax=half_up(tax / rate))


def _reported_rate(order: Order, tenant: Tenant) -> Decimal | None:
    """Return the channel's exchange rate: units of the order's currency per unit of the tenant's, or None.

    Channels report it in either direction; the order's totals in both currencies show which one.
    """
    reported = Decimal(order.details.get("exchange_rate", 0))
    original = Decimal(order.details.get("original_total", 0))
    if reported <= 0 or original <= 0 or order.details.get("original_currency") != tenant.currency:
        return None
    both = {each.quantize(Decimal("0.000001")) for each in (reported, 1 / reported)}
    fitting = [each for each in both if each and abs(order.total / original / each - 1) < Decimal("0.005")]
    return fitting[0] if len(fitting) == 1 else None


def check_total(order: Order, lines: Sequence[OrderLine]) -> None:
    """Raises: RuleError, unless the order's uncancelled lines, shipping and fees add up to its total."""
    expected = sum(
        (line.price * (line.quantity - line.cancelled) for line in lines),
        order.shipping_amount + order.fee_amount,
    )
    if order.state is not OrderState.cancelled and expected != order.total:
        raise RuleError(
            f"Order {order.external_id} does not add up: its lines, shipping and fees come to {expected}, "
            f"its total is {order.total}."
        )


def paper_line(line: OrderLine, quantity: int, rate: Decimal | None) -> PaperLine:
    """Return units of an order line in printed form, at a tax rate."""
    amount = line.price * quantity
    return PaperLine(
        number=str(line.codes.get("sku", ""))[:40],
        title=print_text(line.title),
        quantity=quantity,
        price=line.price,
        amount=half_up(amount) if amount == half_up(amount) else amount,
        tax_rate=rate,
        order_line_id=line.id,
    )
