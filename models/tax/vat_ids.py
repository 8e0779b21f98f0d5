"""VAT identification numbers of the member states: python-stdnum knows their forms and check digits.

Only the tax offices know whether a number is in use and whose it is (VIES, § 18e UStG).
"""

import re

from models.tax.areas import MEMBER_STATES
from models.tax.records import NORTHERN_IRELAND

_LETTERS = MEMBER_STATES - {"GR"} | {"EL", NORTHERN_IRELAND}
"""How VAT IDs of member states begin."""
_PERSONAL = re.compile(
    # Italy's codice fiscale, where letters may stand for digits, and Spain's DNI and NIE.
    "[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]|[0-9XYZ][0-9]{7}[A-Z]"
)
_LATVIAN_PERSON = re.compile("LV[0-3][0-9]{10}")
"""The library checks a digit of these numbers by a rule that, as it says, no other source confirms."""
_LONGEST = 14
"""The library also takes numbers of people in Romania, which VIES does not know: they are longer."""


def plain_vat_id(text: str) -> str:
    """Return a VAT ID in capitals, without spaces and separators."""
    return re.sub(r"[\s./\-_]", "", text).upper()


def is_personal(text: str) -> bool:
    """Return whether this is a consumer's tax number: marketplaces report them in the field for VAT IDs."""
    return bool(_PERSONAL.fullmatch(text))


def vat_id_country(text: str) -> str:
    """Return the country that this VAT ID belongs to by its form, XI for Northern Ireland; empty if none."""
    # Imported on first use: few commands need it.
    from stdnum.eu import vat
    from stdnum.exceptions import ValidationError

    letters = text[:2]
    if letters not in _LETTERS or len(text) > _LONGEST:
        return ""
    if not _LATVIAN_PERSON.fullmatch(text):
        try:
            # A number that the library has to complete or to clean is not what VIES would find.
            if vat.validate(text) != text:
                return ""
        except ValidationError:
            return ""
    return "GR" if letters == "EL" else letters
