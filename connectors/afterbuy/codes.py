"""What Afterbuy's error and warning numbers mean, and what follows.

Errors and warnings share some numbers with different meanings, so each has tables of its own.
Source: wire notes 3.1 and 3.2.
"""

from collections.abc import Sequence

from connectors.errors import AccountError, ConnectorError, RequestRefusedError, TransientError

EMPTY = frozenset({15, 24, 25, 27, 51})
"""Errors that mean: nothing found."""

ACCOUNT = {
    4: "the PartnerID is missing or no number: set the secret partner_id",
    5: "the partner password is missing: set the secret partner_password",
    6: "the UserID is missing: set the secret user_id",
    7: "the user password is missing: set the secret user_password",
    8: "the partner data is not valid: check the tokens, or partner_id and partner_password",
    9: "the user is unknown: check account_token, or user_id and user_password",
    10: "the user has no right to use the interface: give it in Afterbuy",
    11: "the user is blocked: ask Afterbuy's support",
    13: "the XML interface is not available: book or activate it in Afterbuy",
    14: "the action is not available: activate it in Afterbuy",
    35: "the partner is not approved: ask Afterbuy's support",
    38: "the function is not allowed for the partner: ask Afterbuy's support",
    60: "the interface is disabled or cancelled: book it in Afterbuy",
}

TEMPORARY = {52: "the function is unavailable", 3004: "the database update failed"}

REFUSED = {
    1: "the request was empty",
    2: "the request was not readable as XML",
    3: "the CallName was missing",
    12: "the call is unknown",
    16: "the page size is not allowed",
    17: "an ItemID is too large",
    18: "the DetailLevel is not valid: check order_detail_level and article_detail_level",
    19: "no product was named",
    20: "too many products were named",
    21: "the number of catalogs is not allowed",
    22: "a catalog id is too large",
    23: "a catalog id is too large",
    26: "no products were handed over",
    28: "there was no filter",
    29: "the history size is not allowed",
    30: "there was no valid filter",
    31: "the page size is not allowed",
    32: "an order was not named",
    33: "no order was identified",
    36: "there were more than five filters",
    43: "a filter value is too large",
    50: "there were more than 500 filter values",
    59: "OrderID or ItemID was missing",
    61: "no product ids were given",
    63: "the site id is not valid",
    70: "level filters were mixed",
    74: "there was nothing to update",
    75: "the batch was too large and was not processed",
    98: "the attributes were not updated",
    3001: "a parcel label lacks its ItemID",
    3002: "a parcel label lacks its package number, or the number is out of range",
    3003: "the package numbers do not ascend",
}

NOTHING_DONE = frozenset({32, 33, 59, 75, 3001, 3002, 3003})
"""Errors that one item can cause for its whole batch; the other items may be sent again without it."""

WARNING_RETRY = 65

WARNINGS_WITHOUT_EFFECT = {
    1: "this is a test",
    6: "the catalog was assigned already",
    70: "the address is an old one: set base_url to the present address",
}

WARNINGS = {
    2: "the product was not found",
    3: "no product was named",
    4: "the product was not created: it has no name",
    5: "the catalog was not found",
    12: "the order was not identified",
    13: "no order was named",
    45: "the ProductID belongs to another account",
    65: "the update failed and may be tried again",
    81: "the GTIN is not valid",
}


class AfterbuyRefusedError(RequestRefusedError):
    """Afterbuy refused the request; `codes` holds its error numbers."""

    def __init__(self, message: str, codes: Sequence[int]) -> None:
        super().__init__(message)
        self.codes = frozenset(codes)


def error_for(call: str, codes: Sequence[int]) -> ConnectorError:
    """Return the error for the numbers of a refused call; `codes` holds none of EMPTY.

    An error of the login counts most, then an error of ours, then an error that may pass.
    """
    account = [code for code in codes if code in ACCOUNT]
    if account:
        return AccountError(f"Afterbuy refuses {call} with error {account[0]}: {ACCOUNT[account[0]]}.")
    if codes and all(code in TEMPORARY for code in codes):
        return TransientError(f"Afterbuy refuses {call} with error {codes[0]}: {TEMPORARY[codes[0]]}.")
    text = "; ".join(
        f"error {code}: {REFUSED.get(code, 'unknown here')}" for code in codes if code not in TEMPORARY
    )
    return AfterbuyRefusedError(f"Afterbuy refuses {call} with {text or 'an error without number'}.", codes)


def warning_text(code: int) -> str:
    """Return the sentence for a warning number."""
    meaning = WARNINGS.get(code) or WARNINGS_WITHOUT_EFFECT.get(code) or "unknown here"
    return f"Afterbuy warning {code}: {meaning}"
