"""Listings: an article as one channel lists it, and the quantity that this channel may sell."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import JSON, Field, Session, col, select

# Foreign keys point to their tables.
import models.tenants.account  # noqa: F401
from models.catalog.article import ArticleCategory
from models.database.columns import Numbered, code, instant
from models.values import MAX_COUNT


class Listing(Numbered, table=True):
    __tablename__ = "listing"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_listing_loose_number", "account_id", "loose_number"),
        # With the account in it: otherwise SQLite uses the account's index and reads all of its listings.
        Index("ix_listing_article", "article_id", "account_id"),
        Index(
            "ix_listing_members_open",
            "account_id",
            sqlite_where=text("members_open IS 1"),
            postgresql_where=text("members_open IS true"),
        ),
    )

    account_id: int = Field(foreign_key="account.id")
    external_id: str
    article_id: int | None = Field(default=None, foreign_key="article.id")
    channel_number: str = ""
    loose_number: str = ""
    title: str = ""
    content_hash: str = ""
    channel_quantity: int | None = None
    """The stock that the channel reported at the last import."""
    published_quantity: int | None = None
    """The quantity that was last published to the channel."""
    published_at: datetime | None = instant(nullable=True)
    members: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """Variants or parts by the channel's ids; `members_open` is true until all of them are known here."""
    members_open: bool = False
    seen_at: datetime = instant()


class LimitScope(StrEnum):
    """What a limit applies to; the narrowest existing limit wins."""

    account = "account"
    category = "category"
    article = "article"


class StockLimit(Numbered, table=True):
    """Limits what a channel may sell: `buffer` units are held back, and at most `maximum` are published."""

    __tablename__ = "stock_limit"
    __table_args__ = (
        UniqueConstraint("account_id", "scope", "scope_key"),
        CheckConstraint("buffer >= 0", name="buffer"),
        CheckConstraint("maximum IS NULL OR maximum >= 0", name="maximum"),
    )

    account_id: int = Field(foreign_key="account.id")
    scope: LimitScope = code(LimitScope)
    scope_key: str = ""
    """The category's external id or the article's id; empty for the account."""
    buffer: int = 0
    maximum: int | None = None


def get_listings(session: Session, listing_ids: Sequence[int]) -> list[Listing]:
    """Return the listings with these ids, in no particular order."""
    return list(session.exec(select(Listing).where(col(Listing.id).in_(listing_ids))).all())


def sellable(available: int, buffer: int, maximum: int | None) -> int:
    """Return the quantity that a channel may sell: available less the buffer, from zero to the maximum.

    Without a maximum the limit is `MAX_COUNT`: several full warehouses hold more than a column can store.
    """
    return min(max(0, available - buffer), MAX_COUNT if maximum is None else maximum)


def limits_for(
    session: Session, account_id: int, article_ids: Sequence[int]
) -> dict[int, tuple[int, int | None]]:
    """Return {article id: (buffer, maximum)}: its own limit, else its category's, else the account's.

    An article in several limited categories gets the largest buffer and the smallest maximum.
    """
    rows = session.exec(select(StockLimit).where(StockLimit.account_id == account_id)).all()
    general: tuple[int, int | None] = (0, None)
    by_category: dict[str, tuple[int, int | None]] = {}
    by_article: dict[int, tuple[int, int | None]] = {}
    for row in rows:
        limit = (row.buffer, row.maximum)
        if row.scope is LimitScope.account:
            general = limit
        elif row.scope is LimitScope.category:
            by_category[row.scope_key] = limit
        else:
            by_article[int(row.scope_key)] = limit
    limits: dict[int, tuple[int, int | None]] = {}
    if by_category:
        links = session.exec(
            select(ArticleCategory).where(
                ArticleCategory.account_id == account_id,
                col(ArticleCategory.article_id).in_(article_ids),
                col(ArticleCategory.category_external_id).in_(by_category),
            )
        ).all()
        for link in links:
            limits[link.article_id] = _stricter(
                limits.get(link.article_id), by_category[link.category_external_id]
            )
    return {
        article_id: by_article.get(article_id) or limits.get(article_id) or general
        for article_id in article_ids
    }


def _stricter(one: tuple[int, int | None] | None, other: tuple[int, int | None]) -> tuple[int, int | None]:
    if one is None:
        return other
    maxima = [maximum for maximum in (one[1], other[1]) if maximum is not None]
    return max(one[0], other[0]), min(maxima, default=None)
