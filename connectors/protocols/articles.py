"""Reading the articles of a system."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.protocols.results import Page
from models.catalog.records import ArticleData, CategoryData


@dataclass(frozen=True)
class ArticleQuery:
    """Which articles to read: all, only those changed since an instant, or only the named ones."""

    changed_since: datetime | None = None
    external_ids: tuple[str, ...] = ()


class ReadsArticles(Protocol):
    """A system that shows its articles."""

    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]:
        """Return one page of articles."""

    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]:
        """Return one page of categories; a child may come before its parent."""
