"""Afterbuy's XML interface: one method for each call, in Afterbuy's own words.

Each method sends one request and reads one reply. A read says that it is one; to the transport every other
call is a write.
Source: wire notes 1, 2 and 3.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.afterbuy import codes, xml, xml_parser
from connectors.afterbuy.settings import AfterbuySettings, DateFilter, Login
from connectors.afterbuy.values import format_window_start
from connectors.afterbuy.wire import WarningWire
from connectors.afterbuy.xml import Element, Node
from connectors.http.transport import Client, Transport, lost
from connectors.protocols.results import Recorder, WouldSend

log = logging.getLogger(__name__)

MAX_CATALOGS = 200
MAX_STOCK_PRODUCTS = 200
"""Afterbuy takes 500, but only 200 between 10:00 and 15:00."""


@dataclass(frozen=True)
class Answer:
    """A reply without an error; `result` is None where Afterbuy says that it found nothing."""

    result: Element | None
    warnings: list[WarningWire] = field(default_factory=list)


@dataclass(frozen=True)
class DateWindow:
    """A filter: what changed since a wall clock time, by the date of this name."""

    name: str
    since: str


def windows_since(name: DateFilter, since: datetime | None) -> list[DateWindow]:
    """Return the filter for what changed since an instant; without an instant there is none."""
    return [] if since is None else [DateWindow(name.value, format_window_start(since))]


class AfterbuyClient:
    """A connection to one Afterbuy account.

    An error of Afterbuy that means "nothing found" is an empty answer.

    Raises, from every method, the errors of `Transport`, and:
    AccountError: Afterbuy refuses the login.
    TransientError: an error that may pass, or a reply to a read that is not Afterbuy's.
    UncertainError: a reply to a write that is not Afterbuy's.
    AfterbuyRefusedError: any other error.
    """

    def __init__(
        self, settings: AfterbuySettings, login: Login, *, test: bool, record: Recorder | None = None
    ) -> None:
        self._url = settings.base_url
        self._login = login
        self._transport = Transport(
            settings.base_url,
            test=test,
            redact=xml.without_credentials,
            secrets=login.values,
            read_timeout_seconds=settings.read_timeout_seconds,
            total_timeout_seconds=settings.total_timeout_seconds,
            record=record,
        )
        self._http = Client(self._transport)

    @property
    def would_send(self) -> list[WouldSend]:
        """The writes that test mode kept here."""
        return self._transport.would_send

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get_afterbuy_time(self) -> Answer:
        """Read the clock; the cheapest call that shows whether the login works."""
        return self._call("GetAfterbuyTime", [], reads=True)

    def get_shop_products(
        self,
        *,
        page_size: int,
        detail_level: int,
        product_ids: Sequence[str] = (),
        after: int | None = None,
        windows: Sequence[DateWindow] = (),
        page_number: int | None = None,
    ) -> Answer:
        """Read one page of products: after a ProductID, which may come again, or by page number."""
        paging: list[Node] = []
        if page_number is not None:
            paging = [("PaginationEnabled", "1"), ("PageNumber", str(page_number))]
        return self._call(
            "GetShopProducts",
            [
                ("MaxShopItems", str(page_size)),
                *paging,
                ("SuppressBaseProductRelatedData", "0"),
                ("DataFilter", _filters("ProductID", product_ids, after, windows)),
            ],
            reads=True,
            detail_level=detail_level,
        )

    def get_shop_catalogs(self, *, after: int | None = None) -> Answer:
        """Read one page of catalogs, after a CatalogID, which may come again."""
        return self._call(
            "GetShopCatalogs",
            [("MaxCatalogs", str(MAX_CATALOGS)), ("DataFilter", _filters("CatalogID", (), after, ()))],
            reads=True,
        )

    def get_stock_info(self, product_ids: Sequence[str]) -> Answer:
        """Read the stock of at most MAX_STOCK_PRODUCTS products; detail level 2 adds no figures."""
        products: list[Node] = [("Product", [("ProductID", product_id)]) for product_id in product_ids]
        return self._call("GetStockInfo", [("Products", products)], reads=True)

    def get_sold_items(
        self,
        *,
        page_size: int,
        detail_level: int,
        order_ids: Sequence[str] = (),
        after: int | None = None,
        windows: Sequence[DateWindow] = (),
        open_checkouts: bool = False,
    ) -> Answer:
        """Read one page of orders, after an OrderID, which may come again.

        If `open_checkouts`, the page holds only items that have no OrderID yet, the newest first. Afterbuy
        has no cursor for them.
        """
        if open_checkouts:
            order_ids, after = ["0"], None
        return self._call(
            "GetSoldItems",
            [
                ("RequestAllItems", "1" if open_checkouts else "0"),
                ("MaxSoldItems", str(page_size)),
                ("OrderDirection", "1" if open_checkouts else "0"),
                ("DataFilter", _filters("OrderID", order_ids, after, windows)),
            ],
            reads=True,
            detail_level=detail_level,
            order_numbers=() if open_checkouts else order_ids,
        )

    def get_payment_services(self) -> Answer:
        """Read the payment methods."""
        return self._call("GetPaymentServices", [], reads=True)

    def get_shipping_services(self) -> Answer:
        """Read the shipping groups with their methods."""
        return self._call("GetShippingServices", [], reads=True)

    def update_shop_products(self, products: Sequence[Sequence[Node]]) -> Answer:
        """Write products. Afterbuy took each one that no warning names."""
        nodes: list[Node] = [("Product", product) for product in products]
        return self._call("UpdateShopProducts", [("Products", nodes)], reads=False)

    def update_sold_items(self, orders: Sequence[Sequence[Node]], numbers: Sequence[str]) -> Answer:
        """Write at most 150 orders. Afterbuy took each one that no warning names.

        `numbers` are the orders' numbers, for the record of the call.
        """
        nodes: list[Node] = [("Order", order) for order in orders]
        return self._call("UpdateSoldItems", [("Orders", nodes)], reads=False, order_numbers=numbers)

    def cancel_orders(self, cancellations: Sequence[Sequence[Node]], numbers: Sequence[str]) -> Answer:
        """Cancel whole orders. Afterbuy took each one that no warning names.

        `numbers` are the orders' numbers, for the record of the call.
        """
        nodes: list[Node] = [("OrderCancellation", one) for one in cancellations]
        return self._call("CancelOrders", [("OrderCancellations", nodes)], reads=False, order_numbers=numbers)

    def _call(
        self,
        call: str,
        nodes: Sequence[Node],
        *,
        reads: bool,
        detail_level: int = 0,
        order_numbers: Sequence[str] = (),
    ) -> Answer:
        head: list[Node] = [
            *self._login.elements,
            ("CallName", call),
            ("DetailLevel", str(detail_level)),
            ("ErrorLanguage", "DE"),
        ]
        response = self._http.post(
            self._url,
            content=xml.build("Request", [("AfterbuyGlobal", head), *nodes]),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            extensions={"reads": reads, "call": call, "order_numbers": order_numbers},
        )
        with self._transport.judging():
            if response.status_code != 200:
                raise lost(call, reads, f"Afterbuy answered with HTTP {response.status_code}; check base_url")
            try:
                root = xml_parser.parse(response.content)
            except xml_parser.NotAfterbuyError as error:
                raise lost(call, reads, f"the answer {error}") from None
            return _answer(call, root, reads)


def _answer(call: str, root: Element, reads: bool) -> Answer:
    """Return what a reply says, by its codes: its texts follow the account's language.

    A reply with an error counts as refused, whatever its CallStatus says.
    Source: wire notes 3.
    """
    status = xml.text_at(root, "CallStatus").lower()
    result = xml.find(root, "Result")
    errors = _codes(result, "ErrorList", "Error", "ErrorCode") + _codes(
        root, "ErrorList", "Error", "ErrorCode"
    )
    if errors or status == "error":
        serious = [code for code in errors if code not in codes.EMPTY]
        if errors and not serious:
            return Answer(result=None)
        raise codes.error_for(call, serious)
    if status not in ("success", "warning"):
        raise lost(call, reads, "the answer has no CallStatus that is known")
    warnings = [
        WarningWire.model_validate({**xml.values_of(one), "warningcode": str(_code(one, "WarningCode"))})
        for one in [
            *xml.find_all(result, "WarningList", "Warning"),
            *xml.find_all(root, "WarningList", "Warning"),
        ]
    ]
    for code, times in Counter(warning.WarningCode or 0 for warning in warnings).items():
        log.warning("%s: %s (%d times)", call, codes.warning_text(code), times)
    return Answer(result=result, warnings=warnings)


def _codes(element: Element | None, *path: str) -> list[int]:
    return [_code(one, path[-1]) for one in xml.find_all(element, *path[:-1])]


def _code(element: Element, name: str) -> int:
    """Return the code, or 0 if the text is no number: an error without a number is an error, too."""
    text = xml.text_at(element, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _filters(
    id_name: str, ids: Sequence[str], after: int | None, windows: Sequence[DateWindow]
) -> list[Node]:
    """Return the filters of a read; Afterbuy joins them by "and" (wire notes 1.6)."""
    filters: list[Node] = []
    for window in windows:
        values: list[Node] = [("DateFrom", window.since), ("FilterValue", window.name)]
        filters.append(("Filter", [("FilterName", "DateFilter"), ("FilterValues", values)]))
    if ids:
        values = [("FilterValue", one) for one in ids]
        filters.append(("Filter", [("FilterName", id_name), ("FilterValues", values)]))
    if after is not None:
        # The last id as it is: whether it comes again is not known, and one more could skip the next id.
        values = [("ValueFrom", str(after))]
        filters.append(("Filter", [("FilterName", "RangeID"), ("FilterValues", values)]))
    return filters
