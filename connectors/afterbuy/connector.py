"""Afterbuy as a sales channel: joins client and mapping, speaks only domain records."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from connectors.afterbuy import xml
from connectors.afterbuy.client import MAX_CATALOGS, MAX_STOCK_PRODUCTS, AfterbuyClient, Answer, DateWindow
from connectors.afterbuy.mapping_articles import article_from_wire, category_from_wire, quantity_of
from connectors.afterbuy.mapping_orders import ITEM_PREFIX, order_from_wire, order_id_of, status_from_wire
from connectors.afterbuy.mapping_updates import (
    cancellation_to_wire,
    payment_to_wire,
    shipment_to_wire,
    stock_to_wire,
)
from connectors.afterbuy.settings import AfterbuySettings, DateFilter, Login, Paging
from connectors.afterbuy.values import format_window_start, parse_instant, parse_utc, value_class
from connectors.afterbuy.wire import (
    CatalogWire,
    OrderStatusWire,
    OrderWire,
    PaymentServiceWire,
    ProductWire,
    ShippingMethodWire,
    StockWire,
    Wire,
)
from connectors.afterbuy.write_batches import Batch, send
from connectors.afterbuy.xml import Element
from connectors.base import (
    ArticleQuery,
    CancellationItem,
    ItemResult,
    OrderQuery,
    OrderStatus,
    Outcome,
    Page,
    PaymentItem,
    ShipmentItem,
    StockItem,
    WouldSend,
)
from connectors.errors import RecordError, RequestRefusedError, TransientError
from connectors.transport import Recorder
from models.catalog.records import ArticleData, CategoryData
from models.orders.records import OrderData
from models.sync.records import RAW_LIMIT, RejectedData
from models.tenants.records import ServiceData, ServiceKind

log = logging.getLogger(__name__)

Record = TypeVar("Record")
MAX_ORDER_IDS = 100
"""OrderIDs in one filter, as live clients send."""

MAX_RECORDS = 5_000
"""The most records that one answer may hold, twenty times what is asked for at most."""
_CLOCKS_DIFFER = timedelta(days=1)

_AFTER = "after"
_FROM = "from"
_PAGE = "page"
_OPEN = "open"
_MORE = {"Order": "HasMoreItems", "Product": "HasMoreProducts", "Catalog": "HasMoreCatalogs"}


class AfterbuyChannel:
    """One Afterbuy account; see `connectors.base.Channel`. Raises: the errors of `AfterbuyClient`."""

    def __init__(
        self, settings: AfterbuySettings, login: Login, *, test: bool, record: Recorder | None = None
    ) -> None:
        self._settings = settings
        self._client = AfterbuyClient(settings, login, test=test, record=record)
        self.would_send: list[WouldSend] = self._client.would_send
        """The writes that test mode kept back, without credentials."""
        self.stock_batch_size = settings.stock_batch_size
        self.status_batch_size = settings.status_batch_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check(self) -> datetime:
        """Return Afterbuy's clock, in UTC. Raises: AccountError naming what is wrong with the login.

        A server that lets us in but tells no time, or one to come, is read by our own clock: windows overlap
        by far more than clocks differ, and a cursor in the future would let no change through until then.
        """
        try:
            result = self._client.get_afterbuy_time().result
            at = None
            if utc := xml.text_at(result, "AfterbuyUniversalTimeStamp"):
                at = parse_utc(utc)
            elif local := xml.text_at(result, "AfterbuyTimeStamp"):
                at = parse_instant(local)
            if at is not None and at < datetime.now(UTC) + _CLOCKS_DIFFER:
                return at
            trouble = "the answer holds no time" if at is None else "the answer is of a time to come"
        except (RequestRefusedError, ValueError) as error:
            trouble = type(error).__name__
        log.warning("GetAfterbuyTime: %s; going by the clock of this machine", trouble)
        return datetime.now(UTC)

    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]:
        """Return one page of articles by ascending id; members of sets come as ids."""
        settings = self._settings
        state = _state(cursor)
        by_page = settings.article_paging is Paging.pages and not query.external_ids
        chunk, next_state = _chunk(query.external_ids, state, settings.article_page_size)
        number = int(state.get(_PAGE, 1))
        answer = self._client.get_shop_products(
            page_size=settings.article_page_size,
            detail_level=settings.article_detail_level,
            product_ids=chunk,
            after=None if query.external_ids or by_page else state.get(_AFTER),
            windows=_windows(DateFilter.ModDate, query.changed_since),
            page_number=number if by_page else None,
        )
        elements = xml.find_all(answer.result, "Products", "Product")
        page = _Page("article", "ProductID")
        records = page.read(
            _new(elements, "ProductID", state.get(_AFTER)),
            ProductWire,
            lambda wire: article_from_wire(wire, settings),
        )
        if by_page:
            pages = _number(xml.text_at(answer.result, "PaginationResult", "TotalNumberOfPages"))
            next_state = {_PAGE: number + 1} if elements and number < pages else None
        elif not query.external_ids:
            next_state = _next(answer, elements, "Product", settings.article_page_size, state)
        return Page(records, page.rejected, _cursor(next_state))

    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]:
        """Return one page of catalogs; children may come before their parents."""
        state = _state(cursor)
        answer = self._client.get_shop_catalogs(after=state.get(_AFTER))
        elements = xml.find_all(answer.result, "Catalogs", "Catalog")
        page = _Page("category", "CatalogID")
        records: list[CategoryData] = []
        for element in _new(elements, "CatalogID", state.get(_AFTER)):
            for nested, parent_id in _tree(element, ""):
                records += page.read(
                    [nested], CatalogWire, partial(category_from_wire, enclosing_id=parent_id)
                )
        return Page(records, page.rejected, _cursor(_next(answer, elements, "Catalog", MAX_CATALOGS, state)))

    def fetch_orders(self, query: OrderQuery, cursor: str | None) -> Page[OrderData]:
        """Return one page of orders by ascending id, those without an id of their own on the last page.

        Of open checkouts the newest come, as many as a page holds: Afterbuy has no cursor through them.
        """
        settings = self._settings
        state = _state(cursor)
        windows = [
            *_windows(settings.order_date_filter, query.changed_since),
            *_windows(DateFilter.PayDate, query.paid_since),
        ]
        named = tuple(one for one in query.external_ids if not one.startswith(ITEM_PREFIX))
        items = {one for one in query.external_ids if one.startswith(ITEM_PREFIX)}
        with_open = bool(items) or (query.include_open_checkouts and not query.external_ids)
        page = _Page("order", "OrderID")
        if state.get(_OPEN) or (items and not named):
            elements = self._open_checkouts([] if items else windows)
            orders = page.read(elements, OrderWire, lambda wire: order_from_wire(wire, settings))
            first = _number(query.from_number) if not items else 0
            wanted_orders = [
                one
                for one in orders
                if (one.external_id in items or not items)
                # Items and orders are numbered alike.
                and _number(one.external_id.removeprefix(ITEM_PREFIX)) >= first
            ]
            return Page(wanted_orders, page.rejected)
        if query.from_number and not query.external_ids and not state:
            # One less, in case the number itself is left out; what then comes too early is dropped.
            state = {_FROM: _number(query.from_number), _AFTER: max(0, _number(query.from_number) - 1)}
        chunk, next_state = _chunk(named, state, min(MAX_ORDER_IDS, settings.page_size))
        answer = self._client.get_sold_items(
            page_size=settings.page_size,
            detail_level=settings.order_detail_level,
            order_ids=chunk,
            after=None if named else state.get(_AFTER),
            windows=[] if named else windows,
        )
        elements = xml.find_all(answer.result, "Orders", "Order")
        first = int(state.get(_FROM, 0))
        wanted = [
            one for one in _new(elements, "OrderID", state.get(_AFTER)) if _id_of(one, "OrderID") >= first
        ]
        records = page.read(wanted, OrderWire, lambda wire: order_from_wire(wire, settings))
        if not named:
            next_state = _next(answer, elements, "Order", settings.page_size, state)
        if next_state is None and with_open:
            next_state = {_OPEN: 1}
        return Page(records, page.rejected, _cursor(next_state))

    def fetch_order_statuses(self, external_ids: Sequence[str]) -> list[OrderStatus]:
        """Return what Afterbuy holds of each order; one that is unknown or unreadable is missing."""
        wanted = set(external_ids)
        numbered = [one for one in dict.fromkeys(external_ids) if not one.startswith(ITEM_PREFIX)]
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
        statuses = _Page("order", "OrderID").read(
            elements, OrderStatusWire, lambda wire: status_from_wire(wire, self._settings)
        )
        return [one for one in statuses if one.external_id in wanted]

    def is_provisional(self, order_external_id: str) -> bool:
        """Return whether a number is an item's: of open checkouts only the newest can be read."""
        return order_external_id.startswith(ITEM_PREFIX)

    def publish_stock(self, items: Sequence[StockItem]) -> list[ItemResult]:
        """Set quantities; one result for each item, in their order. Safe to repeat.

        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [Batch(item.key, item.external_id, stock_to_wire(item, self._settings)) for item in items]
        return send(batch, self._write_products, self.stock_batch_size, splits=True)

    def fetch_stock(self, external_ids: Sequence[str]) -> dict[str, int]:
        """Return what Afterbuy holds of each product; one that it does not know is missing."""
        stock: dict[str, int] = {}
        wanted = list(dict.fromkeys(external_ids))
        page = _Page("stock", "ProductID")
        for start in range(0, len(wanted), MAX_STOCK_PRODUCTS):
            answer = self._client.get_stock_info(wanted[start : start + MAX_STOCK_PRODUCTS])
            elements = xml.find_all(answer.result, "Products", "Product")
            for wire in page.read(elements, StockWire, lambda wire: wire):
                quantity = quantity_of(wire, self._settings.stock_pool)
                if quantity is not None and wire.ProductID:
                    stock[wire.ProductID] = quantity
        return {external_id: stock[external_id] for external_id in wanted if external_id in stock}

    def publish_payments(self, items: Sequence[PaymentItem]) -> list[ItemResult]:
        """Tell what has been received for orders in all; one result for each, in their order. Safe to repeat.

        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [
            Batch(item.key, _own_id(item.order_external_id), payment_to_wire(item, self._settings))
            for item in items
        ]
        splits = not self._settings.mail_buyer_payment
        return send(batch, self._write_orders, self.status_batch_size, splits=splits)

    def publish_shipments(self, items: Sequence[ShipmentItem]) -> list[ItemResult]:
        """Tell that orders were shipped; one result for each, in their order. Safe to repeat.

        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch = [
            Batch(item.key, _own_id(item.order_external_id), shipment_to_wire(item, self._settings))
            for item in items
        ]
        splits = not self._settings.mail_buyer_shipping
        return send(batch, self._write_orders, self.status_batch_size, splits=splits)

    def publish_cancellations(self, items: Sequence[CancellationItem]) -> list[ItemResult]:
        """Cancel whole orders without booking stock; one result for each. Safe to repeat.

        Afterbuy has no call that cancels a part of an order, or one whose checkout has given it no number yet
        (wire notes 2.6): those are refused.
        Raises: TransientError, AccountError, if nothing at all was sent.
        """
        batch: list[Batch] = []
        refused: list[ItemResult] = []
        for item in items:
            number = item.order_external_id
            if item.is_whole and not self.is_provisional(number):
                batch.append(Batch(item.key, number, cancellation_to_wire(item, self._settings)))
            else:
                left = ", ".join(f"{units} × item {line}" for line, units in item.left.items() if units)
                what = (
                    f"change order {number} there by hand, so that it has {left}"
                    if left
                    else (f"cancel {number} there by hand, its checkout has no order number yet")
                )
                message = f"Afterbuy takes no cancellation of this kind through its interface: {what}."
                refused.append(ItemResult(item.key, Outcome.refused, message))
        return [*refused, *send(batch, self._write_cancellations, self.status_batch_size, splits=True)]

    def _write_cancellations(self, batch: Sequence[Batch]) -> Answer:
        return self._client.cancel_orders(
            [item.nodes for item in batch], [item.external_id for item in batch]
        )

    @property
    def shows_cancellations(self) -> bool:
        """Return whether a cancelled order can be told from others: by the account's own markers or tags."""
        return bool(self._settings.cancelled_flags or self._settings.cancelled_tags)

    def _write_products(self, batch: Sequence[Batch]) -> Answer:
        return self._client.update_shop_products([item.nodes for item in batch])

    def _write_orders(self, batch: Sequence[Batch]) -> Answer:
        numbers = [item.external_id for item in batch]
        return self._client.update_sold_items([item.nodes for item in batch], numbers)

    def fetch_services(self) -> list[ServiceData]:
        """Return payment and shipping methods, each id once."""
        page = _Page("service", "Name")
        services: dict[tuple[ServiceKind, str], ServiceData] = {}
        payments = _below(self._client.get_payment_services().result, "PaymentService")
        for payment in page.read(payments, PaymentServiceWire, lambda wire: wire):
            _add_service(services, ServiceKind.payment, payment.PaymentID, payment.Name)
        methods = _below(self._client.get_shipping_services().result, "ShippingMethod")
        for method in page.read(methods, ShippingMethodWire, lambda wire: wire):
            _add_service(services, ServiceKind.shipping, method.ShippingMethodID, method.Name)
        return list(services.values())

    def _open_checkouts(self, windows: Sequence[DateWindow]) -> list[Element]:
        answer = self._client.get_sold_items(
            page_size=self._settings.page_size,
            detail_level=self._settings.order_detail_level,
            windows=windows,
            open_checkouts=True,
        )
        elements = xml.find_all(answer.result, "Orders", "Order")
        return [one for one in elements if _id_of(one, "OrderID") == 0]


WireRecord = TypeVar("WireRecord", bound=Wire)


class _Page:
    """Reads the records of a page one by one; those that cannot be understood are set aside."""

    def __init__(self, kind: str, id_name: str) -> None:
        self._kind = kind
        self._id_name = id_name
        self.rejected: list[RejectedData] = []

    def read(
        self,
        elements: Iterable[Element],
        model: type[WireRecord],
        translate: Callable[[WireRecord], Record],
    ) -> list[Record]:
        """Return the records. Raises: RequestRefusedError, for more of them than anybody asked for."""
        records: list[Record] = []
        for number, element in enumerate(elements):
            if number == MAX_RECORDS:
                raise RequestRefusedError(
                    f"Afterbuy sent more than {MAX_RECORDS} records of kind {self._kind} in one answer, "
                    f"whatever page size is asked for; ask its support, or read single ones by number."
                )
            try:
                records.append(translate(model.model_validate(xml.values_of(element))))
            except RecordError as error:
                self._set_aside(element, error.reason)
            except ValidationError as error:
                self._set_aside(element, _reason(error))
            except xml.TooDeepError as error:
                self._set_aside(element, str(error))
        return records

    def _set_aside(self, element: Element, reason: str) -> None:
        raw = xml.raw_of(element)[:RAW_LIMIT]
        item_ids = [xml.text_at(item, "ItemID") for item in xml.find_all(element, "SoldItems", "SoldItem")]
        named = xml.text_at(element, self._id_name)
        external_id = order_id_of("" if named == "0" else named, item_ids)
        if not external_id or len(external_id) > 80 or not external_id.isprintable():
            # Without a usable id the content is the name, so that a repeat is the same entry.
            external_id = f"unnamed-{sha256(raw.encode()).hexdigest()[:16]}"
        self.rejected.append(RejectedData(kind=self._kind, external_id=external_id, reason=reason, raw=raw))


def _reason(error: ValidationError) -> str:
    """Name the fields and what kind of value they hold, without showing it."""
    sentences = []
    for fault in error.errors(include_url=False)[:5]:
        where = "/".join(str(part) for part in fault["loc"]) or "record"
        what = (
            str(fault["ctx"]["error"]) if fault["type"] == "value_error" and "ctx" in fault else fault["type"]
        )
        sentences.append(f"{where}: {what}, but {value_class(fault['input'])}")
    return "; ".join(sentences)


def _state(cursor: str | None) -> dict[str, Any]:
    """Return what a cursor of ours holds. Raises: RequestRefusedError, if it is another's."""
    if cursor is None:
        return {}
    try:
        state = json.loads(cursor)
    except ValueError:
        state = None
    if not isinstance(state, dict) or not all(type(value) is int for value in state.values()):
        raise RequestRefusedError("The cursor is none of this connector; start again without it.")
    return state


def _cursor(state: dict[str, Any] | None) -> str | None:
    return None if state is None else json.dumps(state, sort_keys=True)


def _chunk(
    ids: Sequence[str], state: dict[str, Any], size: int
) -> tuple[Sequence[str], dict[str, Any] | None]:
    """Return the ids of this page and the state of the next, None after the last."""
    start = int(state.get(_PAGE, 0))
    more = start + size < len(ids)
    return ids[start : start + size], ({_PAGE: start + size} if more else None)


def _next(
    answer: Answer, elements: Sequence[Element], record: str, page_size: int, state: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the state of the next page, None at the end.

    A LastOrderID that is missing, or above every id of the page, gives way to the highest of these: nothing
    is skipped that was not seen.
    Raises: TransientError, where Afterbuy says that there is more and the cursor does not rise: the same page
    would come for ever, and to end there would lose the rest.
    """
    more = xml.text_at(answer.result, _MORE[record])
    has_more = len(elements) >= page_size > 0 if more == "" else more.lower() not in ("0", "false")
    if not has_more or not elements:
        return None
    id_name = f"{record}ID"
    after = int(state.get(_AFTER, 0))
    last = _number(xml.text_at(answer.result, f"Last{id_name}"))
    highest = max(_id_of(one, id_name) for one in elements)
    last = min(last, highest) if last and highest else last or highest
    if last <= after:
        if more == "":
            return None
        raise TransientError(
            f"Afterbuy says that more {record.lower()}s follow {after} and sends none of them."
        )
    return {**state, _AFTER: last}


def _new(elements: Sequence[Element], id_name: str, after: int | None) -> list[Element]:
    """Return the elements of a page, each id once and without the one that the page before ended with."""
    seen = {after} if after else set()
    new = []
    for element in elements:
        number = _id_of(element, id_name)
        if number and number in seen:
            continue
        seen.add(number)
        new.append(element)
    return new


def _id_of(element: Element, id_name: str) -> int:
    return _number(xml.text_at(element, id_name))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _windows(name: DateFilter, since: datetime | None) -> list[DateWindow]:
    return [] if since is None else [DateWindow(name.value, format_window_start(since))]


def _tree(element: Element, parent_id: str) -> Iterable[tuple[Element, str]]:
    """Yield a catalog and those nested in it, each with the id of the one around it."""
    yield element, parent_id
    own_id = xml.text_at(element, "CatalogID")
    for nested in [*xml.find_all(element, "Catalog"), *xml.find_all(element, "Catalogs", "Catalog")]:
        yield from _tree(nested, own_id)


def _below(element: Element | None, name: str) -> list[Element]:
    """Return the elements of a name at any depth that have children of their own."""
    if element is None:
        return []
    return [one for one in element.iter() if xml.local_name(one.tag) == name.lower() and len(one)]


def _add_service(
    services: dict[tuple[ServiceKind, str], ServiceData], kind: ServiceKind, external_id: str, name: str
) -> None:
    if external_id:
        services.setdefault(
            (kind, external_id), ServiceData(kind=kind, external_id=external_id, name=name or external_id)
        )


def _own_id(external_id: str) -> str:
    return external_id.removeprefix(ITEM_PREFIX)
