"""Scanned codes, and the articles with these codes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, or_
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session

from models.catalog.article import Article, ArticleNumber, loose_form
from models.catalog.records import ArticleKind, NumberKind
from models.database.bulk import table_of
from models.orders.match_rules import NUMBER_KINDS, MatchBy, MatchRule, Normalisation

SCAN_RULES = (
    (
        MatchRule(by=MatchBy.sku),
        MatchRule(by=MatchBy.gtin, ignore=frozenset({Normalisation.blanks, Normalisation.leading_zeros})),
    ),
    (MatchRule(by=MatchBy.sku, ignore=frozenset({Normalisation.blanks, Normalisation.case})),),
)
"""How a scanned code is compared: by all rules of the first group, or, if they find none, of the second."""
LONGEST_SCAN = 120


class Scanned(NamedTuple):
    """An article that a scanned code stands for."""

    article_id: int
    sku: str
    kind: ArticleKind


_NUMBERS, _ARTICLES = table_of(ArticleNumber), table_of(Article)
SCANNED_NUMBER = and_(
    or_(_NUMBERS.c.kind == NumberKind.sku, _NUMBERS.c.kind == NumberKind.gtin),
    _NUMBERS.c.loose == bindparam("loose"),
)
"""Condition for the numbers that a code may stand for; the parameter `loose` is the code's `scan_key`."""
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
    """Return the search form of a code; empty if the code cannot stand for an article."""
    return loose_form(code) if len(code) <= LONGEST_SCAN else ""


def find_scanned(session: Session, tenant_id: int, code: str) -> list[Scanned]:
    """Return the articles with this SKU or GTIN, as a person scanned or typed it, ordered by id.

    Blanks and a GTIN's leading zeros are ignored. Upper and lower case count only if a SKU matches exactly.
    """
    wanted = {"tenant": tenant_id, "loose": scan_key(code)}
    return choose_scanned(session.connection().execute(_SCANNED, wanted).all(), code)


def choose_scanned(rows: Sequence[Any], code: str) -> list[Scanned]:
    """Choose the articles that a code stands for from rows with `SCANNED_COLUMNS`; see `find_scanned`."""
    if not scan_key(code):
        return []
    for rules in SCAN_RULES:
        found = {
            Scanned(row.article_id, row.sku, row.article_kind)
            for row in rows
            if row.article_id is not None
            for rule in rules
            if NUMBER_KINDS[rule.by] is row.kind and rule.normalise(row.value) == rule.normalise(code)
        }
        if found:
            return sorted(found)
    return []
