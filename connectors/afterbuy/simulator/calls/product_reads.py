"""GetShopProducts, GetShopCatalogs and GetStockInfo.

Source: wire notes sections 1.5, 2.1, 2.2, 2.3.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from xml.sax.saxutils import escape

from connectors.afterbuy.simulator.calls.filters import (
    Filter,
    read_filters,
    read_levels,
    read_range,
    read_window,
    whole_values,
    within,
)
from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.records import Attribute, Catalog, Member, Product
from connectors.afterbuy.simulator.values import BERLIN
from connectors.afterbuy.simulator.wire.envelope import (
    Answer,
    Element,
    RefusedError,
    Warned,
    text_of,
    whole_of,
)
from connectors.afterbuy.simulator.wire.writer import Writer

Test = Callable[[Product], bool]

NO_MEMO, STOCK, BASE, CATALOGS, AVAILABILITY, LANGUAGES = 2, 4, 8, 16, 64, 128

PRODUCT_FILTERS = (
    "ProductID",
    "Anr",
    "Ean",
    "Tag",
    "DefaultFilter",
    "Level",
    "RangeID",
    "RangeAnr",
    "DateFilter",
)
PRODUCT_DATES = {"ModDate": "mod_date", "LastSale": "last_sale", "LastStockChange": "last_stock_change"}
SETS = {"AllSets": (1, 2), "VariationsSets": (1,), "ProductSets": (2,)}

STOCK_INFO_LIMIT = 500
DAY_HOURS = range(10, 15)
TIER_SLOTS = 5


def get_shop_products(context: Context) -> Answer:
    """Return one page of products by ascending id, from a RangeID on or by page number.

    With the switch `product_order` set to "modified" they are sorted by ModDate instead.

    Raises: RefusedError 15, 16, 18, and those of filters.
    """
    level = context.level(NO_MEMO, STOCK, BASE, CATALOGS, AVAILABILITY, LANGUAGES)
    size = context.page_size("MaxShopItems", context.switches.default_max_shop_items, 250, 16)
    filters = read_filters(context.request, PRODUCT_FILTERS, context.switches)
    tests = [_product_test(entry, context) for entry in filters]
    paged = text_of(context.request, "PaginationEnabled") == "1"
    number = max(whole_of(context.request, "PageNumber") or 1, 1) if paged else 1
    rows = (product for product in _from_cursor(context, filters) if all(test(product) for test in tests))
    if paged or context.switches.product_order == "modified":
        matching = list(rows)
    else:
        # One row more than the page shows whether there is another page; the rest is not examined.
        matching = list(islice(rows, size + 1))
    if context.switches.product_order == "modified":
        matching.sort(key=lambda product: product.mod_date)
    page = matching[(number - 1) * size : number * size]
    if not page:
        raise RefusedError(15)
    writer = context.writer()
    writer.flag("HasMoreProducts", number * size < len(matching))
    writer.open("Products")
    bare = text_of(context.request, "SuppressBaseProductRelatedData") == "1"
    for product in page[::-1] if context.backwards else page:
        _write_product(writer, product, context, level, with_sets=not bare)
    writer.close("Products")
    writer.whole("LastProductID", page[-1].id)
    if paged:
        writer.open("PaginationResult")
        writer.whole("TotalNumberOfEntries", len(matching))
        writer.whole("TotalNumberOfPages", -(-len(matching) // size))
        writer.whole("ItemsPerPage", size)
        writer.whole("PageNumber", number)
        writer.close("PaginationResult")
    return Answer(writer)


def _from_cursor(context: Context, filters: list[Filter]) -> Iterator[Product]:
    """Return the products by ascending id, starting at the lower bound of a RangeID filter."""
    ids = context.state.product_ids()
    starts = [read_range(entry, context.switches).start for entry in filters if entry.name == "RangeID"]
    start = max((bound for bound in starts if bound is not None), default=0)
    return (context.state.products[product_id] for product_id in ids[bisect_left(ids, start) :])


def _product_test(entry: Filter, context: Context) -> Test:
    """Return the test of one filter."""
    switches = context.switches
    match entry.name:
        case "ProductID":
            ids = whole_values(entry, switches)
            return lambda product: product.id in ids
        case "Anr":
            return lambda product: product.anr in entry.values
        case "Ean":
            return lambda product: product.ean in entry.values
        case "Tag":
            return lambda product: any(tag in entry.values for tag in product.tags)
        case "Level":
            levels = read_levels(entry)
            return lambda product: levels.holds(product.level)
        case "RangeID":
            ids_between = read_range(entry, switches)
            return lambda product: ids_between.holds(product.id)
        case "RangeAnr":
            numbers = read_range(entry, switches)
            return lambda product: product.anr.isdigit() and numbers.holds(int(product.anr))
        case "DateFilter":
            window = read_window(entry, switches)
            if entry.value not in PRODUCT_DATES:
                raise RefusedError(30)
            field = PRODUCT_DATES[entry.value]
            return lambda product: within(getattr(product, field), window)
        case _:
            return _set_test(entry)


def _set_test(entry: Filter) -> Test:
    """Return the test of a DefaultFilter; `not_` and `Not_` negate. Raises: RefusedError 30."""
    negated = entry.value.startswith(("not_", "Not_"))
    kinds = SETS.get(entry.value[4:] if negated else entry.value)
    if kinds is None:
        raise RefusedError(30)
    return lambda product: (product.kind in kinds) != negated


def shown_quantity(product: Product, context: Context) -> int:
    """Return the shop stock that a product reports; for a set, the switch `set_stock` decides."""
    if context.switches.set_stock == "own" or not product.members:
        return product.quantity
    figures = [
        (context.state.products[member.product_id].quantity, max(member.quantity, 1))
        for member in product.members
    ]
    if product.kind == 1:
        return sum(quantity for quantity, _ in figures)
    return min(quantity // needed for quantity, needed in figures)


def _write_product(
    writer: Writer, product: Product, context: Context, level: int, *, with_sets: bool
) -> None:
    """Write one Product with the parts of the detail level."""
    writer.record(product.id)
    # Bit 2 only removes the memo; by itself it requests nothing.
    asked = level & ~NO_MEMO
    everything = asked == 0
    writer.open("Product")
    writer.whole("ProductID", product.id)
    writer.plain("Anr", product.anr) if product.anr else writer.nothing("Anr")
    writer.words("EAN", product.ean)
    writer.words("Name", product.name)
    writer.moment("ModDate", product.mod_date)
    if with_sets:
        _write_set_data(writer, product, context)
    if everything or asked & BASE:
        _write_base(writer, product, context, with_memo=not level & NO_MEMO)
    if everything or asked & STOCK:
        writer.whole("Quantity", shown_quantity(product, context))
        writer.whole("AuctionQuantity", product.auction_quantity)
        writer.whole("FullFilmentQuantity", 0)
        writer.nothing("FullFilmentImport")
        writer.flag("Stock", product.stock)
        writer.mixed_flag("MergeStock", product.merge_stock)
        writer.flag("Discontinued", product.discontinued)
        writer.whole("MinimumStock", product.minimum_stock)
        writer.whole("MinimumOrderQuantity", product.minimum_order_quantity)
    if everything or asked & AVAILABILITY:
        writer.whole("AvailableShop", product.available_shop)
    if (everything or asked & CATALOGS) and product.catalogs:
        writer.open("Catalogs")
        for catalog_id in product.catalogs:
            writer.whole("CatalogID", catalog_id)
        writer.close("Catalogs")
    if asked & LANGUAGES or (everything and context.switches.product_level_0_has_languages):
        _write_languages(writer, product)
    writer.close("Product")


def _write_set_data(writer: Writer, product: Product, context: Context) -> None:
    """Write BaseProductFlag and, for sets and their members, BaseProducts."""
    parents = [] if product.kind else context.state.parents_of(product.id)
    flag = product.kind or (3 if parents else 0)
    if flag == 0:
        writer.whole("BaseProductFlag", 0)
        return
    writer.whole("BaseProductFlag", flag)
    if product.variation_name:
        writer.words("VariationName", product.variation_name)
    if not product.members and not parents:
        return
    writer.open("BaseProducts")
    for parent in parents:
        writer.open("BaseProduct")
        writer.whole("BaseProductID", parent.id)
        writer.whole("BaseProductType", parent.kind)
        writer.close("BaseProduct")
    for member in product.members:
        writer.open("BaseProduct")
        writer.whole("BaseProductID", member.product_id)
        _write_relation(writer, member)
        writer.close("BaseProduct")
    writer.close("BaseProducts")


def _write_relation(writer: Writer, member: Member) -> None:
    """Write a member's BaseProductsRelationData."""
    writer.open("BaseProductsRelationData")
    writer.whole("Quantity", member.quantity)
    writer.words("VariationLabel", member.label)
    writer.minus_flag("DefaultProduct", member.default)
    writer.whole("Position", member.position)
    for position, (name, value) in enumerate(member.axes, 1):
        writer.open("eBayVariationData")
        writer.words("eBayVariationName", name)
        writer.words("eBayVariationValue", value)
        writer.whole("eBayVariationPosition", position)
        writer.nothing("eBayVariationUrls")
        writer.close("eBayVariationData")
    writer.close("BaseProductsRelationData")


def _write_base(writer: Writer, product: Product, context: Context, *, with_memo: bool) -> None:
    """Write texts, prices, pictures, attributes and the other base data."""
    writer.words("ShortDescription", product.short_description)
    writer.words("Description", product.description)
    if with_memo:
        writer.words("Memo", product.memo)
    writer.words("Keywords", product.keywords)
    writer.iso("LastSale", product.last_sale)
    writer.words("UnitOfQuantity", product.unit)
    writer.number("BasepriceFactor", product.baseprice_factor)
    writer.money("SellingPrice", product.selling_price)
    writer.money("BuyingPrice", product.buying_price)
    writer.money("DealerPrice", product.dealer_price)
    _write_prices(writer, product)
    writer.number("TaxRate", product.tax_rate)
    writer.number("Weight", product.weight)
    writer.whole("Level", product.level)
    writer.whole("Position", product.position)
    writer.words("CountryOfOrigin", product.country_of_origin)
    writer.words("ProductBrand", product.brand)
    writer.words("ManufacturerPartNumber", product.manufacturer_part_number)
    if product.gtin:
        writer.words("ManufacturerStandardProductIDType", product.gtin_type)
    writer.words("ManufacturerStandardProductIDValue", product.gtin)
    writer.words("ImageSmallURL", product.image_small)
    writer.words("ImageLargeURL", product.image_large)
    _write_pictures(writer, product)
    for container, name, values in (("Tags", "Tag", product.tags), ("Skus", "Sku", product.skus)):
        if values:
            writer.open(container)
            for value in values:
                writer.words(name, value)
            writer.close(container)
    if product.attributes:
        writer.open("Attributes")
        for attribute in product.attributes:
            _write_attribute(writer, attribute, context)
        writer.close("Attributes")
    for name, value in product.extra.items():
        writer.words(name, value)


def _write_prices(writer: Writer, product: Product) -> None:
    """Write tier prices (unused slots contain 0), named prices and discounts (with decimal points)."""
    if product.tiers:
        writer.open("ScaledDiscounts")
        unused = [(0, Decimal(0), Decimal(0))] * (TIER_SLOTS - len(product.tiers))
        for quantity, price, dealer in [
            (t.quantity, t.price, t.dealer_price) for t in product.tiers
        ] + unused:
            writer.open("ScaledDiscount")
            writer.whole("ScaledQuantity", quantity)
            writer.money("ScaledPrice", price)
            writer.money("ScaledDPrice", dealer)
            writer.close("ScaledDiscount")
        writer.close("ScaledDiscounts")
    if product.prices:
        writer.open("AdditionalPrices")
        for named in product.prices:
            writer.open("AdditionalPrice")
            writer.whole("DefinitionId", named.definition_id)
            writer.words("Name", named.name)
            writer.money("Value", named.value)
            writer.word_flag("Pretax", named.pretax)
            writer.close("AdditionalPrice")
        writer.close("AdditionalPrices")
    if product.discounts:
        writer.open("Discounts")
        for discount in product.discounts:
            writer.open("Discount")
            writer.whole("ShopID", 1)
            writer.flag("DiscountActive", True)
            writer.whole("ControlId", 3)
            writer.moment("StartDate", discount.starts_at)
            writer.moment("ExpireDate", discount.expires_at)
            writer.whole("Type", discount.kind)
            writer.point_number("DiscountPercent", discount.percent)
            writer.point_number("DiscountAmount", discount.amount)
            writer.point_number("SavedAmount", product.selling_price - discount.price)
            writer.point_number("DiscountedPrice", discount.price)
            writer.close("Discount")
        writer.close("Discounts")


def _write_pictures(writer: Writer, product: Product) -> None:
    """Write ProductPictures; smaller sizes are children with the same Nr."""
    if not product.pictures:
        return
    writer.open("ProductPictures")
    for picture in product.pictures:
        writer.open("ProductPicture")
        writer.whole("Nr", picture.nr)
        writer.whole("Typ", 0)
        writer.words("Url", picture.url)
        writer.words("AltText", picture.alt)
        if picture.sizes:
            writer.open("Childs")
            for kind, prefix in ((1, "thumb"), (2, "zoom"), (3, "list")):
                folder, _, file = picture.url.rpartition("/")
                writer.open("ProductPicture")
                writer.whole("Nr", picture.nr)
                writer.whole("Typ", kind)
                writer.words("Url", f"{folder}/{prefix}_{file}")
                writer.words("AltText", picture.alt)
                writer.close("ProductPicture")
            writer.close("Childs")
        writer.close("ProductPicture")
    writer.close("ProductPictures")


def _write_attribute(writer: Writer, attribute: Attribute, context: Context) -> None:
    """Write an attribute in the spelling chosen by a switch."""
    spelling = context.switches.attribute_spelling
    manual = spelling == "manual" or (spelling == "mixed" and attribute.position % 2 == 1)
    writer.open("Attribut")
    writer.words("AttributName", attribute.name)
    writer.words("AttributWert" if manual else "AttributValue", attribute.value)
    writer.whole("AttributTyp" if manual else "AttributType", attribute.kind)
    writer.minus_flag("AttributRequired", attribute.required)
    writer.whole("AttributPosition", attribute.position)
    writer.close("Attribut")


def _write_languages(writer: Writer, product: Product) -> None:
    """Write MultiLanguage; its children are named by vehicle country codes."""
    if not product.languages:
        return
    writer.open("MultiLanguage")
    for code, texts in product.languages.items():
        writer.open(code)
        for name in ("Name", "Beschreibung", "Kurzbeschreibung", "Variationsname", "Alias", "ust"):
            writer.words(name, texts.get(name, ""))
        writer.close(code)
    writer.close("MultiLanguage")


def get_shop_catalogs(context: Context) -> Answer:
    """Return one page of catalogs, by ascending id.

    Raises: RefusedError 18, 21, 22, 23, 24, and those of filters.
    """
    level = context.level(2)
    size = context.page_size("MaxCatalogs", context.switches.default_max_catalogs, 200, 21)
    known = ("CatalogID", "RangeID", "Level", "RangeLevel")
    tests = [
        _catalog_test(entry, context) for entry in read_filters(context.request, known, context.switches)
    ]
    catalogs = sorted(context.state.catalogs.values(), key=lambda catalog: catalog.id)
    matching = [catalog for catalog in catalogs if all(test(catalog) for test in tests)]
    if not matching:
        raise RefusedError(24)
    page = matching[:size]
    writer = context.writer()
    writer.flag("HasMoreCatalogs", len(matching) > size)
    writer.whole("LastCatalogID", page[-1].id)
    writer.open("Catalogs")
    for catalog in page[::-1] if context.backwards else page:
        _write_catalog(writer, catalog, context, with_products=level == 2)
    writer.close("Catalogs")
    return Answer(writer)


def _catalog_test(entry: Filter, context: Context) -> Callable[[Catalog], bool]:
    """Return the test of one filter."""
    switches = context.switches
    if entry.name == "CatalogID":
        ids = whole_values(entry, switches)
        return lambda catalog: catalog.id in ids
    if entry.name == "Level":
        levels = whole_values(entry, switches)
        return lambda catalog: catalog.level in levels
    between = read_range(entry, switches, from_code=22, to_code=23)
    if entry.name == "RangeLevel":
        return lambda catalog: between.holds(catalog.level)
    return lambda catalog: between.holds(catalog.id)


def _write_catalog(writer: Writer, catalog: Catalog, context: Context, *, with_products: bool) -> None:
    """Write one flat Catalog."""
    writer.record(catalog.id)
    writer.open("Catalog")
    writer.whole("CatalogID", catalog.id)
    twice = context.switches.catalog_names_escaped_twice or (writer.ugly and writer.random.random() < 0.5)
    writer.words("Name", escape(catalog.name) if twice else catalog.name)
    writer.words("Description", catalog.description)
    writer.whole("ParentID", catalog.parent_id)
    writer.whole("Level", catalog.level)
    writer.whole("Position", catalog.position)
    writer.nothing("AdditionalText")
    writer.flag("Show", catalog.show)
    for name in ("Picture1", "Picture2", "TitlePicture", "URL"):
        writer.nothing(name)
    if with_products:
        writer.open("CatalogProducts")
        for product_id in context.state.product_ids():
            if catalog.id in context.state.products[product_id].catalogs:
                writer.whole("ProductID", product_id)
        writer.close("CatalogProducts")
    writer.close("Catalog")


def get_stock_info(context: Context) -> Answer:
    """Return the stock of products named by ProductID, Anr or EAN; one name can match several.

    Raises: RefusedError 18, 19 (a product without a key), 20 (too many), 15 by a switch if all are missing.
    """
    level = context.level(2, 4, 8)
    asked = context.request.findall("Products/Product")
    if not asked:
        raise RefusedError(19)
    if len(asked) > _stock_info_limit(context):
        raise RefusedError(20)
    keys = [_one_key(element) for element in asked]
    writer = context.writer()
    warnings: list[Warned] = []
    found: list[Product] = []
    for name, text in keys:
        hits = find_products(context, name, text)
        found += hits
        if not hits:
            shown = name if context.switches.stock_info_warning_key == "as_requested" else "ProductID"
            warnings.append(Warned(2, (shown, text)))
    if not found and context.switches.stock_info_all_missing == "error_15":
        raise RefusedError(15)
    if found:
        writer.open("Products")
        for product in found[::-1] if context.backwards else found:
            _write_stock(writer, product, context, level)
        writer.close("Products")
    return Answer(writer, warnings)


def _stock_info_limit(context: Context) -> int:
    """Return how many products one call may request at this time of day."""
    by_day = context.switches.stock_info_day_limit
    if by_day is not None and context.state.now().astimezone(BERLIN).hour in DAY_HOURS:
        return by_day
    return STOCK_INFO_LIMIT


def _one_key(element: Element) -> tuple[str, str]:
    """Return the only key of a Product in a request. Raises: RefusedError 19, unless there is exactly one."""
    keys = [(name, text) for name in ("ProductID", "Anr", "EAN") if (text := text_of(element, name))]
    if len(keys) != 1:
        raise RefusedError(19)
    return keys[0]


def find_products(context: Context, key: str, text: str) -> list[Product]:
    """Return the products with this ProductID, Anr or EAN, by ascending id."""
    state = context.state
    if key == "ProductID":
        product = state.products.get(int(text)) if text.isascii() and text.isdigit() else None
        return [product] if product else []
    field = "anr" if key == "Anr" else "ean"
    return [product for product in state.products.values() if getattr(product, field) == text]


def _write_stock(writer: Writer, product: Product, context: Context, level: int) -> None:
    """Write one Product of GetStockInfo; the bits 2, 4 and 8 add availability and the real quantity."""
    writer.record(product.id)
    writer.open("Product")
    writer.whole("ProductID", product.id)
    writer.words("Name", product.name)
    writer.plain("Anr", product.anr) if product.anr else writer.nothing("Anr")
    writer.words("EAN", product.ean)
    writer.whole("Quantity", shown_quantity(product, context))
    writer.whole("AuctionQuantity", product.auction_quantity)
    writer.whole("FullFilmentQuantity", 0)
    writer.whole("MinimumStock", product.minimum_stock)
    writer.flag("Discontinued", product.discontinued)
    writer.flag("Stock", product.stock)
    writer.mixed_flag("MergeStock", product.merge_stock)
    if level & 2:
        writer.whole("AvailableShop", product.available_shop)
    if level & 4:
        writer.mixed_flag("Available", product.quantity > 0)
    writer.whole("Level", product.level)
    if level & 8:
        writer.whole("RealQuantity", shown_quantity(product, context))
    writer.close("Product")
