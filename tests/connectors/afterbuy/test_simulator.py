"""The Afterbuy stand-in refuses what Afterbuy refuses, and every switch changes what it says it changes.

All requests are raw XML written by hand from the wire notes; nothing of the client is used.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

import connectors.afterbuy.simulator.switches as switches_module
from connectors.afterbuy.simulator import (
    Address,
    Attribute,
    Fault,
    Line,
    Member,
    Simulator,
    State,
    Switches,
    arrive,
    sample_state,
)
from connectors.afterbuy.simulator.calls.product_updates import valid_number
from connectors.afterbuy.simulator.sample.malformed import BOMBS, ENCODINGS
from connectors.afterbuy.simulator.state import total_of

NOON = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
"""Noon in Berlin, in summer."""

LOGIN = "<PartnerToken>demo-partner-token</PartnerToken><AccountToken>demo-account-token</AccountToken>"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An empty account whose clock stands at noon."""
    with Simulator(State(now=lambda: NOON)) as running:
        yield running


@pytest.fixture
def state(simulator: Simulator) -> State:
    """The account's records."""
    return simulator.state


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that keeps no proxy and waits briefly."""
    with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
        yield client


class Reply:
    """An answer with its parts at hand."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.root = etree.fromstring(response.content)

    @property
    def status(self) -> str:
        return self.root.findtext("CallStatus") or ""

    @property
    def codes(self) -> list[int]:
        return [int(code.text or 0) for code in self.root.iter("ErrorCode", "WarningCode")]

    def all(self, path: str) -> list[str]:
        """Return the texts of all elements at the end of a path, wherever it begins."""
        return [element.text or "" for element in self.root.findall(f".//{path}")]

    def one(self, path: str) -> str:
        """Return the text of the only element at the end of a path."""
        (text,) = self.all(path)
        return text


def envelope(call: str, body: str = "", level: int | str = 0, login: str = LOGIN, extra: str = "") -> bytes:
    """Write a request."""
    head = f"{login}<CallName>{call}</CallName><DetailLevel>{level}</DetailLevel>{extra}"
    request = f"<Request><AfterbuyGlobal>{head}</AfterbuyGlobal>{body}</Request>"
    return f'<?xml version="1.0" encoding="utf-8"?>{request}'.encode()


def ask(
    simulator: Simulator, call: str, body: str = "", level: int | str = 0, login: str = LOGIN, extra: str = ""
) -> Reply:
    """Send a request and return its answer."""
    with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
        return Reply(client.post(simulator.url, content=envelope(call, body, level, login, extra)))


def data_filter(name: str, *values: object, **parts: object) -> str:
    """Write a DataFilter with one filter."""
    inside = "".join(f"<FilterValue>{value}</FilterValue>" for value in values)
    inside += "".join(f"<{part}>{value}</{part}>" for part, value in parts.items())
    filters = f"<Filter><FilterName>{name}</FilterName><FilterValues>{inside}</FilterValues></Filter>"
    return f"<DataFilter>{filters}</DataFilter>"


def update_products(*products: str) -> str:
    """Write the body of UpdateShopProducts."""
    return f"<Products>{''.join(f'<Product>{product}</Product>' for product in products)}</Products>"


def ident(insert: int = 0, reference: str = "ref-1", **keys: object) -> str:
    """Write a ProductIdent."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    return (
        f"<ProductIdent><ProductInsert>{insert}</ProductInsert><UserProductID>{reference}</UserProductID>"
        f"{inside}</ProductIdent>"
    )


def update_orders(*orders: str) -> str:
    """Write the body of UpdateSoldItems."""
    return f"<Orders>{''.join(f'<Order>{order}</Order>' for order in orders)}</Orders>"


# --- transport and login ----------------------------------------------------------------------------------


def test_an_answer_looks_like_a_recorded_one(simulator: Simulator) -> None:
    """HTTP 200, text/xml, chunked, session cookie, CRLF, VersionID 8, Berlin and UTC two hours apart."""
    reply = ask(simulator, "GetAfterbuyTime")

    headers = reply.response.headers
    assert reply.response.status_code == 200
    assert headers["content-type"] == "text/xml; charset=utf-8"
    assert headers["transfer-encoding"] == "chunked"
    assert "ASP.NET_SessionId" in headers["set-cookie"]
    assert b"\r\n<CallStatus>Success</CallStatus>\r\n" in reply.response.content
    assert reply.one("VersionID") == "8"
    assert reply.one("AfterbuyTimeStamp") == "01.07.2026 12:00:00"
    assert reply.one("AfterbuyUniversalTimeStamp") == "01.07.2026 10:00:00"


def test_get_with_body_form_field_and_any_case_of_the_path(simulator: Simulator, http: httpx.Client) -> None:
    """All three forms that clients in production use are answered."""
    request = envelope("GetAfterbuyTime")
    lower = simulator.url.lower()

    replies = [
        http.request("GET", simulator.url, content=request),
        http.post(simulator.url, data={"xmlRequest": request.decode()}),
        http.post(lower, content=request),
    ]

    assert [Reply(reply).status for reply in replies] == ["Success"] * 3
    assert http.post(simulator.url + "x", content=request).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 1),
        (b"<Request><AfterbuyGlobal></Request>", 2),
        (b"<Anfrage/>", 2),
        (b"<Request><Name>\xfc</Name></Request>", 2),
        (b"<!DOCTYPE Request [<!ENTITY a 'b'>]><Request>&a;</Request>", 2),
        (b"<Request><Name>a\x0bb</Name></Request>", 2),
        (envelope("").replace(b"<CallName></CallName>", b""), 3),
        (envelope("GetNothing"), 12),
        (envelope("getafterbuytime"), 12),
        (envelope("UpdateCatalogs"), 52),
        (envelope("GetAfterbuyTime", level="x"), 18),
        (envelope("GetAfterbuyTime", level=2), 18),
    ],
)
def test_what_is_no_request_is_refused(
    simulator: Simulator, http: httpx.Client, body: bytes, code: int
) -> None:
    """Each has its code, under HTTP 200; what could not be parsed is called NotFound."""
    response = http.post(simulator.url, content=body)

    reply = Reply(response)
    assert (response.status_code, reply.status, reply.codes) == (200, "Error", [code])
    if code in (1, 2):
        assert reply.one("CallName") == "NotFound"


def legacy(
    number: str = "1000", partner: str = "demo-partner", user: str = "demo-user", word: str = "demo-pass"
) -> str:
    """Write the credentials of the legacy login."""
    return (
        f"<PartnerID>{number}</PartnerID><PartnerPassword>{partner}</PartnerPassword>"
        f"<UserID>{user}</UserID><UserPassword>{word}</UserPassword>"
    )


@pytest.mark.parametrize(
    ("login", "codes"),
    [
        (LOGIN, []),
        (legacy(), []),
        ("<PartnerID>1000</PartnerID>" + LOGIN, []),
        (LOGIN.replace("demo-account", "old-account"), [8]),
        ("", [4]),
        (legacy(number="abc"), [4]),
        (legacy(partner=""), [5]),
        (legacy(user=""), [6]),
        (legacy(word=""), [7]),
        (legacy(partner="wrong"), [8]),
        (legacy(word="wrong"), [9]),
    ],
)
def test_both_logins(simulator: Simulator, login: str, codes: list[int]) -> None:
    """Either complete set works; the legacy login has a code for each fault."""
    assert ask(simulator, "GetAfterbuyTime", login=login).codes == codes


def test_login_codes_are_switches(simulator: Simulator) -> None:
    """The code of a wrong token and of a wrong user can be chosen."""
    simulator.switches.change(token_error_code=35, legacy_user_error_code=10)

    assert ask(simulator, "GetVersion", login=LOGIN.replace("demo", "x")).codes == [35]
    assert ask(simulator, "GetVersion", login=legacy(word="x")).codes == [10]


def test_error_texts_follow_the_language(simulator: Simulator) -> None:
    """German unless EN is asked for."""
    german = ask(simulator, "GetSoldItems")
    english = ask(simulator, "GetSoldItems", extra="<ErrorLanguage>EN</ErrorLanguage>")

    assert german.one("ErrorDescription") == "Keine Artikel gefunden"
    assert english.one("ErrorDescription") == "No items found"


def test_requests_are_kept_without_secrets(simulator: Simulator) -> None:
    """What arrived can be read, the tokens cannot."""
    ask(simulator, "GetAfterbuyTime")

    (received,) = simulator.requests
    assert (received.call, received.reply, received.method) == ("GetAfterbuyTime", "success", "POST")
    assert "demo-partner-token" not in received.text()


def test_content_type_compression_and_plain_length_are_switches(
    simulator: Simulator, http: httpx.Client
) -> None:
    """Transport facts that nobody knows can be played either way."""
    simulator.switches.change(required_content_types=["text/xml"], compress=True, chunked=False)

    refused = Reply(http.post(simulator.url, content=envelope("GetVersion")))
    accepted = http.post(
        simulator.url, content=envelope("GetVersion"), headers={"Content-Type": "text/xml; charset=utf-8"}
    )

    assert refused.codes == [2]
    assert Reply(accepted).status == "Success"
    assert accepted.headers["content-encoding"] == "gzip"
    assert "content-length" in accepted.headers


def test_wrong_host_warns_beside_the_data(simulator: Simulator, state: State) -> None:
    """Warning 70 comes with everything that was asked for."""
    state.add_product("Teekanne")
    simulator.switches.change(wrong_host=True)

    reply = ask(simulator, "GetShopProducts")

    assert (reply.status, reply.codes, reply.all("Product/Name")) == ("Warning", [70], ["Teekanne"])


@pytest.mark.parametrize("reading", ["http_429", "error_60"])
def test_the_day_has_so_many_calls(simulator: Simulator, http: httpx.Client, reading: str) -> None:
    """The call above the limit is refused, without effect."""
    simulator.switches.change(calls_per_day=1, over_limit=reading)
    ask(simulator, "GetVersion")

    response = http.post(simulator.url, content=envelope("GetVersion"))

    if reading == "http_429":
        assert response.status_code == 429
    else:
        assert Reply(response).codes == [60]


def test_switches_refuse_what_they_do_not_offer() -> None:
    """A typing error in a test's switch does not pass silently."""
    switches = Switches()

    for wrong in ({"nothing": 1}, {"range_from": "both"}, {"ugly": 1}, {"set_limit": "15"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            switches.change(**wrong)

    assert switches == Switches()


# --- GetShopProducts --------------------------------------------------------------------------------------


def products(state: State, count: int) -> list[int]:
    """Add plain products and return their ids."""
    return [
        state.add_product(f"Artikel {number}", anr=str(number), ean=f"E{number}").id
        for number in range(count)
    ]


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


def test_upper_bound_of_a_range_is_a_switch(simulator: Simulator, state: State) -> None:
    """ValueTo is part of the range, or not."""
    ids = products(state, 3)
    body = data_filter("RangeID", ValueTo=ids[1])

    assert len(ask(simulator, "GetShopProducts", body).all("Product")) == 2
    simulator.switches.change(range_to="exclusive")
    assert len(ask(simulator, "GetShopProducts", body).all("Product")) == 1


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


def test_product_filters(simulator: Simulator, state: State) -> None:
    """Every filter of the notes picks what it names."""
    one = state.add_product("Eins", anr="7", ean="A1", tags=["neu"], level=3)
    two = state.add_product("Zwei", anr="9", ean="B2")
    state.add_product("Set", kind=2, members=[Member(one.id), Member(two.id)])
    state.add_product("Varianten", kind=1, members=[Member(two.id)])

    def names(body: str) -> list[str]:
        return ask(simulator, "GetShopProducts", body).all("Product/Name")

    assert names(data_filter("ProductID", one.id, two.id)) == ["Eins", "Zwei"]
    assert names(data_filter("Anr", "9")) == ["Zwei"]
    assert names(data_filter("Ean", "A1")) == ["Eins"]
    assert names(data_filter("Tag", "neu")) == ["Eins"]
    assert names(data_filter("Level", LevelFrom=2, LevelTo=3)) == ["Eins"]
    assert names(data_filter("RangeAnr", ValueFrom=7)) == ["Zwei"]
    assert names(data_filter("DefaultFilter", "AllSets")) == ["Set", "Varianten"]
    assert names(data_filter("DefaultFilter", "ProductSets")) == ["Set"]
    assert names(data_filter("DefaultFilter", "Not_AllSets")) == ["Eins", "Zwei"]
    assert names(data_filter("DefaultFilter", "not_VariationsSets")) == ["Eins", "Zwei", "Set"]


def test_date_filter_reads_berlin_time(simulator: Simulator, state: State) -> None:
    """A window in local time finds a change by its UTC instant; ISO dates are a switch."""
    product = state.add_product("Kanne")
    state.now = lambda: NOON + timedelta(hours=1)
    state.set_product(product.id, quantity=3)

    def found(start: str, name: str = "ModDate") -> list[int]:
        body = data_filter("DateFilter", name, DateFrom=start)
        return ask(simulator, "GetShopProducts", body).codes

    assert found("01.07.2026 13:00:00") == []
    assert found("1.7.2026 13:00:00", "LastStockChange") == []
    assert found("01.07.2026 13:00:01") == [15]
    assert found("2026-07-01 13:00:00") == []
    assert found("gestern") == [30]
    assert found("31.02.2026") == [30]
    assert found("01.01.0001") == [30]
    simulator.switches.change(iso_dates_in_filters="error_30")
    assert found("2026-07-01 13:00:00") == [30]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<DataFilter/>", 28),
        (data_filter("Farbe", "rot"), 30),
        (data_filter("DefaultFilter", "AllesMögliche"), 30),
        (data_filter("ProductID", "abc"), 30),
        (data_filter("ProductID", 2_147_483_648), 43),
        (data_filter("RangeID", ValueFrom=2_147_483_648), 43),
        (data_filter("Level", LevelFrom=1, LevelTo=2, LevelValue=1), 70),
        (data_filter("ProductID", *range(501)), 50),
        ("<DataFilter>" + "<Filter><FilterName>Anr</FilterName></Filter>" * 6 + "</DataFilter>", 36),
    ],
)
def test_filter_limits(simulator: Simulator, state: State, body: str, code: int) -> None:
    """Five filters, 500 values, int32 numbers, known names."""
    products(state, 1)
    assert ask(simulator, "GetShopProducts", body).codes == [code]


def test_filters_off_the_path_are_switches(simulator: Simulator, state: State) -> None:
    """FilterValue outside FilterValues, a stranger beside a known filter, numbers above the limit."""
    products(state, 2)
    outside = (
        "<DataFilter><Filter><FilterName>Anr</FilterName><FilterValue>1</FilterValue></Filter></DataFilter>"
    )
    beside = data_filter("Anr", 1).replace(
        "</DataFilter>", "<Filter><FilterName>X</FilterName></Filter></DataFilter>"
    )
    large = data_filter("RangeID", ValueFrom=0, ValueTo=9_999_999_999)

    assert len(ask(simulator, "GetShopProducts", outside).all("Product")) == 2
    assert len(ask(simulator, "GetShopProducts", beside).all("Product")) == 1
    simulator.switches.change(
        filter_value_outside="honoured", unknown_filter="error_30", number_limit_enforced=False
    )
    assert len(ask(simulator, "GetShopProducts", outside).all("Product")) == 1
    assert ask(simulator, "GetShopProducts", beside).codes == [30]
    assert len(ask(simulator, "GetShopProducts", large).all("Product")) == 2


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


# --- GetShopCatalogs and GetStockInfo ---------------------------------------------------------------------


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


# --- UpdateShopProducts -----------------------------------------------------------------------------------


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


# --- GetSoldItems -----------------------------------------------------------------------------------------


def order_ids(reply: Reply) -> list[int]:
    """Return the OrderIDs of an answer."""
    return [int(text) for text in reply.all("Orders/Order/OrderID")]


def test_an_order_has_the_whole_tree(simulator: Simulator, state: State) -> None:
    """Both addresses, payment, items, set contents, shipping, original currency, in Afterbuy's spelling."""
    cup = state.add_product("Becher", selling_price=Decimal("5.00"), ean="B-1", anr="77", quantity=9)
    pot = state.add_product("Kanne", selling_price=Decimal("20.00"), tax_rate=Decimal(7))
    pair = state.add_product(
        "Set", kind=2, selling_price=Decimal("23.00"), members=[Member(cup.id, 2), Member(pot.id)]
    )
    order = state.place_order(
        [Line(pair.id, 2, attributes=[("Farbe", "Blau")]), cup.id],
        shipping_address=Address(company="Café Süß", street="Packstation 1", city="Köln"),
        paid=Decimal("10"),
        currency="CHF",
        rate=Decimal("1.25"),
        platform="amazon",
        platform_order_id="302-1",
        surcharge=Decimal("2.00"),
        tags=["eilig"],
    )

    reply = ask(simulator, "GetSoldItems", level=62)

    assert [reply.one(f"Order/{name}") for name in ("OrderID", "AmazonAccount")] == [
        str(order.key),
        "warenfluss_demo",
    ]
    assert (reply.one("FullAmount"), reply.one("AlreadyPaid")) == ("57,90", "10,00")
    assert reply.one("OrderOriginalCurrency/InvoiceAmount") == "46,32"
    assert reply.one("OrderOriginalCurrency/ExchangeRate") == "1,25"
    assert reply.one("ShippingAddress/Company") == "Café Süß"
    assert reply.all("ShippingAddress/LastName") == [""]
    assert (
        reply.one("ShippingCost"),
        reply.one("ShippingAdditionalCost"),
        reply.one("ShippingTotalCost"),
    ) == (
        "4,90",
        "2,00",
        "6,90",
    )
    assert reply.one("SoldItems/ItemsInOrder") == "2"
    assert reply.all("SoldItem/PlatformSpecificOrderId") == ["302-1", "302-1"]
    assert reply.all("SoldItem/ItemOriginalCurrency/ItemPriceCode") == ["CHF", "CHF"]
    assert reply.all("ChildProduct/ProductQuantity") == ["2", "1"]
    assert reply.all("SoldItemAttribute/AttributeValue") == ["Blau"]
    assert reply.one("Tags/Tag") == "eilig"
    assert (reply.one("OrdersCount"), reply.one("ItemsCount"), reply.one("HasMoreItems")) == ("1", "2", "0")
    assert cup.quantity == 9 - 4 - 1


@pytest.mark.parametrize(
    ("level", "there", "missing"),
    [
        (2, "PaymentInfo", "BuyerInfo"),
        (4, "BuyerInfo", "SoldItems"),
        (8, "SoldItems", "SoldItemAttributes"),
        (16, "ShippingInfo", "PaymentInfo"),
        (32, "SoldItemAttributes", "ShippingInfo"),
        (1, "OrderID", "PaymentInfo"),
    ],
)
def test_order_detail_levels(
    simulator: Simulator, state: State, level: int, there: str, missing: str
) -> None:
    """Each bit brings its part."""
    product = state.add_product("X")
    state.place_order([Line(product.id, attributes=[("A", "1")])])

    tags = {element.tag for element in ask(simulator, "GetSoldItems", level=level).root.iter()}

    assert there in tags
    assert missing not in tags


def test_order_levels_0_and_1_are_switches(simulator: Simulator, state: State) -> None:
    """0 is everything or process data alone, with or without chosen options; 1 is ignored or error 18."""
    product = state.add_product("X")
    state.place_order([Line(product.id, attributes=[("A", "1")])])

    assert len(ask(simulator, "GetSoldItems").all("SoldItemAttribute")) == 1
    simulator.switches.change(sold_items_level_0_has_attributes=False)
    assert ask(simulator, "GetSoldItems").all("SoldItemAttribute") == []
    simulator.switches.change(sold_items_level_0="process", sold_items_level_1="error_18")
    assert ask(simulator, "GetSoldItems").all("SoldItem") == []
    assert ask(simulator, "GetSoldItems", level=1).codes == [18]
    assert ask(simulator, "GetSoldItems", level=64).codes == [18]


@pytest.mark.parametrize(("reading", "second"), [("exclusive", [2, 3]), ("inclusive", [1, 2])])
def test_order_cursor(simulator: Simulator, state: State, reading: str, second: list[int]) -> None:
    """The same two readings of the bound; descending order is possible; page numbers do not exist."""
    product = state.add_product("X")
    orders = [state.place_order([product.id]).order_id for _ in range(4)]
    simulator.switches.change(range_from=reading)
    size = "<MaxSoldItems>2</MaxSoldItems><PaginationEnabled>1</PaginationEnabled><PageNumber>2</PageNumber>"

    first = ask(simulator, "GetSoldItems", size)
    next_page = ask(
        simulator, "GetSoldItems", size + data_filter("RangeID", ValueFrom=first.one("LastOrderID"))
    )
    down = ask(simulator, "GetSoldItems", size + "<OrderDirection>1</OrderDirection>")

    assert order_ids(first) == orders[:2]
    assert first.one("HasMoreItems") == "1"
    assert order_ids(next_page) == [orders[place] for place in second]
    assert order_ids(down) == [orders[3], orders[2]]


@pytest.mark.parametrize("size", ["0", "251", "x"])
def test_order_page_size(simulator: Simulator, state: State, size: str) -> None:
    """1 to 250, or to 500 by the switch."""
    state.place_order([state.add_product("X").id])

    assert ask(simulator, "GetSoldItems", f"<MaxSoldItems>{size}</MaxSoldItems>").codes == [31]
    simulator.switches.change(max_sold_items=500)
    assert ask(simulator, "GetSoldItems", "<MaxSoldItems>251</MaxSoldItems>").codes == []


def test_orders_without_process(simulator: Simulator, state: State) -> None:
    """OrderID 0 shows with RequestAllItems only, never above a cursor; a checkout gives the id."""
    product = state.add_product("X")
    done = state.place_order([product.id])
    opened = state.place_order([product.id], process=False)
    everything = "<RequestAllItems>1</RequestAllItems>"

    assert order_ids(ask(simulator, "GetSoldItems")) == [done.order_id]
    assert order_ids(ask(simulator, "GetSoldItems", everything)) == [0, done.order_id]
    assert order_ids(ask(simulator, "GetSoldItems", everything + data_filter("OrderID", 0))) == [0]
    assert order_ids(ask(simulator, "GetSoldItems", everything + data_filter("RangeID", ValueFrom=1))) == [
        done.order_id
    ]
    assert ask(simulator, "GetSoldItems", data_filter("OrderID", 0)).codes == [15]
    state.complete_checkout(opened)
    assert order_ids(ask(simulator, "GetSoldItems")) == [done.order_id, opened.key]
    assert opened.feedback_date == NOON


def test_order_id_may_be_a_new_number(simulator: Simulator, state: State) -> None:
    """The switch gives processes numbers of their own."""
    simulator.switches.change(order_id_from="new_number")
    order = state.place_order([state.add_product("X").id])

    assert order.order_id not in (0, order.key)
    assert order_ids(ask(simulator, "GetSoldItems")) == [order.order_id]


def test_order_filters(simulator: Simulator, state: State) -> None:
    """Dates, states, platforms, buyers, marks."""
    product = state.add_product("X", selling_price=Decimal(10))
    new = state.place_order([product.id], feedback=False)
    paid = state.place_order([product.id], paid=True, platform="amazon")
    state.now = lambda: NOON + timedelta(days=1)
    sent = state.place_order([product.id], paid=True, platform="Hood", tags=["gold"], invoice_number="R1")
    state.ship(sent.order_id, tracking_number="4711")

    def found(name: str, *values: object, **parts: object) -> list[int]:
        reply = ask(simulator, "GetSoldItems", data_filter(name, *values, **parts))
        return order_ids(reply) if reply.codes != [15] else []

    a, b, c = new.order_id, paid.order_id, sent.order_id
    assert found("DefaultFilter", "NewAuctions") == [a]
    assert found("DefaultFilter", "PaidAuctions") == [b, c]
    assert found("DefaultFilter", "ReadyToShip") == [b]
    assert found("DefaultFilter", "CompletedAuctions") == [c]
    assert found("DefaultFilter", "not_CompletedAuctions") == [a, b]
    assert found("DefaultFilter", "NoXMLDate") == found("DefaultFilter", "NoXmlDate") == [a, b, c]
    assert found("DefaultFilter", "ReadyToShip", "CompletedAuctions") == []
    assert found("Plattform", "ebay") == [a]
    assert found("Plattform", "not_ebay") == [b, c]
    assert found("Tag", "gold") == found("InvoiceNumber", "R1") == [c]
    assert found("OrderID", a, c) == [a, c]
    assert found("AfterbuyUserID", new.customer_id) == [a, b, c]
    assert found("DateFilter", "AuctionEndDate", DateFrom="02.07.2026 00:00:00") == [c]
    assert found("DateFilter", "ShippingDate", DateFrom="01.01.2026", DateTo="01.01.2027") == [c]
    assert found("DateFilter", "FeedbackDate", DateTo="01.07.2026 12:00:00") == [b]
    assert ask(simulator, "GetSoldItems", data_filter("DateFilter", "Gestern")).codes == [30]
    assert ask(simulator, "GetSoldItems", data_filter("RangeID", ValueFrom=3_000_000_000)).codes == [17]
    simulator.switches.change(several_default_filters="or")
    assert found("DefaultFilter", "ReadyToShip", "CompletedAuctions") == [b, c]


def test_counts_cover_the_page_or_everything(simulator: Simulator, state: State) -> None:
    """OrdersCount is a switch."""
    product = state.add_product("X")
    for _ in range(3):
        state.place_order([product.id, product.id])
    size = "<MaxSoldItems>2</MaxSoldItems>"

    page = ask(simulator, "GetSoldItems", size)
    simulator.switches.change(counts_cover="matching")
    matching = ask(simulator, "GetSoldItems", size)

    assert (page.one("OrdersCount"), page.one("ItemsCount")) == ("2", "4")
    assert (matching.one("OrdersCount"), matching.one("ItemsCount")) == ("3", "6")


def test_default_page_of_orders_is_a_switch(simulator: Simulator, state: State) -> None:
    """Without MaxSoldItems."""
    product = state.add_product("X")
    for _ in range(3):
        state.place_order([product.id])
    simulator.switches.change(default_max_sold_items=2, default_max_catalogs=1)

    assert len(order_ids(ask(simulator, "GetSoldItems"))) == 2


def test_an_item_without_master_product(simulator: Simulator, state: State) -> None:
    """ShopProductDetails is empty, or holds an EAN that the seller entered."""
    state.place_order([Line(title="Restposten", price=Decimal(3), anr="900001")], platform="store")
    state.place_order([Line(title="Tasse", price=Decimal(3), ean="B-1")], platform="store")

    reply = ask(simulator, "GetSoldItems")

    assert reply.all("SoldItem/ShopProductDetails/ProductID") == []
    assert reply.all("SoldItem/ShopProductDetails/EAN") == ["B-1"]
    assert reply.all("SoldItem/Anr") == ["900001", "0"]


@pytest.mark.parametrize("reading", ["member", "parent"])
def test_a_sold_variation_is_named_by_member_or_parent(
    simulator: Simulator, state: State, reading: str
) -> None:
    """In the second reading the member is a ChildProduct."""
    red = state.add_product("Rot")
    parent = state.add_product("Becher", kind=1, members=[Member(red.id)])
    simulator.switches.change(variation_sold_as=reading)
    state.place_order([red.id])

    reply = ask(simulator, "GetSoldItems")

    shown = red if reading == "member" else parent
    assert reply.one("ShopProductDetails/ProductID") == str(shown.id)
    assert reply.all("ChildProduct/ProductID") == ([] if reading == "member" else [str(red.id)])


def test_amounts_in_doubt_are_switches(simulator: Simulator, state: State) -> None:
    """Main amounts in the buyer's currency, the rate's direction, a surcharge nowhere but in the total."""
    product = state.add_product("X", selling_price=Decimal(10))
    state.place_order(
        [product.id],
        currency="CHF",
        rate=Decimal("1.25"),
        shipping_cost=Decimal(5),
        surcharge=Decimal("2.50"),
    )
    simulator.switches.change(
        main_amounts="order_currency",
        exchange_rate_means="original_per_account",
        payment_surcharge_in="difference",
    )

    reply = ask(simulator, "GetSoldItems")

    assert reply.one("FullAmount") == "14,00"
    assert reply.one("ExchangeRate") == "0,8"
    assert (reply.one("ShippingAdditionalCost"), reply.one("ShippingTotalCost")) == ("0,00", "4,00")


@pytest.mark.parametrize("reading", ["lowest", "highest", "new"])
def test_merging_keeps_one_id(simulator: Simulator, state: State, reading: str) -> None:
    """All items stand under one OrderID, money adds up, the other ids are gone."""
    product = state.add_product("X", selling_price=Decimal(10))
    one = state.place_order([product.id], paid=True)
    two = state.place_order([product.id])
    old = (one.order_id, two.order_id)
    simulator.switches.change(merge_survivor=reading)

    merged = state.merge([two.order_id, one.order_id])

    reply = ask(simulator, "GetSoldItems")
    expected = {"lowest": old[0], "highest": old[1]}.get(reading, merged.order_id)
    assert order_ids(reply) == [expected]
    assert (merged.order_id in old) == (reading != "new")
    assert sorted(reply.all("SoldItem/ItemID")) == sorted(map(str, old))
    assert merged.full_amount == total_of(merged) == Decimal("24.90")
    assert merged.already_paid == Decimal("14.90")
    assert all(state.find_order_of_item(item) is merged for item in old)


def test_changes_of_an_order_renew_its_date(simulator: Simulator, state: State) -> None:
    """Paying, addressing and changing a quantity show in a ModDate window."""
    product = state.add_product("X", selling_price=Decimal(10), quantity=10)
    order = state.place_order([(product.id, 2)])
    state.now = lambda: NOON + timedelta(hours=2)
    window = data_filter("DateFilter", "ModDate", DateFrom="01.07.2026 14:00:00")
    assert ask(simulator, "GetSoldItems", window).codes == [15]

    state.pay(order.order_id, Decimal("4.90"))
    state.change_address(order.order_id, shipping=Address(street="Neu 1"))
    state.change_quantity(order.order_id, order.items[0].id, 3)

    reply = ask(simulator, "GetSoldItems", window)
    assert (reply.one("AlreadyPaid"), reply.one("FullAmount"), reply.one("ItemQuantity")) == (
        "4,90",
        "34,90",
        "3",
    )
    assert reply.one("ShippingAddress/Street") == "Neu 1"
    assert product.quantity == 7


def test_stock_may_stay_on_sale(simulator: Simulator, state: State) -> None:
    """By the switch a sale takes no stock."""
    product = state.add_product("X", quantity=5)
    simulator.switches.change(sale_reduces_stock=False)

    state.place_order([product.id])

    assert product.quantity == 5


# --- UpdateSoldItems and CancelOrders ---------------------------------------------------------------------


def test_paid_and_shipped_can_be_written_and_read_back(simulator: Simulator, state: State) -> None:
    """Payment, tracking, memo, dates, labels, export mark; no buyer is mailed."""
    product = state.add_product("X", selling_price=Decimal(10))
    order = state.place_order([product.id, product.id])
    first, second = (item.id for item in order.items)
    label = (
        "<ParcelLabel><ItemID>{}</ItemID><PackageNumber>{}</PackageNumber>"
        "<ParcelLabelNumber>L{}</ParcelLabelNumber><PackageWeight>1,5</PackageWeight></ParcelLabel>"
    )
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><AdditionalInfo>00340</AdditionalInfo><OrderMemo>Notiz</OrderMemo>"
        "<OrderExported>1</OrderExported><VorgangsInfo><VorgangsInfo2>V2</VorgangsInfo2></VorgangsInfo>"
        "<PaymentInfo><PaymentDate>30.06.2026 10:00:00</PaymentDate>"
        "<AlreadyPaid>24,90</AlreadyPaid></PaymentInfo>"
        "<ShippingInfo><DeliveryDate>01.07.2026 11:00:00</DeliveryDate><DeliveryService>DHL</DeliveryService>"
        f"<ParcelLabels>{label.format(first, 1, 1)}{label.format(second, 1, 1)}{label.format(second, 2, 2)}"
        "</ParcelLabels></ShippingInfo>"
    )

    reply = ask(simulator, "UpdateSoldItems", body)

    read = ask(simulator, "GetSoldItems", data_filter("DefaultFilter", "CompletedAuctions"))
    assert (reply.status, reply.all("Result")) == ("Success", [""])
    assert (order.already_paid, order.additional_info, order.delivery_service) == (
        Decimal("24.90"),
        "00340",
        "DHL",
    )
    assert order.delivery_date == datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    assert read.one("Order/Memo") == "Notiz"
    assert read.all("ParcelLabel/PackageNumber") == ["1", "1", "2"]
    assert read.all("SoldItem/ItemXmlDate") == ["01.07.2026 12:00:00"] * 2
    assert read.one("VorgangsInfo2") == "V2"
    assert ask(simulator, "GetSoldItems", data_filter("DefaultFilter", "NoXMLDate")).codes == [15]
    assert state.mails_to_buyers == []
    assert [received.effects for received in simulator.written("UpdateSoldItems")] == [1]


def test_mail_switches_reach_real_buyers(simulator: Simulator, state: State) -> None:
    """Every mail is noted; which spellings of true count is a switch."""
    order = state.place_order([state.add_product("X").id])
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><PaymentInfo><SendPaymentMail>{{0}}</SendPaymentMail></PaymentInfo>"
        "<ShippingInfo><SendShippingMail>{0}</SendShippingMail></ShippingInfo>"
    )

    for text in ("0", "nein", "", "vielleicht"):
        ask(simulator, "UpdateSoldItems", body.format(text))
    assert state.mails_to_buyers == []
    ask(simulator, "UpdateSoldItems", body.format("Yes"))
    assert [mail.kind for mail in state.mails_to_buyers] == ["payment", "shipping"]
    simulator.switches.change(true_spellings=["1"], false_spellings=["0"])
    ask(simulator, "UpdateSoldItems", body.format("Yes"))
    assert len(state.mails_to_buyers) == 2


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ([("", 1)], 3001),
        ([("999", 1)], 3001),
        ([("item", "")], 3002),
        ([("item", 0)], 3002),
        ([("item", 2)], 3003),
        ([("item", 1), ("item", 2), ("item", 1)], 3003),
        ([("item", 1), ("item", 3)], 3003),
    ],
)
def test_a_wrong_label_rejects_the_whole_batch(
    simulator: Simulator, state: State, labels: list[tuple[str, object]], code: int
) -> None:
    """Nothing of the batch is applied."""
    product = state.add_product("X")
    good, bad = state.place_order([product.id]), state.place_order([product.id])
    inside = "".join(
        f"<ParcelLabel><ItemID>{item.replace('item', str(bad.key))}</ItemID>"
        f"<PackageNumber>{number}</PackageNumber></ParcelLabel>"
        for item, number in labels
    )

    reply = ask(
        simulator,
        "UpdateSoldItems",
        update_orders(
            f"<OrderID>{good.order_id}</OrderID><OrderMemo>neu</OrderMemo>",
            f"<OrderID>{bad.order_id}</OrderID><ShippingInfo><ParcelLabels>{inside}</ParcelLabels></ShippingInfo>",
        ),
    )

    assert (reply.status, reply.codes) == ("Error", [code])
    assert (good.memo, bad.parcel_labels) == ("", [])
    assert simulator.written("UpdateSoldItems") == []


@pytest.mark.parametrize(
    ("reading", "codes", "memo"),
    [
        ("warning_12", [12], "neu"),
        ("error_33_rest_done", [33], "neu"),
        ("error_33_nothing_done", [33], ""),
    ],
)
def test_an_unknown_order_in_a_batch_is_a_switch(
    simulator: Simulator, state: State, reading: str, codes: list[int], memo: str
) -> None:
    """Three readings, for updates and cancellations alike."""
    order = state.place_order([state.add_product("X").id])
    simulator.switches.change(unknown_order=reading)

    reply = ask(
        simulator,
        "UpdateSoldItems",
        update_orders(
            f"<OrderID>{order.order_id}</OrderID><OrderMemo>neu</OrderMemo>", "<OrderID>5</OrderID>"
        ),
    )
    cancelled = ask(
        simulator,
        "CancelOrders",
        "<OrderCancellations>"
        + "".join(
            f"<OrderCancellation><OrderId>{number}</OrderId></OrderCancellation>"
            for number in (order.order_id, 5)
        )
        + "</OrderCancellations>",
    )

    assert (reply.codes, order.memo) == (codes, memo)
    assert (cancelled.codes, order.cancelled_at is not None) == (codes, memo == "neu")
    assert simulator.writes[0].effects == (memo == "neu")


def test_order_updates_that_are_refused(simulator: Simulator, state: State) -> None:
    """75 above 150, 74 without orders, 32 or 59 without a name, 33 for strangers, 98, 3004."""
    order = state.place_order([state.add_product("X").id])
    one = f"<OrderID>{order.order_id}</OrderID><OrderMemo>neu</OrderMemo>"

    def codes(*orders: str) -> list[int]:
        return ask(simulator, "UpdateSoldItems", update_orders(*orders)).codes

    assert codes(*[one] * 151) == [75]
    assert codes() == [74]
    assert codes(one, "<OrderMemo>x</OrderMemo>") == [32]
    assert codes("<OrderID>5</OrderID>") == [33]
    assert codes(one + "<Attributes><Attribute><Name>Farbe</Name></Attribute></Attributes>") == [98]
    assert codes(one + "<PaymentInfo><PaymentDate>morgen</PaymentDate></PaymentInfo>") == [3004]
    simulator.switches.change(missing_order_id_code=59)
    assert codes("<OrderID>0</OrderID>") == [59]
    assert order.memo == ""


@pytest.mark.parametrize(("reading", "paid"), [("absolute", Decimal(8)), ("increment", Decimal(13))])
def test_already_paid_is_a_total_or_an_increment(
    simulator: Simulator, state: State, reading: str, paid: Decimal
) -> None:
    """The switch decides what 8,00 does to 5,00."""
    order = state.place_order([state.add_product("X").id], paid=Decimal(5))
    simulator.switches.change(already_paid=reading)

    body = f"<OrderID>{order.order_id}</OrderID><PaymentInfo><AlreadyPaid>8,00</AlreadyPaid></PaymentInfo>"
    ask(simulator, "UpdateSoldItems", update_orders(body))

    assert order.already_paid == paid


def test_spelling_of_the_payment_cost_is_a_switch(simulator: Simulator, state: State) -> None:
    """PaymentAadditionalCost is read only if the switch lists it."""
    order = state.place_order([state.add_product("X", selling_price=Decimal(10)).id])
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><PaymentInfo>"
        "<PaymentAadditionalCost>2,00</PaymentAadditionalCost></PaymentInfo>"
    )

    ask(simulator, "UpdateSoldItems", body)
    assert order.surcharge == 0
    simulator.switches.change(payment_cost_elements=["PaymentAadditionalCost"])
    ask(simulator, "UpdateSoldItems", body)
    assert (order.surcharge, order.full_amount) == (Decimal(2), Decimal("16.90"))


def test_an_item_without_process_by_item_id(simulator: Simulator, state: State) -> None:
    """ItemID names it; a feedback date gives it a process; whether it may be changed is a switch."""
    order = state.place_order([state.add_product("X").id], process=False)
    body = update_orders(
        f"<OrderID>0</OrderID><ItemID>{order.key}</ItemID><FeedbackDate>01.07.2026 12:00:00</FeedbackDate>"
    )
    simulator.switches.change(items_without_process_changeable=False)

    assert ask(simulator, "UpdateSoldItems", body).codes == [33]
    simulator.switches.change(items_without_process_changeable=True)
    assert ask(simulator, "UpdateSoldItems", body).codes == []
    assert order.order_id == order.key


def test_shipping_address_and_flags_can_be_written(simulator: Simulator, state: State) -> None:
    """Absent parts stay, UseShippingAddress 0 takes the address away, flags land on items."""
    product = state.add_product("X")
    order = state.place_order(
        [Line(product.id, attributes=[("Farbe", "Rot")])],
        shipping_address=Address(city="Köln", street="Alt 1"),
    )
    address = "<BuyerInfo><ShippingAddress>{}</ShippingAddress></BuyerInfo>"

    def write(body: str) -> None:
        ask(simulator, "UpdateSoldItems", update_orders(f"<OrderID>{order.order_id}</OrderID>{body}"))

    write(
        address.format("<Street>Neu 2</Street>")
        + "<UserDefinedFlag>7002</UserDefinedFlag><Tags><Tag>x</Tag></Tags>"
        "<Attributes><Attribute><Name>Farbe</Name><Value>Blau</Value></Attribute></Attributes>"
    )
    assert order.shipping_address is not None
    assert (order.shipping_address.street, order.shipping_address.city) == ("Neu 2", "Köln")
    assert (order.items[0].flag, order.tags, order.items[0].attributes) == (7002, ["x"], [("Farbe", "Blau")])
    write(address.format("<UseShippingAddress>0</UseShippingAddress>") + "<HideOrder>1</HideOrder>")
    assert state.order(order.order_id).shipping_address is None
    assert order.hidden
    assert ask(simulator, "GetSoldItems").codes == [15]
    assert len(ask(simulator, "GetSoldItems", "<ReturnHiddenItems>1</ReturnHiddenItems>").all("Order")) == 1


def test_cancelling_books_stock_back_once(simulator: Simulator, state: State) -> None:
    """Stock by StockBooking, a mark on the items, VersionID 0; cancelled ones stay or vanish."""
    product = state.add_product("X", quantity=5)
    order = state.place_order([(product.id, 2)])
    body = (
        f"<OrderCancellations><OrderCancellation><OrderId>{order.order_id}</OrderId>"
        "<StockBooking>0</StockBooking><MarkId>7003</MarkId></OrderCancellation></OrderCancellations>"
    )

    replies = [ask(simulator, "CancelOrders", body) for _ in range(2)]

    assert [reply.status for reply in replies] == ["Success", "Success"]
    assert replies[0].one("VersionID") == "0"
    assert (product.quantity, order.items[0].flag) == (5, 7003)
    assert ask(simulator, "GetSoldItems").one("UserDefinedFlag") == "7003"
    simulator.switches.change(cancelled_orders="vanish")
    assert ask(simulator, "GetSoldItems").codes == [15]
    assert ask(simulator, "CancelOrders").codes == [74]
    assert ask(simulator, "CancelOrders", body.replace(str(order.order_id), "")).codes == [32]


# --- small calls ------------------------------------------------------------------------------------------


def test_lists_of_services_and_flags(simulator: Simulator, state: State) -> None:
    """Payment services by platform, shipping groups, markers; nothing there is error 25."""
    payments = ask(simulator, "GetPaymentServices", data_filter("Plattform", "ebay"))

    assert payments.all("PaymentService/Name") == ["eBay Zahlungsabwicklung"]
    assert len(payments.all("PaymentService/Default")) == 2
    assert ask(simulator, "GetShippingServices").all("ShippingMethod/Name")[0] == "DHL Paket"
    assert ask(simulator, "GetUserDefinedFlags").all("UserDefinedFlag/Name")[-1] == "Storniert"
    assert ask(simulator, "GetVersion").status == "Success"
    state.shipping_services = []
    assert ask(simulator, "GetShippingServices").codes == [25]


# --- bad days ---------------------------------------------------------------------------------------------


STOCK = "UpdateShopProducts"


@pytest.fixture
def kettle(state: State) -> Any:
    """A product with three in stock."""
    return state.add_product("Kessel", quantity=3)


def add_two(product: Any) -> str:
    """Write a delta of two."""
    return update_products(ident(ProductID=product.id) + "<AddQuantity>2</AddQuantity>")


def test_a_lost_reply_has_taken_effect(simulator: Simulator, kettle: Any) -> None:
    """A reset after the write leaves the write done; a reset before it does not."""
    simulator.faults.add(Fault.reset_before(), call=STOCK)
    simulator.faults.add(Fault.reset_after(), call=STOCK)
    ask(simulator, "GetAfterbuyTime")

    seen = []
    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            ask(simulator, STOCK, add_two(kettle))
        seen.append(kettle.quantity)

    assert seen == [3, 5]
    assert [(received.reply, received.effects) for received in simulator.writes] == [
        ("reset_before", 0),
        ("reset_after", 1),
    ]
    assert simulator.faults.delivered == {"reset_before": 1, "reset_after": 1}
    assert simulator.faults.pending == 0


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_timeout_before_or_after_the_effect(
    simulator: Simulator, http: httpx.Client, kettle: Any, after_effect: bool
) -> None:
    """The client gives up; whether the write was done is the fault's choice."""
    simulator.faults.add(Fault.timeout(5, after_effect=after_effect))

    with pytest.raises(httpx.ReadTimeout):
        http.post(simulator.url, content=envelope(STOCK, add_two(kettle)), timeout=0.2)

    assert kettle.quantity == (5 if after_effect else 3)


def test_a_slow_answer_arrives(simulator: Simulator) -> None:
    """Late, but whole."""
    simulator.faults.add(Fault.slow(0.2))
    started = time.monotonic()

    assert ask(simulator, "GetVersion").status == "Success"
    assert time.monotonic() - started >= 0.2


def test_answers_that_are_no_answers(simulator: Simulator, http: httpx.Client, kettle: Any) -> None:
    """Throttling, gateway errors and pages of an outage change nothing."""
    for fault in (Fault.throttle(7), Fault.throttle(), Fault.http_status(503), Fault.html_page()):
        simulator.faults.add(fault)
    request = envelope(STOCK, add_two(kettle))

    throttled, bare, broken, page = (http.post(simulator.url, content=request) for _ in range(4))

    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    assert "retry-after" not in bare.headers
    assert (broken.status_code, page.status_code) == (503, 200)
    assert page.headers["content-type"].startswith("text/html")
    assert kettle.quantity == 3


def test_error_codes_on_demand(simulator: Simulator, kettle: Any) -> None:
    """Any code, a refused login, and an error list under Success."""
    simulator.faults.add(Fault.error(52), times=2)
    simulator.faults.add(Fault.error(15, status="Success"))
    simulator.faults.add(Fault.refuse_login())
    simulator.faults.add(Fault.refuse_login(60))

    replies = [ask(simulator, STOCK, add_two(kettle)) for _ in range(5)]

    assert [reply.codes for reply in replies] == [[52], [52], [15], [8], [60]]
    assert replies[2].status == "Success"
    assert kettle.quantity == 3


def test_a_cut_body(simulator: Simulator, http: httpx.Client) -> None:
    """Cut on the wire, or complete on the wire and cut in the XML."""
    simulator.faults.add(Fault.cut_body(60))
    simulator.faults.add(Fault.cut_body(60, honest_length=True))

    with pytest.raises(httpx.RemoteProtocolError):
        ask(simulator, "GetVersion")
    response = http.post(simulator.url, content=envelope("GetVersion"))

    assert len(response.content) == 60
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(response.content)


def test_the_same_page_twice_and_rows_out_of_order(simulator: Simulator, state: State) -> None:
    """A page that moves nothing forward; rows in reverse under the page's own cursor."""
    ids = products(state, 3)
    size = "<MaxShopItems>2</MaxShopItems>"
    first = ask(simulator, "GetShopProducts", size)
    simulator.faults.add(Fault.same_page())
    simulator.faults.add(Fault.out_of_order())

    again = ask(simulator, "GetShopProducts", size + data_filter("RangeID", ValueFrom=ids[1]))
    shuffled = ask(simulator, "GetShopProducts", size)

    assert again.response.content == first.response.content
    assert shuffled.all("Product/ProductID") == [str(ids[1]), str(ids[0])]
    assert shuffled.one("LastProductID") == str(ids[1])


def test_the_same_page_waits_for_a_read(simulator: Simulator) -> None:
    """What was answered to a write is not told of another: nobody could tell that it had no effect."""
    simulator.faults.add(Fault.same_page())

    assert simulator.faults.take("UpdateSoldItems") is None
    assert simulator.faults.take("GetSoldItems") == Fault.same_page()


def test_the_same_page_is_one_of_the_same_question(simulator: Simulator, state: State) -> None:
    """The page of another question would say of this one what is not true, and nobody could tell."""
    ids = products(state, 3)
    ask(simulator, "GetShopProducts", data_filter("ProductID", FilterValue=ids[0]))
    simulator.faults.add(Fault.same_page())

    whole = ask(simulator, "GetShopProducts")
    one = ask(simulator, "GetShopProducts", data_filter("ProductID", FilterValue=ids[1]))
    again = ask(simulator, "GetShopProducts", data_filter("RangeID", ValueFrom=ids[2]))

    assert len(whole.all("Product/ProductID")) == 3
    assert one.all("Product/ProductID") == [str(ids[1])]
    assert again.response.content == whole.response.content


def test_poisoned_bodies(simulator: Simulator, http: httpx.Client, kettle: Any) -> None:
    """Forbidden characters, growing entities, a flood."""
    simulator.faults.add(Fault.invalid_characters())
    simulator.faults.add(Fault.entity_bomb())
    simulator.faults.add(Fault.oversized(3_000_000))
    request = envelope("GetShopProducts")

    dirty, bomb, flood = (http.post(simulator.url, content=request).content for _ in range(3))

    assert b"<Name><![CDATA[\x0b\x02Kessel]]>" in dirty
    assert b"<!ENTITY" in bomb
    assert len(flood) >= 3_000_000
    assert Reply(httpx.Response(200, content=flood)).all("Product/Name") == ["Kessel"]


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_a_flood_has_its_size_in_each_form(simulator: Simulator, http: httpx.Client, form: str) -> None:
    """The answer is whole and large, whether its length is told, not told, or small on the way."""
    simulator.faults.add(Fault.oversized(3_000_000, form))

    response = http.post(simulator.url, content=envelope("GetVersion"))

    assert len(response.content) >= 3_000_000
    assert Reply(response).status == "Success"


def test_rubbish_goes_out_as_ordered(simulator: Simulator, http: httpx.Client, kettle: Any) -> None:
    """Bombs, NUL, encodings, nonsense, repeats and depth stand in the answers; the truth stays clean."""
    orders = simulator.state.place_order([kettle]), simulator.state.place_order([kettle])
    faults = [
        *(Fault.entity_bomb(form) for form in BOMBS),
        *(Fault.bad_encoding(form) for form in ENCODINGS),
        Fault.nul(),
        Fault.nonsense_record("ItemPrice", "9<b/>", place=2),
        Fault.nonsense_record("NoSuchElement", "x"),
        Fault.repeated_record(3),
        Fault.repeated_record(2, "Order"),
        Fault.deep_nesting(300),
    ]
    for fault in faults:
        simulator.faults.add(fault, "GetSoldItems")
    bodies = [http.post(simulator.url, content=envelope("GetSoldItems")).content for _ in faults]
    plain = http.post(simulator.url, content=envelope("GetSoldItems")).content

    bombs, encoded = bodies[: len(BOMBS)], bodies[len(BOMBS) : len(BOMBS) + len(ENCODINGS)]
    nul, nonsense, untouched, lines, repeated, nested = bodies[len(BOMBS) + len(ENCODINGS) :]
    assert all(b"<!DOCTYPE Afterbuy" in bomb for bomb in bombs)
    assert len({*encoded, plain}) == len(encoded) + 1
    assert b"\0]]>&#0;" in nul
    assert nonsense.count(b"<ItemPrice>9<b/></ItemPrice>") == 1
    assert untouched == plain
    item = orders[0].items[0].id
    assert [b"<ItemID>%d</ItemID>" % (item + n) in lines for n in range(3)] == [True] * 3
    assert repeated.count(b"<Order>") == 3
    assert nested.count(b"<a>") == 300
    assert simulator.faults.delivered.total() == len(faults)
    assert len(simulator.state.orders) == 2


def test_a_client_may_hang_up_in_a_flood(simulator: Simulator, http: httpx.Client, kettle: Any) -> None:
    """The server lives on."""
    simulator.faults.add(Fault.oversized(500_000_000))

    with http.stream("POST", simulator.url, content=envelope("GetVersion")) as response:
        next(response.iter_raw())

    assert ask(simulator, "GetVersion").status == "Success"


def test_faults_wait_for_their_call(simulator: Simulator) -> None:
    """A fault of another call stays queued."""
    simulator.faults.add(Fault.error(52), call="GetSoldItems")

    assert ask(simulator, "GetVersion").codes == []
    assert simulator.faults.pending == 1
    simulator.faults.clear()
    assert ask(simulator, "GetSoldItems").codes == [15]


# --- sample, ugliness, process ----------------------------------------------------------------------------


def test_the_sample_is_believable() -> None:
    """The counts and special cases that the demo promises; the same seed gives the same shop."""
    state, again = sample_state(now=NOON), sample_state(now=NOON)
    orders = list(state.orders.values())
    kinds = Counter(product.kind for product in state.products.values())

    assert (len(state.products), len(orders)) == (500, 300)
    assert vars(again.products[71_000_250]) == vars(state.products[71_000_250])
    assert [order.full_amount for order in again.orders.values()] == [order.full_amount for order in orders]
    assert kinds[1] == 14
    assert kinds[2] == 20
    assert all(valid_number("EAN", product.gtin) for product in state.products.values() if product.gtin)
    assert len({product.ean for product in state.products.values()}) == 500
    assert sum(order.full_amount != total_of(order) for order in orders) == 1
    assert sum(order.memo == "Sammelbestellung" for order in orders) == 1
    assert {order.platform for order in orders} == {"ebay", "amazon", "Kaufland.de", "OTTO Market", "store"}
    assert {"AT", "CH", "DK"} <= {order.billing.country_iso for order in orders}
    assert {"EUR", "CHF", "DKK"} == {order.currency for order in orders}
    assert any(order.order_id == 0 for order in orders)
    assert any(0 < order.already_paid < order.full_amount for order in orders)
    assert any(order.delivery_date for order in orders)
    assert any("Packstation" in order.shipping_address.street for order in orders if order.shipping_address)
    assert any(not item.linked for order in orders for item in order.items)
    assert all(NOON - timedelta(days=15) < order.placed_at < NOON for order in orders)
    assert all(order.billing.mail.endswith(".example") for order in orders)


def test_ugly_answers_are_still_xml_and_repeat(simulator: Simulator, http: httpx.Client) -> None:
    """Ugly variants occur, and the same page is the same bytes."""
    sample = sample_state(products=150, orders=60, now=NOON)
    sample.switches.ugly = True
    with Simulator(sample) as ugly:
        request = envelope("GetSoldItems", "<MaxSoldItems>250</MaxSoldItems>")
        one, two = (http.post(ugly.url, content=request).content for _ in range(2))
        articles = http.post(ugly.url, content=envelope("GetShopProducts")).content
        catalogs = ask(ugly, "GetShopCatalogs")

    etree.fromstring(one)
    etree.fromstring(articles)
    assert one == two
    for trace in (b"<countryISO>", b"<Company></Company>", b"<![CDATA[]]>", b"<IsExternalInvoice>False<"):
        assert trace in one, trace
    assert b"<MergeStock>-1<" in articles
    assert b"<MergeStock>True<" in articles
    names = catalogs.all("Catalog/Name")
    assert any("&amp;" in name for name in names)
    assert catalogs.all("Catalog/ParnetID")


def test_new_orders_arrive() -> None:
    """Random orders come in above the last one; an empty shop gets none."""
    state = sample_state(products=80, orders=10, now=NOON)
    highest = max(state.orders)

    orders = arrive(state, 5)

    assert len(orders) == 5
    assert min(order.key for order in orders) > highest
    assert arrive(State(), 3) == []


def test_the_control_face_steers(simulator: Simulator, state: State, http: httpx.Client) -> None:
    """Counters, switches, faults, orders and products over JSON; mistakes are 400 and 404."""
    product = state.add_product("Kessel", quantity=9, selling_price=Decimal("12.50"))
    base = simulator.control_url

    placed = http.post(
        base + "place_order", json={"lines": [{"product_id": product.id, "quantity": 2}], "paid": "5.00"}
    ).json()
    http.post(base + "switches", json={"already_paid": "increment"})
    http.post(base + "faults", json={"kind": "error", "code": 52, "call": "GetVersion", "times": 2})
    paid = http.post(f"{base}order/{placed['order_id']}", json={"action": "pay", "amount": "1.50"}).json()
    http.post(f"{base}product/{product.id}", json={"quantity": 40})
    counters = http.get(base + "state").json()

    assert (paid["already_paid"], paid["full_amount"]) == ("6.50", "29.90")
    assert simulator.switches.already_paid == "increment"
    assert http.get(f"{base}product/{product.id}").json()["quantity"] == 40
    assert (counters["orders"], counters["faults"]) == (1, {"pending": 2, "delivered": {}})
    assert ask(simulator, "GetVersion").codes == [52]
    assert http.delete(base + "faults").json() == {"pending": 0}
    assert len(http.post(base + "arrive", json={"n": 2}).json()["order_ids"]) == 2
    assert "range_from" in http.get(base + "switches").json()["readings"]
    assert http.post(base + "switches", json={"ugly": "yes"}).status_code == 400
    assert http.post(base + "faults", json={"kind": "flood"}).status_code == 400
    assert http.get(base + "order/1").status_code == 404
    assert http.get(base + "nothing").status_code == 404
    assert http.get(base + "state", headers={"Origin": "http://elsewhere.invalid"}).status_code == 403


def test_every_switch_has_a_description_and_a_test() -> None:
    """A new switch without a test of its own name fails here."""
    source = Path(switches_module.__file__).read_text("utf-8")
    tests = Path(__file__).read_text("utf-8")
    credentials = {
        "partner_token",
        "account_token",
        "partner_id",
        "partner_password",
        "user_id",
        "user_password",
    }
    names = [entry.name for entry in fields(Switches) if entry.name not in credentials]

    assert [name for name in names if name not in tests] == []
    for name in names:
        _, _, after = source.partition(f"    {name}: ")
        assert after.split("\n", 2)[1].strip().startswith('"""'), name


def test_the_simulator_runs_by_itself() -> None:
    """It prints its address, answers, lets orders arrive, and ends on SIGTERM with exit code 0."""
    program = (
        "from connectors.afterbuy.simulator import serve; serve(0, sample=True, arrivals_every_seconds=0.05)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        control = url.partition("/afterbuy/")[0] + "/_control/state"
        deadline = time.monotonic() + 5
        while (counters := json.loads(httpx.get(control, trust_env=False, verify=False).text))[
            "orders"
        ] <= 300:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert counters["products"] == 500
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
    assert process.returncode == 0
