"""How a sale of goods from Germany is taxed: pure functions of seller, options and sale."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.errors import Action, Advice, RuleError
from models.tax.areas import MEMBER_STATES, VatArea, vat_area
from models.tax.options import ReportedRates, TaxOptions
from models.tax.rates import VatRates, rates_on
from models.tax.records import HOME, NORTHERN_IRELAND, TaxCase
from models.tax.vat_ids import is_personal, plain_vat_id, vat_id_country
from models.tenants.records import SellerData

TAX_FREE = (TaxCase.intra_community, TaxCase.export)


@dataclass(frozen=True)
class Sale:
    """What decides the tax case, besides the seller."""

    country: str
    """Destination of the goods, two letters."""
    postcode: str
    vat_id: str = ""
    """The buyer's VAT ID, as the channel reported it."""
    day: date = date.max
    """The day on which the goods were shipped."""
    collected: bool = False
    """The marketplace reports that it collects the tax."""


@dataclass(frozen=True)
class Treatment:
    """How a sale is taxed."""

    case: TaxCase
    country: str
    """Destination of the goods: two letters, XI for Northern Ireland."""
    rates: VatRates | None = None
    """The rates that the invoice may state; None if it states no tax."""
    home_rates: VatRates | None = None
    """The German rates, if the channel reports these for all destinations; else None."""
    vat_id: str = ""
    """The buyer's VAT ID, if the invoice must state it."""
    collected: bool = False


def decide_tax(seller: SellerData, options: TaxOptions, sale: Sale) -> Treatment:
    """Return how a sale of goods that are shipped from Germany is taxed.

    Raises: RuleError, if the case cannot be decided, or if by law somebody else issues the invoice.
    """
    area = vat_area(sale.country, sale.postcode)
    own = options.own_rates()
    home_rates = rates_on(HOME, sale.day, own) if options.told_rates is ReportedRates.home else None
    in_union = area.country in MEMBER_STATES | {NORTHERN_IRELAND} and bool(area.rates)
    if sale.collected and in_union:
        raise RuleError(
            "The marketplace says that it collects the tax. Within the Union it does so only for sellers "
            "from outside (§ 3 (3a) UStG): correct it at the channel, or let the channel make the invoice."
        )
    if in_union and area.country != HOME:
        case, vat_id = _within_union(seller, options, sale, area)
    else:
        case, vat_id = (TaxCase.domestic if in_union else TaxCase.export), ""
    if seller.small_business and case is not TaxCase.oss:
        return Treatment(TaxCase.small_business, area.country, collected=sale.collected)
    rates = None
    if case not in TAX_FREE:
        rates = rates_on(area.rates if case is TaxCase.oss else HOME, sale.day, own)
    return Treatment(case, area.country, rates, home_rates, vat_id, sale.collected)


def _within_union(seller: SellerData, options: TaxOptions, sale: Sale, area: VatArea) -> tuple[TaxCase, str]:
    """Return the tax case of a sale to another member state, and the VAT ID if the buyer is a business."""
    vat_id = plain_vat_id(sale.vat_id)
    if vat_id and not is_personal(vat_id):
        country = vat_id_country(vat_id)
        if not country:
            raise RuleError(
                f"The goods go to {area.country}, and the buyer's VAT ID has the form of no member state: "
                "correct it at the channel, or remove it if the buyer is a consumer."
            )
        if country == HOME:
            raise RuleError(
                f"The goods go to {area.country}, and the buyer's VAT ID is German: they are only tax-free "
                "with one of another member state (§ 6a (1) no. 4 UStG). Ask for it, or let the channel make "
                "the invoice."
            )
        if not seller.vat_id and not seller.small_business:
            raise RuleError(
                f"The goods go to a business in {area.country}, and the invoice must name both VAT IDs "
                "(§ 14a (3) UStG): the seller's is not set.",
                Advice(Action.tenant_set, values={"vat_id": ""}),
            )
        return TaxCase.intra_community, vat_id
    if options.oss_from is not None and sale.day >= options.oss_from:
        return TaxCase.oss, ""
    if options.below_threshold:
        return TaxCase.below_threshold, ""
    raise RuleError(
        f"The goods go to a consumer in {area.country}, and it is not set where the tax is due (§ 3c UStG): "
        "there, through the One-Stop-Shop, or in Germany, as long as all such sales of a year stay below "
        "10,000 euro.",
        Advice(Action.tenant_set, values={"oss_from": ""}),
        Advice(Action.tenant_set, values={"below_threshold": ""}),
    )


def rate_of(treatment: Treatment, reported: Decimal | None, what: str) -> Decimal | None:
    """Return the tax rate that the invoice states for a reported rate; None for a small business.

    `what` names the line in error messages.
    Raises: RuleError, if the reported rate does not fit the treatment.
    """
    if treatment.case is TaxCase.small_business:
        return None
    rates = treatment.rates
    if rates is None:
        # The price may include tax that the marketplace collects, so a reported rate is no contradiction.
        if reported and (treatment.collected or not treatment.home_rates):
            raise RuleError(
                f"{what}: the channel reports {_percent(reported)} tax, but goods to {treatment.country} are "
                f"tax-free ({treatment.case}). Correct it there, or set that channels always report German "
                "rates.",
                Advice(Action.tenant_set, values={"told_rates": "home"}),
            )
        return Decimal(0)
    if not reported:
        raise RuleError(f"{what}: the channel reports no tax rate, or 0 %. Correct the rate there.")
    if treatment.case is TaxCase.oss and treatment.home_rates:
        if reported == treatment.home_rates.standard:
            return rates.standard
        raise RuleError(
            f"{what}: the channel reports the German rate {_percent(reported)}, from which the rate in "
            f"{rates.area} ({_list(rates)}) does not follow. Let the channel make the invoice."
        )
    if reported not in rates.all:
        raise RuleError(
            f"{what}: the channel reports {_percent(reported)} tax, but in {rates.area} it is "
            f"{_list(rates)}. Correct the rate there, or state other rates.",
            Advice(Action.vat_rates_set, values={"area": rates.area}),
        )
    return reported


def extras_rate(treatment: Treatment, reported: Decimal | None) -> Decimal | None:
    """Return the tax rate of shipping; None if shipping is taxed like the goods.

    Raises: RuleError, as `rate_of`.
    """
    # Channels report a rate of zero when they do not know it.
    if not reported or treatment.case is TaxCase.small_business:
        return None
    if treatment.home_rates and treatment.case in (TaxCase.oss, *TAX_FREE):
        return None
    return rate_of(treatment, reported, "Shipping")


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f} %"


def _list(rates: VatRates) -> str:
    return " or ".join(_percent(rate) for rate in rates.all)
