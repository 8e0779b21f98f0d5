"""Article: what is sold; a variant has a parent, a bundle parts (Artikel, Variante, Stückliste)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlmodel import JSON, Field, Session, SQLModel, Text, col, select

from models.among import among
from models.columns import MAX_COUNT, Amount, ExactDecimal, ExternalId, Indexed, code, instant, money, need_id
from models.errors import NotFoundError


class ArticleKind(StrEnum):
    single = "single"
    parent = "parent"
    """Groups variants; it has no stock and is never sold itself."""
    variant = "variant"
    bundle = "bundle"
    """Has no stock of its own; its parts have."""


class NumberKind(StrEnum):
    """Whose number for an article it is."""

    sku = "sku"
    gtin = "gtin"
    manufacturer = "manufacturer"
    supplier = "supplier"


class TextData(BaseModel):
    title: str
    short_description: str = ""
    description: str = ""
    keywords: str = ""


class PriceData(BaseModel):
    """A gross unit price, valid from a quantity on, for one price group ("" is everyone)."""

    amount: Amount
    currency: str = RecordField(min_length=3, max_length=3)
    price_group: Indexed = ""
    min_quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)


class ImageData(BaseModel):
    url: str
    alt: str = ""


class MemberData(BaseModel):
    """A variant of a parent or a part of a bundle, by the channel's ids."""

    external_id: str
    quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)
    label: str = ""
    position: int = 0
    values: dict[str, str] = RecordField(default_factory=dict)
    """Axis and value of a variant, e.g. {"Farbe": "rot"}."""


class CategoryData(BaseModel):
    external_id: ExternalId
    name: str
    parent_external_id: str = ""
    position: int = RecordField(default=0, ge=-MAX_COUNT, le=MAX_COUNT)
    visible: bool = True


class ArticleData(BaseModel):
    """An article as one channel describes it."""

    external_id: ExternalId
    sku: str = RecordField(min_length=1, max_length=120)
    kind: ArticleKind = ArticleKind.single
    channel_number: Indexed = ""
    """The number by which the channel's listings show it."""
    gtin: Indexed = ""
    manufacturer: str = ""
    manufacturer_number: Indexed = ""
    supplier: str = ""
    supplier_number: Indexed = ""
    texts: dict[Annotated[str, RecordField(max_length=5)], TextData] = RecordField(default_factory=dict)
    """By language, ISO 639-1."""
    prices: list[PriceData] = RecordField(default_factory=list)
    tax_rate: Amount | None = None
    """In percent."""
    weight_grams: int | None = RecordField(default=None, ge=0, le=MAX_COUNT)
    unit: str = ""
    unit_content: Amount | None = None
    country_of_origin: str = ""
    category_ids: list[ExternalId] = RecordField(default_factory=list)
    images: list[ImageData] = RecordField(default_factory=list)
    attributes: dict[str, str] = RecordField(default_factory=dict)
    members: list[MemberData] = RecordField(default_factory=list)
    meta: dict[str, Any] = RecordField(default_factory=dict)
    active: bool = True
    quantity: int | None = RecordField(default=None, ge=-MAX_COUNT, le=MAX_COUNT)
    """What the channel holds as its stock; None where it keeps none."""
    modified_at: datetime | None = None


class Article(SQLModel, table=True):
    __tablename__ = "article"
    __table_args__ = (UniqueConstraint("tenant_id", "sku"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id")
    sku: str = Field(max_length=120)
    kind: ArticleKind = code(ArticleKind, ArticleKind.single)
    parent_id: int | None = Field(default=None, foreign_key="article.id", index=True)
    source_account_id: int | None = Field(default=None, foreign_key="account.id")
    """The account that leads its master data; None where people do."""
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


class ArticlePrice(SQLModel, table=True):
    __tablename__ = "article_price"
    __table_args__ = (
        UniqueConstraint("article_id", "price_group", "currency", "min_quantity"),
        CheckConstraint("min_quantity >= 1", name="min_quantity"),
    )

    id: int | None = Field(default=None, primary_key=True)
    article_id: int = Field(foreign_key="article.id")
    price_group: str = ""
    currency: str = Field(max_length=3)
    min_quantity: int = 1
    amount: Decimal = Field(sa_type=ExactDecimal)


class ArticleImage(SQLModel, table=True):
    __tablename__ = "article_image"
    __table_args__ = (UniqueConstraint("article_id", "position"),)

    id: int | None = Field(default=None, primary_key=True)
    article_id: int = Field(foreign_key="article.id")
    position: int
    url: str
    alt: str = ""


class ArticleNumber(SQLModel, table=True):
    """A number under which an article may be asked for; `loose` is its form for searching."""

    __tablename__ = "article_number"
    __table_args__ = (Index("ix_article_number_search", "tenant_id", "kind", "loose"),)

    id: int | None = Field(default=None, primary_key=True)
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


class Category(SQLModel, table=True):
    """A node of the category tree of one account."""

    __tablename__ = "category"
    __table_args__ = (UniqueConstraint("account_id", "external_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    external_id: str
    parent_external_id: str = ""
    """Kept as the channel's id: children may come before their parents."""
    name: str
    position: int = 0
    visible: bool = True


class ArticleCategory(SQLModel, table=True):
    __tablename__ = "article_category"
    __table_args__ = (PrimaryKeyConstraint("article_id", "account_id", "category_external_id"),)

    article_id: int = Field(foreign_key="article.id")
    account_id: int = Field(foreign_key="account.id")
    category_external_id: str


# A page asks for the same numbers rule after rule.
@lru_cache(maxsize=10_000)
def loose_form(value: str) -> str:
    """Return the form in which numbers are searched: letters and digits only, folded, no leading zeros.

    Two numbers that any rule of matching takes for equal have the same loose form.
    """
    kept = "".join(sign for sign in value.casefold() if sign.isalnum())
    return kept.lstrip("0") or kept[:1]


def numbers_of(article: Article | ArticleData) -> list[tuple[NumberKind, str]]:
    """Return the numbers by which an article is found, none empty."""
    pairs = [
        (NumberKind.sku, article.sku),
        (NumberKind.gtin, article.gtin),
        (NumberKind.manufacturer, article.manufacturer_number),
        (NumberKind.supplier, article.supplier_number),
    ]
    return [(kind, value) for kind, value in pairs if value]


def get_article(session: Session, tenant_id: int, sku: str) -> Article:
    """Return the article of this SKU. Raises: NotFoundError."""
    article = session.exec(select(Article).where(Article.tenant_id == tenant_id, Article.sku == sku)).first()
    if article is None:
        raise NotFoundError(f"There is no article with SKU {sku!r}; `warenfluss article list` shows them.")
    return article


def titles_of(session: Session, article_ids: Sequence[int], language: str = "de") -> dict[int, str]:
    """Return the title of each article in a language, or in any if it has none there."""
    rows = session.exec(select(ArticleText).where(among(col(ArticleText.article_id), article_ids))).all()
    titles: dict[int, str] = {}
    for row in rows:
        if row.language == language or row.article_id not in titles:
            titles[row.article_id] = row.title
    return titles


def prices_of(
    session: Session, article_ids: Iterable[int], group: str = ""
) -> dict[tuple[int, str], list[tuple[int, Decimal]]]:
    """Return by article and currency the prices of a group as (from which quantity, for one), ascending."""
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
    """Return what one costs of so many, None if there is no such price."""
    fitting = [amount for least, amount in prices if least <= quantity]
    return fitting[-1] if fitting else None


def parts_of(session: Session, article_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Return for each bundle among the articles its parts as (article id, quantity)."""
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
    """Return the variants of a parent by SKU."""
    query = select(Article).where(Article.parent_id == need_id(parent.id)).order_by(col(Article.sku))
    return list(session.exec(query).all())
