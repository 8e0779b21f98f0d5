"""Country codes (ISO 3166-1 alpha-2), and the postcode forms of the most frequent destinations."""

import re

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
"""Including XK, the code in use for Kosovo, which the standard lacks."""

_FORMS = {
    "[0-9]{5}": "DE ES FR FI IT HR EE MC SM VA",
    "[0-9]{4}": "AT CH LI BE DK HU LU BG SI NO CY",
    "[0-9]{3} ?[0-9]{2}": "CZ SK SE GR",
    "[0-9]{2}-?[0-9]{3}": "PL",
    "[0-9]{4}(-?[0-9]{3})?": "PT",
    "[0-9]{6}": "RO",
    "(LT-?)?[0-9]{5}": "LT",
    "(LV-?)?[0-9]{4}": "LV",
    "[0-9]{4} ?[A-Z]{2}": "NL",
    "[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}": "GB GG JE IM",
    "[0-9]{5}(-[0-9]{4})?": "US",
}
POSTCODES = {country: re.compile(form) for form, countries in _FORMS.items() for country in countries.split()}


_LETTERS_BEFORE = re.compile("^[A-Z]{1,3} ?- ?")


def postcode_fits(country: str, postcode: str) -> bool:
    """Return whether a postcode has its country's form; True if the form is unknown."""
    form = POSTCODES.get(country)
    given = postcode.strip().upper()
    # A country code before the postcode, such as D-10115, is common and no mistake.
    plain = _LETTERS_BEFORE.sub("", given)
    return form is None or any(form.fullmatch(each) for each in (given, plain))
