"""GetShopProducts, GetShopCatalogs and GetStockInfo."""

from collections import Counter
from datetime import timedelta

import httpx
import pytest

from connectors.afterbuy.simulator import Attribute, Member, Simulator, State
from tests.connectors.afterbuy.simulator.requests import NOON, ask, data_filter, envelope, products


@pytest.mark.parametrize("size", ["0", "251", "-1", "1,5", "abc"])
def test_product_page_size_is_1_to_250(simulator: Simulator, state: State, size: str) -> None:
    """Other sizes are error 16."""
    products(state, 1)
    assert ask(simulator, "GetShopProducts", f"<MaxShopItems>{size}</MaxShopItems>").codes == [16]


@pytest.mark.parametrize(("reading", "second"), [("exclusive", [2, 3]), ("inclusive", [1, 2])])
def test_product_cursor_bounds_are_a_switch(
    simulator: Simulator, state: State, reading: str, second: list[int]
) -> None:
    """The last id sent back unchanged is part of the next page, or not."""
    ids = products(state, 5)
    simulator.switches.change(range_from=reading)
    size = "<MaxShopItems>2</MaxShopItems>"
    first = ask(simulator, "GetShopProducts", size)

    reply = ask(
        simulator,
        "GetShopProducts",
        size + data_filter("RangeID", ValueFrom=first.one("LastProductID"), ValueTo=0),
    )

    assert first.one("HasMoreProducts") == "1"
    assert reply.all("Product/ProductID") == [str(ids[place]) for place in second]


def test_page_mode_counts_pages(simulator: Simulator, state: State) -> None:
    """PaginationResult tells all figures; page 0 is the first; past the end is error 15."""
    products(state, 5)
    body = "<MaxShopItems>2</MaxShopItems><PaginationEnabled>1</PaginationEnabled><PageNumber>{}</PageNumber>"

    last = ask(simulator, "GetShopProducts", body.format(3))

    assert [last.one(name) for name in ("TotalNumberOfEntries", "TotalNumberOfPages", "ItemsPerPage")] == [
        "5",
        "3",
        "2",
    ]
    assert last.one("HasMoreProducts") == "0"
    assert len(ask(simulator, "GetShopProducts", body.format(0)).all("Product")) == 2
    assert ask(simulator, "GetShopProducts", body.format(4)).codes == [15]


@pytest.mark.parametrize(
    ("level", "there", "missing"),
    [
        (0, {"Quantity", "Memo", "SellingPrice", "CatalogID", "AvailableShop"}, {"MultiLanguage"}),
        (2, {"Quantity", "SellingPrice"}, {"Memo"}),
        (4, {"Quantity", "MergeStock"}, {"SellingPrice", "CatalogID"}),
        (8, {"SellingPrice", "Memo"}, {"Quantity", "CatalogID"}),
        (16, {"CatalogID"}, {"Quantity", "SellingPrice"}),
        (64, {"AvailableShop"}, {"Quantity"}),
        (128, {"MultiLanguage"}, {"Quantity"}),
    ],
)
def test_product_detail_levels(
    simulator: Simulator, state: State, level: int, there: set[str], missing: set[str]
) -> None:
    """Each bit brings its part."""
    catalog = state.add_catalog("Tee")
    state.add_product("Tee", memo="innen", catalogs=[catalog.id], languages={"FR": {"Name": "Thé"}})

    tags = {element.tag for element in ask(simulator, "GetShopProducts", level=level).root.iter()}

    assert there <= tags
    assert not missing & tags


def test_level_32_is_invalid_and_0_may_hold_languages(simulator: Simulator, state: State) -> None:
    """32 is error 18; whether 0 includes 128 is a switch."""
    state.add_product("Tee", languages={"FR": {"Name": "Thé"}})
    simulator.switches.change(product_level_0_has_languages=True)

    assert ask(simulator, "GetShopProducts", level=32).codes == [18]
    assert ask(simulator, "GetShopProducts").one("MultiLanguage/FR/Name") == "Thé"


def test_sets_tell_their_members_and_members_their_parents(simulator: Simulator, state: State) -> None:
    """Flags 1, 2 and 3; a member may belong to two sets; stock of sets is a switch."""
    red = state.add_product("Rot", quantity=4)
    blue = state.add_product("Blau", quantity=7)
    axes = [("Farbe", "Rot")]
    state.add_product("Becher", kind=1, members=[Member(red.id, axes=axes), Member(blue.id)])
    state.add_product("Paar", kind=2, members=[Member(red.id, 2), Member(blue.id, 1)])

    own = ask(simulator, "GetShopProducts")
    simulator.switches.change(set_stock="derived")
    derived = ask(simulator, "GetShopProducts")
    bare = ask(
        simulator,
        "GetShopProducts",
        "<SuppressBaseProductRelatedData>1</SuppressBaseProductRelatedData>",
    )

    assert own.all("BaseProductFlag") == ["3", "3", "1", "2"]
    assert own.all("BaseProduct/BaseProductType") == ["1", "2", "1", "2"]
    assert own.all("eBayVariationName") == ["Farbe"]
    assert own.all("Product/Quantity") == ["4", "7", "0", "0"]
    assert derived.all("Product/Quantity") == ["4", "7", "11", "2"]
    assert bare.all("BaseProducts") == []


@pytest.mark.parametrize(
    ("spelling", "elements"),
    [
        ("live", {"AttributValue": 2}),
        ("manual", {"AttributWert": 2}),
        ("mixed", {"AttributValue": 1, "AttributWert": 1}),
    ],
)
def test_attribute_spellings(
    simulator: Simulator, state: State, spelling: str, elements: dict[str, int]
) -> None:
    """Both spellings of attributes can be had."""
    state.add_product("X", attributes=[Attribute("A", "1"), Attribute("B", "2", position=1)])
    simulator.switches.change(attribute_spelling=spelling)

    tags = Counter(element.tag for element in ask(simulator, "GetShopProducts").root.iter())

    assert {tag: tags[tag] for tag in ("AttributValue", "AttributWert") if tags[tag]} == elements


def test_order_of_products_and_default_page_are_switches(simulator: Simulator, state: State) -> None:
    """By id or by change; the page size without MaxShopItems."""
    ids = products(state, 3)
    state.now = lambda: NOON + timedelta(minutes=1)
    state.set_product(ids[0], quantity=1)
    simulator.switches.change(product_order="modified", default_max_shop_items=2)

    reply = ask(simulator, "GetShopProducts")

    assert reply.all("Product/ProductID") == [str(ids[1]), str(ids[2])]
    assert reply.one("HasMoreProducts") == "1"


def test_texts_survive_cdata_and_control_characters(
    simulator: Simulator, state: State, http: httpx.Client
) -> None:
    """The end mark of CDATA is split; characters that XML forbids are stripped, or kept by the switch."""
    state.add_product("a]]>b & <c>", description="x\x0by")

    assert ask(simulator, "GetShopProducts").one("Name") == "a]]>b & <c>"
    assert ask(simulator, "GetShopProducts").one("Description") == "xy"
    simulator.switches.change(control_characters_out="kept")
    assert b"x\x0by" in http.post(simulator.url, content=envelope("GetShopProducts")).content


def test_catalogs_page_by_cursor(simulator: Simulator, state: State) -> None:
    """Limits 21 to 24, level 2 with products, doubled escapes by the switch."""
    child = state.add_catalog("Töpfe & Pfannen", parent_id=9000)
    root = state.add_catalog("Küche", id=9000)
    state.add_product("Topf", catalogs=[child.id])

    first = ask(simulator, "GetShopCatalogs", "<MaxCatalogs>1</MaxCatalogs>", level=2)
    rest = ask(simulator, "GetShopCatalogs", data_filter("RangeID", ValueFrom=first.one("LastCatalogID")))
    simulator.switches.change(catalog_names_escaped_twice=True)

    assert first.one("Catalog/ParentID") == str(root.id)
    assert len(first.all("CatalogProducts/ProductID")) == 1
    assert (first.one("HasMoreCatalogs"), rest.one("HasMoreCatalogs")) == ("1", "0")
    assert rest.all("Catalog/Name") == ["Küche"]
    assert ask(simulator, "GetShopCatalogs").all("Catalog/Name")[0] == "Töpfe &amp; Pfannen"
    assert ask(simulator, "GetShopCatalogs", "<MaxCatalogs>201</MaxCatalogs>").codes == [21]
    assert ask(simulator, "GetShopCatalogs", data_filter("RangeID", ValueFrom=3_000_000_000)).codes == [22]
    assert ask(simulator, "GetShopCatalogs", data_filter("RangeID", ValueTo=3_000_000_000)).codes == [23]
    assert ask(simulator, "GetShopCatalogs", data_filter("CatalogID", 1)).codes == [24]


def stock_request(*keys: tuple[str, object]) -> str:
    """Write the body of GetStockInfo."""
    return "<Products>" + "".join(f"<Product><{n}>{v}</{n}></Product>" for n, v in keys) + "</Products>"


def test_stock_info_warns_for_the_missing_and_answers_the_rest(simulator: Simulator, state: State) -> None:
    """Found products and a warning in one answer; an Anr may hit several."""
    for quantity in (3, 5):
        state.add_product("Tasse", anr="12", quantity=quantity)

    reply = ask(simulator, "GetStockInfo", stock_request(("Anr", 12), ("EAN", "X9")), level=2)

    assert (reply.status, reply.codes) == ("Warning", [2])
    assert reply.all("Products/Product/Quantity") == ["3", "5"]
    assert reply.one("Warning/ProductID") == "X9"
    simulator.switches.change(stock_info_warning_key="as_requested", stock_info_all_missing="error_15")
    assert (
        ask(simulator, "GetStockInfo", stock_request(("Anr", 12), ("EAN", "X9"))).one("Warning/EAN") == "X9"
    )
    assert ask(simulator, "GetStockInfo", stock_request(("EAN", "X9"))).codes == [15]


def test_stock_info_limits(simulator: Simulator, state: State) -> None:
    """19 without a key, 20 above 500, and above 200 between 10 and 15 o'clock unless switched off."""
    ids = products(state, 1)
    many = stock_request(*[("ProductID", ids[0])] * 201)

    assert ask(simulator, "GetStockInfo").codes == [19]
    assert ask(simulator, "GetStockInfo", "<Products><Product/></Products>").codes == [19]
    assert ask(simulator, "GetStockInfo", many).codes == [20]
    state.now = lambda: NOON + timedelta(hours=4)
    assert ask(simulator, "GetStockInfo", many).codes == []
    assert ask(simulator, "GetStockInfo", stock_request(*[("ProductID", ids[0])] * 501)).codes == [20]
    state.now = lambda: NOON
    simulator.switches.change(stock_info_day_limit=None)
    assert ask(simulator, "GetStockInfo", many).codes == []
