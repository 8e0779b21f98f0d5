"""Which law a sale is taxed by, and at which rates: every case, and what cannot be told."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.errors import RuleError
from models.tax.areas import vat_area
from models.tax.options import ReportedRates, TaxOptions
from models.tax.records import TaxCase
from models.tax.treatment import Sale, decide_tax, extras_rate, rate_of
from models.tenants.records import SellerData

DAY = date(2026, 11, 2)
SELLER = SellerData(name="Nord Handels GmbH", vat_id="DE136695976")
SMALL = SELLER.model_copy(update={"small_business": True})
OSS = {"oss_from": "2026-07-01"}
HOME = {"below_threshold": True}
POSTCODES = {"DE": "04109", "AT": "1010", "FR": "75001", "GB": "SW1A 1AA", "PT": "1000-001", "CY": "1010"}
AUSTRIAN = "ATU13585627"


def case_of(country: str, seller: SellerData = SELLER, options: Any = OSS, **values: Any) -> tuple[str, str]:
    postcode = values.pop("postcode", POSTCODES.get(country, "1"))
    sale = Sale(country, postcode, **{"day": DAY, **values})
    found = decide_tax(seller, TaxOptions.model_validate(options), sale)
    return str(found.case), found.country


@pytest.mark.parametrize(
    ("country", "values", "expected"),
    [
        ("DE", {}, ("domestic", "DE")),
        ("DE", {"vat_id": AUSTRIAN, "options": {}}, ("domestic", "DE")),
        ("AT", {}, ("oss", "AT")),
        ("AT", {"options": HOME}, ("below_threshold", "AT")),
        ("AT", {"options": {**OSS, **HOME}, "day": date(2026, 6, 30)}, ("below_threshold", "AT")),
        ("AT", {"vat_id": "atu 135.85627"}, ("intra_community", "AT")),
        ("FR", {"vat_id": AUSTRIAN}, ("intra_community", "FR")),
        ("IT", {"postcode": "20121", "vat_id": "RSSMRA85T10A562S"}, ("oss", "IT")),
        ("ES", {"postcode": "28001", "vat_id": "12345678Z"}, ("oss", "ES")),
        ("MC", {"postcode": "98000"}, ("oss", "FR")),
        ("GB", {}, ("export", "GB")),
        ("GB", {"postcode": "bt1 5gs"}, ("oss", "XI")),
        ("GB", {"postcode": "BT1 5GS", "vat_id": "XI980780684"}, ("intra_community", "XI")),
        ("CH", {"options": {}, "collected": True}, ("export", "CH")),
        ("DE", {"postcode": "78266"}, ("export", "DE")),
        ("DE", {"postcode": "27498"}, ("export", "DE")),
        ("ES", {"postcode": "35001"}, ("export", "ES")),
        ("ES", {"postcode": "28001"}, ("oss", "ES")),
        ("FI", {"postcode": "22100"}, ("export", "FI")),
        ("AX", {}, ("export", "AX")),
        ("FR", {"postcode": "97400"}, ("export", "FR")),
        ("RE", {}, ("export", "RE")),
        ("GR", {"postcode": "630 86"}, ("export", "GR")),
        ("IT", {"postcode": "23041"}, ("export", "IT")),
        ("DE", {"seller": SMALL}, ("small_business", "DE")),
        ("AT", {"seller": SMALL}, ("oss", "AT")),
        ("AT", {"seller": SMALL, "options": HOME}, ("small_business", "AT")),
        ("AT", {"seller": SMALL, "vat_id": AUSTRIAN}, ("small_business", "AT")),
        ("CH", {"seller": SMALL}, ("small_business", "CH")),
    ],
)
def test_the_case_of_a_sale(country: str, values: dict[str, Any], expected: tuple[str, str]) -> None:
    """Consumers and businesses at home, in the Union, out of it, and in between."""
    assert case_of(country, **values) == expected


@pytest.mark.parametrize(
    ("country", "values", "said"),
    [
        ("", {}, "destination country is not known"),
        ("AT", {"options": {}}, "there, through the One-Stop-Shop, or in Germany"),
        ("AT", {"options": OSS, "day": date(2026, 6, 30)}, "there, through the One-Stop-Shop, or in Germany"),
        ("AT", {"vat_id": "ATU13585628"}, "VAT ID has the form of no member state"),
        ("AT", {"vat_id": "DE136695976"}, "VAT ID is German"),
        ("AT", {"vat_id": AUSTRIAN, "seller": SellerData(name="N")}, "must name both VAT IDs"),
        ("AT", {"collected": True}, r"§ 3 \(3a\) UStG"),
        ("DE", {"collected": True}, r"§ 3 \(3a\) UStG"),
        ("ES", {"postcode": ""}, "postcode does not show the region"),
        ("CY", {"postcode": "99010"}, "postcode does not show the region"),
        ("GR", {"postcode": "85300"}, "GR: Aegean islands on 2026-11-02 are not known"),
        (
            "FR",
            {"day": date(2025, 12, 31), "options": {"oss_from": "2025-01-01"}},
            "are not known: state them",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(country: str, values: dict[str, Any], said: str) -> None:
    """With what to do, and without the buyer's number."""
    with pytest.raises(RuleError, match=said) as caught:
        case_of(country, **values)
    assert "13585628" not in str(caught.value)


@pytest.mark.parametrize(
    ("country", "postcode", "told", "options", "expected"),
    [
        ("DE", "04109", "19", {}, "19"),
        ("DE", "04109", "7.00", {}, "7"),
        ("DE", "04109", "20", {}, "in DE it is 19 % or 7 %"),
        ("DE", "04109", "0", {}, "no tax rate, or 0 %"),
        ("AT", "1010", "20", {}, "20"),
        ("AT", "1010", "4.9", {}, "4.9"),
        ("AT", "1010", "19", {}, "reports 19 % tax, but in AT it is 20 % or 13 % or 10 % or 4.9 %"),
        ("AT", "6691", "19", {}, "19"),
        ("PT", "9500-001", "16", {}, "16"),
        ("PT", "9000-001", "22", {}, "22"),
        ("AT", "1010", "19", {"told_rates": "home"}, "20"),
        ("AT", "1010", "7", {"told_rates": "home"}, "the German rate 7 %, from which the rate in AT"),
        ("AT", "1010", "21", {"vat_rates": [{"area": "AT", "since": "2026-11-01", "standard": 21}]}, "21"),
        ("AT", "1010", "20", {"vat_rates": [{"area": "AT", "since": "2027-01-01", "standard": 21}]}, "20"),
        ("CH", "8000", None, {}, "0"),
        ("CH", "8000", "0", {}, "0"),
        ("CH", "8000", "19", {}, "goods to CH are tax-free"),
        ("CH", "8000", "19", {"told_rates": "home"}, "0"),
        ("CH", "8000", "8.1", {"told_rates": "home", "collected": True}, "goods to CH are tax-free"),
    ],
)
def test_the_rate_that_was_told_is_checked(
    country: str, postcode: str, told: str | None, options: dict[str, Any], expected: str
) -> None:
    """It is printed if it is one of the country's; otherwise both are named."""
    sale = Sale(country, postcode, day=DAY, collected=options.get("collected", False))
    treatment = decide_tax(SELLER, TaxOptions.model_validate({**OSS, **options}), sale)
    rate = Decimal(told) if told is not None else None
    if not expected.replace(".", "").isdigit():
        with pytest.raises(RuleError, match=expected):
            rate_of(treatment, rate, "Line 1")
        return
    assert rate_of(treatment, rate, "Line 1") == Decimal(expected)


def test_shipping_goes_with_the_goods_where_its_rate_is_that_at_home() -> None:
    """Told as 19 % for a parcel to Austria it is no rate there."""
    sale = Sale("AT", "1010", day=DAY)
    told = TaxOptions(oss_from=DAY, told_rates=ReportedRates.home)

    assert extras_rate(decide_tax(SELLER, told, sale), Decimal(19)) is None
    with pytest.raises(RuleError, match="Shipping: the channel reports 19 %"):
        extras_rate(decide_tax(SELLER, TaxOptions(oss_from=DAY), sale), Decimal(19))


def test_places_beyond_the_forms() -> None:
    """Letters before a postcode are a habit."""
    assert vat_area("DE", "D-78266").rates == ""
    assert vat_area("PT", "9500-001").rates == "PT: Azores"
    assert vat_area("US", "").rates == ""
    assert TaxCase.export not in {case_of(country)[0] for country in ("DE", "AT", "NL", "PL")}
