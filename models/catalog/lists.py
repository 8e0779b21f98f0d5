"""Lists of articles: search, batches, and the details of each article."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from models.catalog.article import Article, ArticleImage, ArticlePrice, ArticleText
from models.catalog.listing import Listing
from models.database.conditions import in_batches


def list_articles(
    session: Session,
    tenant_id: int,
    search: str = "",
    *,
    only_active: bool = False,
    limit: int | None = None,
    batch: int = 500,
) -> Iterator[Sequence[Article]]:
    """Yield a tenant's articles in batches, ordered by SKU.

    `search` is a part of the SKU or title, or the whole GTIN.
    """
    query = (
        select(Article)
        .where(*_conditions(tenant_id, search, only_active=only_active))
        .order_by(col(Article.sku))
        .limit(limit)
        .execution_options(yield_per=batch)
    )
    return session.exec(query).partitions()


def count_articles(session: Session, tenant_id: int, search: str = "", *, only_active: bool = False) -> int:
    """Return how many articles match."""
    conditions = _conditions(tenant_id, search, only_active=only_active)
    return session.exec(select(func.count(col(Article.id))).where(*conditions)).one()


def skus_by_id(session: Session, article_ids: Sequence[int]) -> dict[int, str]:
    """Return {article id: SKU}."""
    ids = sorted(set(article_ids))
    skus: dict[int, str] = {}
    for batch in in_batches(ids):
        rows = session.execute(select(col(Article.id), col(Article.sku)).where(col(Article.id).in_(batch)))
        skus.update(rows.tuples().all())
    return skus


def prices_of(session: Session, article_ids: Sequence[int]) -> dict[int, list[ArticlePrice]]:
    """Return each article's prices by group, minimum quantity and currency; everyone's group comes first."""
    prices: dict[int, list[ArticlePrice]] = {}
    rows = session.exec(
        select(ArticlePrice)
        .where(col(ArticlePrice.article_id).in_(article_ids))
        .order_by(col(ArticlePrice.price_group), col(ArticlePrice.min_quantity), col(ArticlePrice.currency))
    )
    for row in rows:
        prices.setdefault(row.article_id, []).append(row)
    return prices


def texts_of(session: Session, article_id: int) -> list[ArticleText]:
    """Return an article's texts, ordered by language."""
    query = select(ArticleText).where(ArticleText.article_id == article_id).order_by(ArticleText.language)
    return list(session.exec(query).all())


def images_of(session: Session, article_id: int) -> list[ArticleImage]:
    """Return an article's images, ordered by position."""
    query = (
        select(ArticleImage).where(ArticleImage.article_id == article_id).order_by(col(ArticleImage.position))
    )
    return list(session.exec(query).all())


def listings_of(session: Session, article_id: int) -> list[Listing]:
    """Return an article's listings, ordered by account."""
    query = (
        select(Listing)
        .where(Listing.article_id == article_id)
        .order_by(col(Listing.account_id), col(Listing.id))
    )
    return list(session.exec(query).all())


def _conditions(tenant_id: int, search: str, *, only_active: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [col(Article.tenant_id) == tenant_id]
    if only_active:
        conditions.append(col(Article.active).is_(True))
    if search:
        title = col(ArticleText.title).icontains(search, autoescape=True)
        conditions.append(
            or_(
                col(Article.sku).icontains(search, autoescape=True),
                col(Article.gtin) == search,
                col(Article.id).in_(select(ArticleText.article_id).where(title)),
            )
        )
    return conditions
