"""UpdateSoldItems and CancelOrders.

Source: wire notes section 2.6.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.records import Address, BuyerMail, Order, ParcelLabel
from connectors.afterbuy.simulator.values import read_decimal, read_wall_clock
from connectors.afterbuy.simulator.wire.booleans import read_boolean
from connectors.afterbuy.simulator.wire.envelope import (
    Answer,
    Element,
    RefusedError,
    Warned,
    text_of,
    whole_of,
)

UPDATE_LIMIT = 150
TAG_LENGTH = 50
TEXTS = {
    "AdditionalInfo": "additional_info",
    "OrderMemo": "memo",
    "UserComment": "user_comment",
    "InvoiceMemo": "invoice_memo",
    "InvoiceNumber": "invoice_number",
}
DATES = {
    "InvoiceDate": "invoice_date",
    "MailDate": "mail_date",
    "ReminderMailDate": "reminder_mail_date",
    "Reminder1Date": "reminder_date",
    "Reminder2Date": "second_reminder_date",
}
PAYMENT_TEXTS = {"PaymentMethod": "payment_method", "PaymentTransactionID": "payment_transaction_id"}
SHIPPING_TEXTS = {
    "ShippingMethod": "shipping_method",
    "ShippingReturnMethod": "shipping_return_method",
    "ShippingGroup": "shipping_group",
    "DeliveryService": "delivery_service",
}
ADDRESS_TEXTS = {
    "FirstName": "first_name",
    "LastName": "last_name",
    "Company": "company",
    "Street": "street",
    "Street2": "street2",
    "PostalCode": "postal_code",
    "City": "city",
    "StateOrProvince": "state",
    "Country": "country",
    "CountryISO": "country_iso",
    "Phone": "phone",
}


def update_sold_items(context: Context) -> Answer:
    """Change orders; every check that can reject the whole batch runs before the first change.

    Raises: RefusedError 32 or 59, 33, 74, 75, 98, 3001-3003; 3004 for an unreadable date or amount (the real
    code is unknown).
    """
    context.level()
    elements = context.request.findall("Orders/Order")
    if not elements:
        raise RefusedError(74)
    if len(elements) > UPDATE_LIMIT:
        raise RefusedError(75)
    targets = [_find(element, context) for element in elements]
    for element, order in zip(elements, targets, strict=True):
        if order is not None:
            _check_labels(element, order)
            _check_attributes(element, order)
            _check_values(element, context)
    unknown = [element for element, order in zip(elements, targets, strict=True) if order is None]
    if len(unknown) == len(elements):
        raise RefusedError(33)
    reading = context.switches.unknown_order
    if unknown and reading == "error_33_nothing_done":
        raise RefusedError(33)
    answer = Answer(context.writer())
    for element, order in zip(elements, targets, strict=True):
        if order is not None:
            _change(element, order, context)
            answer.effects += 1
    if unknown and reading == "error_33_rest_done":
        raise HalfDoneError(answer.effects, 33)
    answer.warnings = [Warned(12, _key(element)) for element in unknown]
    return answer


class HalfDoneError(RefusedError):
    """The answer is an error although part of the batch was executed."""

    def __init__(self, effects: int, *codes: int) -> None:
        """Store the number of changed records."""
        super().__init__(*codes)
        self.effects = effects


def _key(element: Element) -> tuple[str, str]:
    """Return how the request named an order, for use in a warning."""
    order_id = text_of(element, "OrderID")
    return ("OrderID", order_id) if order_id else ("ItemID", text_of(element, "ItemID") or "")


def _find(element: Element, context: Context) -> Order | None:
    """Return the named order; None if there is none, or if a switch forbids to change it before its checkout.

    Raises: RefusedError 32 or 59, depending on a switch, if no order is named.
    """
    order_id, item_id = whole_of(element, "OrderID"), whole_of(element, "ItemID")
    if order_id:
        return context.state.find_order(order_id)
    if not item_id:
        raise RefusedError(context.switches.missing_order_id_code)
    order = context.state.find_order_of_item(item_id)
    if order and order.order_id == 0 and not context.switches.items_without_process_changeable:
        return None
    return order


def _check_labels(element: Element, order: Order) -> None:
    """Check parcel labels. Raises: RefusedError 3001, 3002, 3003.

    "Ascending from 1 without going back" is taken to mean: starts with 1, may repeat a number, may not skip
    one.
    """
    last = 0
    for label in element.findall("ShippingInfo/ParcelLabels/ParcelLabel"):
        item_id, number = whole_of(label, "ItemID"), whole_of(label, "PackageNumber")
        if not item_id or all(item.id != item_id for item in order.items):
            raise RefusedError(3001)
        if number is None or number < 1:
            raise RefusedError(3002)
        if not last <= number <= last + 1:
            raise RefusedError(3003)
        last = number


def _check_attributes(element: Element, order: Order) -> None:
    """Check that an item of the order has each attribute that is to change. Raises: RefusedError 98."""
    known = {name for item in order.items for name, _ in item.attributes}
    for child in element.findall("Attributes/Attribute"):
        if text_of(child, "Name") not in known:
            raise RefusedError(98)


def _check_values(element: Element, context: Context) -> None:
    """Check that dates and amounts are readable. Raises: RefusedError 3004."""
    for path in (*DATES, "FeedbackDate", "XmlDate", "PaymentInfo/PaymentDate", "ShippingInfo/DeliveryDate"):
        _date(element, path)
    for path in ("PaymentInfo/AlreadyPaid", "ShippingInfo/ShippingCost", *_surcharges(context)):
        _decimal(element, path, context)


def _surcharges(context: Context) -> list[str]:
    """Return the paths of elements that contain a payment surcharge."""
    return [f"PaymentInfo/{name}" for name in context.switches.payment_cost_elements]


def _date(element: Element, path: str) -> datetime | None:
    """Return a date of the request; None if absent or empty. Raises: RefusedError 3004."""
    text = text_of(element, path)
    try:
        return read_wall_clock(text, iso=False) if text else None
    except ValueError as error:
        raise RefusedError(3004) from error


def _decimal(element: Element, path: str, context: Context) -> Decimal | None:
    """Return an amount of the request; None if absent, 0 if empty. Raises: RefusedError 3004."""
    text = text_of(element, path)
    try:
        return None if text is None else read_decimal(text or "0", context.switches.point_in_decimals)
    except ValueError as error:
        raise RefusedError(3004) from error


def _change(element: Element, order: Order, context: Context) -> None:
    """Apply one Order; absent elements change nothing, empty ones clear the value."""
    state = context.state
    for name, field in TEXTS.items():
        if (text := text_of(element, name)) is not None:
            setattr(order, field, text)
    for name, field in DATES.items():
        if element.find(name) is not None:
            setattr(order, field, _date(element, name))
    _change_items(element, order, context)
    hide = read_boolean(text_of(element, "HideOrder"), context.switches)
    order.hidden = order.hidden if hide is None else hide
    if element.find("FeedbackDate") is not None:
        feedback = _date(element, "FeedbackDate")
        if feedback:
            state.complete_checkout(order)
        order.feedback_date = feedback
    for number in (1, 2, 3):
        text = text_of(element, f"VorgangsInfo/VorgangsInfo{number}")
        if text is not None:
            order.vorgangs_info[number - 1] = text
    if element.find("Tags") is not None:
        tags = [(child.text or "").strip()[:TAG_LENGTH] for child in element.findall("Tags/Tag")]
        order.tags = [tag for tag in tags if tag]
    address = element.find("BuyerInfo/ShippingAddress")
    if address is not None:
        _change_address(address, order, context)
    payment, shipping = element.find("PaymentInfo"), element.find("ShippingInfo")
    if payment is not None:
        _change_payment(payment, element, order, context)
    if shipping is not None:
        _change_shipping(shipping, element, order, context)
    state.touch(order)


def _change_items(element: Element, order: Order, context: Context) -> None:
    """Apply the values of items: flag, master product, export mark, chosen options."""
    named = whole_of(element, "ItemID")
    items = [item for item in order.items if item.id == named] or order.items
    if (flag := whole_of(element, "UserDefinedFlag")) is not None:
        for item in items:
            item.flag = flag
    product_id = whole_of(element, "ProductID")
    if product_id in context.state.products:
        items[0].product_id, items[0].linked = product_id, True
    exported = read_boolean(text_of(element, "OrderExported"), context.switches)
    if exported is not None:
        for item in items:
            item.exported_at = context.state.now() if exported else None
    if element.find("XmlDate") is not None:
        for item in items:
            item.exported_at = _date(element, "XmlDate")
    changed = {
        text_of(child, "Name"): text_of(child, "Value") or ""
        for child in element.findall("Attributes/Attribute")
    }
    for item in items:
        item.attributes = [(name, changed.get(name, value)) for name, value in item.attributes]


def _change_address(element: Element, order: Order, context: Context) -> None:
    """Apply a shipping address; UseShippingAddress false removes it."""
    if read_boolean(text_of(element, "UseShippingAddress"), context.switches) is False:
        order.shipping_address = None
        return
    changed = replace(order.shipping_address or Address(country="", country_iso=""))
    for name, field in ADDRESS_TEXTS.items():
        if (text := text_of(element, name)) is not None:
            setattr(changed, field, text)
    order.shipping_address = changed


def _change_payment(payment: Element, element: Element, order: Order, context: Context) -> None:
    """Apply PaymentInfo; mails the buyer if requested."""
    for name, field in PAYMENT_TEXTS.items():
        if (text := text_of(payment, name)) is not None:
            setattr(order, field, text)
    if payment.find("PaymentDate") is not None:
        order.payment_date = _date(element, "PaymentInfo/PaymentDate")
    paid = _decimal(element, "PaymentInfo/AlreadyPaid", context)
    if paid is not None:
        adds = context.switches.already_paid == "increment"
        order.already_paid = order.already_paid + paid if adds else paid
    for path in _surcharges(context):
        surcharge = _decimal(element, path, context)
        if surcharge is not None:
            order.full_amount += surcharge - order.surcharge
            order.surcharge = surcharge
    _mail("payment", text_of(payment, "SendPaymentMail"), order, context)


def _change_shipping(shipping: Element, element: Element, order: Order, context: Context) -> None:
    """Apply ShippingInfo; parcel labels replace the old ones; mails the buyer if requested."""
    for name, field in SHIPPING_TEXTS.items():
        if (text := text_of(shipping, name)) is not None:
            setattr(order, field, text)
    cost = _decimal(element, "ShippingInfo/ShippingCost", context)
    if cost is not None:
        order.full_amount += cost - order.shipping_cost
        order.shipping_cost = cost
    if shipping.find("DeliveryDate") is not None:
        order.delivery_date = _date(element, "ShippingInfo/DeliveryDate")
    labels = shipping.findall("ParcelLabels/ParcelLabel")
    if labels:
        order.parcel_labels = [_label(label, context) for label in labels]
    _mail("shipping", text_of(shipping, "SendShippingMail"), order, context)


def _label(element: Element, context: Context) -> ParcelLabel:
    """Return a parcel label that passed the checks."""
    return ParcelLabel(
        whole_of(element, "ItemID") or 0,
        whole_of(element, "PackageNumber") or 0,
        text_of(element, "ParcelLabelNumber") or "",
        text_of(element, "ReturnLabelNumber") or "",
        whole_of(element, "PackageQuantity") or 0,
        _decimal(element, "PackageWeight", context) or Decimal(0),
    )


def _mail(kind: Literal["payment", "shipping"], text: str | None, order: Order, context: Context) -> None:
    """Record a mail to the buyer, if the request asks for one."""
    if read_boolean(text, context.switches):
        context.state.mails_to_buyers.append(BuyerMail(kind, order.order_id, context.state.now()))


def cancel_orders(context: Context) -> Answer:
    """Cancel orders; the answer has VersionID 0, as in the sample. Unknown orders are treated as in updates.

    Raises: RefusedError 32, 33, 74. These are the codes of UpdateSoldItems: this call's own are unknown.
    """
    context.level()
    elements = context.request.findall("OrderCancellations/OrderCancellation")
    if not elements:
        raise RefusedError(74)
    if any(not whole_of(element, "OrderId") for element in elements):
        raise RefusedError(32)
    known = [element for element in elements if context.state.find_order(whole_of(element, "OrderId") or 0)]
    if not known or (
        len(known) < len(elements) and context.switches.unknown_order == "error_33_nothing_done"
    ):
        raise RefusedError(33)
    for element in known:
        booking = whole_of(element, "StockBooking")
        context.state.cancel(
            whole_of(element, "OrderId") or 0,
            booking=-1 if booking is None else booking,
            hide=bool(read_boolean(text_of(element, "HideOrder"), context.switches)),
            mark_id=whole_of(element, "MarkId"),
        )
    if len(known) < len(elements) and context.switches.unknown_order == "error_33_rest_done":
        raise HalfDoneError(len(known), 33)
    missing = [element for element in elements if element not in known]
    warnings = [Warned(12, ("OrderId", text_of(element, "OrderId") or "")) for element in missing]
    return Answer(context.writer(), warnings, effects=len(known), version=0)
