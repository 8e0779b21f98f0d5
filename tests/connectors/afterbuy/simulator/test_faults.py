"""Bad days on demand: each fault spoils the call that it is for."""

import time
from typing import Any

import httpx
import pytest
from lxml import etree

from connectors.afterbuy.simulator import Fault, Simulator, State
from connectors.afterbuy.simulator.sample.malformed import BOMBS, ENCODINGS
from tests.connectors.afterbuy.simulator.requests import (
    Reply,
    ask,
    data_filter,
    envelope,
    ident,
    products,
    update_products,
)

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
