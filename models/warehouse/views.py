"""Records of articles with stock, limits and bins for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import col, select

from models.catalog.article import Article, parts_of, titles_of, variants_of
from models.catalog.listing import LimitScope
from models.catalog.lists import images_of, listings_of, prices_of, skus_by_id, texts_of
from models.catalog.records import ArticleKind
from models.database.session import Session
from models.tenants.account import Account, account_names
from models.tenants.tenant import Tenant
from models.warehouse.bins import list_bins
from models.warehouse.levels import StockLevel
from models.warehouse.lists import list_limits
from models.warehouse.sellable import stock_figures
from models.warehouse.warehouses import list_warehouses


@dataclass(frozen=True)
class ArticleSummary:
    """One article in a list; its stock figures are None if it was never counted."""

    tenant: str
    sku: str
    title: str
    kind: ArticleKind
    gtin: str
    manufacturer: str
    manufacturer_number: str
    supplier: str
    supplier_number: str
    price: Decimal | None
    """The price of one unit without a price group."""
    currency: str
    tax_rate: Decimal | None
    weight_grams: int | None
    active: bool
    on_hand: int | None
    allocated: int | None
    available: int | None


@dataclass(frozen=True)
class TextView:
    """An article's texts in one language."""

    title: str
    short_description: str
    description: str
    keywords: str


@dataclass(frozen=True)
class PriceView:
    """One of an article's prices."""

    amount: Decimal
    currency: str
    price_group: str
    min_quantity: int


@dataclass(frozen=True)
class PartView:
    """An article in a bundle, and its units per bundle."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class ListingView:
    """An article as one channel lists it."""

    account: str
    external_id: str
    channel_number: str
    channel_quantity: int | None
    published_quantity: int | None
    published_at: datetime | None


@dataclass(frozen=True)
class ArticleView:
    """One article with all its data."""

    tenant: str
    sku: str
    kind: ArticleKind
    gtin: str
    manufacturer: str
    manufacturer_number: str
    supplier: str
    supplier_number: str
    tax_rate: Decimal | None
    weight_grams: int | None
    unit: str
    unit_content: Decimal | None
    country_of_origin: str
    variant_values: dict[str, str]
    attributes: dict[str, str]
    meta: dict[str, Any]
    active: bool
    changed_at: datetime
    led_by: str
    """The account that the master data is imported from; empty if people maintain it."""
    parent_sku: str
    texts: dict[str, TextView]
    """By language."""
    prices: list[PriceView]
    images: list[str]
    """URLs in the order of display."""
    parts: list[PartView]
    variants: list[str]
    """The SKUs of its variants."""
    on_hand: int | None
    allocated: int | None
    available: int | None
    listings: list[ListingView]


@dataclass(frozen=True)
class LevelView:
    """An article's stock in one warehouse."""

    warehouse: str
    on_hand: int
    allocated: int


@dataclass(frozen=True)
class StockView:
    """An article's stock over all warehouses; a bundle's figures come from its parts."""

    tenant: str
    sku: str
    title: str
    kind: ArticleKind
    on_hand: int
    allocated: int
    available: int
    warehouses: list[LevelView]


@dataclass(frozen=True)
class LimitView:
    """A limit on what a channel may sell of an article, of a category, or of everything."""

    account: str
    scope: LimitScope
    of: str
    """A SKU or the channel's id of a category; empty for the whole account."""
    buffer: int
    maximum: int | None


@dataclass(frozen=True)
class BinView:
    """One bin and the articles in it."""

    warehouse: str
    bin: str
    place: int
    """Position in the walk."""
    skus: list[str]


def article_summaries(session: Session, tenant: Tenant, articles: Sequence[Article]) -> list[ArticleSummary]:
    """Return a summary of each of a tenant's articles, in the given order."""
    ids = [article.row_id for article in articles]
    titles, prices = titles_of(session, ids, tenant.language), prices_of(session, ids)
    figures = stock_figures(session, ids)
    found = []
    for article_id, article in zip(ids, articles, strict=True):
        figure, price = figures.get(article_id), next(iter(prices.get(article_id, ())), None)
        found.append(
            ArticleSummary(
                tenant=tenant.name,
                sku=article.sku,
                title=titles.get(article_id, ""),
                kind=article.kind,
                gtin=article.gtin,
                manufacturer=article.manufacturer,
                manufacturer_number=article.manufacturer_number,
                supplier=article.supplier,
                supplier_number=article.supplier_number,
                price=price.amount if price else None,
                currency=price.currency if price else "",
                tax_rate=article.tax_rate,
                weight_grams=article.weight_grams,
                active=article.active,
                on_hand=figure.on_hand if figure else None,
                allocated=figure.allocated if figure else None,
                available=figure.available if figure else None,
            )
        )
    return found


def article_view(session: Session, tenant: Tenant, article: Article) -> ArticleView:
    """Return one of a tenant's articles with texts, prices, parts, variants, stock and listings."""
    article_id = article.row_id
    parts = parts_of(session, [article_id]).get(article_id, [])
    figure = stock_figures(session, [article_id]).get(article_id)
    skus = skus_by_id(session, [part_id for part_id, _ in parts])
    accounts = account_names(session)
    parent = session.get(Article, article.parent_id) if article.parent_id else None
    return ArticleView(
        tenant=tenant.name,
        sku=article.sku,
        kind=article.kind,
        gtin=article.gtin,
        manufacturer=article.manufacturer,
        manufacturer_number=article.manufacturer_number,
        supplier=article.supplier,
        supplier_number=article.supplier_number,
        tax_rate=article.tax_rate,
        weight_grams=article.weight_grams,
        unit=article.unit,
        unit_content=article.unit_content,
        country_of_origin=article.country_of_origin,
        variant_values=article.variant_values,
        attributes=article.attributes,
        meta=article.meta,
        active=article.active,
        changed_at=article.changed_at,
        led_by=accounts.get(article.source_account_id or 0, ""),
        parent_sku=parent.sku if parent else "",
        texts={
            text.language: TextView(text.title, text.short_description, text.description, text.keywords)
            for text in texts_of(session, article_id)
        },
        prices=[
            PriceView(price.amount, price.currency, price.price_group, price.min_quantity)
            for price in prices_of(session, [article_id]).get(article_id, ())
        ],
        images=[image.url for image in images_of(session, article_id)],
        parts=[PartView(skus[part_id], quantity) for part_id, quantity in parts],
        variants=[variant.sku for variant in variants_of(session, article)],
        on_hand=figure.on_hand if figure else None,
        allocated=figure.allocated if figure else None,
        available=figure.available if figure else None,
        listings=[
            ListingView(
                account=accounts[listing.account_id],
                external_id=listing.external_id,
                channel_number=listing.channel_number,
                channel_quantity=listing.channel_quantity,
                published_quantity=listing.published_quantity,
                published_at=listing.published_at,
            )
            for listing in listings_of(session, article_id)
        ],
    )


def stock_views(session: Session, tenant: Tenant, articles: Sequence[Article]) -> list[StockView]:
    """Return the stock of a tenant's articles, in the given order; articles never counted are missing."""
    ids = [article.row_id for article in articles]
    warehouses = {row.row_id: row.name for row in list_warehouses(session, tenant.row_id)}
    figures, titles = stock_figures(session, ids), titles_of(session, ids, tenant.language)
    levels: dict[int, list[LevelView]] = {}
    for level in session.exec(
        select(StockLevel).where(col(StockLevel.article_id).in_(ids)).order_by(col(StockLevel.warehouse_id))
    ):
        levels.setdefault(level.article_id, []).append(
            LevelView(warehouses[level.warehouse_id], level.on_hand, level.allocated)
        )
    return [
        StockView(
            tenant=tenant.name,
            sku=article.sku,
            title=titles.get(article_id, ""),
            kind=article.kind,
            on_hand=figures[article_id].on_hand,
            allocated=figures[article_id].allocated,
            available=figures[article_id].available,
            warehouses=levels.get(article_id, []),
        )
        for article_id, article in zip(ids, articles, strict=True)
        if article_id in figures
    ]


def limit_views(session: Session, account: Account) -> list[LimitView]:
    """Return the limits of an account: the one for all articles, then by category, then by article."""
    limits = list_limits(session, account.row_id)
    of_articles = [int(row.scope_key) for row in limits if row.scope is LimitScope.article]
    skus = skus_by_id(session, of_articles)
    return [
        LimitView(
            account=account.name,
            scope=row.scope,
            of=skus[int(row.scope_key)] if row.scope is LimitScope.article else row.scope_key,
            buffer=row.buffer,
            maximum=row.maximum,
        )
        for row in limits
    ]


def bin_views(session: Session, tenant_id: int, warehouse: str | None = None) -> list[BinView]:
    """Return bins in walking order, of one warehouse if it is named. Raises: NotFoundError."""
    found = list_bins(session, tenant_id, warehouse)
    skus = skus_by_id(session, [article_id for _, _, ids in found for article_id in ids])
    return [
        BinView(where.name, row.name, row.place, sorted(skus[article_id] for article_id in ids))
        for where, row, ids in found
    ]
