"""Answers in their ugly look are still XML."""

import httpx
from lxml import etree

from connectors.afterbuy.simulator import Simulator, sample_state
from tests.connectors.afterbuy.simulator.requests import NOON, ask, envelope


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
