"""From Afterbuy's products and catalogs to our articles and categories (wire notes 2.1, 2.2)."""

import html
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.afterbuy.countries import ISO, LANGUAGES
from connectors.afterbuy.settings import AfterbuySettings, StockPool, WeightUnit
from connectors.afterbuy.values import is_storable, parse_decimal, valid_gtin
from connectors.afterbuy.wire_articles import BaseProductWire, CatalogWire, ProductWire, StockWire
from connectors.errors import RecordError
from models.catalog.records import (
    ArticleData,
    ArticleKind,
    CategoryData,
    ImageData,
    MemberData,
    PriceData,
    TextData,
)

KIND = {
    "": ArticleKind.single,
    "0": ArticleKind.single,
    "1": ArticleKind.parent,
    "2": ArticleKind.bundle,
    "3": ArticleKind.single,
}
"""By BaseProductFlag. A product with flag 3 belongs to a set, and is a variant if that is a variation set."""

DEALER_GROUP = "dealer"
_MEMBER = "3"
_VARIATION_SET = "1"
_MAX_SKU = 120


def article_from_wire(wire: ProductWire, settings: AfterbuySettings) -> ArticleData:
    """Return the article for one product; prices are gross in the account's currency, modified_at is UTC.

    Only the set lists its members, in `members`; a member names its sets in meta.
    Raises: RecordError, if the ProductID is missing, BaseProductFlag is not in KIND, or a bundle has a part
    with a quantity below one.
    """
    external_id = wire.ProductID
    if not external_id:
        raise RecordError("", "ProductID: missing")
    if wire.BaseProductFlag not in KIND:
        raise RecordError(external_id, "BaseProductFlag: not one of 0 to 3")
    kind = KIND[wire.BaseProductFlag]
    related = [base for base in wire.BaseProducts.BaseProduct if base.BaseProductID]
    if wire.BaseProductFlag == _MEMBER and any(base.BaseProductType == _VARIATION_SET for base in related):
        kind = ArticleKind.variant
    is_set = kind in (ArticleKind.parent, ArticleKind.bundle)
    quantity = quantity_of(wire, settings.stock_pool)
    sku = sku_of(wire, settings)
    unit, content = _unit(wire)
    return ArticleData(
        external_id=external_id,
        sku=sku,
        kind=kind,
        channel_number=wire.Anr,
        gtin=_gtin(wire),
        manufacturer=wire.ProductBrand,
        manufacturer_number=wire.ManufacturerPartNumber,
        texts=_texts(wire, settings.language, sku),
        prices=_prices(wire, settings.currency),
        tax_rate=wire.TaxRate,
        weight_grams=_grams(wire.Weight, settings.weight_unit),
        unit=unit,
        unit_content=content,
        country_of_origin=wire.CountryOfOrigin.upper() if wire.CountryOfOrigin.upper() in ISO else "",
        category_ids=list(dict.fromkeys(one for one in wire.Catalogs.CatalogID if one)),
        images=_images(wire),
        attributes=_attributes(wire),
        members=[_member(base, kind, external_id) for base in related] if is_set else [],
        meta=_meta(wire, related, is_set, quantity, content),
        active=not wire.Discontinued,
        # Whether a set's quantity is its own or comes from its members is not known.
        quantity=None if is_set else quantity,
        modified_at=wire.ModDate,
    )


def category_from_wire(wire: CatalogWire, enclosing_id: str = "") -> CategoryData:
    """Return the category for one catalog; its name is unescaped again, because Afterbuy escapes it twice.

    `enclosing_id` is the catalog around it, which counts if it names no parent itself.
    Raises: RecordError, if the CatalogID is missing.
    """
    if not wire.CatalogID:
        raise RecordError("", "CatalogID: missing")
    return CategoryData(
        external_id=wire.CatalogID,
        name=html.unescape(wire.Name) or wire.CatalogID,
        parent_external_id=wire.ParentID or wire.ParnetID or enclosing_id,
        position=wire.Position or 0,
        visible=wire.Show is not False,
    )


def quantity_of(wire: ProductWire | StockWire, pool: StockPool) -> int | None:
    """Return the quantity in the stock pool, in two pools the smaller one; None if Afterbuy sent none."""
    if pool is StockPool.quantity:
        return wire.Quantity
    if pool is StockPool.auction:
        return wire.AuctionQuantity
    figures = [figure for figure in (wire.Quantity, wire.AuctionQuantity) if figure is not None]
    return min(figures, default=None)


def sku_of(wire: ProductWire, settings: AfterbuySettings) -> str:
    """Return the number that the setting names, or else the Anr, or else `AB-` with the ProductID."""
    named = {
        "ean": wire.EAN,
        "anr": wire.Anr,
        "product_id": wire.ProductID,
        "sku": next((sku for sku in wire.Skus.Sku if sku), ""),
    }[settings.sku_field]
    return (named or wire.Anr or f"AB-{wire.ProductID}")[:_MAX_SKU]


def _gtin(wire: ProductWire) -> str:
    kind = wire.ManufacturerStandardProductIDType.upper()
    value = wire.ManufacturerStandardProductIDValue.replace(" ", "").replace("-", "")
    return (valid_gtin(value) if kind != "ASIN" else "") or valid_gtin(wire.EAN)


def _texts(wire: ProductWire, language: str, sku: str) -> dict[str, TextData]:
    title = wire.Name or wire.VariationName or sku
    texts = {
        language: TextData(
            title=title,
            short_description=wire.ShortDescription,
            description=wire.Description,
            keywords=wire.Keywords,
        )
    }
    for plate, values in _languages(wire).items():
        other = LANGUAGES.get(plate)
        name = str(values.get("name") or "")
        long, short = str(values.get("beschreibung") or ""), str(values.get("kurzbeschreibung") or "")
        if other and other not in texts and (name or long or short):
            texts[other] = TextData(title=name or title, short_description=short, description=long)
    return texts


def _languages(wire: ProductWire) -> dict[str, dict[str, Any]]:
    """Return the values below MultiLanguage, by the letters of a car plate."""
    if not isinstance(wire.MultiLanguage, dict):
        return {}
    return {plate.upper(): values for plate, values in wire.MultiLanguage.items() if isinstance(values, dict)}


def _prices(wire: ProductWire, currency: str) -> list[PriceData]:
    """Return one price for each group and quantity. The first one counts; zero means an unused slot."""
    found: dict[tuple[str, int], Decimal] = {}
    if wire.SellingPrice is not None:
        found[("", 1)] = wire.SellingPrice
    if wire.DealerPrice:
        found[(DEALER_GROUP, 1)] = wire.DealerPrice
    for tier in wire.ScaledDiscounts.ScaledDiscount:
        quantity = tier.ScaledQuantity or 0
        if quantity > 1:
            for group, amount in (("", tier.ScaledPrice), (DEALER_GROUP, tier.ScaledDPrice)):
                if amount:
                    found.setdefault((group, quantity), amount)
    for named in wire.AdditionalPrices.AdditionalPrice:
        group = named.Name or named.DefinitionId
        if named.Value and group:
            found.setdefault((group, 1), named.Value)
    return [
        PriceData(amount=amount, currency=currency, price_group=group, min_quantity=quantity)
        for (group, quantity), amount in found.items()
    ]


def _grams(weight: Decimal | None, unit: WeightUnit) -> int | None:
    if not weight:
        return None
    grams = weight * 1000 if unit is WeightUnit.kg else weight
    return int(grams.quantize(Decimal(1), ROUND_HALF_UP))


def _unit(wire: ProductWire) -> tuple[str, Decimal | None]:
    """Return the unit and its content. One client writes each into the other's element."""
    unit, factor = wire.UnitOfQuantity, wire.BasepriceFactor
    content = _number(factor)
    if content is None and factor:
        swapped = _number(unit)
        if swapped is not None or not unit:
            return factor, swapped or None
    return unit, content or None


def _number(text: str) -> Decimal | None:
    try:
        number = parse_decimal(text) if text else None
    except ValueError:
        return None
    return number if is_storable(number) else None


def _images(wire: ProductWire) -> list[ImageData]:
    """Return the main picture, then the full-size pictures by number; smaller copies are left out."""
    images: dict[str, str] = {}
    main = wire.ImageLargeURL or wire.ImageSmallURL
    if main:
        images[main] = ""
    pictures = [picture for picture in wire.ProductPictures.ProductPicture if picture.Typ in ("", "0")]
    for picture in sorted(pictures, key=lambda picture: picture.Nr or 0):
        if picture.Url and not images.get(picture.Url):
            images[picture.Url] = picture.AltText
    return [ImageData(url=url, alt=alt) for url, alt in images.items()]


def _attributes(wire: ProductWire) -> dict[str, str]:
    attributes: dict[str, list[str]] = {}
    for one in [*wire.Attributes.Attribut, *wire.Attributes.Attribute]:
        name = one.AttributName or one.AttributeName
        # The options of a drop-down may begin with a separator.
        value = (one.AttributValue or one.AttributeValue or one.AttributWert).removeprefix(";").strip()
        if name and value:
            attributes.setdefault(name, []).append(value)
    return {name: "; ".join(values) for name, values in attributes.items()}


def _member(base: BaseProductWire, kind: ArticleKind, external_id: str) -> MemberData:
    relation = base.BaseProductsRelationData
    quantity = 1 if relation.Quantity is None else relation.Quantity
    if quantity < 1:
        if kind is ArticleKind.bundle:
            raise RecordError(external_id, f"BaseProduct {base.BaseProductID}/Quantity: below one")
        quantity = 1
    return MemberData(
        external_id=base.BaseProductID,
        quantity=quantity,
        label=relation.VariationLabel,
        position=relation.Position or 0,
        values=_axes(base),
    )


def _axes(base: BaseProductWire) -> dict[str, str]:
    """Return a variant's values by axis, e.g. {"Größe": "M"}.

    Without axes the label counts, which is free text, if all of it reads `name: value; name: value`.
    """
    relation = base.BaseProductsRelationData
    axes = {
        axis.EBayVariationName: axis.EBayVariationValue
        for axis in relation.EBayVariationData
        if axis.EBayVariationName and axis.EBayVariationValue
    }
    if axes:
        return axes
    pairs = [part.partition(":") for part in relation.VariationLabel.split(";") if part.strip()]
    if all(name.strip() and value.strip() for name, _, value in pairs):
        return {name.strip(): value.strip() for name, _, value in pairs}
    return {}


def _meta(
    wire: ProductWire,
    related: Sequence[BaseProductWire],
    is_set: bool,
    quantity: int | None,
    unit_content: Decimal | None,
) -> dict[str, Any]:
    """Return what has no field of its own. An undeclared element keeps its name, in lower case."""
    unread = {
        plate: values
        for plate, values in _languages(wire).items()
        if plate not in LANGUAGES and any(values.values())
    }
    meta: dict[str, Any] = {
        "shop_id": wire.Shop20ID,
        "seo_name": wire.SeoName,
        "variation_name": wire.VariationName,
        "buying_price": "" if not wire.BuyingPrice else f"{wire.BuyingPrice:f}",
        "net_price_groups": [
            named.Name or named.DefinitionId
            for named in wire.AdditionalPrices.AdditionalPrice
            if named.Pretax
        ],
        "unit_content": wire.BasepriceFactor if unit_content is None else "",
        "standard_id": " ".join(
            part
            for part in (wire.ManufacturerStandardProductIDType, wire.ManufacturerStandardProductIDValue)
            if part
        ),
        "skus": [sku for sku in wire.Skus.Sku if sku],
        "tags": [tag for tag in wire.Tags.Tag if tag],
        "parent_ids": [base.BaseProductID for base in related] if not is_set else [],
        "merge_stock": wire.MergeStock,
        "auction_quantity": wire.AuctionQuantity,
        "quantity_told": quantity if is_set else None,
        "stock_managed": wire.Stock,
        "texts_by_country": unread,
    }
    extra = {name: value for name, value in (wire.model_extra or {}).items() if value is not None}
    return extra | {name: value for name, value in meta.items() if value not in (None, "", [], {})}
