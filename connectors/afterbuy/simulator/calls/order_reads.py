"""GetSoldItems.

Source: wire notes sections 1.5, 1.6, 2.5.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice

from connectors.afterbuy.simulator.calls.filters import (
    Filter,
    Range,
    read_filters,
    read_range,
    read_window,
    whole_values,
    within,
)
from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.records import Address, Item, Order, Product
from connectors.afterbuy.simulator.values import CENT
from connectors.afterbuy.simulator.wire.envelope import Answer, RefusedError, text_of
from connectors.afterbuy.simulator.wire.writer import Writer

Test = Callable[[Order], bool]

PAYMENT, BUYER, ITEMS, SHIPPING, ATTRIBUTES = 2, 4, 8, 16, 32

ORDER_FILTERS = (
    "DateFilter",
    "OrderID",
    "RangeID",
    "DefaultFilter",
    "Plattform",
    "AfterbuyUserID",
    "AfterbuyUserEmail",
    "UserDefinedFlag",
    "Tag",
    "ShopId",
    "InvoiceNumber",
    "AlternativeItemNumber1",
    "AlternativeItemNumber2",
)

DATES: dict[str, Callable[[Order], datetime | None]] = {
    "AuctionEndDate": lambda order: order.placed_at,
    "FeedbackDate": lambda order: order.feedback_date,
    "PayDate": lambda order: order.payment_date,
    "ShippingDate": lambda order: order.delivery_date,
    "InvoiceDate": lambda order: order.invoice_date,
    "ModDate": lambda order: order.mod_date,
    "XmlDate": lambda order: order.items[0].exported_at,
    "MailDate": lambda order: order.mail_date,
    "ReminderDate": lambda order: order.reminder_date,
}


def is_paid(order: Order) -> bool:
    """Return whether an order has a pay date and is fully paid."""
    return order.payment_date is not None and order.already_paid >= order.full_amount


STATES: dict[str, Test] = {
    "NewAuctions": lambda order: (
        order.feedback_date is None and order.mail_date is None and order.payment_date is None
    ),
    "PaidAuctions": is_paid,
    # The notes name ReadyToShip without a meaning; here it means paid and not yet shipped.
    "ReadyToShip": lambda order: is_paid(order) and order.delivery_date is None,
    "CompletedAuctions": lambda order: is_paid(order) and order.delivery_date is not None,
    "InvoicePrinted": lambda order: order.invoice_date is not None,
    "NoXMLDate": lambda order: any(item.exported_at is None for item in order.items),
}
STATES["NoXmlDate"] = STATES["NoXMLDate"]


def get_sold_items(context: Context) -> Answer:
    """Return one page of orders, sorted by id in the requested direction.

    Raises: RefusedError 15, 18, 31, and those of filters.
    """
    level = _level(context)
    switches = context.switches
    size = context.page_size("MaxSoldItems", switches.default_max_sold_items, switches.max_sold_items, 31)
    filters = read_filters(context.request, ORDER_FILTERS, context.switches)
    rows = _matching(context, filters)
    covers_all = context.switches.counts_cover == "matching"
    # One row more than the page shows whether there is another page; the rest is not examined.
    matching = list(rows if covers_all else islice(rows, size + 1))
    page = matching[:size]
    if not page:
        raise RefusedError(15)
    counted = matching if covers_all else page
    writer = context.writer()
    writer.flag("HasMoreItems", len(matching) > size)
    writer.open("Orders")
    for order in page[::-1] if context.backwards else page:
        _write_order(writer, order, context, level)
    writer.close("Orders")
    writer.whole("OrdersCount", len(counted))
    writer.whole("LastOrderID", page[-1].order_id)
    writer.whole("ItemsCount", sum(len(order.items) for order in counted))
    return Answer(writer)


def _level(context: Context) -> int:
    """Return the requested detail bits; switches decide what 0 and 1 mean. Raises: RefusedError 18."""
    switches = context.switches
    bits = (1,) if switches.sold_items_level_1 == "ignored" else ()
    level = context.level(PAYMENT, BUYER, ITEMS, SHIPPING, ATTRIBUTES, *bits)
    if level == 0 and switches.sold_items_level_0 == "all":
        return PAYMENT + BUYER + ITEMS + SHIPPING + ATTRIBUTES * switches.sold_items_level_0_has_attributes
    return level


def _matching(context: Context, filters: list[Filter]) -> Iterator[Order]:
    """Yield the orders that pass all filters, in the requested direction.

    Sales without process (OrderID 0) come first when ascending, and only if RequestAllItems is on, no RangeID
    has a lower bound, and an OrderID filter, if any, includes 0.
    """
    request, switches, state = context.request, context.switches, context.state
    tests = [_order_test(entry, context) for entry in filters]
    ranges = [read_range(entry, switches, from_code=17) for entry in filters if entry.name == "RangeID"]
    start = max((bounds.start for bounds in ranges if bounds.start is not None), default=1)
    with_hidden = text_of(request, "ReturnHiddenItems") == "1"
    vanish = switches.cancelled_orders == "vanish"

    def passes(order: Order) -> bool:
        if (order.hidden and not with_hidden) or (vanish and order.cancelled_at is not None):
            return False
        return all(test(order) for test in tests)

    named = [whole_values(entry, switches) for entry in filters if entry.name == "OrderID"]
    if named:
        # Orders with a given id are looked up: scanning all orders would slow down every poll for single
        # ones.
        found = (state.find_order(order_id) for order_id in sorted(set.intersection(*named)))
        done = [order for order in found if order is not None]
    else:
        done = []
    with_open = text_of(request, "RequestAllItems") == "1" and all(bounds.start is None for bounds in ranges)
    unfinished: list[Order] = []
    if with_open:
        unfinished = [order for _, order in sorted(state.orders.items()) if order.order_id == 0]
    if text_of(request, "OrderDirection") == "1":
        ids = list(state.order_ids_from(max(start, 1)))
        processes = done[::-1] if named else (state.order(order_id) for order_id in reversed(ids))
        yield from (order for order in processes if passes(order))
        yield from (order for order in reversed(unfinished) if passes(order))
        return
    yield from (order for order in unfinished if passes(order))
    ascending = done if named else (state.order(order_id) for order_id in state.order_ids_from(max(start, 1)))
    yield from (order for order in ascending if passes(order))


def _order_test(entry: Filter, context: Context) -> Test:
    """Return the test of one filter. Raises: RefusedError 30, 17, 43."""
    switches = context.switches
    values = set(entry.values)
    match entry.name:
        case "OrderID":
            ids = whole_values(entry, switches)
            return lambda order: order.order_id in ids
        case "RangeID":
            between: Range = read_range(entry, switches, from_code=17)
            return lambda order: between.holds(order.order_id)
        case "DateFilter":
            if entry.value not in DATES:
                raise RefusedError(30)
            date, window = DATES[entry.value], read_window(entry, switches)
            return lambda order: within(date(order), window)
        case "DefaultFilter":
            return _state_test(entry, switches.several_default_filters == "or")
        case "Plattform":
            return _platform_test(entry)
        case "AfterbuyUserID":
            return lambda order: str(order.customer_id) in values
        case "AfterbuyUserEmail":
            return lambda order: order.billing.mail in values
        case "UserDefinedFlag":
            return lambda order: any(str(item.flag) in values for item in order.items)
        case "Tag":
            return lambda order: bool(values.intersection(order.tags))
        case "InvoiceNumber":
            return lambda order: order.invoice_number in values
        case "AlternativeItemNumber1":
            return lambda order: order.alternative_item_number in values
        case _:
            # ShopId and AlternativeItemNumber2: no order of this account has one.
            return lambda _: False


def _state_test(entry: Filter, any_of: bool) -> Test:
    """Return the test of a DefaultFilter; `not_` negates. Raises: RefusedError 30."""
    tests: list[tuple[Test, bool]] = []
    for value in entry.values:
        negated = value.startswith("not_")
        test = STATES.get(value[4:] if negated else value)
        if test is None:
            raise RefusedError(30)
        tests.append((test, negated))
    combine = any if any_of else all
    return lambda order: combine(test(order) != negated for test, negated in tests)


def _platform_test(entry: Filter) -> Test:
    """Return the test of a Plattform filter; names are compared without case, `not_` negates."""
    tests = [(value[4:] if value.startswith("not_") else value).casefold() for value in entry.values]
    negated = [value.startswith("not_") for value in entry.values]
    wanted = list(zip(tests, negated, strict=True))
    return lambda order: any((order.platform.casefold() == name) != no for name, no in wanted)


def _write_order(writer: Writer, order: Order, context: Context, level: int) -> None:
    """Write one Order with the parts of this detail level."""
    writer.record(order.key)
    writer.open("Order")
    writer.words("InvoiceNumber", order.invoice_number or ("0" if writer.ugly else ""))
    writer.whole("OrderID", order.order_id)
    writer.words("EbayAccount", order.account if order.platform == "ebay" else "")
    writer.words("AmazonAccount", order.account if order.platform == "amazon" else "")
    writer.plain("Anr", listing_number(order.items[0]) or 0)
    writer.words("AlternativeItemNumber1", order.alternative_item_number)
    writer.words("OrderIDAlt", order.shop_order_number)
    writer.words("FeedbackLink", order.feedback_link)
    writer.moment("OrderDate", order.placed_at)
    writer.moment("FeedbackDate", order.feedback_date)
    writer.words("UserComment", order.user_comment)
    writer.words("AdditionalInfo", order.additional_info)
    writer.words("TrackingLink", order.tracking_link)
    writer.words("Memo", order.memo)
    writer.words("InvoiceMemo", order.invoice_memo)
    if level & PAYMENT:
        _write_payment(writer, order, context)
    if level & BUYER:
        _write_buyer(writer, order)
    writer.word_flag("ContainseBayPlusTransaction", False)
    if level & (ITEMS | ATTRIBUTES):
        writer.open("SoldItems")
        writer.whole("ItemsInOrder", len(order.items))
        for item in order.items:
            _write_item(writer, item, order, context, with_attributes=bool(level & ATTRIBUTES))
        writer.close("SoldItems")
    if level & SHIPPING:
        _write_shipping(writer, order, context)
    writer.open("VorgangsInfo")
    for number, text in enumerate(order.vorgangs_info, 1):
        writer.words(f"VorgangsInfo{number}", text)
    writer.close("VorgangsInfo")
    if order.tags:
        writer.open("Tags")
        for tag in order.tags:
            writer.words("Tag", tag)
        writer.close("Tags")
    _write_original(writer, order, context)
    writer.close("Order")


def listing_number(item: Item) -> str:
    """Return the marketplace's listing number of an item, else its article number."""
    return item.platform_item_id or item.anr


def in_main(value: Decimal, order: Order, context: Context) -> Decimal:
    """Return a main amount, in the account's or the buyer's currency, depending on a switch."""
    if context.switches.main_amounts == "order_currency":
        return in_original(value, order)
    return value


def in_original(value: Decimal, order: Order) -> Decimal:
    """Return an amount in the buyer's currency."""
    return (value / order.rate).quantize(CENT)


def _write_payment(writer: Writer, order: Order, context: Context) -> None:
    """Write PaymentInfo."""
    writer.open("PaymentInfo")
    writer.words("PaymentID", order.payment_id)
    writer.words("PaymentMethod", order.payment_method)
    writer.words("PaymentFunction", order.payment_function)
    writer.words("PaymentTransactionID", order.payment_transaction_id)
    writer.words("PaymentStatus", "Completed" if is_paid(order) else "")
    writer.moment("PaymentDate", order.payment_date)
    writer.money("AlreadyPaid", in_main(order.already_paid, order, context))
    writer.money("FullAmount", in_main(order.full_amount, order, context))
    writer.nothing("PaymentInstruction")
    writer.day("InvoiceDate", order.invoice_date)
    writer.nothing("EFTID")
    if order.payment_data:
        writer.open("PaymentData")
        for name in (
            "BankCode",
            "AccountHolder",
            "BankName",
            "AccountNumber",
            "Iban",
            "Bic",
            "ReferenceNumber",
        ):
            writer.words(name, order.payment_data.get(name, ""))
        writer.close("PaymentData")
    writer.close("PaymentInfo")


def _write_buyer(writer: Writer, order: Order) -> None:
    """Write BuyerInfo. Without a shipping address that element is absent, or empty for some ugly records."""
    billing = order.billing
    writer.open("BuyerInfo")
    writer.open("BillingAddress")
    writer.whole("AfterbuyUserID", order.customer_id)
    writer.nothing("AfterbuyUserIDAlt")
    writer.words("UserIDPlattform", billing.platform_user)
    writer.words("FirstName", billing.first_name)
    writer.words("LastName", billing.last_name)
    writer.words("Title", billing.title)
    _write_place(writer, billing)
    writer.nothing("Fax")
    writer.words("Mail", billing.mail)
    writer.flag("IsMerchant", billing.is_merchant)
    writer.words("TaxIDNumber", billing.tax_id)
    writer.close("BillingAddress")
    shipping = order.shipping_address
    if shipping is None and writer.ugly and writer.random.random() < 0.5:
        shipping = Address(country="", country_iso="")
    if shipping is not None:
        writer.open("ShippingAddress")
        writer.words("FirstName", shipping.first_name)
        writer.words("LastName", shipping.last_name)
        _write_place(writer, shipping)
        writer.words("TaxIDNumber", shipping.tax_id)
        writer.close("ShippingAddress")
    writer.close("BuyerInfo")


def _write_place(writer: Writer, address: Address) -> None:
    """Write the fields that both addresses have."""
    writer.words("Company", address.company)
    writer.words("Street", address.street)
    writer.words("Street2", address.street2)
    writer.words("PostalCode", address.postal_code)
    writer.words("City", address.city)
    writer.words("StateOrProvince", address.state)
    writer.words("Country", address.country)
    writer.words("CountryISO", address.country_iso)
    writer.words("Phone", address.phone)


def _write_item(writer: Writer, item: Item, order: Order, context: Context, *, with_attributes: bool) -> None:
    """Write one SoldItem."""
    amazon = item.platform == "amazon"
    writer.open("SoldItem")
    writer.whole("ItemID", item.id)
    writer.minus_flag("ItemDetailsDone", bool(item.attributes))
    writer.plain("Anr", listing_number(item) or 0)
    writer.flag("IsAmazonBusiness", False)
    writer.flag("IsAmazonPrime", False)
    writer.mixed_flag("IsAmazonInvoiced", amazon and item.external_invoice)
    writer.word_flag("IsExternalInvoice", item.external_invoice)
    writer.whole("FulfillmentServiceLevel", int(amazon))
    writer.words("PlatformSpecificItemId", item.platform_item_id)
    writer.words("PlatformSpecificOrderId", item.platform_order_id)
    writer.words("eBayTransactionID", str(item.id * 7) if item.platform == "ebay" else "")
    writer.words("AlternativeItemNumber1", order.alternative_item_number)
    writer.words("AlternativeItemNumber", "" if item.linked else item.anr)
    writer.whole("InternalItemType", {"ebay": 9, "amazon": 101}.get(item.platform, 666))
    writer.whole("UserDefinedFlag", item.flag)
    writer.words("ItemTitle", item.title)
    writer.whole("ItemQuantity", item.quantity)
    writer.money("ItemPrice", in_main(item.price, order, context))
    writer.open("ItemOriginalCurrency")
    writer.money("ItemPrice", in_original(item.price, order))
    writer.words("ItemPriceCode", order.currency)
    writer.money(
        "ItemShipping", in_original(order.shipping_cost, order) if item.id == order.key else Decimal(0)
    )
    writer.close("ItemOriginalCurrency")
    writer.moment("ItemEndDate", item.sold_at)
    writer.number("TaxRate", item.tax_rate)
    writer.whole("TaxCollectedBy", item.tax_collected_by)
    writer.nothing("PlatformTaxReference")
    writer.words("ItemPlatformName", item.platform)
    writer.word_flag("eBayPlusTransaction", False)
    writer.nothing("ItemLink")
    writer.moment("ItemXmlDate", item.exported_at)
    writer.moment("ItemModDate", item.mod_date)
    writer.number("ItemWeight", item.weight)
    _write_master(writer, item, context)
    if with_attributes and item.attributes:
        writer.open("SoldItemAttributes")
        for position, (name, value) in enumerate(item.attributes, 1):
            writer.open("SoldItemAttribute")
            writer.words("AttributeName", name)
            writer.words("AttributeValue", value)
            writer.whole("AttributePosition", position)
            writer.close("SoldItemAttribute")
        writer.close("SoldItemAttributes")
    writer.close("SoldItem")


def _write_master(writer: Writer, item: Item, context: Context) -> None:
    """Write ShopProductDetails; of an item without a master product it holds at most the external number."""
    product = context.state.products.get(item.product_id or 0)
    if product is None or not item.linked:
        # The external number of an unlinked item appears only here, if the seller entered one.
        if item.ean:
            writer.open("ShopProductDetails")
            writer.words("EAN", item.ean)
            writer.close("ShopProductDetails")
        else:
            writer.nothing("ShopProductDetails")
        return
    shown = product
    if context.switches.variation_sold_as == "parent":
        parents = [parent for parent in context.state.parents_of(product.id) if parent.kind == 1]
        shown = parents[0] if parents else product
    writer.open("ShopProductDetails")
    writer.whole("ProductID", shown.id)
    writer.words("EAN", shown.ean)
    writer.plain("Anr", shown.anr) if shown.anr else writer.nothing("Anr")
    writer.words("UnitOfQuantity", shown.unit)
    writer.number("BasepriceFactor", shown.baseprice_factor)
    writer.words("Name", shown.name)
    _write_locations(writer, shown)
    if shown.kind == 2:
        products = context.state.products
        _write_children(writer, 2, [(products[part.product_id], part.quantity) for part in shown.members])
    elif shown is not product:
        _write_children(writer, 1, [(product, 1)])
    writer.close("ShopProductDetails")


def _write_children(writer: Writer, kind: int, children: list[tuple[Product, int]]) -> None:
    """Write BaseProductData; ChildProduct repeats."""
    writer.open("BaseProductData")
    writer.whole("BaseProductType", kind)
    for child, quantity in children:
        writer.open("ChildProduct")
        writer.whole("ProductID", child.id)
        writer.words("ProductEAN", child.ean)
        writer.plain("ProductANr", child.anr) if child.anr else writer.nothing("ProductANr")
        writer.words("ProductName", child.name)
        writer.whole("ProductQuantity", quantity)
        writer.number("ProductVAT", child.tax_rate)
        writer.number("ProductWeight", child.weight)
        writer.money("ProductUnitPrice", child.selling_price)
        _write_locations(writer, child)
        writer.close("ChildProduct")
    writer.close("BaseProductData")


def _write_locations(writer: Writer, product: Product) -> None:
    """Write StockLocation1 to 3."""
    for number in (1, 2, 3):
        writer.words(f"StockLocation{number}", product.extra.get(f"Stocklocation_{number}", ""))


def _write_shipping(writer: Writer, order: Order, context: Context) -> None:
    """Write ShippingInfo; a switch decides where a payment surcharge appears."""
    shown = context.switches.payment_surcharge_in == "shipping_additional_cost"
    surcharge = order.surcharge if shown else Decimal(0)
    writer.open("ShippingInfo")
    writer.words("ShippingMethod", order.shipping_method)
    writer.words("ShippingReturnMethod", order.shipping_return_method)
    writer.words("ShippingGroup", order.shipping_group)
    writer.money("ShippingCost", in_main(order.shipping_cost, order, context))
    writer.money("ShippingAdditionalCost", in_main(surcharge, order, context))
    writer.money("ShippingTotalCost", in_main(order.shipping_cost + surcharge, order, context))
    writer.number("ShippingTaxRate", order.shipping_tax_rate)
    writer.day("DeliveryDate", order.delivery_date)
    writer.words("DeliveryService", order.delivery_service)
    if order.parcel_labels:
        writer.open("ParcelLabels")
        for label in order.parcel_labels:
            writer.open("ParcelLabel")
            writer.whole("ItemID", label.item_id)
            writer.whole("PackageNumber", label.package_number)
            writer.words("ParcelLabelNumber", label.label_number)
            writer.words("ReturnLabelNumber", label.return_label_number)
            writer.whole("PackageQuantity", label.quantity)
            writer.number("PackageWeight", label.weight)
            writer.close("ParcelLabel")
        writer.close("ParcelLabels")
    writer.close("ShippingInfo")


def _write_original(writer: Writer, order: Order, context: Context) -> None:
    """Write OrderOriginalCurrency; ExchangeRate 0 means that none is set."""
    rate = order.rate
    if order.currency == "EUR":
        rate = Decimal(0)
    elif context.switches.exchange_rate_means == "original_per_account":
        rate = (1 / rate).quantize(Decimal("0.000001"))
    writer.open("OrderOriginalCurrency")
    writer.money("EbayShippingAmount", Decimal(0))
    writer.money("ShippingAmount", in_original(order.shipping_cost, order))
    writer.money("PaymentSurcharge", in_original(order.surcharge, order))
    writer.money("PaymentSurchargePerCent", Decimal(0))
    writer.money("InvoiceAmount", in_original(order.full_amount, order))
    writer.number("ExchangeRate", rate)
    writer.money("PayedAmount", in_original(order.already_paid, order))
    writer.close("OrderOriginalCurrency")
