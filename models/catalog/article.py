"""Articles: what is sold. A variant has a parent, a bundle has parts (Artikel, Variante, Stückliste)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlmodel import JSON, Field, Session, SQLModel, Text, col, select

# Foreign keys point to their tables.
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.catalog.records import ArticleData, ArticleKind, NumberKind
from models.database.columns import ExactDecimal, Numbered, code, instant, money
from models.database.conditions import among
from models.errors import Action, Advice, NotFoundError


class Article(Numbered, table=True):
    __tablename__ = "article"
    __table_args__ = (UniqueConstraint("tenant_id", "sku"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    sku: str = Field(max_length=120)
    kind: ArticleKind = code(ArticleKind, ArticleKind.single)
    parent_id: int | None = Field(default=None, foreign_key="article.id", index=True)
    source_account_id: int | None = Field(default=None, foreign_key="account.id")
    """The account that the master data is imported from; None if people maintain it here."""
    gtin: str = Field(default="", index=True)
    manufacturer: str = ""
    manufacturer_number: str = ""
    supplier: str = ""
    supplier_number: str = ""
    tax_rate: Decimal | None = money(nullable=True)
    weight_grams: int | None = None
    unit: str = ""
    unit_content: Decimal | None = money(nullable=True)
    country_of_origin: str = ""
    variant_values: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    attributes: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    meta: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    active: bool = True
    changed_at: datetime = instant()


class ArticleText(SQLModel, table=True):
    __tablename__ = "article_text"
    __table_args__ = (PrimaryKeyConstraint("article_id", "language"),)

    article_id: int = Field(foreign_key="article.id")
    language: str = Field(max_length=5)
    title: str
    short_description: str = Field(default="", sa_type=Text)
    description: str = Field(default="", sa_type=Text)
    keywords: str = Field(default="", sa_type=Text)


class ArticlePrice(Numbered, table=True):
    __tablename__ = "article_price"
    __table_args__ = (
        UniqueConstraint("article_id", "price_group", "currency", "min_quantity"),
        CheckConstraint("min_quantity >= 1", name="min_quantity"),
    )

    article_id: int = Field(foreign_key="article.id")
    price_group: str = ""
    currency: str = Field(max_length=3)
    min_quantity: int = 1
    amount: Decimal = Field(sa_type=ExactDecimal)


class ArticleImage(Numbered, table=True):
    __tablename__ = "article_image"
    __table_args__ = (UniqueConstraint("article_id", "position"),)

    article_id: int = Field(foreign_key="article.id")
    position: int
    url: str
    alt: str = ""


class ArticleNumber(Numbered, table=True):
    """A number by which an article is found; `loose` is the number in its `loose_form`, for searching."""

    __tablename__ = "article_number"
    __table_args__ = (Index("ix_article_number_search", "tenant_id", "kind", "loose"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    article_id: int = Field(foreign_key="article.id", index=True)
    kind: NumberKind = code(NumberKind)
    value: str
    loose: str


class BundlePart(SQLModel, table=True):
    __tablename__ = "bundle_part"
    __table_args__ = (
        PrimaryKeyConstraint("bundle_id", "part_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    bundle_id: int = Field(foreign_key="article.id")
    part_id: int = Field(foreign_key="article.id", index=True)
    quantity: int


class Category(Numbered, table=True):
    """A node of the category tree of one account."""

    __tablename__ = "category"
    __table_args__ = (UniqueConstraint("account_id", "external_id"),)

    account_id: int = Field(foreign_key="account.id")
    external_id: str
    parent_external_id: str = ""
    """The channel's id, not a foreign key: a child may be imported before its parent."""
    name: str
    position: int = 0
    visible: bool = True


class ArticleCategory(SQLModel, table=True):
    __tablename__ = "article_category"
    __table_args__ = (PrimaryKeyConstraint("article_id", "account_id", "category_external_id"),)

    article_id: int = Field(foreign_key="article.id")
    account_id: int = Field(foreign_key="account.id")
    category_external_id: str


# Cached, because several matching rules read the same numbers of a page.
@lru_cache(maxsize=10_000)
def loose_form(value: str) -> str:
    """Return the search form of a number: letters and digits only, case-folded, no leading zeros.

    Example: `00-AB 12` becomes `ab12`. Two numbers that any matching rule treats as equal have the same form.
    """
    kept = "".join(sign for sign in value.casefold() if sign.isalnum())
    return kept.lstrip("0") or kept[:1]


def numbers_of(article: Article | ArticleData) -> list[tuple[NumberKind, str]]:
    """Return the numbers by which an article is found, as (kind, value), without empty ones."""
    pairs = [
        (NumberKind.sku, article.sku),
        (NumberKind.gtin, article.gtin),
        (NumberKind.manufacturer, article.manufacturer_number),
        (NumberKind.supplier, article.supplier_number),
    ]
    return [(kind, value) for kind, value in pairs if value]


def get_article(session: Session, tenant_id: int, sku: str) -> Article:
    """Return the tenant's article with this SKU. Raises: NotFoundError."""
    article = session.exec(select(Article).where(Article.tenant_id == tenant_id, Article.sku == sku)).first()
    if article is None:
        raise NotFoundError(f"There is no article with SKU {sku!r}.", Advice(Action.article_list))
    return article


def titles_of(session: Session, article_ids: Sequence[int], language: str = "de") -> dict[int, str]:
    """Return {article id: title} in this language, or in any other if an article has no title in it."""
    rows = session.exec(select(ArticleText).where(among(col(ArticleText.article_id), article_ids))).all()
    titles: dict[int, str] = {}
    for row in rows:
        if row.language == language or row.article_id not in titles:
            titles[row.article_id] = row.title
    return titles


def prices_of(
    session: Session, article_ids: Iterable[int], group: str = ""
) -> dict[tuple[int, str], list[tuple[int, Decimal]]]:
    """Return a price group's prices as {(article id, currency): [(minimum quantity, unit price), …]}.

    Prices are in ascending order of minimum quantity.
    """
    prices: dict[tuple[int, str], list[tuple[int, Decimal]]] = defaultdict(list)
    rows = session.execute(
        select(
            col(ArticlePrice.article_id),
            col(ArticlePrice.currency),
            col(ArticlePrice.min_quantity),
            col(ArticlePrice.amount),
        )
        .where(among(col(ArticlePrice.article_id), article_ids), ArticlePrice.price_group == group)
        .order_by(col(ArticlePrice.min_quantity))
    )
    for article_id, currency, least, amount in rows:
        prices[article_id, currency].append((least, amount))
    return prices


def price_for(prices: Sequence[tuple[int, Decimal]], quantity: int) -> Decimal | None:
    """Return the unit price at this quantity, None if none applies; `prices` as `prices_of` returns them."""
    fitting = [amount for least, amount in prices if least <= quantity]
    return fitting[-1] if fitting else None


def parts_of(session: Session, article_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Return {bundle id: [(article id of the part, quantity), …]} for the bundles among these articles."""
    parts: dict[int, list[tuple[int, int]]] = {}
    rows = session.exec(
        select(BundlePart)
        .where(among(col(BundlePart.bundle_id), article_ids))
        .order_by(col(BundlePart.part_id))
    )
    for row in rows:
        parts.setdefault(row.bundle_id, []).append((row.part_id, row.quantity))
    return parts


def variants_of(session: Session, parent: Article) -> list[Article]:
    """Return the variants of a parent, ordered by SKU."""
    query = select(Article).where(Article.parent_id == parent.row_id).order_by(col(Article.sku))
    return list(session.exec(query).all())
