"""Articles and catalogs are read whole, under every reading of what the wire notes leave open."""

import pytest

from connectors.afterbuy.simulator import Fault
from connectors.protocols.articles import ArticleQuery
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import BOTH, articles_of
from tests.connectors.contract.rig import need


@BOTH
@pytest.mark.parametrize("paging", ["cursor", "pages"])
def test_articles_come_once_under_both_bounds_and_both_kinds_of_paging(bound: str, paging: str) -> None:
    with AfterbuyRig(range_from=bound) as rig:
        added = [rig.add_article(f"S-{number}", stock=number) for number in range(7)]
        with rig.open(article_paging=paging) as connection:
            assert [one.external_id for one in articles_of(connection)] == added


def test_pages_by_number_read_products_that_do_not_come_by_id() -> None:
    with AfterbuyRig(product_order="modified") as rig:
        added = [rig.add_article(f"S-{number}", stock=number) for number in range(7)]
        for number in (5, 0, 3):
            rig.state.set_product(int(added[number]), quantity=9)
        with rig.open(article_paging="pages") as connection:
            assert sorted(one.external_id for one in articles_of(connection)) == added


def test_catalogs_are_read_page_by_page_and_decoded_twice() -> None:
    with AfterbuyRig(catalog_names_escaped_twice=True, range_from="inclusive") as rig:
        parent = rig.state.add_catalog("Holz & Leim").id
        for number in range(250):
            rig.state.add_catalog(f"Regal {number}", parent_id=parent)
        with rig.open() as connection:
            first = need(connection.articles).fetch_categories(None)
            second = need(connection.articles).fetch_categories(first.next_cursor)
    names = [one.name for one in first.records + second.records]
    assert second.next_cursor is None
    assert (len(names), len(set(names)), names[0]) == (251, 251, "Holz & Leim")


def test_no_catalog_and_no_article_are_empty_pages(rig: AfterbuyRig) -> None:
    with rig.open() as connection:
        assert need(connection.articles).fetch_categories(None).records == []
        assert need(connection.articles).fetch_articles(ArticleQuery(), None).records == []


def test_invalid_characters_from_the_server_spoil_nothing(rig: AfterbuyRig) -> None:
    rig.add_article("MUG", stock=1)
    rig.simulator.faults.add(Fault.invalid_characters())
    with rig.open() as connection:
        assert [one.sku for one in articles_of(connection)] == ["MUG"]
