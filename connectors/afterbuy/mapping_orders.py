"""From Afterbuy's orders to ours (wire notes 2.5)."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.afterbuy.countries import country_of
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.values import day_alone, is_storable, valid_gtin
from connectors.afterbuy.wire_orders import (
    AddressWire,
    ChildProductWire,
    OrderStatusWire,
    OrderWire,
    ParcelLabelWire,
    PaymentWire,
    ShippingWire,
    SoldItemWire,
)
from connectors.errors import RecordError
from connectors.protocols.orders import OrderStatus
from models.orders.records import AddressData, ComponentData, OrderData, OrderLineData

ITEM_PREFIX = "item-"
"""An order without an OrderID is named after its first item, e.g. "item-4711"."""

ZERO = Decimal(0)
_VARIATION_SET = "1"
_COLLECTED_BY_MARKETPLACE = "1"
_PARTS_OF_TRACKING = re.compile(r"[,;|\r\n]+")


def order_from_wire(wire: OrderWire, settings: AfterbuySettings) -> OrderData:
    """Return the order for one wire record; amounts are gross in the account's currency, times are UTC.

    The total stays as Afterbuy sends it, even if lines, shipping and surcharge do not add up to it.
    Raises: RecordError, if an item's id, quantity or price is missing, or the total, or every date.
    """
    items = wire.SoldItems.SoldItem
    external_id = order_id_of(wire.OrderID, [item.ItemID for item in items])
    if not external_id:
        raise RecordError("", "OrderID and ItemID: both missing")
    lines = [_line(item, external_id, settings) for item in items]
    _refuse_doubles(external_id, [line.external_id for line in lines])
    payment, shipping = wire.PaymentInfo, wire.ShippingInfo
    placed_at = wire.OrderDate or _earliest(item.ItemEndDate for item in items) or wire.FeedbackDate
    if placed_at is None:
        raise RecordError(external_id, "OrderDate: missing")
    goods = sum((line.price * line.quantity for line in lines), ZERO)
    shipping_amount = _shipping_amount(shipping)
    total = payment.FullAmount
    if total is None:
        if wire.OrderID:
            raise RecordError(external_id, "PaymentInfo/FullAmount: missing")
        # Before the checkout there may be no total.
        total = goods + shipping_amount
    paid = payment.AlreadyPaid or ZERO
    # The date alone says nothing: an order has it even if nothing is paid.
    paid_at = payment.PaymentDate if paid or not total else None
    numbers = _numbers(wire)
    billing = wire.BuyerInfo.BillingAddress
    delivery = wire.BuyerInfo.ShippingAddress
    tracking, rest = tracking_of(wire.AdditionalInfo, shipping.ParcelLabels.ParcelLabel)
    return OrderData(
        external_id=external_id,
        channel_number=numbers[0] if numbers else "",
        alternative_number=numbers[1] if len(numbers) > 1 else "",
        platform=_platform(wire),
        placed_at=placed_at,
        checkout_at=wire.FeedbackDate or _settled_at(payment, shipping, paid, total),
        currency=settings.currency,
        total=total,
        shipping_amount=shipping_amount,
        shipping_tax_rate=shipping.ShippingTaxRate,
        fee_amount=_fee(wire, total - goods - shipping_amount, settings.currency),
        exchange_rate=_kept(wire.OrderOriginalCurrency.ExchangeRate) or None,
        original_total=_kept(wire.OrderOriginalCurrency.InvoiceAmount),
        original_currency=_original_currency(items),
        paid_amount=paid,
        paid_at=paid_at,
        paid_on=day_alone(paid_at),
        payment_method=payment.PaymentFunction or payment.PaymentID,
        payment_method_name=payment.PaymentMethod,
        payment_reference=payment.PaymentTransactionID,
        payment_details=_payment_details(payment),
        shipping_method=shipping.ShippingMethod,
        carrier=shipping.DeliveryService,
        shipped_at=shipping.DeliveryDate,
        shipped_on=day_alone(shipping.DeliveryDate),
        tracking_numbers=tracking,
        cancelled=_cancelled(wire, settings),
        customer_id=billing.AfterbuyUserID,
        customer_name=billing.UserIDPlattform,
        billing=_address(billing),
        # A company may have no last name: what makes an address is the place.
        shipping=_address(delivery) if delivery.Street or delivery.PostalCode or delivery.City else None,
        buyer_comment=wire.UserComment,
        memo=wire.Memo,
        invoice_number=wire.InvoiceNumber,
        invoice_on=payment.InvoiceDate.isoformat() if payment.InvoiceDate else "",
        externally_invoiced=any(item.IsExternalInvoice or item.IsAmazonInvoiced for item in items),
        tags=_unique([*wire.Tags.Tag, *(tag for item in items for tag in item.Tags.Tag)]),
        meta=_meta(wire, rest),
        lines=lines,
    )


def status_from_wire(wire: OrderStatusWire, settings: AfterbuySettings) -> OrderStatus:
    """Return what an order says about its payment and shipment, and the units of its lines."""
    shipping = wire.ShippingInfo
    paid = wire.PaymentInfo.AlreadyPaid or ZERO
    return OrderStatus(
        external_id=order_id_of(wire.OrderID, [item.ItemID for item in wire.SoldItems.SoldItem]),
        paid_amount=paid,
        paid_at=wire.PaymentInfo.PaymentDate,
        shipped_at=shipping.DeliveryDate,
        shipped_on=day_alone(shipping.DeliveryDate),
        carrier=shipping.DeliveryService,
        tracking_numbers=tracking_of(wire.AdditionalInfo, shipping.ParcelLabels.ParcelLabel)[0],
        cancelled=_cancelled(wire, settings),
        lines={item.ItemID: item.ItemQuantity or 0 for item in wire.SoldItems.SoldItem if item.ItemID},
    )


def is_order_number(text: str) -> bool:
    """Whether a text may be an OrderID: OrderIDs are whole numbers that rise with time."""
    return text.isascii() and text.isdigit()


def is_provisional(order_external_id: str) -> bool:
    """Whether an order is named after an item, because its checkout has not given it an OrderID yet."""
    return order_external_id.startswith(ITEM_PREFIX)


def order_id_of(order_id: str, item_ids: list[str]) -> str:
    """Return our external id: the OrderID, or `item-` with the lowest ItemID if the OrderID is empty."""
    if order_id:
        return order_id
    named = [item_id for item_id in item_ids if item_id]
    return ITEM_PREFIX + min(named, key=lambda item_id: (len(item_id), item_id)) if named else ""


def tracking_of(additional_info: str, labels: Iterable[ParcelLabelWire]) -> tuple[list[str], str]:
    """Return the tracking numbers, and the other text of AdditionalInfo.

    By custom AdditionalInfo holds them, separated by commas; a word in it is no number.
    """
    numbers: list[str] = []
    words: list[str] = []
    for part in _PARTS_OF_TRACKING.split(additional_info):
        text = part.strip()
        joined = "".join(text.split())
        if not text:
            continue
        if any(sign.isdigit() for sign in text) and (joined == text or joined.isdigit()):
            numbers.append(text)
        else:
            words.append(text)
    numbers.extend(label.ParcelLabelNumber for label in labels if label.ParcelLabelNumber)
    return _unique(numbers), ", ".join(words)


def _line(item: SoldItemWire, order_id: str, settings: AfterbuySettings) -> OrderLineData:
    if not item.ItemID:
        raise RecordError(order_id, "SoldItem/ItemID: missing")
    where = f"SoldItem {item.ItemID}"
    if item.ItemQuantity is None:
        raise RecordError(order_id, f"{where}/ItemQuantity: missing")
    if item.ItemPrice is None:
        raise RecordError(order_id, f"{where}/ItemPrice: missing")
    if item.ItemQuantity < 0:
        raise RecordError(order_id, f"{where}/ItemQuantity: below zero")
    product = item.ShopProductDetails
    ean, anr, product_id = product.EAN, product.Anr, product.ProductID
    children = product.BaseProductData.ChildProduct
    if product.BaseProductData.BaseProductType == _VARIATION_SET:
        # Whether ProductID is the variant or its parent is not known; a single child is the variant sold.
        if len(children) == 1:
            child = children[0]
            ean, anr, product_id = child.ProductEAN, child.ProductANr, child.ProductID or product_id
        children = ()
    sku = {"anr": anr, "product_id": product_id}.get(settings.sku_field, ean)
    return OrderLineData(
        external_id=item.ItemID,
        title=item.ItemTitle,
        quantity=item.ItemQuantity,
        price=item.ItemPrice,
        tax_rate=item.TaxRate,
        tax_collected_by_channel=item.TaxCollectedBy == _COLLECTED_BY_MARKETPLACE,
        listing_id=product_id,
        sku=sku,
        gtin=valid_gtin(ean),
        channel_number=item.Anr or anr,
        channel_order_number=item.PlatformSpecificOrderId,
        attributes=_attributes(item),
        components=[_component(child, order_id, where, settings) for child in children],
        original_price=_kept(item.ItemOriginalCurrency.ItemPrice),
        original_currency=item.ItemOriginalCurrency.ItemPriceCode,
        eco_fee=_kept(item.EcoFee),
    )


def _component(
    child: ChildProductWire, order_id: str, where: str, settings: AfterbuySettings
) -> ComponentData:
    quantity = 1 if child.ProductQuantity is None else child.ProductQuantity
    if quantity < 1:
        raise RecordError(order_id, f"{where}/ChildProduct/ProductQuantity: below one")
    return ComponentData(
        external_id=child.ProductID,
        sku={"anr": child.ProductANr, "product_id": child.ProductID}.get(
            settings.sku_field, child.ProductEAN
        ),
        channel_number=child.ProductANr,
        title=child.ProductName,
        quantity=quantity,
    )


def _attributes(item: SoldItemWire) -> dict[str, str]:
    attributes: dict[str, list[str]] = {}
    for attribute in item.SoldItemAttributes.SoldItemAttribute:
        name, value = attribute.AttributeName, attribute.AttributeValue
        if name and value:
            attributes.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in attributes.items()}


def _refuse_doubles(order_id: str, item_ids: list[str]) -> None:
    if len(set(item_ids)) < len(item_ids):
        double = Counter(item_ids).most_common(1)[0][0]
        raise RecordError(order_id, f"SoldItem {double}: occurs twice")


def _numbers(wire: OrderWire) -> list[str]:
    """Return the order's other numbers: the marketplace's, then the alternative one, then a shop's."""
    items = wire.SoldItems.SoldItem
    found = [
        next((item.PlatformSpecificOrderId for item in items if item.PlatformSpecificOrderId), ""),
        wire.AlternativeItemNumber1
        or next((item.AlternativeItemNumber1 for item in items if item.AlternativeItemNumber1), ""),
        wire.OrderIDAlt,
    ]
    return _unique(found)


def _platform(wire: OrderWire) -> str:
    for item in wire.SoldItems.SoldItem:
        if item.ItemPlatformName:
            return item.ItemPlatformName.lower()
    if wire.AmazonAccount:
        return "amazon"
    return "ebay" if wire.EbayAccount else ""


def _settled_at(
    payment: PaymentWire, shipping: ShippingWire, paid: Decimal, total: Decimal
) -> datetime | None:
    """Return when an order without FeedbackDate was settled; None if its buyer still has to act.

    An order that is paid in full or has left is no longer "new" (wire notes 2.5: what NewAuctions lacks).
    """
    if paid and paid >= total and payment.PaymentDate is not None:
        return payment.PaymentDate
    return shipping.DeliveryDate


def _shipping_amount(shipping: ShippingWire) -> Decimal:
    if shipping.ShippingTotalCost is not None:
        return shipping.ShippingTotalCost
    return (shipping.ShippingCost or ZERO) + (shipping.ShippingAdditionalCost or ZERO)


def _fee(wire: OrderWire, difference: Decimal, currency: str) -> Decimal:
    """Return the surcharge, if it is exactly what the total has above goods and shipping, or else zero.

    Afterbuy sends a payment surcharge only in the buyer's currency, and shipping costs may include it;
    whether prices include eco fees is not known either.
    """
    if difference <= 0:
        return ZERO
    items = wire.SoldItems.SoldItem
    eco = sum((item.EcoFee * (item.ItemQuantity or 0) for item in items if item.EcoFee), ZERO)
    same_currency = _original_currency(items) in ("", currency)
    surcharge = (wire.OrderOriginalCurrency.PaymentSurcharge or ZERO) if same_currency else ZERO
    return difference if difference in (surcharge, eco, surcharge + eco) else ZERO


def _original_currency(items: Sequence[SoldItemWire]) -> str:
    codes = (item.ItemOriginalCurrency.ItemPriceCode for item in items)
    return next((code.upper() for code in codes if code), "")


def _cancelled(wire: OrderWire | OrderStatusWire, settings: AfterbuySettings) -> bool:
    """Whether a tag of the order, or a tag or the marker of each of its items, means "cancelled"."""
    if not settings.cancelled_flags and not settings.cancelled_tags:
        return False
    words = {tag.casefold() for tag in settings.cancelled_tags}
    if any(tag.casefold() in words for tag in wire.Tags.Tag):
        return True
    items = wire.SoldItems.SoldItem
    return bool(items) and all(
        item.UserDefinedFlag in settings.cancelled_flags
        or any(tag.casefold() in words for tag in item.Tags.Tag)
        for item in items
    )


def _payment_details(payment: PaymentWire) -> dict[str, str]:
    bank = payment.PaymentData
    details = {
        "payment_id": payment.PaymentID,
        "status": payment.PaymentStatus,
        "instruction": payment.PaymentInstruction,
        "eft_id": payment.EFTID,
        "bank_code": bank.BankCode,
        "account_holder": bank.AccountHolder,
        "bank_name": bank.BankName,
        "account_number": bank.AccountNumber,
        "iban": bank.Iban,
        "bic": bank.Bic,
        "reference_number": bank.ReferenceNumber,
    }
    return {name: value for name, value in details.items() if value}


def _address(wire: AddressWire) -> AddressData:
    return AddressData(
        company=wire.Company,
        salutation=wire.Title,
        first_name=wire.FirstName,
        last_name=wire.LastName,
        street=wire.Street,
        street2=wire.Street2,
        postcode=wire.PostalCode,
        city=wire.City,
        state=wire.StateOrProvince,
        country=country_of(wire.CountryISO, wire.Country),
        phone=wire.Phone,
        email=wire.Mail,
        vat_id=wire.TaxIDNumber,
    )


def _meta(wire: OrderWire, additional_info: str) -> dict[str, Any]:
    """Return what has no field of its own: amounts as text, and nothing that is empty."""
    billing, delivery = wire.BuyerInfo.BillingAddress, wire.BuyerInfo.ShippingAddress
    original = wire.OrderOriginalCurrency
    shipping = wire.ShippingInfo
    meta: dict[str, Any] = {
        "ebay_account": wire.EbayAccount,
        "amazon_account": wire.AmazonAccount,
        "listing_number": wire.Anr,
        "shop_order_number": wire.OrderIDAlt,
        "additional_info": additional_info,
        "tracking_link": wire.TrackingLink,
        "invoice_memo": wire.InvoiceMemo,
        "checkout_confirmed": wire.IsCheckoutConfirmedByCustomer,
        "ebay_plus": wire.ContainseBayPlusTransaction or False,
        "customer_alternative_id": billing.AfterbuyUserIDAlt,
        "merchant": billing.IsMerchant,
        "fax": billing.Fax,
        "billing_country": "" if country_of(billing.CountryISO, billing.Country) else _country_text(billing),
        "shipping_country": ""
        if country_of(delivery.CountryISO, delivery.Country)
        else _country_text(delivery),
        "return_method": shipping.ShippingReturnMethod,
        "shipping_group": shipping.ShippingGroup,
        "shipping_cost": _plain(shipping.ShippingCost),
        "shipping_additional_cost": _plain(shipping.ShippingAdditionalCost),
        "return_labels": _unique(label.ReturnLabelNumber for label in shipping.ParcelLabels.ParcelLabel),
        "process_info_1": wire.VorgangsInfo.VorgangsInfo1,
        "process_info_2": wire.VorgangsInfo.VorgangsInfo2,
        "process_info_3": wire.VorgangsInfo.VorgangsInfo3,
        "payouts": wire.PaymentInfo.PayoutIds,
        "exchange_rate": _too_fine(original.ExchangeRate),
        "original_total": _too_fine(original.InvoiceAmount),
        "original_shipping": _plain(original.ShippingAmount),
        "original_ebay_shipping": _plain(original.EbayShippingAmount),
        "original_surcharge": _plain(original.PaymentSurcharge),
        "original_surcharge_percent": _plain(original.PaymentSurchargePerCent),
        "original_paid": _plain(original.PayedAmount),
        "total_computed": wire.PaymentInfo.FullAmount is None,
        "lines": {item.ItemID: rest for item in wire.SoldItems.SoldItem if (rest := _line_meta(item))},
    }
    return {name: value for name, value in meta.items() if value}


def _line_meta(item: SoldItemWire) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "marketplace_item": item.PlatformSpecificItemId,
        "ebay_transaction": item.EBayTransactionID,
        "alternative_number_1": item.AlternativeItemNumber1,
        "alternative_number": item.AlternativeItemNumber,
        "item_type": item.InternalItemType,
        "platform": item.ItemPlatformName,
        "flag": item.UserDefinedFlag,
        "weight": item.ItemWeight,
        "original_price": _too_fine(item.ItemOriginalCurrency.ItemPrice),
        "eco_fee": _too_fine(item.EcoFee),
        "tax_reference": item.PlatformTaxReference,
        "service_level": item.FulfillmentServiceLevel,
        "amazon_business": item.IsAmazonBusiness,
        "amazon_prime": item.IsAmazonPrime,
        "amazon_invoiced": item.IsAmazonInvoiced,
        "ebay_plus": item.EBayPlusTransaction,
        "master_product": item.ShopProductDetails.ProductID,
        "master_name": item.ShopProductDetails.Name,
    }
    return {name: value for name, value in meta.items() if value}


def _country_text(address: AddressWire) -> str:
    return address.CountryISO or address.Country


def _kept(number: Decimal | None) -> Decimal | None:
    """Return a number that four decimal places can hold, or else None: then meta keeps it as text."""
    return number if is_storable(number) else None


def _too_fine(number: Decimal | None) -> str:
    return "" if is_storable(number) else _plain(number)


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _earliest(dates: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in dates if at is not None), default=None)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
