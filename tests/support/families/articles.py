"""The one article of a system that has articles."""

from decimal import Decimal

from connectors.protocols.articles import ArticleQuery
from connectors.protocols.results import Page
from models.catalog.records import ArticleData, CategoryData, PriceData, TextData


class OneArticle:
    """One article in one category."""

    def __init__(self, language: str) -> None:
        self.language = language

    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]:
        """Return the only page of articles."""
        article = ArticleData(
            external_id="T-1",
            sku="TOY",
            texts={self.language: TextData(title="Kreisel")},
            prices=[PriceData(amount=Decimal("3.50"), currency="EUR")],
            quantity=40,
        )
        return Page([article])

    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]:
        """Return the only page of categories."""
        return Page([CategoryData(external_id="C-1", name="Spielzeug")])
