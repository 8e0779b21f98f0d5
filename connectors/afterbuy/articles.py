"""Afterbuy's articles and catalogs."""

from collections.abc import Iterable
from functools import partial

from connectors.afterbuy import xml
from connectors.afterbuy.client import MAX_CATALOGS, AfterbuyClient, windows_since
from connectors.afterbuy.mapping_articles import article_from_wire, category_from_wire
from connectors.afterbuy.paging import (
    AFTER,
    PAGE,
    PageReader,
    chunk_of,
    next_state,
    number_of,
    read_cursor,
    without_repeats,
    write_cursor,
)
from connectors.afterbuy.settings import AfterbuySettings, DateFilter, Paging
from connectors.afterbuy.wire_articles import CatalogWire, ProductWire
from connectors.afterbuy.xml import Element
from connectors.protocols.articles import ArticleQuery
from connectors.protocols.results import Page
from models.catalog.records import ArticleData, CategoryData


class AfterbuyArticles:
    """See `ReadsArticles`. Raises: the errors of `AfterbuyClient`."""

    def __init__(self, client: AfterbuyClient, settings: AfterbuySettings) -> None:
        self._client = client
        self._settings = settings

    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]:
        """Return one page of articles by ascending id; members of sets come as ids."""
        settings = self._settings
        state = read_cursor(cursor)
        by_page = settings.article_paging is Paging.pages and not query.external_ids
        chunk, following = chunk_of(query.external_ids, state, settings.article_page_size)
        number = int(state.get(PAGE, 1))
        answer = self._client.get_shop_products(
            page_size=settings.article_page_size,
            detail_level=settings.article_detail_level,
            product_ids=chunk,
            after=None if query.external_ids or by_page else state.get(AFTER),
            windows=windows_since(DateFilter.ModDate, query.changed_since),
            page_number=number if by_page else None,
        )
        elements = xml.find_all(answer.result, "Products", "Product")
        reader = PageReader("article", "ProductID")
        records = reader.read(
            without_repeats(elements, "ProductID", state.get(AFTER)),
            ProductWire,
            lambda wire: article_from_wire(wire, settings),
        )
        if by_page:
            pages = number_of(xml.text_at(answer.result, "PaginationResult", "TotalNumberOfPages"))
            following = {PAGE: number + 1} if elements and number < pages else None
        elif not query.external_ids:
            following = next_state(answer, elements, "Product", settings.article_page_size, state)
        return Page(records, reader.rejected, write_cursor(following))

    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]:
        """Return one page of catalogs; a child may come before its parent."""
        state = read_cursor(cursor)
        answer = self._client.get_shop_catalogs(after=state.get(AFTER))
        elements = xml.find_all(answer.result, "Catalogs", "Catalog")
        reader = PageReader("category", "CatalogID")
        records: list[CategoryData] = []
        for element in without_repeats(elements, "CatalogID", state.get(AFTER)):
            for nested, parent_id in _tree(element, ""):
                records += reader.read(
                    [nested], CatalogWire, partial(category_from_wire, enclosing_id=parent_id)
                )
        following = next_state(answer, elements, "Catalog", MAX_CATALOGS, state)
        return Page(records, reader.rejected, write_cursor(following))


def _tree(element: Element, parent_id: str) -> Iterable[tuple[Element, str]]:
    """Yield a catalog and the catalogs nested in it, each with the id of the one around it."""
    yield element, parent_id
    own_id = xml.text_at(element, "CatalogID")
    for nested in [*xml.find_all(element, "Catalog"), *xml.find_all(element, "Catalogs", "Catalog")]:
        yield from _tree(nested, own_id)
