"""UpdateShopProducts: each product is checked separately; a bad one does not stop the batch.

Source: wire notes sections 2.4 and 3.2.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from copy import deepcopy

from connectors.afterbuy.simulator.calls.product_reads import find_products
from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.records import (
    Attribute,
    Member,
    NamedPrice,
    Picture,
    Product,
    Tier,
)
from connectors.afterbuy.simulator.values import read_decimal
from connectors.afterbuy.simulator.wire.booleans import read_boolean
from connectors.afterbuy.simulator.wire.envelope import Answer, Element, RefusedError, Warned, text_of
from connectors.afterbuy.simulator.wire.writer import Writer

TEXTS = {
    "Name": ("name", 255),
    "Anr": ("anr", None),
    "EAN": ("ean", None),
    "ShortDescription": ("short_description", 800),
    "Description": ("description", None),
    "Memo": ("memo", None),
    "Keywords": ("keywords", 1000),
    "UnitOfQuantity": ("unit", None),
    "CountryOfOrigin": ("country_of_origin", None),
    "ProductBrand": ("brand", None),
    "ImageSmallURL": ("image_small", None),
    "ImageLargeURL": ("image_large", None),
}
"""Element, field, and maximum length; longer texts are cut, which is a guess (they could be refused)."""

DECIMALS = {
    "SellingPrice": "selling_price",
    "BuyingPrice": "buying_price",
    "DealerPrice": "dealer_price",
    "TaxRate": "tax_rate",
    "Weight": "weight",
    "BasepriceFactor": "baseprice_factor",
}
WHOLES = {"MinimumStock": "minimum_stock", "Level": "level", "Position": "position"}
FLAGS = {"Stock": "stock", "Discontinued": "discontinued", "MergeStock": "merge_stock"}
EXTRAS = {
    "SEOName": "SeoName",
    "SearchAlias": "SearchAlias",
    "DeliveryTime": "DeliveryTime",
    "ShippingGroup": "ShippingGroup",
    "ShopShippingGroup": "ShopShippingGroup",
    "CrossCatalogID": "CrossCatalogID",
    "CustomsTariffNumber": "CustomsTariffNumber",
    "GoogleProductCategory": "GoogleProductCategory",
    "Condition": "Condition",
    "Gender": "Gender",
    "AgeGroup": "AgeGroup",
    "Pattern": "Pattern",
    "Material": "Material",
    "ItemColor": "ItemColor",
    "ItemSize": "ItemSize",
    "EnergyClass": "EnergyClass",
    "EnergyClassPictureURL": "EnergyClassPictureUrl",
    "DataSheetURL": "DataSheetUrl",
    "CanonicalURL": "CanonicalUrl",
    "TitleReplace": "TitleReplace",
    **{f"FreeValue{number}": f"FreeValue{number}" for number in range(1, 11)},
    **{f"Stocklocation_{number}": f"Stocklocation_{number}" for number in range(1, 5)},
}
"""Elements stored as text: the spelling when written, and when read back, where these differ."""

GTIN_LENGTHS = {"EAN": (8, 13, 14), "GTIN": (8, 12, 13, 14), "UPC": (12,), "ISBN": (10, 13), "ASIN": (10,)}
MAX_PICTURES = 12
MAX_SKUS = 10
LABEL_LENGTH = 50


class SkippedError(Exception):
    """This product stays unchanged and gets a warning; the others are processed."""

    def __init__(self, code: int) -> None:
        """Store the warning's code."""
        super().__init__(f"warning {code}")
        self.code = code


def update_shop_products(context: Context) -> Answer:
    """Create or update products; absent elements change nothing, empty ones clear the value.

    Raises: RefusedError 26 (no product), 75 (more than the limit); then nothing is changed.
    """
    context.level()
    products = context.request.findall("Products/Product")
    if not products:
        raise RefusedError(26)
    if len(products) > context.switches.update_products_limit:
        raise RefusedError(75)
    created = Writer()
    answer = Answer(context.writer())
    for element in products:
        ident = element.find("ProductIdent")
        reference = text_of(ident, "UserProductID") or ""
        try:
            product, codes = _apply(element, ident, context)
        except SkippedError as skipped:
            answer.warnings.append(_warned(skipped.code, reference, text_of(ident, "ProductID")))
            continue
        answer.effects += 1
        answer.warnings += [_warned(code, reference, str(product.id)) for code in codes]
        if _store(product, context):
            _write_created(created, product, ident, reference)
    if created.lines:
        answer.result.lines += ["<NewProducts>", *created.lines, "</NewProducts>"]
    return answer


def _warned(code: int, reference: str, product_id: str | None) -> Warned:
    """Return a warning that names the product by the client's reference, if given."""
    return Warned(code, ("UserProductID", reference) if reference else ("ProductID", product_id or "0"))


def _write_created(writer: Writer, product: Product, ident: Element | None, reference: str) -> None:
    """Write one NewProduct."""
    writer.open("NewProduct")
    writer.words("UserProductID", reference)
    writer.whole("ProductID", product.id)
    for name in ("ProductID", "Anr", "EAN"):
        writer.words(f"{name}Requested", text_of(ident, name) or "")
    writer.words("Anr", product.anr)
    writer.words("EAN", product.ean)
    writer.close("NewProduct")


def _store(product: Product, context: Context) -> bool:
    """Replace the record with the changed copy; return whether it is new."""
    state = context.state
    known = state.products.get(product.id)
    if known is None:
        state.products[product.id] = product
    else:
        # The record object itself is changed, because tests keep references to it.
        vars(known).update(vars(product))
    state.products_changed()
    state.products[product.id].mod_date = state.now()
    return known is None


def _apply(element: Element, ident: Element | None, context: Context) -> tuple[Product, list[int]]:
    """Return a changed copy of the named product, or a new one, with the codes of warnings.

    Raises: SkippedError 2, 3, 4, or 65, if a number is unreadable.
    """
    product, is_new = _identify(element, ident, context)
    codes: list[int] = []
    try:
        _apply_plain(element, product, context)
        _apply_stock(element, product, context)
        _apply_prices(element, product, context)
    except ValueError as error:
        raise SkippedError(65) from error
    kind = text_of(ident, "BaseProductType")
    if kind in ("0", "1", "2") and (is_new or kind != "0"):
        product.kind = int(kind)
    _apply_checked(element, product, context, codes)
    _apply_pictures(element, product, context, codes)
    _apply_catalogs(element, product, context, codes)
    _apply_attributes(element, product, context, codes)
    _apply_members(element, product, context, codes)
    _apply_axes(element, product, codes)
    _apply_skus(element, product)
    if element.find("Tags") is not None:
        product.tags = [
            tag for child in element.findall("Tags/Tag") if (tag := (child.text or "")[:LABEL_LENGTH])
        ]
    return product, codes


def _identify(element: Element, ident: Element | None, context: Context) -> tuple[Product, bool]:
    """Return a copy of the named product, or a new one if ProductInsert requests it.

    Raises: SkippedError 2 (not found), 3 (no key), 4 (new one without Name).
    """
    keys = {
        name: text
        for name in context.switches.identification_order
        if (text := text_of(ident, name)) and text != "0"
    }
    for key, wanted in keys.items():
        if found := find_products(context, key, wanted):
            return deepcopy(found[0]), False
    if not read_boolean(text_of(ident, "ProductInsert"), context.switches):
        raise SkippedError(2 if keys else 3)
    name = text_of(element, "Name")
    if not name:
        raise SkippedError(4)
    new = Product(
        id=context.state.next_product_id(), name=name, mod_date=context.state.now(), merge_stock=False
    )
    return new, True


def _apply_plain(element: Element, product: Product, context: Context) -> None:
    """Apply texts, numbers and flags without a rule of their own. Raises: ValueError."""
    for name, (field, limit) in TEXTS.items():
        text = text_of(element, name)
        if text is not None and (text or name != "Name"):
            setattr(product, field, text[:limit])
    for name, field in DECIMALS.items():
        text = text_of(element, name)
        if text is not None:
            setattr(product, field, read_decimal(text or "0", context.switches.point_in_decimals))
    for name, field in WHOLES.items():
        text = text_of(element, name)
        if text is not None:
            setattr(product, field, int(text or "0"))
    for name, field in FLAGS.items():
        value = read_boolean(text_of(element, name), context.switches)
        if value is not None:
            setattr(product, field, value)
    for name, shown in EXTRAS.items():
        text = text_of(element, name)
        if text is not None:
            product.extra[shown] = text


def _apply_stock(element: Element, product: Product, context: Context) -> None:
    """Set or add to both stock pools; if they are merged, the shop's value wins. Raises: ValueError."""
    before = (product.quantity, product.auction_quantity)
    wholes = {
        name: int(text or "0")
        for name in ("Quantity", "AddQuantity", "AuctionQuantity", "AddAuctionQuantity")
        if (text := text_of(element, name)) is not None
    }
    product.quantity = wholes.get("Quantity", product.quantity) + wholes.get("AddQuantity", 0)
    product.auction_quantity = wholes.get("AuctionQuantity", product.auction_quantity) + wholes.get(
        "AddAuctionQuantity", 0
    )
    if product.merge_stock and wholes:
        if "Quantity" in wholes or "AddQuantity" in wholes:
            product.auction_quantity = product.quantity
        else:
            product.quantity = product.auction_quantity
    if before != (product.quantity, product.auction_quantity):
        product.last_stock_change = context.state.now()


def _apply_prices(element: Element, product: Product, context: Context) -> None:
    """Apply tier prices (depending on the switch `tier_prices`) and named prices. Raises: ValueError."""
    point = context.switches.point_in_decimals
    if (box := element.find("ScaledDiscounts")) is not None:
        sent = {
            (quantity := int(text_of(tier, "ScaledQuantity") or "0")): Tier(
                quantity,
                read_decimal(text_of(tier, "ScaledPrice") or "0", point),
                read_decimal(text_of(tier, "ScaledDPrice") or "0", point),
            )
            for tier in box.findall("ScaledDiscount")
        }
        kept = {} if context.switches.tier_prices == "replace" else {t.quantity: t for t in product.tiers}
        product.tiers = [tier for _, tier in sorted((kept | sent).items()) if tier.quantity and tier.price]
    for update in element.findall("AdditionalPrice/AdditionalPriceUpdate"):
        definition = int(text_of(update, "DefinitionID") or "0")
        price = read_decimal(text_of(update, "Price") or "0", point)
        known = [named for named in product.prices if named.definition_id == definition]
        if known:
            known[0].value = price
        else:
            product.prices.append(NamedPrice(definition, f"Preisliste {definition}", price))


def _apply_checked(element: Element, product: Product, context: Context, codes: list[int]) -> None:
    """Apply values that have warnings of their own; a value with a warning stays unchanged."""
    part_number = text_of(element, "ManufacturerPartNumber")
    if part_number is not None:
        if len(part_number) > context.switches.manufacturer_part_number_limit:
            codes.append(83)
        else:
            product.manufacturer_part_number = part_number
    kind = text_of(element, "ManufacturerStandardProductIDType")
    number = text_of(element, "ManufacturerStandardProductIDValue")
    if kind and kind not in GTIN_LENGTHS:
        codes.append(69)
    elif number is not None:
        kind = kind or product.gtin_type
        if number and not valid_number(kind, number):
            codes.append(81)
        else:
            product.gtin_type, product.gtin = kind, number
    if len(product.extra.get("GoogleProductCategory", "")) > 255:
        del product.extra["GoogleProductCategory"]
        codes.append(82)
    if product.extra.get("Condition", "0") not in ("", "0", "1", "2", "3"):
        del product.extra["Condition"]
        codes.append(84)
    source = text_of(element, "ImageSource")
    if source is not None:
        try:
            b64decode(source, validate=True)
        except (Base64Error, ValueError):
            codes.append(14)
        else:
            product.image_large = (
                f"https://bilder.example.invalid/{text_of(element, 'ImageName') or product.id}"
            )


def valid_number(kind: str, number: str) -> bool:
    """Return whether a product number has a valid length and, for a GTIN, a valid check digit."""
    if len(number) not in GTIN_LENGTHS[kind]:
        return False
    if len(number) == 10:
        return number.isalnum()
    if not (number.isascii() and number.isdigit()):
        return False
    return check_digit(number[:-1]) == number[-1]


def check_digit(digits: str) -> str:
    """Return the check digit of a GTIN: weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _apply_pictures(element: Element, product: Product, context: Context, codes: list[int]) -> None:
    """Set pictures by Nr; switches decide what an empty Url and a shorter list mean."""
    box = element.find("ProductPictures")
    if box is None:
        return
    kept = {} if context.switches.picture_list == "replace" else {p.nr: p for p in product.pictures}
    for child in box.findall("ProductPicture"):
        number = text_of(child, "Nr") or ""
        url = text_of(child, "Url")
        url = text_of(child, "URL") if url is None else url
        if not number.isdigit() or not 1 <= int(number) <= MAX_PICTURES:
            codes.append(14)
        elif url:
            kept[int(number)] = Picture(int(number), url, text_of(child, "AltText") or "")
        elif context.switches.empty_picture_url == "delete":
            kept.pop(int(number), None)
    product.pictures = [kept[number] for number in sorted(kept)]


def _apply_catalogs(element: Element, product: Product, context: Context, codes: list[int]) -> None:
    """Assign catalogs: 1 adds (and creates, if a name is given), 2 replaces all, 3 removes all."""
    box = element.find("AddCatalogs")
    action = text_of(box, "UpdateAction")
    if box is None or action not in ("1", "2", "3"):
        return
    catalogs = [] if action in ("2", "3") else list(product.catalogs)
    if action != "3":
        for child in box.findall("AddCatalog"):
            text, name = text_of(child, "CatalogID") or "", text_of(child, "CatalogName")
            catalog_id = int(text) if text.isdigit() else 0
            if catalog_id not in context.state.catalogs:
                if not name:
                    codes.append(5)
                    continue
                catalog_id = context.state.add_catalog(name).id
            if catalog_id in catalogs:
                codes.append(6)
            else:
                catalogs.append(catalog_id)
    product.catalogs = catalogs


def _apply_attributes(element: Element, product: Product, context: Context, codes: list[int]) -> None:
    """Change attributes: 1 adds or updates by name, 2 replaces all, 3 removes all."""
    box = element.find("AddAttributes")
    action = text_of(box, "UpdateAction")
    if box is None or action not in ("1", "2", "3"):
        return
    sent: dict[str, Attribute] = {}
    for child in box.findall("AddAttribut"):
        name, kind = text_of(child, "AttributName"), text_of(child, "AttributTyp") or "0"
        if not name:
            codes.append(8)
        elif kind not in ("0", "1", "2", "3"):
            codes.append(9)
        else:
            position = text_of(child, "AttributPosition") or ""
            required = read_boolean(text_of(child, "AttributRequired"), context.switches)
            value = text_of(child, "AttributValue") or ""
            place = int(position) if position.isdigit() else len(sent)
            sent[name] = Attribute(name, value, int(kind), bool(required), place)
    kept = {attribute.name: attribute for attribute in product.attributes}
    if action == "1":
        kept |= sent
    elif action == "2":
        kept = sent
    else:
        reading = context.switches.remove_all_with_attributes
        if reading == "named_only" and sent:
            kept = {name: attribute for name, attribute in kept.items() if name not in sent}
        else:
            kept = sent if reading == "then_add" else {}
    product.attributes = list(kept.values())


def _apply_members(element: Element, product: Product, context: Context, codes: list[int]) -> None:
    """Change the members of a set: 1 updates by ProductID, 2 replaces all."""
    box = element.find("AddBaseProducts")
    action = text_of(box, "UpdateAction")
    if box is None or action not in ("1", "2") or product.kind == 0:
        return
    members = {} if action == "2" else {member.product_id: member for member in product.members}
    for child in box.findall("AddBaseProduct"):
        found = find_products(context, "ProductID", text_of(child, "ProductID") or "")
        if not found:
            codes.append(2)
            continue
        if found[0].kind != 0:
            codes.append(16)
            continue
        member_id = found[0].id
        if member_id not in members and len(members) >= context.switches.set_limit:
            codes.append(15)
            break
        label = text_of(child, "ProductLabel") or ""
        if len(label) > LABEL_LENGTH:
            codes.append(62)
        position, quantity = text_of(child, "ProductPos") or "", text_of(child, "ProductQuantity") or ""
        old = members.get(member_id)
        members[member_id] = Member(
            member_id,
            int(quantity) if quantity.isdigit() else 1,
            label[:LABEL_LENGTH],
            bool(read_boolean(text_of(child, "DefaultProduct"), context.switches)),
            int(position) if position.isdigit() else len(members),
            old.axes if old else [],
        )
    product.members = list(members.values())


def _apply_axes(element: Element, product: Product, codes: list[int]) -> None:
    """Apply the axes of a variation set; ValidForProdID must be a member."""
    box = element.find("UseeBayVariations")
    if box is None:
        return
    members = {str(member.product_id): member for member in product.members}
    for member in members.values():
        member.axes = []
    for variation in box.findall("Variation"):
        name = text_of(variation, "VariationName") or ""
        for values in variation.findall("VariationValues"):
            member_id = text_of(values, "ValidForProdID") or ""
            if member_id in members:
                members[member_id].axes.append((name, text_of(values, "VariationValue") or ""))
            else:
                codes.append(61)


def _apply_skus(element: Element, product: Product) -> None:
    """Change SKUs: 1 adds, 2 replaces, 3 removes; at most ten."""
    box = element.find("Skus")
    action = text_of(box, "UpdateAction")
    if box is None or action is None:
        return
    sent = [sku for child in box.findall("Sku") if (sku := (child.text or "").strip())]
    combine: dict[str, Callable[[], list[str]]] = {
        "1": lambda: product.skus + [sku for sku in sent if sku not in product.skus],
        "2": lambda: sent,
        "3": lambda: [sku for sku in product.skus if sku not in sent],
    }
    if action in combine:
        product.skus = combine[action]()[:MAX_SKUS]
