"""Afterbuy's products, their stock, and its catalogs, as it spells them. Source: wire notes 2.1, 2.2, 2.3."""

from typing import Any

from pydantic import ConfigDict

from connectors.afterbuy.wire import Flag, Id, Instant, Many, Number, One, TagsWire, Text, Whole, Wire


class VariationWire(Wire):
    EBayVariationName: Text = ""
    EBayVariationValue: Text = ""


class RelationWire(Wire):
    Quantity: Whole = None
    VariationLabel: Text = ""
    DefaultProduct: Text = ""
    Position: Whole = None
    EBayVariationData: Many[VariationWire] = ()


class BaseProductWire(Wire):
    BaseProductID: Id = ""
    BaseProductType: Text = ""
    BaseProductsRelationData: One[RelationWire] = RelationWire()


class BaseProductsWire(Wire):
    BaseProduct: Many[BaseProductWire] = ()


class TierWire(Wire):
    ScaledQuantity: Whole = None
    ScaledPrice: Number = None
    ScaledDPrice: Number = None


class TiersWire(Wire):
    ScaledDiscount: Many[TierWire] = ()


class NamedPriceWire(Wire):
    DefinitionId: Text = ""
    Name: Text = ""
    Value: Number = None
    Pretax: Flag = None


class NamedPricesWire(Wire):
    AdditionalPrice: Many[NamedPriceWire] = ()


class AttributeWire(Wire):
    AttributName: Text = ""
    AttributeName: Text = ""
    AttributValue: Text = ""
    AttributeValue: Text = ""
    AttributWert: Text = ""


class AttributesWire(Wire):
    Attribut: Many[AttributeWire] = ()
    Attribute: Many[AttributeWire] = ()


class PictureWire(Wire):
    Nr: Whole = None
    Typ: Text = ""
    Url: Text = ""
    AltText: Text = ""


class PicturesWire(Wire):
    ProductPicture: Many[PictureWire] = ()


class CatalogIdsWire(Wire):
    CatalogID: Many[Id] = ()


class SkusWire(Wire):
    Sku: Many[Text] = ()


class ProductWire(Wire):
    """A product. Elements that are not declared stay in `model_extra`, by their name in lower case."""

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
    """Texts by the letters of a car plate, as they came."""


class StockWire(Wire):
    ProductID: Id = ""
    Quantity: Whole = None
    AuctionQuantity: Whole = None


class CatalogWire(Wire):
    CatalogID: Id = ""
    Name: Text = ""
    ParentID: Id = ""
    ParnetID: Id = ""
    Position: Whole = None
    Show: Flag = None
