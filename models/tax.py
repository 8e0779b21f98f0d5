"""Tax and sums of every paper with prices: worked out of each rate's gross sum, rounded half up once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from models.document import PaperLine, TaxSum, print_text
from models.errors import RuleError
from models.order import Order, OrderLine, OrderState

CENT = Decimal("0.01")


def half_up(amount: Decimal) -> Decimal:
    """Return an amount in whole cents."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def tax_sums(gross_by_rate: Mapping[Decimal, Decimal]) -> list[TaxSum]:
    """Return net and tax of each rate's gross sum, the highest rate first."""
    sums = []
    for rate, gross in sorted(gross_by_rate.items(), reverse=True):
        tax = half_up(gross * rate / (100 + rate))
        sums.append(TaxSum(rate=rate, net=gross - tax, tax=tax, gross=gross))
    return sums


def share_out(amount: Decimal, goods: Mapping[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    """Return an amount by the rates of the goods that it goes with, in proportion to their value.

    Transport and the like share the tax of what they go with (Umsatzsteuer-Anwendungserlass, section 3.10
    paragraph 5). Whole cents; what rounding leaves falls to the rate with the greatest value.
    Raises: RuleError, if the goods are worth nothing at several rates.
    """
    if len(goods) == 1:
        return dict.fromkeys(goods, amount)
    total = sum(goods.values(), Decimal(0))
    if total <= 0 or min(goods.values()) < 0:
        raise RuleError("The tax rate of shipping and fees cannot be told from goods without value.")
    shares = {rate: half_up(amount * value / total) for rate, value in goods.items()}
    largest = max(goods, key=lambda rate: (goods[rate], rate))
    shares[largest] += amount - sum(shares.values(), Decimal(0))
    return shares


def taxes_of(order: Order, lines: Iterable[PaperLine], shipping: Decimal, fee: Decimal) -> list[TaxSum]:
    """Return the tax of printed lines, shipping and fees. Raises: RuleError, as `share_out`."""
    goods: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.tax_rate is not None:
            goods[line.tax_rate] += line.amount
    gross = dict(goods)
    for amount, rate in ((shipping, order.shipping_tax_rate), (fee, None)):
        # A rate of nothing is what channels tell if they do not know.
        shares = {rate: amount} if rate else share_out(amount, goods) if amount else {}
        for each, share in shares.items():
            if share:
                gross[each] = gross.get(each, Decimal(0)) + share
    return tax_sums(gross)


def check_taxable(line: OrderLine, *, small_business: bool) -> None:
    """Make sure that the tax of a line is known, where it is stated, and ours. Raises: RuleError."""
    what = f"Line {line.external_id}"
    if line.tax_collected_by_channel:
        raise RuleError(f"{what}: the marketplace collects its tax, and such invoices are not made here yet.")
    if not small_business and (line.tax_rate is None or not 0 < line.tax_rate < 100):
        raise RuleError(
            f"{what}: the channel gives no tax rate, or one of {line.tax_rate or 0} %, and goods without tax "
            "are not invoiced here yet. Correct the rate at the channel."
        )


def check_adds_up(order: Order, lines: Sequence[OrderLine]) -> None:
    """Make sure that what is left of an order's lines makes its total. Raises: RuleError."""
    told = sum(
        (line.price * (line.quantity - line.cancelled) for line in lines),
        order.shipping_amount + order.fee_amount,
    )
    if order.state is not OrderState.cancelled and told != order.total:
        raise RuleError(f"Order {order.external_id} does not add up: {told}, and a total of {order.total}.")


def print_line(line: OrderLine, quantity: int, *, with_tax: bool) -> PaperLine:
    """Return an order line as it is printed."""
    amount = line.price * quantity
    return PaperLine(
        number=str(line.codes.get("sku", ""))[:40],
        title=print_text(line.title),
        quantity=quantity,
        price=line.price,
        amount=half_up(amount) if amount == half_up(amount) else amount,
        tax_rate=line.tax_rate if with_tax else None,
    )
