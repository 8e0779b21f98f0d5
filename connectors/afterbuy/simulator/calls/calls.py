"""From a request's bytes to the text of its answer: parsing, login, dispatch.

Source: wire notes sections 1.2, 1.3, 3.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from connectors.afterbuy.simulator.calls.lists import (
    get_afterbuy_time,
    get_payment_services,
    get_shipping_services,
    get_user_defined_flags,
    get_version,
)
from connectors.afterbuy.simulator.calls.order_reads import get_sold_items
from connectors.afterbuy.simulator.calls.order_updates import HalfDoneError, cancel_orders, update_sold_items
from connectors.afterbuy.simulator.calls.product_reads import (
    get_shop_catalogs,
    get_shop_products,
    get_stock_info,
)
from connectors.afterbuy.simulator.calls.product_updates import update_shop_products
from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches
from connectors.afterbuy.simulator.wire.envelope import (
    Answer,
    Element,
    Language,
    RefusedError,
    Warned,
    parse_request,
    text_of,
    write_answer,
    write_errors,
)

CALLS: dict[str, Callable[[Context], Answer]] = {
    "GetAfterbuyTime": get_afterbuy_time,
    "GetVersion": get_version,
    "GetShopProducts": get_shop_products,
    "GetShopCatalogs": get_shop_catalogs,
    "GetStockInfo": get_stock_info,
    "UpdateShopProducts": update_shop_products,
    "GetSoldItems": get_sold_items,
    "UpdateSoldItems": update_sold_items,
    "CancelOrders": cancel_orders,
    "GetPaymentServices": get_payment_services,
    "GetShippingServices": get_shipping_services,
    "GetUserDefinedFlags": get_user_defined_flags,
}

NOT_PLAYED = {
    "UpdateCatalogs",
    "GetShippingCost",
    "GetProductDiscounts",
    "GetMailTemplates",
    "GetTranslatedMailTemplate",
    "GetListerHistory",
}
"""Calls of Afterbuy that the simulator does not implement: they get error 52 instead of 12."""

SECRETS = ("PartnerToken", "AccountToken", "PartnerPassword", "UserPassword")
UNPARSED = "NotFound"


@dataclass
class ParsedRequest:
    """A parsed request; if it could not be parsed, `root` is None and `refusal` is set."""

    call: str
    root: Element | None
    refusal: RefusedError | None = None

    @property
    def language(self) -> Language:
        """Return ErrorLanguage, DE unless it is EN."""
        head = None if self.root is None else self.root.find("AfterbuyGlobal")
        return "EN" if text_of(head, "ErrorLanguage") == "EN" else "DE"

    @property
    def walk(self) -> tuple[str, ...]:
        """Return what identifies the query: the same on all of its pages."""
        filters = [] if self.root is None else self.root.findall("DataFilter/Filter")
        wanted = (each for each in filters if text_of(each, "FilterName") != "RangeID")
        return (self.call, *sorted(" ".join(map(str, each.itertext())) for each in wanted))


@dataclass
class Outcome:
    """The result of a call: the text of the answer, what kind it is, and the number of changed records."""

    text: str
    reply: str
    effects: int = 0


def read(body: bytes) -> ParsedRequest:
    """Parse a request; never raises: a refusal is kept in the result."""
    try:
        root = parse_request(body)
    except RefusedError as refusal:
        return ParsedRequest(UNPARSED, None, refusal)
    return ParsedRequest(text_of(root.find("AfterbuyGlobal"), "CallName") or UNPARSED, root)


def redacted(root: Element) -> Element:
    """Return a copy of a request without its secrets, for logs."""
    copy = deepcopy(root)
    for name in SECRETS:
        for element in copy.iterfind(f"AfterbuyGlobal/{name}"):
            element.text = "***" if element.text else element.text
    return copy


def run(asked: ParsedRequest, state: State, switches: Switches, *, backwards: bool = False) -> Outcome:
    """Execute a call under the state's lock and write its answer; if `backwards`, its records in reverse."""
    try:
        if asked.refusal is not None or asked.root is None:
            raise asked.refusal or RefusedError(2)
        _check_login(asked.root, switches)
        if asked.call == UNPARSED:
            raise RefusedError(3)
        if asked.call in NOT_PLAYED:
            raise RefusedError(52)
        if asked.call not in CALLS:
            raise RefusedError(12)
        with state.lock:
            answer = CALLS[asked.call](Context(asked.root, state, switches, backwards))
    except RefusedError as refusal:
        return refused(asked, refusal)
    if switches.wrong_host:
        answer.warnings.append(Warned(70))
    reply = "warning" if answer.warnings else "success"
    return Outcome(write_answer(asked.call, answer, asked.language), reply, answer.effects)


def refused(asked: ParsedRequest, refusal: RefusedError, *, status: str = "Error") -> Outcome:
    """Return the outcome of a refusal; if a batch was partly executed, it counts the changes."""
    effects = refusal.effects if isinstance(refusal, HalfDoneError) else 0
    text = write_errors(asked.call, refusal.codes, asked.language, status=status)
    return Outcome(text, f"error {' '.join(map(str, refusal.codes))}", effects)


def _check_login(root: Element, switches: Switches) -> None:
    """Check the login: the two tokens, or the four values of the legacy login.

    Raises: RefusedError with the switches' code for wrong tokens, or 4 to 9 for a wrong legacy login, where
    the switch `legacy_user_error_code` says what replaces 9.
    """
    head = root.find("AfterbuyGlobal")
    tokens = (text_of(head, "PartnerToken"), text_of(head, "AccountToken"))
    if tokens == (switches.partner_token, switches.account_token):
        return
    names = ("PartnerID", "PartnerPassword", "UserID", "UserPassword")
    partner_id, partner_password, user_id, user_password = (text_of(head, name) or "" for name in names)
    complete = bool(partner_id and partner_password and user_id and user_password)
    if all(tokens) and not complete:
        raise RefusedError(switches.token_error_code)
    if not partner_id.isdigit():
        raise RefusedError(4)
    for code, value in ((5, partner_password), (6, user_id), (7, user_password)):
        if not value:
            raise RefusedError(code)
    if (partner_id, partner_password) != (switches.partner_id, switches.partner_password):
        raise RefusedError(8)
    if (user_id, user_password) != (switches.user_id, switches.user_password):
        raise RefusedError(switches.legacy_user_error_code)
