"""Articles from a spreadsheet that people maintain: checked as a whole file, saved in batches.

A value that is missing in a row stays as it is; a value that is given as empty becomes empty.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from models.catalog.article import (
    Article,
    ArticleNumber,
    ArticlePrice,
    ArticleText,
    BundlePart,
    loose_form,
    numbers_of,
)
from models.catalog.lists import skus_by_id
from models.catalog.records import ArticleKind
from models.clock import utc_now
from models.database.conditions import in_batches
from models.intake.sheet_results import SheetOutcome, SheetResult
from models.tenants.account import account_names
from models.tenants.locks import lock_tenants
from models.values import MAX_COUNT, Amount
from models.warehouse.levels import StockLevel
from models.warehouse.sellable import queue_listings

PLAIN_FIELDS = (
    "gtin",
    "manufacturer",
    "manufacturer_number",
    "supplier",
    "supplier_number",
    "unit",
    "country_of_origin",
    "tax_rate",
    "weight_grams",
    "active",
    "variant_values",
)
"""Fields of a row that are columns of the article itself."""


class SheetArticle(BaseModel):
    """One row; `model_fields_set` has the names of the fields that it gives."""

    row: int
    sku: str = RecordField(min_length=1, max_length=120)
    gtin: str = RecordField(default="", max_length=40)
    manufacturer: str = RecordField(default="", max_length=200)
    manufacturer_number: str = RecordField(default="", max_length=120)
    supplier: str = RecordField(default="", max_length=200)
    supplier_number: str = RecordField(default="", max_length=120)
    unit: str = RecordField(default="", max_length=40)
    country_of_origin: str = RecordField(default="", max_length=2)
    tax_rate: Amount | None = RecordField(default=None, ge=0, lt=100)
    """In percent."""
    weight_grams: int | None = RecordField(default=None, ge=0, le=MAX_COUNT)
    active: bool = True
    titles: dict[str, str] = RecordField(default_factory=dict)
    """By language; other languages stay as they are."""
    price: Amount | None = RecordField(default=None, ge=0)
    """Gross unit price for everyone, in `currency`."""
    currency: str = RecordField(default="", pattern="^([A-Z]{3})?$")
    """Empty means the tenant's currency."""
    parent_sku: str = ""
    variant_values: dict[str, str] = RecordField(default_factory=dict)
    parts: dict[str, int] = RecordField(default_factory=dict)
    """{SKU: quantity} of the parts of a bundle."""


@dataclass
class ArticleState:
    """An article as it is now, with the fields of a row."""

    article: Article
    led_by: str
    """Name of the account that the master data is imported from; empty if people maintain it."""
    titles: dict[str, str] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    """Unit price for everyone, by currency."""
    parent_sku: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    on_hand: int = 0
    is_part: bool = False


@dataclass
class SheetPlan:
    """What saving a file would do: a result for each row, and the rows to save."""

    results: list[SheetResult]
    rows: list[SheetArticle]


def read_states(session: Session, tenant_id: int, skus: Iterable[str]) -> dict[str, ArticleState]:
    """Return {SKU: article as it is now}; unknown SKUs are missing."""
    states: dict[str, ArticleState] = {}
    accounts = account_names(session)
    for batch in in_batches(sorted(set(skus))):
        articles = session.exec(
            select(Article).where(Article.tenant_id == tenant_id, col(Article.sku).in_(batch))
        ).all()
        by_id = {
            article.row_id: ArticleState(article, accounts.get(article.source_account_id or 0, ""))
            for article in articles
        }
        _read_details(session, by_id)
        states.update({state.article.sku: state for state in by_id.values()})
    return states


def _read_details(session: Session, states: Mapping[int, ArticleState]) -> None:
    ids = list(states)
    for text in session.exec(select(ArticleText).where(col(ArticleText.article_id).in_(ids))):
        states[text.article_id].titles[text.language] = text.title
    for price in session.exec(
        select(ArticlePrice).where(
            col(ArticlePrice.article_id).in_(ids),
            ArticlePrice.price_group == "",
            ArticlePrice.min_quantity == 1,
        )
    ):
        states[price.article_id].prices[price.currency] = price.amount
    parts = session.exec(select(BundlePart).where(col(BundlePart.bundle_id).in_(ids))).all()
    parents = [state.article.parent_id for state in states.values() if state.article.parent_id is not None]
    skus = skus_by_id(session, [*(part.part_id for part in parts), *parents])
    for part in parts:
        states[part.bundle_id].parts[skus[part.part_id]] = part.quantity
    for state in states.values():
        if state.article.parent_id is not None:
            state.parent_sku = skus[state.article.parent_id]
    for article_id in session.exec(
        select(BundlePart.part_id).where(col(BundlePart.part_id).in_(ids)).distinct()
    ):
        states[article_id].is_part = True
    for article_id, on_hand in session.execute(
        select(StockLevel.article_id, func.sum(StockLevel.on_hand))
        .where(col(StockLevel.article_id).in_(ids))
        .group_by(col(StockLevel.article_id))
    ):
        states[article_id].on_hand = int(on_hand)


def plan_articles(session: Session, tenant_id: int, currency: str, rows: Sequence[SheetArticle]) -> SheetPlan:
    """Check all rows of a file at once: a row may refer to articles in later rows, if those are accepted."""
    refused: dict[int, str] = {}
    by_sku: dict[str, SheetArticle] = {}
    for row in rows:
        first = by_sku.setdefault(row.sku, row)
        if first is not row:
            refused[row.row] = f"sku: {row.sku!r} stands in row {first.row} already"
    states = read_states(session, tenant_id, _named_skus(rows))
    changes = {sku: _changes(row, states.get(sku), currency) for sku, row in by_sku.items()}
    for sku, row in by_sku.items():
        state = states.get(sku)
        if state is not None and state.led_by and changes[sku]:
            refused[row.row] = (
                f"{changes[sku][0]}: account {state.led_by!r} provides this article; change it there"
            )
    # A refused row also refuses the rows that need it, so repeat until no further row is refused.
    count = -1
    while count != len(refused):
        count = len(refused)
        taken = {sku: row for sku, row in by_sku.items() if row.row not in refused}
        kinds = _kinds(taken, states)
        for sku, row in list(taken.items()):
            reason = _broken_link(row, states.get(sku), taken, kinds, states)
            if reason and changes[sku]:
                refused[row.row] = reason
                del taken[sku]
    results, kept = [], []
    for row in rows:
        if row.row in refused:
            outcome = SheetOutcome.refused
        elif row.sku not in states:
            outcome = SheetOutcome.new
        else:
            outcome = SheetOutcome.changed if changes[row.sku] else SheetOutcome.unchanged
        if outcome in (SheetOutcome.new, SheetOutcome.changed):
            kept.append(row)
        results.append(
            SheetResult(row=row.row, sku=row.sku, outcome=outcome, reason=refused.get(row.row, ""))
        )
    return SheetPlan(results, kept)


def _changes(row: SheetArticle, state: ArticleState | None, currency: str) -> list[str]:
    """Return the names of the fields that a row would change; for a new article, all fields that it gives."""
    given = row.model_fields_set
    if state is None:
        return [name for name in SheetArticle.model_fields if name in given]
    changed = [
        name for name in PLAIN_FIELDS if name in given and getattr(state.article, name) != getattr(row, name)
    ]
    changed += [
        f"title_{language}"
        for language, title in row.titles.items()
        if state.titles.get(language, "") != title
    ]
    if "price" in given and state.prices.get(row.currency or currency) != row.price:
        changed.append("price")
    changed += [
        name
        for name in ("parent_sku", "parts")
        if name in given and getattr(state, name) != getattr(row, name)
    ]
    return changed


def _kinds(rows: Mapping[str, SheetArticle], states: Mapping[str, ArticleState]) -> dict[str, ArticleKind]:
    """Return {SKU: kind that the article would have}."""
    kinds = {sku: state.article.kind for sku, state in states.items()}
    for sku, row in rows.items():
        given = row.model_fields_set
        old = kinds.get(sku, ArticleKind.single)
        has_parent = bool(
            row.parent_sku if "parent_sku" in given else sku in states and states[sku].parent_sku
        )
        if row.parts or ("parts" not in given and old is ArticleKind.bundle):
            kinds[sku] = ArticleKind.bundle
        elif has_parent:
            kinds[sku] = ArticleKind.variant
        else:
            kinds[sku] = ArticleKind.parent if old is ArticleKind.parent else ArticleKind.single
    for row in rows.values():
        if kinds.get(row.parent_sku) is ArticleKind.single:
            kinds[row.parent_sku] = ArticleKind.parent
    return kinds


def _broken_link(
    row: SheetArticle,
    state: ArticleState | None,
    taken: Mapping[str, SheetArticle],
    kinds: Mapping[str, ArticleKind],
    states: Mapping[str, ArticleState],
) -> str:
    """Return why a row's parent or parts are invalid; empty if they are valid."""
    if row.parent_sku:
        parent = states.get(row.parent_sku)
        if row.parent_sku == row.sku:
            return "parent_sku: an article is not its own variant"
        if row.parent_sku not in taken and parent is None:
            return f"parent_sku: there is no article {row.parent_sku!r}, here or in the file"
        if kinds[row.parent_sku] is not ArticleKind.parent:
            return f"parent_sku: {row.parent_sku!r} is a {kinds[row.parent_sku]}, which has no variants"
        if parent is not None and parent.article.kind is not ArticleKind.parent and parent.on_hand:
            return f"parent_sku: {row.parent_sku!r} has stock of its own and can group no variants"
        if parent is not None and parent.article.kind is not ArticleKind.parent and parent.led_by:
            return f"parent_sku: change {row.parent_sku!r} at account {parent.led_by!r}, which provides it"
    if row.parts:
        if row.parent_sku:
            return "parts: a bundle is no variant; leave parent_sku or parts empty"
        if state is not None and state.is_part:
            return "parts: this article is part of a bundle and cannot be one itself"
        if state is not None and state.on_hand and state.article.kind is not ArticleKind.bundle:
            return "parts: this article has stock of its own; set it to 0 before it becomes a bundle"
        for sku in row.parts:
            if sku == row.sku:
                return "parts: a bundle does not contain itself"
            if sku not in taken and sku not in states:
                return f"parts: there is no article {sku!r}, here or in the file"
            if kinds[sku] in (ArticleKind.bundle, ArticleKind.parent):
                return f"parts: {sku!r} is a {kinds[sku]}; name articles that have stock of their own"
        if kinds[row.sku] is not ArticleKind.bundle:
            return "parts: an article that groups variants is no bundle"
    return ""


def _named_skus(rows: Sequence[SheetArticle]) -> set[str]:
    """Return the SKUs of these rows, of their parents and of their parts."""
    return {sku for row in rows for sku in (row.sku, row.parent_sku, *row.parts) if sku}


def save_sheet_articles(
    session: Session, tenant_id: int, currency: str, rows: Sequence[SheetArticle]
) -> None:
    """Save a batch of planned rows without links to other articles. Takes the tenant's lock.

    Safe to repeat.
    """
    lock_tenants(session, [tenant_id])
    states = read_states(session, tenant_id, [row.sku for row in rows])
    articles = {}
    for row in rows:
        state = states.get(row.sku)
        article = state.article if state else Article(tenant_id=tenant_id, sku=row.sku, active=True)
        for name in PLAIN_FIELDS:
            if name in row.model_fields_set:
                setattr(article, name, getattr(row, name))
        article.changed_at = utc_now()
        session.add(article)
        articles[row.sku] = article
    session.flush()
    ids = [article.row_id for article in articles.values()]
    _save_titles(session, rows, articles)
    _save_prices(session, currency, rows, articles)
    session.execute(delete(ArticleNumber).where(col(ArticleNumber.article_id).in_(ids)))
    session.add_all(
        ArticleNumber(
            tenant_id=tenant_id,
            article_id=article.row_id,
            kind=kind,
            value=value,
            loose=loose_form(value),
        )
        for article in articles.values()
        for kind, value in numbers_of(article)
    )
    session.flush()


def _save_titles(session: Session, rows: Sequence[SheetArticle], articles: Mapping[str, Article]) -> None:
    ids = [article.id for article in articles.values()]
    texts = {
        (text.article_id, text.language): text
        for text in session.exec(select(ArticleText).where(col(ArticleText.article_id).in_(ids)))
    }
    for row in rows:
        article_id = articles[row.sku].row_id
        for language, title in row.titles.items():
            text = texts.get((article_id, language))
            if text is None and title:
                session.add(ArticleText(article_id=article_id, language=language, title=title))
            elif text is not None:
                text.title = title
                session.add(text)


def _save_prices(
    session: Session, currency: str, rows: Sequence[SheetArticle], articles: Mapping[str, Article]
) -> None:
    prices = {
        (price.article_id, price.currency): price
        for price in session.exec(
            select(ArticlePrice).where(
                col(ArticlePrice.article_id).in_([article.id for article in articles.values()]),
                ArticlePrice.price_group == "",
                ArticlePrice.min_quantity == 1,
            )
        )
    }
    for row in rows:
        if "price" not in row.model_fields_set:
            continue
        key = (articles[row.sku].row_id, row.currency or currency)
        price = prices.get(key)
        if row.price is None:
            if price is not None:
                session.delete(price)
        else:
            price = price or ArticlePrice(article_id=key[0], currency=key[1], amount=row.price)
            price.amount = row.price
            session.add(price)


def link_sheet_articles(session: Session, tenant_id: int, rows: Sequence[SheetArticle]) -> None:
    """Link a batch of saved rows to their parents and parts, and queue changed bundles for stock export.

    Takes the tenant's lock; safe to repeat.
    """
    lock_tenants(session, [tenant_id])
    rows = [row for row in rows if row.model_fields_set & {"parent_sku", "parts"}]
    states = read_states(session, tenant_id, _named_skus(rows))
    touched = []
    for row in rows:
        state = states[row.sku]
        article, given = state.article, row.model_fields_set
        if "parts" in given and state.parts != row.parts:
            session.execute(delete(BundlePart).where(col(BundlePart.bundle_id) == article.id))
            session.add_all(
                BundlePart(bundle_id=article.row_id, part_id=states[sku].article.row_id, quantity=quantity)
                for sku, quantity in row.parts.items()
            )
            article.kind = ArticleKind.bundle if row.parts else ArticleKind.single
            touched.append(article.row_id)
        if "parent_sku" in given and state.parent_sku != row.parent_sku:
            parent = states[row.parent_sku].article if row.parent_sku else None
            if parent is not None and parent.kind is not ArticleKind.parent:
                parent.kind = ArticleKind.parent
                session.add(parent)
            article.parent_id = parent.id if parent is not None else None
            if article.kind in (ArticleKind.single, ArticleKind.variant):
                article.kind = ArticleKind.variant if parent is not None else ArticleKind.single
        session.add(article)
    session.flush()
    queue_listings(session, touched)
