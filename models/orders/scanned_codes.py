"""Codes that a scanner reads, and the article they mean."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, or_
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session

from models.catalog.article import Article, ArticleNumber, loose_form
from models.catalog.records import ArticleKind, NumberKind
from models.database.bulk import table_of
from models.orders.matching import NUMBER_KINDS, MatchBy, MatchRule, Normalisation

SCAN_RULES = (
    (
        MatchRule(by=MatchBy.sku),
        MatchRule(by=MatchBy.gtin, ignore=frozenset({Normalisation.blanks, Normalisation.leading_zeros})),
    ),
    (MatchRule(by=MatchBy.sku, ignore=frozenset({Normalisation.blanks, Normalisation.case})),),
)
"""How a scanned code is compared: by all of the first ones, and by the others if those find nothing."""
LONGEST_SCAN = 120


class Scanned(NamedTuple):
    """An article that a code means."""

    article_id: int
    sku: str
    kind: ArticleKind


_NUMBERS, _ARTICLES = table_of(ArticleNumber), table_of(Article)
SCANNED_NUMBER = and_(
    or_(_NUMBERS.c.kind == NumberKind.sku, _NUMBERS.c.kind == NumberKind.gtin),
    _NUMBERS.c.loose == bindparam("loose"),
)
"""Joins what may be meant by a code, whose `scan_key` is the parameter."""
SCANNED_ARTICLE = and_(_ARTICLES.c.id == _NUMBERS.c.article_id, _ARTICLES.c.kind != ArticleKind.parent)
SCANNED_COLUMNS = (
    _NUMBERS.c.kind,
    _NUMBERS.c.value,
    _ARTICLES.c.id.label("article_id"),
    _ARTICLES.c.sku,
    _ARTICLES.c.kind.label("article_kind"),
)
_SCANNED = (
    sqlalchemy_select(*SCANNED_COLUMNS)
    .join_from(_NUMBERS, _ARTICLES, SCANNED_ARTICLE)
    .where(_NUMBERS.c.tenant_id == bindparam("tenant"), SCANNED_NUMBER)
)


def scan_key(code: str) -> str:
    """Return by what numbers are looked up that a code may mean; empty if it means none."""
    return loose_form(code) if len(code) <= LONGEST_SCAN else ""


def find_scanned(session: Session, tenant_id: int, code: str) -> list[Scanned]:
    """Return the articles whose SKU or GTIN a person scanned or typed, by id; none if nobody's is.

    Blanks and the zeros before a GTIN do not count; capitals only where a SKU is spelled so.
    """
    wanted = {"tenant": tenant_id, "loose": scan_key(code)}
    return choose_scanned(session.connection().execute(_SCANNED, wanted).all(), code)


def choose_scanned(rows: Sequence[Any], code: str) -> list[Scanned]:
    """Return of rows with `SCANNED_COLUMNS` the articles that a code means, as `find_scanned` does."""
    if not scan_key(code):
        return []
    for rules in SCAN_RULES:
        found = {
            Scanned(row.article_id, row.sku, row.article_kind)
            for row in rows
            if row.article_id is not None
            for rule in rules
            if NUMBER_KINDS[rule.by] is row.kind and rule.normal(row.value) == rule.normal(code)
        }
        if found:
            return sorted(found)
    return []
