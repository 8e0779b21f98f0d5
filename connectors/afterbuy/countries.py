"""Countries: Afterbuy writes the letters of car plates, and ISO 3166-1 codes beside them (wire notes 1.4)."""

_ISO_CODES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
ISO = frozenset(_ISO_CODES.split())

_OFTEN_WRONG = {"UK": "GB", "EL": "GR"}

PLATES = {
    "A": "AT", "AL": "AL", "AND": "AD", "AUS": "AU", "B": "BE", "BG": "BG", "BIH": "BA", "BR": "BR",
    "BY": "BY", "CDN": "CA", "CH": "CH", "CY": "CY", "CZ": "CZ", "D": "DE", "DK": "DK", "E": "ES",
    "EST": "EE", "F": "FR", "FIN": "FI", "FL": "LI", "FO": "FO", "GB": "GB", "GBG": "GG",
    "GBJ": "JE", "GBM": "IM", "GBZ": "GI", "GR": "GR", "H": "HU", "HR": "HR", "I": "IT", "IL": "IL",
    "IND": "IN", "IRL": "IE", "IS": "IS", "J": "JP", "KZ": "KZ", "L": "LU", "LT": "LT", "LV": "LV",
    "M": "MT", "MC": "MC", "MD": "MD", "MEX": "MX", "MK": "MK", "MNE": "ME", "N": "NO", "NL": "NL",
    "NMK": "MK", "NZ": "NZ", "P": "PT", "PL": "PL", "RC": "TW", "RCH": "CL", "RKS": "XK", "RL": "LB",
    "RO": "RO", "ROK": "KR", "RSM": "SM", "RUS": "RU", "S": "SE", "SGP": "SG", "SK": "SK", "SLO": "SI",
    "SRB": "RS", "T": "TH", "TN": "TN", "TR": "TR", "UA": "UA", "UAE": "AE", "UK": "GB", "USA": "US",
    "V": "VA", "VN": "VN", "ZA": "ZA",
}  # fmt: skip

LANGUAGES = {
    "GB": "en", "UK": "en", "EN": "en", "USA": "en", "US": "en", "F": "fr", "FR": "fr", "I": "it", "IT": "it",
    "E": "es", "ES": "es", "NL": "nl", "PL": "pl", "P": "pt", "PT": "pt", "CZ": "cs", "DK": "da", "S": "sv",
    "SE": "sv", "N": "no", "NO": "no", "FIN": "fi", "FI": "fi", "H": "hu", "HU": "hu", "GR": "el", "RO": "ro",
    "SK": "sk", "SLO": "sl", "SI": "sl", "HR": "hr", "BG": "bg", "TR": "tr", "RUS": "ru", "RU": "ru",
    "DE": "de", "D": "de",
}  # fmt: skip
"""The language of each element below MultiLanguage; countries with several languages are left out."""


def country_of(iso: str, plate: str) -> str:
    """Return the ISO code of a country that stands in two spellings, or "" if neither is known.

    Some clients write an ISO code where the plate belongs: "FR" is France, no longer the Faroe Islands.
    """
    iso = _OFTEN_WRONG.get(iso.upper(), iso.upper())
    if iso in ISO:
        return iso
    plate = plate.upper()
    code = PLATES.get(plate, plate)
    return code if code in ISO else ""
