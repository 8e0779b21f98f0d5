"""VAT identification numbers of the member states: their form, and their check digits where these are simple.

Only the tax offices know whether a number is in use and whose it is (VIES, § 18e UStG).
Source: forms as VIES gives them; check digits as member states publish them, compared with python-stdnum 2.2.
"""

import re

_FORMS = {
    "AT": "U[0-9]{8}",
    "BE": "[01][0-9]{9}",
    "BG": "[0-9]{9,10}",
    "CY": "[0-9]{8}[A-Z]",
    "CZ": "[0-9]{8,10}",
    "DE": "[1-9][0-9]{8}",
    "DK": "[0-9]{8}",
    "EE": "[0-9]{9}",
    "EL": "[0-9]{9}",
    "ES": "[A-Z][0-9]{7}[A-Z0-9]|[0-9]{8}[A-Z]",
    "FI": "[0-9]{8}",
    "FR": "[A-HJ-NP-Z0-9]{2}[0-9]{9}",
    "HR": "[0-9]{11}",
    "HU": "[0-9]{8}",
    "IE": "[0-9][A-Z0-9+*][0-9]{5}[A-Z]{1,2}",
    "IT": "[0-9]{11}",
    "LT": "[0-9]{9}|[0-9]{12}",
    "LU": "[0-9]{8}",
    "LV": "[0-9]{11}",
    "MT": "[0-9]{8}",
    "NL": "[0-9]{9}B[0-9]{2}",
    "PL": "[0-9]{10}",
    "PT": "[0-9]{9}",
    "RO": "[0-9]{2,10}",
    "SE": "[0-9]{12}",
    "SI": "[1-9][0-9]{7}",
    "SK": "[1-9][0-9]{9}",
    "XI": "[0-9]{9}|[0-9]{12}|(GD|HA)[0-9]{3}",
}
_PERSONAL = re.compile(
    # Italy's codice fiscale, in which letters can stand for digits, and Spain's DNI and NIE.
    "[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]|[0-9XYZ][0-9]{7}[A-Z]"
)
_COUNTRIES = {"EL": "GR"}
"""Prefixes that differ from the country's ISO code."""
_WEIGHTED = {
    "DK": ((2, 7, 6, 5, 4, 3, 2, 1), 11),
    "EE": ((3, 7, 1, 3, 7, 1, 3, 7, 1), 10),
    "FI": ((7, 9, 10, 5, 8, 4, 2, 1), 11),
    "HU": ((9, 7, 3, 1, 9, 7, 3, 1), 10),
    "MT": ((3, 4, 6, 7, 8, 9, 10, 1), 37),
    # A remainder of ten has no check digit, so such numbers are never issued.
    "PL": ((6, 5, 7, 2, 3, 4, 5, 6, 7, -1), 11),
}
"""Country: the weights of all digits, and the number that must divide the weighted sum."""


def plain_vat_id(text: str) -> str:
    """Return a VAT ID in capitals, without spaces and separators."""
    return re.sub(r"[\s./\-_]", "", text).upper()


def is_personal(text: str) -> bool:
    """Return whether this is a consumer's tax number: marketplaces report them in the field for VAT IDs."""
    return bool(_PERSONAL.fullmatch(text))


def vat_id_country(text: str) -> str:
    """Return the country that this VAT ID belongs to by its form, XI for Northern Ireland; empty if none."""
    letters, rest = text[:2], text[2:]
    form = _FORMS.get(letters)
    if form is None or not re.fullmatch(form, rest) or not _checks(letters, rest):
        return ""
    return _COUNTRIES.get(letters, letters)


def _checks(letters: str, number: str) -> bool:
    digits = [int(sign) for sign in number if sign.isdigit()]
    if letters in _WEIGHTED:
        weights, modulus = _WEIGHTED[letters]
        return _sum(digits, weights) % modulus == 0
    match letters:
        case "DE" | "HR":
            return _is_iso_7064(digits)
        case "AT":
            return (6 - _luhn_sum(digits[:7])) % 10 == digits[7]
        case "BE":
            return (int(number[:8]) + int(number[8:])) % 97 == 0
        case "EL":
            return _sum(digits[:8], (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == digits[8]
        case "FR":
            # Keys with letters follow a newer rule, and numbers of Monaco contain no French register number.
            return not number[:2].isdigit() or int(number[2:] + "12") % 97 == int(number[:2])
        case "IT":
            return _luhn_sum(digits) % 10 == 0
        case "LU":
            return int(number[:6]) % 89 == int(number[6:])
        case "NL":
            by_person = int("".join(str(int(sign, 36)) for sign in f"NL{number}")) % 97 == 1
            return by_person or _sum(digits[:9], (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0
        case "PT":
            return (11 - _sum(digits[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == digits[8]
        case "SE":
            return _luhn_sum(digits[:10]) % 10 == 0 and number.endswith("01")
        case "SI":
            rest = 11 - _sum(digits[:7], (8, 7, 6, 5, 4, 3, 2)) % 11
            return rest != 11 and rest % 10 == digits[7]
        case "SK":
            return int(number) % 11 == 0
    return True


def _sum(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))


def _luhn_sum(digits: list[int]) -> int:
    """Return the Luhn sum: digits added up, with every second one from the right doubled."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return sum(digits[-1::-2]) + sum(doubled)


def _is_iso_7064(digits: list[int]) -> bool:
    rest = 10
    for digit in digits[:-1]:
        rest = ((rest + digit) % 10 or 10) * 2 % 11
    return (rest + digits[-1]) % 10 == 1
