"""UpdateShopProducts."""

from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.afterbuy.simulator import Attribute, Simulator, State
from tests.connectors.afterbuy.simulator.requests import NOON, ask, ident, update_products


def test_the_minimal_stock_update_touches_nothing_else(simulator: Simulator, state: State) -> None:
    """Quantity alone changes; ModDate is renewed; repeating is harmless."""
    product = state.add_product("Kanne", quantity=3, selling_price=Decimal("9.90"), merge_stock=False)
    state.now = lambda: NOON + timedelta(minutes=5)
    body = update_products(ident(ProductID=product.id) + "<Quantity>8</Quantity>")

    replies = [ask(simulator, "UpdateShopProducts", body) for _ in range(2)]

    assert [(reply.status, reply.codes) for reply in replies] == [("Success", [])] * 2
    assert (product.quantity, product.auction_quantity, product.selling_price) == (8, 0, Decimal("9.90"))
    assert product.mod_date == NOON + timedelta(minutes=5)
    assert [received.effects for received in simulator.written("UpdateShopProducts")] == [1, 1]


def test_add_quantity_really_adds(simulator: Simulator, state: State) -> None:
    """A repeated delta counts twice; merged pools move together."""
    product = state.add_product("Kanne", quantity=3)
    body = update_products(ident(ProductID=product.id) + "<AddQuantity>2</AddQuantity>")

    for _ in range(2):
        ask(simulator, "UpdateShopProducts", body)

    assert (product.quantity, product.auction_quantity) == (7, 7)


def test_an_empty_element_overwrites(simulator: Simulator, state: State) -> None:
    """An empty figure is 0, an empty text is no text."""
    product = state.add_product("Kanne", quantity=3, memo="alt", selling_price=Decimal(5))

    ask(
        simulator,
        "UpdateShopProducts",
        update_products(ident(ProductID=product.id) + "<Quantity/><Memo></Memo><SellingPrice/>"),
    )

    assert (product.quantity, product.memo, product.selling_price) == (0, "", Decimal(0))


def test_a_bad_product_leaves_its_neighbours(simulator: Simulator, state: State) -> None:
    """Warnings name the client's reference; new products are listed; the good ones are done."""
    known = state.add_product("Kanne")

    reply = ask(
        simulator,
        "UpdateShopProducts",
        update_products(
            ident(ProductID=known.id, reference="good") + "<Quantity>4</Quantity>",
            ident(ProductID=1, reference="unknown") + "<Quantity>4</Quantity>",
            ident(reference="nameless-key") + "<Quantity>4</Quantity>",
            ident(1, reference="no-name") + "<Quantity>4</Quantity>",
            ident(1, reference="new", EAN="N-1")
            + "<Name>Neu</Name><EAN>N-1</EAN><SellingPrice>1,23</SellingPrice>",
            ident(ProductID=known.id, reference="no-number") + "<Quantity>viel</Quantity>",
            ident(ProductID=known.id, reference="no-price") + "<SellingPrice>1e9</SellingPrice>",
        ),
    )

    assert reply.status == "Warning"
    assert list(zip(reply.all("Warning/UserProductID"), reply.codes, strict=True)) == [
        ("unknown", 2),
        ("nameless-key", 3),
        ("no-name", 4),
        ("no-number", 65),
        ("no-price", 65),
    ]
    new = state.products[int(reply.one("NewProduct/ProductID"))]
    assert (reply.one("NewProduct/UserProductID"), reply.one("NewProduct/EANRequested")) == ("new", "N-1")
    assert (new.name, new.ean, new.selling_price) == ("Neu", "N-1", Decimal("1.23"))
    assert known.quantity == 4
    assert simulator.writes[0].effects == 2


def test_product_batch_limit_applies_nothing(simulator: Simulator, state: State) -> None:
    """Above the limit error 75, without products error 26; the limit is a switch."""
    product = state.add_product("Kanne")
    one = ident(ProductID=product.id) + "<Quantity>9</Quantity>"

    assert ask(simulator, "UpdateShopProducts", update_products(*[one] * 251)).codes == [75]
    assert ask(simulator, "UpdateShopProducts").codes == [26]
    assert product.quantity == 0
    simulator.switches.change(update_products_limit=1)
    assert ask(simulator, "UpdateShopProducts", update_products(one, one)).codes == [75]
    assert simulator.written("UpdateShopProducts") == []


@pytest.mark.parametrize(
    ("reading", "price"),
    [("thousands", Decimal(1250)), ("decimal", Decimal("12.50")), ("refused", Decimal(1))],
)
def test_a_point_in_a_decimal_is_a_switch(
    simulator: Simulator, state: State, reading: str, price: Decimal
) -> None:
    """German rules make 1250 of 12.50."""
    product = state.add_product("Kanne", selling_price=Decimal(1))
    simulator.switches.change(point_in_decimals=reading)

    ask(
        simulator,
        "UpdateShopProducts",
        update_products(ident(ProductID=product.id) + "<SellingPrice>12.50</SellingPrice>"),
    )

    assert product.selling_price == price


def test_precedence_of_keys_is_a_switch(simulator: Simulator, state: State) -> None:
    """The first key in the order decides."""
    one, two = state.add_product("Eins"), state.add_product("Zwei", ean="E2")
    body = update_products(ident(ProductID=one.id, EAN="E2") + "<Memo>hier</Memo>")

    ask(simulator, "UpdateShopProducts", body)
    simulator.switches.change(identification_order=["EAN", "ProductID"])
    ask(simulator, "UpdateShopProducts", body.replace("hier", "dort"))

    assert (one.memo, two.memo) == ("hier", "dort")


@pytest.mark.parametrize(("reading", "left"), [("replace", [10]), ("merge", [5, 10])])
def test_tier_prices_replace_or_merge(
    simulator: Simulator, state: State, reading: str, left: list[int]
) -> None:
    """What an update leaves of former tiers is a switch; five slots are shown, unused ones 0."""
    product = state.add_product("Kanne")
    simulator.switches.change(tier_prices=reading)
    tier = (
        "<ScaledDiscounts><ScaledDiscount><ScaledQuantity>{}</ScaledQuantity>"
        "<ScaledPrice>4,50</ScaledPrice></ScaledDiscount></ScaledDiscounts>"
    )

    for quantity in (5, 10):
        ask(
            simulator,
            "UpdateShopProducts",
            update_products(ident(ProductID=product.id) + tier.format(quantity)),
        )

    assert [tier.quantity for tier in product.tiers] == left
    assert len(ask(simulator, "GetShopProducts").all("ScaledDiscount")) == 5


@pytest.mark.parametrize(
    ("switches", "left"),
    [
        ({"picture_list": "merge", "empty_picture_url": "delete"}, [3]),
        ({"picture_list": "merge", "empty_picture_url": "ignore"}, [1, 3]),
        ({"picture_list": "replace", "empty_picture_url": "delete"}, []),
    ],
)
def test_picture_deletion_is_a_switch(
    simulator: Simulator, state: State, switches: dict[str, str], left: list[int]
) -> None:
    """An empty Url and a shorter list; a Nr above 12 is warning 14."""
    product = state.add_product("Kanne")
    picture = "<ProductPicture><Nr>{}</Nr><{tag}>{}</{tag}></ProductPicture>"
    full = picture.format(1, "u1", tag="Url") + picture.format(3, "u3", tag="URL")
    simulator.switches.change(**switches)

    for pictures in (full, picture.format(1, "", tag="Url")):
        body = f"<ProductPictures>{pictures}</ProductPictures>"
        ask(simulator, "UpdateShopProducts", update_products(ident(ProductID=product.id) + body))
    wrong = f"<ProductPictures>{picture.format(13, 'u', tag='Url')}</ProductPictures>"

    assert [entry.nr for entry in product.pictures] == left
    body = update_products(ident(ProductID=product.id) + wrong)
    assert ask(simulator, "UpdateShopProducts", body).codes == [14]


@pytest.mark.parametrize(
    ("reading", "left"), [("remove_all", []), ("then_add", ["A"]), ("named_only", ["B"])]
)
def test_removing_attributes_while_sending_some_is_a_switch(
    simulator: Simulator, state: State, reading: str, left: list[str]
) -> None:
    """UpdateAction 3 with attributes in it."""
    product = state.add_product("X", attributes=[Attribute("A", "1"), Attribute("B", "2")])
    simulator.switches.change(remove_all_with_attributes=reading)
    body = (
        "<AddAttributes><UpdateAction>3</UpdateAction><AddAttribut><AttributName>A</AttributName>"
        "<AttributValue>9</AttributValue></AddAttribut></AddAttributes>"
    )

    ask(simulator, "UpdateShopProducts", update_products(ident(ProductID=product.id) + body))

    assert [attribute.name for attribute in product.attributes] == left


def test_variants_take_two_requests(simulator: Simulator, state: State) -> None:
    """Members first, then the parent with labels and axes; every rule has its warning."""
    simulator.switches.change(set_limit=2)
    members = [state.add_product(name) for name in ("S", "M", "L")]
    bundle = state.add_product("Set", kind=2)

    def entry(product_id: int, label: str = "kurz") -> str:
        return (
            f"<AddBaseProduct><ProductID>{product_id}</ProductID><ProductLabel>{label}</ProductLabel>"
            "<ProductPos>1</ProductPos><ProductQuantity>1</ProductQuantity></AddBaseProduct>"
        )

    body = (
        ident(1, BaseProductType=1)
        + "<Name>Hemd</Name><AddBaseProducts><UpdateAction>2</UpdateAction>"
        + entry(members[0].id, "x" * 51)
        + entry(bundle.id)
        + entry(5)
        + entry(members[1].id)
        + entry(members[2].id)
        + "</AddBaseProducts><UseeBayVariations><Variation><VariationName>Größe</VariationName>"
        + f"<VariationValues><ValidForProdID>{members[0].id}</ValidForProdID>"
        + "<VariationValue>S</VariationValue>"
        + f"</VariationValues><VariationValues><ValidForProdID>{members[2].id}</ValidForProdID>"
        + "<VariationValue>L</VariationValue></VariationValues></Variation></UseeBayVariations>"
    )
    reply = ask(simulator, "UpdateShopProducts", update_products(body))

    parent = state.products[int(reply.one("NewProduct/ProductID"))]
    assert reply.codes == [62, 16, 2, 15, 61]
    assert parent.kind == 1
    assert [member.product_id for member in parent.members] == [members[0].id, members[1].id]
    assert (parent.members[0].label, parent.members[0].axes) == ("x" * 50, [("Größe", "S")])
    assert [owner.id for owner in state.parents_of(members[0].id)] == [parent.id]


def test_catalog_assignment_and_checked_numbers(simulator: Simulator, state: State) -> None:
    """Warnings 5, 6, 69, 81, 83, 84; a named catalog is created; what is warned of stays as it was."""
    catalog = state.add_catalog("Tee")
    product = state.add_product("Tee", catalogs=[catalog.id], gtin="2000000000008")
    body = (
        "<AddCatalogs><UpdateAction>1</UpdateAction>"
        f"<AddCatalog><CatalogID>{catalog.id}</CatalogID></AddCatalog><AddCatalog><CatalogID>1</CatalogID></AddCatalog>"
        "<AddCatalog><CatalogName>Kaffee</CatalogName></AddCatalog></AddCatalogs>"
        f"<ManufacturerPartNumber>{'9' * 101}</ManufacturerPartNumber><Condition>7</Condition>"
        "<ManufacturerStandardProductIDType>EAN</ManufacturerStandardProductIDType>"
        "<ManufacturerStandardProductIDValue>2000000000001</ManufacturerStandardProductIDValue>"
    )

    reply = ask(simulator, "UpdateShopProducts", update_products(ident(ProductID=product.id) + body))
    simulator.switches.change(manufacturer_part_number_limit=255)
    again = ask(
        simulator,
        "UpdateShopProducts",
        update_products(
            ident(ProductID=product.id)
            + f"<ManufacturerPartNumber>{'9' * 101}</ManufacturerPartNumber>"
            + "<ManufacturerStandardProductIDType>ZZZ</ManufacturerStandardProductIDType>"
        ),
    )

    assert sorted(reply.codes) == [5, 6, 81, 83, 84]
    assert again.codes == [69]
    assert (product.gtin, product.manufacturer_part_number) == ("2000000000008", "9" * 101)
    assert [state.catalogs[number].name for number in product.catalogs] == ["Tee", "Kaffee"]
