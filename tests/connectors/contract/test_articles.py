"""What holds for every system whose articles can be read."""

from collections.abc import Iterator

import pytest

from connectors.protocols.articles import ArticleQuery
from models.tenants.account_kinds import Capability
from tests.connectors.contract.rig import ArticlesRig, kinds_with, need, rig_of


@pytest.fixture(params=kinds_with(Capability.articles))
def rig(request: pytest.FixtureRequest) -> Iterator[ArticlesRig]:
    yield from rig_of(request.param)


def test_every_article_comes_once_and_again_by_its_id(rig: ArticlesRig) -> None:
    added = [rig.add_article(f"SKU-{number}", stock=number) for number in range(7)]
    with rig.open() as connection:
        articles = need(connection.articles)
        found, cursor = [], None
        while True:
            page = articles.fetch_articles(ArticleQuery(), cursor)
            found += page.records
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [(one.external_id, one.sku, one.quantity) for one in found] == [
            (added[number], f"SKU-{number}", number) for number in range(7)
        ]
        one = articles.fetch_articles(ArticleQuery(external_ids=(added[3],)), None)
        assert [article.sku for article in one.records] == ["SKU-3"]
