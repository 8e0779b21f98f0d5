"""Article intake: a page of articles from a channel becomes articles and listings.

If the account provides the master data, it writes the articles. The listings of any other account are linked
to existing articles by the tenant's matching rules, and change nothing about them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import delete
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, SQLModel, col, select

from models.catalog.article import (
    Article,
    ArticleCategory,
    ArticleImage,
    ArticleNumber,
    ArticlePrice,
    ArticleText,
    Category,
    loose_form,
    numbers_of,
)
from models.catalog.listing import Listing
from models.catalog.records import ArticleData, ArticleKind, CategoryData
from models.clock import utc_now
from models.database.bulk import insert_or_update, insert_returning, insert_rows, update_rows
from models.database.columns import need_id
from models.database.conditions import among
from models.orders.match_rules import MatchRule
from models.orders.matching import match_lines
from models.orders.records import OrderLineData
from models.sync.records import Counts, RejectedData
from models.sync.rejected import save_rejected, settle_rejected
from models.tenants.account import options_as
from models.tenants.locks import lock_tenants
from models.tenants.options import ArticleOptions, OpeningStock, Role
from models.tenants.records import AccountData
from models.warehouse.ledger import open_levels
from models.warehouse.levels import StockLevel
from models.warehouse.sellable import queue_listings, stock_figures
from models.warehouse.warehouses import main_warehouse

ARTICLE_FIELDS = (
    "sku",
    "kind",
    "gtin",
    "manufacturer",
    "manufacturer_number",
    "supplier",
    "supplier_number",
    "tax_rate",
    "weight_grams",
    "unit",
    "unit_content",
    "country_of_origin",
    "attributes",
    "meta",
    "active",
)
VOLATILE = frozenset({"quantity", "modified_at"})
"""Fields that may change although the article itself did not."""


def article_hash(data: ArticleData) -> str:
    """Return the hash by which an unchanged article is recognised; its stock is not part of it."""
    return hashlib.sha256(data.model_dump_json(exclude=set(VOLATILE)).encode()).hexdigest()


def save_articles(
    session: Session,
    account: AccountData,
    rules: Sequence[MatchRule],
    records: Sequence[ArticleData],
    *,
    test: bool = False,
) -> Counts:
    """Save one page of articles; safe to repeat. Takes the tenant's lock.

    If two articles of the account have the same SKU, the second one is rejected. In test mode no opening
    stock is taken from the channel: it would be outdated when the account goes live.
    """
    lock_tenants(session, [account.tenant_id])
    options = options_as(account, ArticleOptions)
    counts = Counts(read=len(records))
    page = {record.external_id: record for record in records}
    known = _known_listings(session, account.id, page)
    rejected: list[RejectedData] = []
    if options.role is Role.articles:
        page, rejected = _without_taken_skus(session, account, page, known)
    hashes = {external_id: article_hash(data) for external_id, data in page.items()}
    unchanged, new, changed = [], [], []
    for external_id, data in page.items():
        listing = known.get(external_id)
        if listing is None:
            new.append(data)
        elif listing.content_hash == hashes[external_id] and (
            listing.article_id is not None or options.role is Role.articles
        ):
            unchanged.append(data)
        else:
            changed.append(data)

    article_ids = (
        _save_masters(session, account, [*new, *changed], known)
        if options.role is Role.articles
        else _match_listings(session, account, rules, [*new, *changed])
    )
    _save_listings(session, account.id, [*new, *changed], article_ids, hashes)
    _note_quantities(session, page.values(), known)
    # For an article that existed before its listing, the channel's quantity may differ from our stock.
    linked = {
        article_id
        for external_id, article_id in article_ids.items()
        if external_id not in known or known[external_id].article_id != article_id
    }
    if options.role is Role.articles and options.opening_stock is OpeningStock.channel and not test:
        stocked = {data.external_id: known[data.external_id].article_id for data in unchanged}
        linked -= _take_opening_stock(session, account, page, {**stocked, **article_ids})
    queue_listings(session, stock_figures(session, sorted(linked)))
    save_rejected(session, account.id, rejected)
    settle_rejected(session, account.id, "article", list(page))
    counts.new, counts.changed, counts.unchanged = len(new), len(changed), len(unchanged)
    counts.rejected = len(rejected)
    return counts


@dataclass(frozen=True)
class _Known:
    """What is stored about one listing."""

    id: int
    article_id: int | None
    content_hash: str
    channel_quantity: int | None


def _known_listings(session: Session, account_id: int, external_ids: Iterable[str]) -> dict[str, _Known]:
    """Lock the listings of a page that are already stored, and return them by external id."""
    rows = session.execute(
        sqlalchemy_select(
            col(Listing.external_id),
            col(Listing.id),
            col(Listing.article_id),
            col(Listing.content_hash),
            col(Listing.channel_quantity),
        )
        .where(col(Listing.account_id) == account_id, among(col(Listing.external_id), external_ids))
        .order_by(col(Listing.id))
        .with_for_update()
    )
    return {external_id: _Known(*values) for external_id, *values in rows.tuples()}


def save_categories(session: Session, account_id: int, records: Sequence[CategoryData]) -> None:
    """Save one page of the category tree; children may come before their parents. Safe to repeat."""
    rows = {
        record.external_id: {"account_id": account_id, **record.model_dump()}
        for record in sorted(records, key=lambda record: record.external_id)
    }
    insert_or_update(
        session,
        Category,
        list(rows.values()),
        key=("account_id", "external_id"),
        update=("parent_external_id", "name", "position", "visible"),
    )


def _without_taken_skus(
    session: Session, account: AccountData, page: Mapping[str, ArticleData], known: Mapping[str, _Known]
) -> tuple[dict[str, ArticleData], list[RejectedData]]:
    """Reject records with the SKU of another article; return the other records, and the rejected ones."""
    rows = session.execute(
        select(col(Article.sku), col(Listing.external_id))
        .outerjoin(
            Listing, (col(Listing.article_id) == col(Article.id)) & (col(Listing.account_id) == account.id)
        )
        .where(
            col(Article.tenant_id) == account.tenant_id,
            among(col(Article.sku), {record.sku for record in page.values()}),
        )
    )
    owners: dict[str, str | None] = dict(rows.tuples().all())
    linked = {external_id for external_id, listing in known.items() if listing.article_id is not None}
    claimed: dict[str, str] = {}
    kept: dict[str, ArticleData] = {}
    rejected = []
    for external_id, record in page.items():
        owner = owners.get(record.sku)
        is_known = record.sku in owners and owner != external_id
        foreign = is_known and (owner is not None or external_id in linked)
        if foreign or claimed.setdefault(record.sku, external_id) != external_id:
            other = owner or claimed.get(record.sku, "another")
            rejected.append(
                RejectedData(
                    kind="article",
                    external_id=external_id,
                    reason=f"Article {other} has the SKU {record.sku!r} already; make it unique.",
                    raw=record.model_dump_json(),
                )
            )
        else:
            kept[external_id] = record
    return kept, rejected


def _save_masters(
    session: Session, account: AccountData, records: Sequence[ArticleData], known: Mapping[str, _Known]
) -> dict[str, int]:
    """Save articles with texts, prices, images, numbers and categories; return {external id: article id}."""
    if not records:
        return {}
    linked = {
        record.external_id: article_id
        for record in records
        if record.external_id in known and (article_id := known[record.external_id].article_id) is not None
    }
    # Two queries instead of one with OR, because PostgreSQL reads all articles for that.
    rows = [
        row
        for condition in (
            (col(Article.tenant_id) == account.tenant_id)
            & among(col(Article.sku), {record.sku for record in records}),
            among(col(Article.id), linked.values()),
        )
        for row in session.execute(
            sqlalchemy_select(col(Article.id), col(Article.sku), col(Article.kind)).where(condition)
        )
    ]
    by_sku = {sku: need_id(article_id) for article_id, sku, _ in rows}
    kinds = {article_id: kind for article_id, _, kind in rows}
    now = utc_now()
    new: list[dict[str, Any]] = []
    existing: list[dict[str, Any]] = []
    ids: dict[str, int] = {}
    for record in records:
        values = {name: getattr(record, name) for name in ARTICLE_FIELDS}
        values |= {"source_account_id": account.id, "changed_at": now}
        article_id = linked.get(record.external_id, by_sku.get(record.sku))
        if article_id is None:
            new.append({**values, "tenant_id": account.tenant_id, "variant_values": {}})
            continue
        ids[record.external_id] = article_id
        if kinds[article_id] is ArticleKind.variant and record.kind is ArticleKind.single:
            values["kind"] = ArticleKind.variant
        existing.append({**values, "row_id": article_id})
    update_rows(session, Article, existing)
    inserted = iter(insert_returning(session, Article, new))
    old_ids = list(ids.values())
    for record in records:
        if record.external_id not in ids:
            ids[record.external_id] = next(inserted)
    _replace_details(session, account, records, ids, old_ids)
    return ids


def _replace_details(
    session: Session,
    account: AccountData,
    records: Sequence[ArticleData],
    ids: Mapping[str, int],
    old_ids: Sequence[int],
) -> None:
    """Replace the details of articles completely: they are few, and every channel reports all of them."""
    details: dict[type[SQLModel], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        article_id = ids[record.external_id]
        for language, text in record.texts.items():
            details[ArticleText].append({**dict(text), "article_id": article_id, "language": language})
        prices: dict[tuple[str, str, int], Decimal] = {
            (price.price_group, price.currency, price.min_quantity): price.amount for price in record.prices
        }
        for (group, currency, min_quantity), amount in prices.items():
            details[ArticlePrice].append(
                {
                    "article_id": article_id,
                    "price_group": group,
                    "currency": currency,
                    "min_quantity": min_quantity,
                    "amount": amount,
                }
            )
        for position, image in enumerate(record.images):
            details[ArticleImage].append({**dict(image), "article_id": article_id, "position": position})
        for category_id in dict.fromkeys(record.category_ids):
            details[ArticleCategory].append(
                {
                    "article_id": article_id,
                    "account_id": account.id,
                    "category_external_id": category_id,
                }
            )
        for kind, value in numbers_of(record):
            details[ArticleNumber].append(
                {
                    "tenant_id": account.tenant_id,
                    "article_id": article_id,
                    "kind": kind,
                    "value": value,
                    "loose": loose_form(value),
                }
            )
    for table in (ArticleText, ArticlePrice, ArticleImage, ArticleNumber, ArticleCategory):
        if old_ids:
            statement = delete(table).where(among(col(table.article_id), old_ids))
            if table is ArticleCategory:
                statement = statement.where(col(ArticleCategory.account_id) == account.id)
            session.execute(statement)
        insert_rows(session, table, details[table])


def _match_listings(
    session: Session, account: AccountData, rules: Sequence[MatchRule], records: Sequence[ArticleData]
) -> dict[str, int]:
    """Return {external id: article id} of listings that match exactly one article by the tenant's rules."""
    lines = [
        OrderLineData(
            external_id=record.external_id,
            quantity=1,
            price=Decimal(0),
            sku=record.sku,
            gtin=record.gtin,
            channel_number=record.channel_number,
            manufacturer_number=record.manufacturer_number,
            supplier_number=record.supplier_number,
        )
        for record in records
    ]
    matches = match_lines(session, account.tenant_id, account.id, rules, lines)
    return {
        record.external_id: match.article_id
        for record, match in zip(records, matches, strict=True)
        if match.article_id is not None
    }


def _save_listings(
    session: Session,
    account_id: int,
    records: Sequence[ArticleData],
    article_ids: Mapping[str, int],
    hashes: Mapping[str, str],
) -> None:
    now = utc_now()
    rows = [
        {
            "account_id": account_id,
            "external_id": record.external_id,
            "article_id": article_ids.get(record.external_id),
            "channel_number": record.channel_number,
            "loose_number": loose_form(record.channel_number),
            "title": next((text.title for text in record.texts.values()), ""),
            "content_hash": hashes[record.external_id],
            # Until something is published, the channel's own quantity counts as published.
            "channel_quantity": record.quantity,
            "published_quantity": record.quantity,
            "members": [member.model_dump() for member in record.members],
            "members_open": bool(record.members),
            "seen_at": now,
        }
        for record in sorted(records, key=lambda record: record.external_id)
    ]
    insert_or_update(
        session,
        Listing,
        rows,
        key=("account_id", "external_id"),
        update=(
            "article_id",
            "channel_number",
            "loose_number",
            "title",
            "content_hash",
            "members",
            "members_open",
            "seen_at",
        ),
    )


def _note_quantities(session: Session, records: Iterable[ArticleData], known: Mapping[str, _Known]) -> None:
    """Save the quantities that the channel reports for listings that were already stored.

    They never count as published: the page may be older than a sale after which the quantity must be
    published again.
    """
    rows = [
        {"row_id": listing.id, "channel_quantity": record.quantity}
        for record in records
        if record.quantity is not None
        and (listing := known.get(record.external_id)) is not None
        and listing.channel_quantity != record.quantity
    ]
    update_rows(session, Listing, rows)


def _take_opening_stock(
    session: Session,
    account: AccountData,
    page: Mapping[str, ArticleData],
    article_ids: Mapping[str, int | None],
) -> set[int]:
    """Take the channel's quantity as opening stock of articles that were never counted; return their ids."""
    reported = {
        article_id: max(0, quantity)
        for external_id, article_id in article_ids.items()
        if article_id is not None and (quantity := page[external_id].quantity) is not None
    }
    query = select(StockLevel.article_id).where(among(col(StockLevel.article_id), reported))
    uncounted = reported.keys() - set(session.exec(query))
    if not uncounted:
        return set()
    physical = session.exec(
        select(Article.id).where(
            among(col(Article.id), uncounted),
            col(Article.kind).in_([ArticleKind.single, ArticleKind.variant]),
        )
    ).all()
    warehouse_id = main_warehouse(session, account.tenant_id).row_id
    opening = {article_id: reported[article_id] for article_id in sorted(map(need_id, physical))}
    open_levels(session, warehouse_id, opening, f"account {account.name}")
    return set(opening)
