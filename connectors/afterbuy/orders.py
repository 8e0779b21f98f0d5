"""Afterbuy's orders."""

from collections.abc import Collection, Sequence
from datetime import datetime

from connectors.afterbuy import xml
from connectors.afterbuy.client import AfterbuyClient, DateWindow, windows_since
from connectors.afterbuy.mapping_orders import (
    ITEM_PREFIX,
    is_order_number,
    is_provisional,
    order_from_wire,
    status_from_wire,
)
from connectors.afterbuy.paging import (
    AFTER,
    PageReader,
    chunk_of,
    id_of,
    next_state,
    number_of,
    read_cursor,
    without_repeats,
    write_cursor,
)
from connectors.afterbuy.settings import AfterbuySettings, DateFilter
from connectors.afterbuy.values import earliest_reading
from connectors.afterbuy.wire_orders import OrderStatusWire, OrderWire
from connectors.afterbuy.xml import Element
from connectors.protocols.orders import OrderQuery, OrderStatus
from connectors.protocols.results import Page
from models.orders.records import OrderData

MAX_ORDER_IDS = 100
"""OrderIDs in one filter, as live clients send."""

_FROM = "from"
"""In a cursor: the first OrderID that is wanted."""
_OPEN = "open"
"""In a cursor: the page of open checkouts comes next."""


class AfterbuyOrders:
    """See `ReadsOrders`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings

    def fetch_orders(self, query: OrderQuery, cursor: str | None) -> Page[OrderData]:
        """Return one page of orders by ascending id; open checkouts, which have no id yet, are the last page.

        Of open checkouts only the newest come, as many as one page holds: Afterbuy has no cursor for them.
        """
        settings = self._settings
        state = read_cursor(cursor)
        windows = [
            *windows_since(settings.order_date_filter, query.changed_since),
            *windows_since(DateFilter.PayDate, query.paid_since),
        ]
        named = tuple(one for one in query.external_ids if not is_provisional(one))
        items = {one for one in query.external_ids if is_provisional(one)}
        with_open = bool(items) or (query.include_open_checkouts and not query.external_ids)
        if state.get(_OPEN) or (items and not named):
            return self._fetch_open_checkouts(query, items, windows)
        if query.from_number and not query.external_ids and not state:
            # One less, in case the number itself is left out; what then comes too early is dropped.
            first = number_of(query.from_number)
            state = {_FROM: first, AFTER: max(0, first - 1)}
        chunk, following = chunk_of(named, state, min(MAX_ORDER_IDS, settings.page_size))
        answer = self._client.get_sold_items(
            page_size=settings.page_size,
            detail_level=settings.order_detail_level,
            order_ids=chunk,
            after=None if named else state.get(AFTER),
            windows=[] if named else windows,
        )
        elements = xml.find_all(answer.result, "Orders", "Order")
        first = int(state.get(_FROM, 0))
        reader = PageReader("order", "OrderID")
        wanted = [
            one
            for one in without_repeats(elements, "OrderID", state.get(AFTER))
            if id_of(one, "OrderID") >= first
        ]
        records = reader.read(wanted, OrderWire, lambda wire: order_from_wire(wire, settings))
        if not named:
            following = next_state(answer, elements, "Order", settings.page_size, state)
        if following is None and with_open:
            following = {_OPEN: 1}
        return Page(records, reader.rejected, write_cursor(following))

    def fetch_order_statuses(self, external_ids: Sequence[str]) -> list[OrderStatus]:
        """Return what Afterbuy holds of each order; an order that is unknown or unreadable is missing."""
        wanted = set(external_ids)
        numbered = [one for one in dict.fromkeys(external_ids) if not is_provisional(one)]
        elements: list[Element] = []
        size = min(MAX_ORDER_IDS, self._settings.page_size)
        for start in range(0, len(numbered), size):
            answer = self._client.get_sold_items(
                page_size=self._settings.page_size,
                detail_level=self._settings.order_detail_level,
                order_ids=numbered[start : start + size],
            )
            elements += xml.find_all(answer.result, "Orders", "Order")
        if len(numbered) < len(wanted):
            elements += self._open_checkouts([])
        statuses = PageReader("order", "OrderID").read(
            elements, OrderStatusWire, lambda wire: status_from_wire(wire, self._settings)
        )
        return [one for one in statuses if one.external_id in wanted]

    @property
    def shows_cancellations(self) -> bool:
        """Whether the account has markers or tags of its own that mean "cancelled": Afterbuy has none."""
        return bool(self._settings.cancelled_flags or self._settings.cancelled_tags)

    def earliest_reading(self, at: datetime) -> datetime:
        """Return the whole second, or the beginning of the hour that occurs twice."""
        return earliest_reading(at)

    def is_before(self, number: str, other: str) -> bool:
        """Whether an OrderID is lower than another; an item's number cannot be compared."""
        return is_order_number(number) and is_order_number(other) and int(number) < int(other)

    def is_provisional(self, order_external_id: str) -> bool:
        """Whether this is the number of an item; of open checkouts only the newest can be read."""
        return is_provisional(order_external_id)

    def _fetch_open_checkouts(
        self, query: OrderQuery, items: Collection[str], windows: Sequence[DateWindow]
    ) -> Page[OrderData]:
        """Return the open checkouts of these items, or without items all that are asked for."""
        reader = PageReader("order", "OrderID")
        elements = self._open_checkouts([] if items else windows)
        orders = reader.read(elements, OrderWire, lambda wire: order_from_wire(wire, self._settings))
        if items:
            wanted = [one for one in orders if one.external_id in items]
        else:
            # Items and orders are numbered alike.
            first = number_of(query.from_number)
            wanted = [one for one in orders if number_of(one.external_id.removeprefix(ITEM_PREFIX)) >= first]
        return Page(wanted, reader.rejected)

    def _open_checkouts(self, windows: Sequence[DateWindow]) -> list[Element]:
        answer = self._client.get_sold_items(
            page_size=self._settings.page_size,
            detail_level=self._settings.order_detail_level,
            windows=windows,
            open_checkouts=True,
        )
        elements = xml.find_all(answer.result, "Orders", "Order")
        return [one for one in elements if id_of(one, "OrderID") == 0]
