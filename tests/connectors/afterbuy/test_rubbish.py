"""Rubbish from the channel: the record is set aside or the page refused, and its neighbours go on."""

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.afterbuy import xml, xml_parser
from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.orders import AfterbuyOrders
from connectors.afterbuy.paging import MAX_RECORDS
from connectors.afterbuy.settings import AfterbuySettings, Login
from connectors.afterbuy.simulator import Fault, Simulator
from connectors.afterbuy.values import (
    parse_day,
    parse_decimal,
    parse_flag,
    parse_instant,
    parse_utc,
    parse_whole,
)
from connectors.afterbuy.wire import MAX_MANY
from connectors.errors import RequestRefusedError
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import Page
from models.orders.records import OrderData
from tests.support.loopback import Loopback, http

LINE = (
    "<SoldItem><ItemID>{id}</ItemID><ItemQuantity>1</ItemQuantity>"
    "<ItemPrice>2,50</ItemPrice>{more}</SoldItem>"
)
MAIL = "<BuyerInfo><BillingAddress><Mail>{mail}</Mail></BillingAddress></BuyerInfo>"
ORDER = (
    "<Order><OrderID>{id}</OrderID><OrderDate>01.07.2026 10:00:00</OrderDate>{more}"
    "<PaymentInfo><FullAmount>2,50</FullAmount></PaymentInfo><SoldItems>{lines}</SoldItems></Order>"
)


def order(number: int, more: str = "", line_more: str = "") -> str:
    return ORDER.format(id=number, more=more, lines=LINE.format(id=number, more=line_more))


def answer(*orders: str, more: str = "<HasMoreItems>0</HasMoreItems>") -> bytes:
    listed = "".join(orders)
    return (
        f"<Afterbuy><CallStatus>Success</CallStatus><Result>{more}<Orders>{listed}</Orders></Result></Afterbuy>"
    ).encode()


def read(body: bytes) -> Page[OrderData]:
    login = Login((("PartnerToken", "a-token"), ("AccountToken", "b-token")))
    with Loopback(http(body)) as server:
        settings = AfterbuySettings(base_url=server.url)
        with closing(AfterbuyClient(settings, login, test=False)) as client:
            return AfterbuyOrders(client, settings).fetch_orders(OrderQuery(), None)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (order(2, "<UserComment>" + "<a>" * 200 + "</a>" * 200 + "</UserComment>"), "levels deep"),
        (ORDER.format(id="9" * 300, more="", lines=LINE.format(id=2, more="")), "string_too_long"),
        (ORDER.format(id="2&#10;3", more="", lines=LINE.format(id=2, more="")), "cannot be shown"),
        (ORDER.format(id="\u202e23", more="", lines=LINE.format(id=2, more="")), "cannot be shown"),
        (ORDER.format(id="2", more="", lines=LINE.format(id="\x9b31m", more="")), "cannot be shown"),
        (order(2).replace("2,50", "9" * 300), "a number of 300 characters"),
        (order(2).replace("2,50", "NaN"), "not a number"),
        (order(2).replace("2,50", "1E400"), "not a number"),
        (order(2).replace("01.07.2026", "31.12.9999"), "a date too far away"),
        (order(2).replace("01.07.2026 10:00:00", "9999-12-31T23:59:59-12:00"), "a date too far away"),
        (order(2, MAIL.format(mail="x" * 9000)), "mail"),
        (order(2, "<OrderIDAlt>" + "x" * 9000 + "</OrderIDAlt>"), "channel_number"),
        (ORDER.format(id=2, more="", lines=LINE.format(id=2, more="") * (MAX_MANY + 1)), "more than 10000"),
    ],
    ids=lambda value: value if len(value) < 40 else "order",
)  # fmt: skip
def test_an_odd_record_is_set_aside_and_its_neighbours_go_on(odd: str, said: str) -> None:
    """Its reason is short, shows no value, and its raw form is kept up to a limit."""
    page = read(answer(order(1), odd, order(3)))

    assert [one.external_id for one in page.records] == ["1", "3"]
    [aside] = page.rejected
    assert said in aside.reason
    assert len(aside.reason) < 500
    assert "xxx" not in aside.reason
    assert "999" not in aside.reason
    assert aside.reason.isprintable()
    assert aside.external_id.isprintable()
    assert len(aside.external_id) <= 80
    assert 0 < len(aside.raw) <= 1_000_000


def test_two_unusable_ids_are_two_entries() -> None:
    """Long ids that begin alike do not fall on one entry."""
    page = read(answer(*(ORDER.format(id="9" * 90 + str(n), more="", lines="") for n in range(2))))
    assert len({one.external_id for one in page.rejected}) == 2


def test_many_attributes_of_one_name_are_joined_in_one_go() -> None:
    """Ten thousand values of one name are one text in their order, without copying it each time."""
    pair = "<AttributeName>a</AttributeName><AttributeValue>v</AttributeValue>"
    one = f"<SoldItemAttribute>{pair}</SoldItemAttribute>"
    page = read(answer(order(1, line_more=f"<SoldItemAttributes>{one * MAX_MANY}</SoldItemAttributes>")))
    assert page.records[0].lines[0].attributes == {"a": ", ".join(["v"] * MAX_MANY)}


def test_a_page_of_more_records_than_anybody_asked_for_is_refused() -> None:
    """It is not tried again: the same would come."""
    with pytest.raises(RequestRefusedError, match="more than 5000 records of kind order"):
        read(answer("<Order/>" * (MAX_RECORDS + 1)))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (answer("<a/>" * 1_000_001), "ask for smaller pages"),
        (answer("<a b='' c=''/>" * 400_000), "ask for smaller pages"),
        (answer("<!-- <![CDATA[ -->" + "<a/>" * 1_000_001 + "<!-- ]]> -->"), "ask for smaller pages"),
        (answer("<![CDATA[]]>" * 1_000_001), "ask for smaller pages"),
        (answer("&" * 1_000_001), "ask for smaller pages"),
        (answer("<a>" + "x" * 10_500_000 + "</a>"), "shorten it in Afterbuy"),
        (answer("<a>" * 100_000 + "</a>" * 100_000), "250 levels"),
        (b"<?xml version='1.0' encoding='utf-7'?>+ADw-Afterbuy/+AD4-", "Afterbuy writes UTF-8"),
        ('<?xml version="1.0" encoding="cp037"?><Afterbuy/>'.encode("cp037"), "Afterbuy writes UTF-8"),
    ],
    ids=["elements", "attributes", "hidden", "cdata", "references", "long text", "deep", "utf-7", "ebcdic"],
)
def test_a_page_that_would_take_too_much_is_refused_with_what_to_do(body: bytes, said: str) -> None:
    with pytest.raises(xml_parser.NotAfterbuyError, match=said):
        xml_parser.parse(body)


def test_markup_within_texts_does_not_count() -> None:
    """Descriptions in HTML are texts, however many tags they hold."""
    body = answer("<Order><Memo><![CDATA[" + "<b a='1'>&amp;</b>" * 300_000 + "]]></Memo></Order>")
    assert xml.find(xml_parser.parse(body), "Result", "Orders", "Order") is not None


def test_names_without_end_are_not_kept() -> None:
    """The memory of element names holds short ones alone, so that no answer makes it grow for good."""
    name = "a" * 40_000
    assert xml.local_name(name) == name
    assert name not in xml._names


@given(
    st.text(max_size=400)
    | st.from_regex(r"\A[0-9]{1,4}[-.][0-9]{1,2}[-.][0-9]{1,4}[T ][0-9:]{0,8}[-+Z0-9:]{0,6}\Z")
)
def test_no_text_breaks_a_reader(text: str) -> None:
    """Any text is a value that fits everywhere it goes, or a ValueError."""
    for parse in (parse_decimal, parse_whole, parse_flag, parse_instant, parse_day, parse_utc):
        try:
            value = parse(text)
        except ValueError:
            continue
        if isinstance(value, datetime):
            assert 1989 < value.year < 2202
            assert value - timedelta(days=400) < value.astimezone(UTC) + timedelta(days=400)


FLOOD = """
import sys
from benchmarks.child import peak_mb
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.spec import open_connection
from connectors.errors import TransientError
from connectors.protocols.orders import OrderQuery

secrets = {"partner_token": "demo-partner-token", "account_token": "demo-account-token"}
with open_connection(AfterbuySettings(base_url=sys.argv[1]), secrets, test=False, record=None) as connection:
    try:
        connection.orders.fetch_orders(OrderQuery(), None)
    except TransientError as error:
        print(error)
print(int(peak_mb()))
"""


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_a_gigabyte_leaves_memory_flat(form: str) -> None:
    """A page of 1 GB is refused after its first 32 MB, in whatever form it comes."""
    with Simulator() as simulator:
        simulator.state.place_order([simulator.state.add_product("Becher")])
        simulator.faults.add(Fault.oversized(1_000_000_000, form))
        done = subprocess.run(
            [sys.executable, "-c", FLOOD, simulator.url],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    said, megabytes = done.stdout.splitlines()
    assert "larger than 32 MB; set a smaller page size" in said
    assert int(megabytes) < 300
