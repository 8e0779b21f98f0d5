"""Afterbuy's records as it spells them: fields by their name without case, values parsed once each.

Elements that are not declared are ignored; those that samples show in two spellings are declared in both.
Source: wire notes 2.1, 2.2, 2.3, 2.5, 2.7.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator

from connectors.afterbuy.values import parse_day, parse_decimal, parse_flag, parse_instant, parse_whole

T = TypeVar("T")

MAX_MANY = 10_000
"""The most lines, tags or pictures that one record may have; above, it is set aside unread."""


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is list:
        return next((_text(one) for one in value if one), "")
    raise ValueError("not a text")


def _optional(parse: Callable[[str], T]) -> Callable[[Any], T | None]:
    def read(value: Any) -> T | None:
        text = value if type(value) is str else _text(value)
        return parse(text) if text else None

    return read


def _id(value: Any) -> str:
    text = _text(value)
    return "" if text == "0" else text


def _many(value: Any) -> Any:
    if type(value) is list:
        if len(value) > MAX_MANY:
            raise ValueError(f"more than {MAX_MANY} in one record")
        return [one for one in value if one is not None]
    return [] if value is None else [value]


def _container(value: Any) -> Any:
    """Read an empty container as one without children; of repeated ones the first filled one counts."""
    if type(value) is list:
        value = next((one for one in value if one is not None), None)
    return {} if value is None else value


Text = Annotated[str, PlainValidator(_text)]
"""Text; "" where the element is absent or empty. A repeated one is read once."""
Id = Annotated[str, PlainValidator(_id)]
"""A number used as name; "" also for 0, which means "none yet"."""
Number = Annotated[Decimal | None, PlainValidator(_optional(parse_decimal))]
Whole = Annotated[int | None, PlainValidator(_optional(parse_whole))]
Flag = Annotated[bool | None, PlainValidator(_optional(parse_flag))]
Instant = Annotated[datetime | None, PlainValidator(_optional(parse_instant))]
Day = Annotated[date | None, PlainValidator(_optional(parse_day))]
Many = Annotated[list[T], BeforeValidator(_many)]
One = Annotated[T, BeforeValidator(_container)]


class Wire(BaseModel):
    """Fields are read by their name in lower case; errors name them as declared."""

    model_config = ConfigDict(extra="ignore", alias_generator=str.lower, loc_by_alias=False)

    # What can be hashed is shared as a default instead of copied each time; nothing changes a read record.
    __hash__ = object.__hash__


class TagsWire(Wire):
    Tag: Many[Text] = []


# --- orders ----------------------------------------------------------------------------------------------


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
    """Kept as it came: the child repeats its parent's name."""


class ParcelLabelWire(Wire):
    ItemID: Id = ""
    PackageNumber: Text = ""
    ParcelLabelNumber: Text = ""
    ReturnLabelNumber: Text = ""


class ParcelLabelsWire(Wire):
    ParcelLabel: Many[ParcelLabelWire] = []


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
    ChildProduct: Many[ChildProductWire] = []


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
    SoldItemAttribute: Many[ItemAttributeWire] = []


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
    SoldItem: Many[SoldItemWire] = []


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
    SoldItem: Many[StatusItemWire] = []


class OrderStatusWire(Wire):
    """The part of an order that tells how payment and shipping stand, and what is left of it."""

    OrderID: Id = ""
    AdditionalInfo: Text = ""
    PaymentInfo: One[PaymentWire] = PaymentWire()
    ShippingInfo: One[ShippingWire] = ShippingWire()
    SoldItems: One[StatusItemsWire] = StatusItemsWire()
    Tags: One[TagsWire] = TagsWire()


# --- articles --------------------------------------------------------------------------------------------


class VariationWire(Wire):
    EBayVariationName: Text = ""
    EBayVariationValue: Text = ""


class RelationWire(Wire):
    Quantity: Whole = None
    VariationLabel: Text = ""
    DefaultProduct: Text = ""
    Position: Whole = None
    EBayVariationData: Many[VariationWire] = []


class BaseProductWire(Wire):
    BaseProductID: Id = ""
    BaseProductType: Text = ""
    BaseProductsRelationData: One[RelationWire] = RelationWire()


class BaseProductsWire(Wire):
    BaseProduct: Many[BaseProductWire] = []


class TierWire(Wire):
    ScaledQuantity: Whole = None
    ScaledPrice: Number = None
    ScaledDPrice: Number = None


class TiersWire(Wire):
    ScaledDiscount: Many[TierWire] = []


class NamedPriceWire(Wire):
    DefinitionId: Text = ""
    Name: Text = ""
    Value: Number = None
    Pretax: Flag = None


class NamedPricesWire(Wire):
    AdditionalPrice: Many[NamedPriceWire] = []


class AttributeWire(Wire):
    AttributName: Text = ""
    AttributeName: Text = ""
    AttributValue: Text = ""
    AttributeValue: Text = ""
    AttributWert: Text = ""


class AttributesWire(Wire):
    Attribut: Many[AttributeWire] = []
    Attribute: Many[AttributeWire] = []


class PictureWire(Wire):
    Nr: Whole = None
    Typ: Text = ""
    Url: Text = ""
    AltText: Text = ""


class PicturesWire(Wire):
    ProductPicture: Many[PictureWire] = []


class CatalogIdsWire(Wire):
    CatalogID: Many[Id] = []


class SkusWire(Wire):
    Sku: Many[Text] = []


class ProductWire(Wire):
    """Elements that are not declared stay in `model_extra`, by their lower-case name."""

    model_config = ConfigDict(extra="allow")

    ProductID: Id = ""
    Shop20ID: Id = ""
    Anr: Id = ""
    EAN: Text = ""
    Name: Text = ""
    SeoName: Text = ""
    VariationName: Text = ""
    ModDate: Instant = None
    BaseProductFlag: Text = ""
    BaseProducts: One[BaseProductsWire] = BaseProductsWire()
    ShortDescription: Text = ""
    Description: Text = ""
    Keywords: Text = ""
    Quantity: Whole = None
    AuctionQuantity: Whole = None
    MergeStock: Flag = None
    Stock: Flag = None
    Discontinued: Flag = None
    UnitOfQuantity: Text = ""
    BasepriceFactor: Text = ""
    SellingPrice: Number = None
    BuyingPrice: Number = None
    DealerPrice: Number = None
    ScaledDiscounts: One[TiersWire] = TiersWire()
    AdditionalPrices: One[NamedPricesWire] = NamedPricesWire()
    TaxRate: Number = None
    Weight: Number = None
    CountryOfOrigin: Text = ""
    ManufacturerStandardProductIDType: Text = ""
    ManufacturerStandardProductIDValue: Text = ""
    ProductBrand: Text = ""
    ManufacturerPartNumber: Text = ""
    ImageSmallURL: Text = ""
    ImageLargeURL: Text = ""
    ProductPictures: One[PicturesWire] = PicturesWire()
    Tags: One[TagsWire] = TagsWire()
    Skus: One[SkusWire] = SkusWire()
    Catalogs: One[CatalogIdsWire] = CatalogIdsWire()
    Attributes: One[AttributesWire] = AttributesWire()
    MultiLanguage: Any = None
    """Texts by car plate code, as they came."""


class StockWire(Wire):
    ProductID: Id = ""
    Quantity: Whole = None
    AuctionQuantity: Whole = None


# --- lists -----------------------------------------------------------------------------------------------


class CatalogWire(Wire):
    CatalogID: Id = ""
    Name: Text = ""
    ParentID: Id = ""
    ParnetID: Id = ""
    Position: Whole = None
    Show: Flag = None


class PaymentServiceWire(Wire):
    PaymentID: Id = ""
    Name: Text = ""


class ShippingMethodWire(Wire):
    ShippingMethodID: Id = ""
    Name: Text = ""


class WarningWire(Wire):
    WarningCode: Whole = None
    Key: Text = ""
    UserProductID: Text = ""
    ProductID: Text = ""
    OrderID: Text = ""
    ItemID: Text = ""
