"""Afterbuy's orders as it spells them. Source: wire notes 2.5."""

from typing import Any

from connectors.afterbuy.wire import Day, Flag, Id, Instant, Many, Number, One, TagsWire, Text, Whole, Wire


class AddressWire(Wire):
    AfterbuyUserID: Id = ""
    AfterbuyUserIDAlt: Id = ""
    UserIDPlattform: Text = ""
    Title: Text = ""
    FirstName: Text = ""
    LastName: Text = ""
    Company: Text = ""
    Street: Text = ""
    Street2: Text = ""
    PostalCode: Text = ""
    City: Text = ""
    StateOrProvince: Text = ""
    Country: Text = ""
    CountryISO: Text = ""
    Phone: Text = ""
    Fax: Text = ""
    Mail: Text = ""
    IsMerchant: Text = ""
    TaxIDNumber: Text = ""


class BuyerWire(Wire):
    BillingAddress: One[AddressWire] = AddressWire()
    ShippingAddress: One[AddressWire] = AddressWire()


class PaymentDataWire(Wire):
    BankCode: Text = ""
    AccountHolder: Text = ""
    BankName: Text = ""
    AccountNumber: Text = ""
    Iban: Text = ""
    Bic: Text = ""
    ReferenceNumber: Text = ""


class PaymentWire(Wire):
    PaymentID: Text = ""
    PaymentMethod: Text = ""
    PaymentFunction: Text = ""
    PaymentTransactionID: Text = ""
    PaymentStatus: Text = ""
    PaymentInstruction: Text = ""
    EFTID: Text = ""
    PaymentDate: Instant = None
    AlreadyPaid: Number = None
    FullAmount: Number = None
    InvoiceDate: Day = None
    PaymentData: One[PaymentDataWire] = PaymentDataWire()
    PayoutIds: Any = None
    """As it came: the child has its parent's name."""


class ParcelLabelWire(Wire):
    ItemID: Id = ""
    PackageNumber: Text = ""
    ParcelLabelNumber: Text = ""
    ReturnLabelNumber: Text = ""


class ParcelLabelsWire(Wire):
    ParcelLabel: Many[ParcelLabelWire] = ()


class ShippingWire(Wire):
    ShippingMethod: Text = ""
    ShippingReturnMethod: Text = ""
    ShippingGroup: Text = ""
    DeliveryService: Text = ""
    ShippingCost: Number = None
    ShippingAdditionalCost: Number = None
    ShippingTotalCost: Number = None
    ShippingTaxRate: Number = None
    DeliveryDate: Instant = None
    ParcelLabels: One[ParcelLabelsWire] = ParcelLabelsWire()


class ChildProductWire(Wire):
    ProductID: Id = ""
    ProductEAN: Text = ""
    ProductANr: Id = ""
    ProductName: Text = ""
    ProductQuantity: Whole = None


class BaseProductDataWire(Wire):
    BaseProductType: Text = ""
    ChildProduct: Many[ChildProductWire] = ()


class ShopProductWire(Wire):
    ProductID: Id = ""
    Name: Text = ""
    EAN: Text = ""
    Anr: Id = ""
    BaseProductData: One[BaseProductDataWire] = BaseProductDataWire()


class ItemCurrencyWire(Wire):
    ItemPrice: Number = None
    ItemPriceCode: Text = ""


class ItemAttributeWire(Wire):
    AttributeName: Text = ""
    AttributeValue: Text = ""


class ItemAttributesWire(Wire):
    SoldItemAttribute: Many[ItemAttributeWire] = ()


class SoldItemWire(Wire):
    ItemID: Id = ""
    Anr: Id = ""
    PlatformSpecificItemId: Text = ""
    PlatformSpecificOrderId: Id = ""
    EBayTransactionID: Id = ""
    AlternativeItemNumber1: Id = ""
    AlternativeItemNumber: Id = ""
    InternalItemType: Text = ""
    ItemPlatformName: Text = ""
    UserDefinedFlag: Id = ""
    ItemTitle: Text = ""
    ItemQuantity: Whole = None
    ItemPrice: Number = None
    EcoFee: Number = None
    ItemOriginalCurrency: One[ItemCurrencyWire] = ItemCurrencyWire()
    TaxRate: Number = None
    TaxCollectedBy: Text = ""
    PlatformTaxReference: Text = ""
    ItemEndDate: Instant = None
    ItemWeight: Text = ""
    IsAmazonBusiness: Flag = None
    IsAmazonPrime: Flag = None
    IsAmazonInvoiced: Flag = None
    IsExternalInvoice: Flag = None
    FulfillmentServiceLevel: Text = ""
    EBayPlusTransaction: Flag = None
    ShopProductDetails: One[ShopProductWire] = ShopProductWire()
    SoldItemAttributes: One[ItemAttributesWire] = ItemAttributesWire()
    Tags: One[TagsWire] = TagsWire()


class SoldItemsWire(Wire):
    SoldItem: Many[SoldItemWire] = ()


class OriginalAmountsWire(Wire):
    EbayShippingAmount: Number = None
    ShippingAmount: Number = None
    PaymentSurcharge: Number = None
    PaymentSurchargePerCent: Number = None
    InvoiceAmount: Number = None
    ExchangeRate: Number = None
    PayedAmount: Number = None


class ProcessInfoWire(Wire):
    VorgangsInfo1: Text = ""
    VorgangsInfo2: Text = ""
    VorgangsInfo3: Text = ""


class OrderWire(Wire):
    OrderID: Id = ""
    InvoiceNumber: Id = ""
    EbayAccount: Text = ""
    AmazonAccount: Text = ""
    Anr: Id = ""
    AlternativeItemNumber1: Id = ""
    OrderIDAlt: Id = ""
    OrderDate: Instant = None
    FeedbackDate: Instant = None
    UserComment: Text = ""
    Memo: Text = ""
    InvoiceMemo: Text = ""
    AdditionalInfo: Text = ""
    TrackingLink: Text = ""
    PaymentInfo: One[PaymentWire] = PaymentWire()
    IsCheckoutConfirmedByCustomer: Text = ""
    BuyerInfo: One[BuyerWire] = BuyerWire()
    ContainseBayPlusTransaction: Flag = None
    SoldItems: One[SoldItemsWire] = SoldItemsWire()
    ShippingInfo: One[ShippingWire] = ShippingWire()
    VorgangsInfo: One[ProcessInfoWire] = ProcessInfoWire()
    Tags: One[TagsWire] = TagsWire()
    OrderOriginalCurrency: One[OriginalAmountsWire] = OriginalAmountsWire()


class StatusItemWire(Wire):
    ItemID: Id = ""
    ItemQuantity: Whole = None
    UserDefinedFlag: Id = ""
    Tags: One[TagsWire] = TagsWire()


class StatusItemsWire(Wire):
    SoldItem: Many[StatusItemWire] = ()


class OrderStatusWire(Wire):
    """The part of an order that says what was paid and shipped, and how many units its lines have."""

    OrderID: Id = ""
    AdditionalInfo: Text = ""
    PaymentInfo: One[PaymentWire] = PaymentWire()
    ShippingInfo: One[ShippingWire] = ShippingWire()
    SoldItems: One[StatusItemsWire] = StatusItemsWire()
    Tags: One[TagsWire] = TagsWire()
