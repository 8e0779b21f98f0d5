"""VAT areas: member states, and places in them that are outside the VAT area or have rates of their own."""

import re
from dataclasses import dataclass

from models.countries import COUNTRIES
from models.errors import RuleError
from models.tax.records import NORTHERN_IRELAND

_STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
MEMBER_STATES = frozenset(_STATES.split())

_FORMS = {
    "[0-9]{5}": "DE ES FI FR GR IT",
    "[0-9]{4}|87[0-9]{3}": "AT",
    "[0-9]{4}(-?[0-9]{3})?": "PT",
    # In the north of Cyprus, where Union law is suspended, postcodes have five digits.
    "[0-9]{4}": "CY",
    "[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}": "GB",
}
_FORM_OF = {country: form for form, countries in _FORMS.items() for country in countries.split()}


@dataclass(frozen=True)
class VatArea:
    country: str
    """Two letters; XI for Northern Ireland, FR for Monaco."""
    rates: str
    """The area's name in `models.tax.rates`; empty outside the VAT area of the Union."""


_OUTSIDE = {
    # Büsingen, Helgoland.
    "DE": "78266|27498",
    # The Canary Islands, Ceuta, Melilla.
    "ES": "(35|38|51|52)[0-9]{3}",
    # Åland.
    "FI": "22[0-9]{3}",
    # Overseas territories; 980 is Monaco.
    "FR": "97[0-9]{3}|98[1-9][0-9]{2}",
    # Mount Athos.
    "GR": "6308[67]",
    # Livigno, Campione d'Italia.
    "IT": "23041|22061",
}
"""Article 6 of Directive 2006/112/EC and the Commission's list of territories, where postcodes show them."""
_OWN_RATES = {
    # Jungholz and Mittelberg.
    "AT": {"6691|699[123]|8749[1]|8756[789]": "AT: Jungholz, Mittelberg"},
    "PT": {"9[5-9][0-9]{2}(-?[0-9]{3})?": "PT: Azores", "9[0-4][0-9]{2}(-?[0-9]{3})?": "PT: Madeira"},
    # Some Aegean islands have lower rates; the list of islands has changed often.
    "GR": {"(8[1235][0-9]{3}|68002)": "GR: Aegean islands"},
}

_LETTERS_BEFORE = re.compile("^[A-Z]{1,2}-")


def vat_area(country: str, postcode: str) -> VatArea:
    """Return the VAT area of a destination.

    Raises: RuleError, if the country is unknown, or if the postcode decides the area and has the wrong form.
    """
    if country not in COUNTRIES:
        raise RuleError("The destination country is not known, so the VAT cannot be decided.")
    code = _LETTERS_BEFORE.sub("", "".join(postcode.upper().split()))
    form = _FORM_OF.get(country)
    if form and not re.fullmatch(form, code):
        raise RuleError(
            f"The goods go to {country}, where some regions have a VAT area of their own, and the postcode "
            "does not show the region, because its form is wrong: correct the address."
        )
    if country == "GB":
        if code.startswith("BT"):
            return VatArea(NORTHERN_IRELAND, NORTHERN_IRELAND)
        return VatArea(country, "")
    if country == "MC":
        return VatArea("FR", "FR")
    if country not in MEMBER_STATES or re.fullmatch(_OUTSIDE.get(country, "-"), code):
        return VatArea(country, "")
    for pattern, name in _OWN_RATES.get(country, {}).items():
        if re.fullmatch(pattern, code):
            return VatArea(country, name)
    return VatArea(country, country)
