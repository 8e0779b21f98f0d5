"""Matching: which article an order line stands for.

A tenant's rules are tried in order. The first rule that finds an article decides. If it finds several, they
become candidates and the line is held until a person chooses. If no rule finds any, the line is held without
candidates.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlmodel import Session, col, select

from models.catalog.article import Article, ArticleNumber, loose_form
from models.catalog.listing import Listing
from models.catalog.records import ArticleKind
from models.database.conditions import among
from models.orders.custom_codes import CustomCode, CustomCodePart
from models.orders.match_rules import NUMBER_KINDS, MatchBy, MatchRule
from models.orders.records import OrderLineData


class Match(BaseModel):
    """The result for one line: parts as (article id, quantity per unit of the line), or candidates."""

    parts: list[tuple[int, int]] = RecordField(default_factory=list)
    rule: str = ""
    candidates: list[int] = RecordField(default_factory=list)
    """Article ids from which a person must choose; empty if the line is matched or nothing was found."""

    @property
    def article_id(self) -> int | None:
        """The article if one unit of the line is one unit of a single article, else None."""
        return self.parts[0][0] if len(self.parts) == 1 and self.parts[0][1] == 1 else None


def match_lines(
    session: Session,
    tenant_id: int,
    account_id: int,
    rules: Sequence[MatchRule],
    lines: Sequence[OrderLineData],
) -> list[Match]:
    """Return the match of each line, in order; each rule searches for all lines of the page at once."""
    matches: list[Match | None] = [None] * len(lines)
    for rule in rules:
        waiting = [index for index, match in enumerate(matches) if match is None]
        if not waiting:
            break
        finder = _FINDERS[rule.by]
        hits = finder(session, tenant_id, account_id, rule, [lines[index] for index in waiting])
        for index, hit in zip(waiting, hits, strict=True):
            if hit is not None:
                matches[index] = hit
    return [match or Match() for match in matches]


def _wanted(rule: MatchRule, lines: Sequence[OrderLineData]) -> list[list[str]]:
    """Return for each line the numbers that the rule reads, without prefix and suffix.

    A value without letters and digits is left out: it would equal every other such value.
    """
    reported = [[rule.strip(getattr(line, source.value)) for source in rule.read_sources()] for line in lines]
    return [[number for number in numbers if loose_form(number)] for numbers in reported]


def _outcome(rule: MatchRule, article_ids: Sequence[int]) -> Match | None:
    unique = sorted(set(article_ids))
    if not unique:
        return None
    if len(unique) > 1:
        return Match(candidates=unique, rule=rule.by)
    return Match(parts=[(unique[0], 1)], rule=rule.by)


def _first_hit(rule: MatchRule, numbers: Sequence[str], found: Mapping[str, Sequence[int]]) -> Match | None:
    for number in numbers:
        match = _outcome(rule, found.get(rule.normalise(number), ()))
        if match is not None:
            return match
    return None


def _by_listing(
    session: Session, _tenant_id: int, account_id: int, rule: MatchRule, lines: Sequence[OrderLineData]
) -> list[Match | None]:
    """Match by listing. A line that names a parent is left to later rules, because parents are not sold."""
    wanted = _wanted(rule, lines)
    keys = {number for numbers in wanted for number in numbers}
    searched = number = col(Listing.external_id)
    if rule.by is MatchBy.channel_number:
        keys = {loose_form(key) for key in keys}
        searched, number = col(Listing.loose_number), col(Listing.channel_number)
    found: dict[str, list[int]] = defaultdict(list)
    for value, article_id in session.execute(
        select(number, col(Listing.article_id))
        .join(Article, col(Article.id) == col(Listing.article_id))
        .where(
            col(Listing.account_id) == account_id, among(searched, keys), Article.kind != ArticleKind.parent
        )
    ):
        found[rule.normalise(value)].append(article_id)
    return [_first_hit(rule, numbers, found) for numbers in wanted]


def _by_number(
    session: Session, tenant_id: int, _account_id: int, rule: MatchRule, lines: Sequence[OrderLineData]
) -> list[Match | None]:
    wanted = _wanted(rule, lines)
    found = _find_numbers(session, tenant_id, rule, wanted)
    return [_first_hit(rule, numbers, found) for numbers in wanted]


def _find_numbers(
    session: Session,
    tenant_id: int,
    rule: MatchRule,
    wanted: Sequence[Sequence[str]],
    *,
    parents: bool = False,
) -> dict[str, list[int]]:
    keys = {loose_form(number) for numbers in wanted for number in numbers}
    is_parent = col(Article.kind) == ArticleKind.parent
    found: dict[str, list[int]] = defaultdict(list)
    for value, article_id in session.execute(
        select(col(ArticleNumber.value), col(ArticleNumber.article_id))
        .join(Article, col(Article.id) == col(ArticleNumber.article_id))
        .where(
            col(ArticleNumber.tenant_id) == tenant_id,
            col(ArticleNumber.kind) == NUMBER_KINDS[rule.by],
            among(col(ArticleNumber.loose), keys),
            is_parent if parents else ~is_parent,
        )
    ):
        found[rule.normalise(value)].append(article_id)
    return found


def _by_custom_code(
    session: Session, tenant_id: int, account_id: int, rule: MatchRule, lines: Sequence[OrderLineData]
) -> list[Match | None]:
    wanted = _wanted(rule, lines)
    keys = {loose_form(number) for numbers in wanted for number in numbers}
    parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for value, article_id, quantity in session.execute(
        select(col(CustomCode.value), col(CustomCodePart.article_id), col(CustomCodePart.quantity))
        .join(CustomCodePart, col(CustomCodePart.custom_code_id) == col(CustomCode.id))
        .where(
            col(CustomCode.tenant_id) == tenant_id,
            col(CustomCode.account_id) == account_id,
            among(col(CustomCode.loose), keys),
        )
        .order_by(col(CustomCode.id), col(CustomCodePart.article_id))
    ):
        parts[value].append((article_id, quantity))
    alike: dict[str, list[str]] = defaultdict(list)
    for value in parts:
        alike[rule.normalise(value)].append(value)
    matches: list[Match | None] = []
    for numbers in wanted:
        hit = next((number for number in numbers if rule.normalise(number) in alike), None)
        matches.append(_code_outcome(rule, hit, alike[rule.normalise(hit)], parts) if hit else None)
    return matches


def _code_outcome(
    rule: MatchRule,
    number: str,
    codes: Sequence[str],
    parts: Mapping[str, list[tuple[int, int]]],
) -> Match:
    """Choose among codes that the rule treats as equal: the exact spelling wins, else a person chooses."""
    fitting = [parts[number]] if number in codes else [parts[code_value] for code_value in codes]
    if all(each == fitting[0] for each in fitting):
        return Match(parts=fitting[0], rule=rule.by)
    return Match(candidates=sorted({article for each in fitting for article, _ in each}), rule=rule.by)


def _by_variant(
    session: Session, tenant_id: int, _account_id: int, rule: MatchRule, lines: Sequence[OrderLineData]
) -> list[Match | None]:
    """Find the parent by number, then its variants with all their values among those that the buyer chose."""
    wanted = [
        numbers if line.attributes else [] for numbers, line in zip(_wanted(rule, lines), lines, strict=True)
    ]
    parents = _find_numbers(session, tenant_id, rule, wanted, parents=True)
    parent_ids = sorted({article_id for ids in parents.values() for article_id in ids})
    variants: dict[int, list[Article]] = defaultdict(list)
    if parent_ids:
        for article in session.exec(select(Article).where(among(col(Article.parent_id), parent_ids))):
            variants[article.parent_id or 0].append(article)
    matches: list[Match | None] = []
    for numbers, line in zip(wanted, lines, strict=True):
        chosen = {rule.normalise(value) for value in line.attributes.values()}
        fitting = [
            article.row_id
            for number in numbers
            for parent_id in parents.get(rule.normalise(number), ())
            for article in variants[parent_id]
            if article.variant_values
            and {rule.normalise(value) for value in article.variant_values.values()} <= chosen
        ]
        matches.append(_outcome(rule, fitting))
    return matches


_FINDERS = {
    MatchBy.listing: _by_listing,
    MatchBy.channel_number: _by_listing,
    MatchBy.sku: _by_number,
    MatchBy.gtin: _by_number,
    MatchBy.manufacturer: _by_number,
    MatchBy.supplier: _by_number,
    MatchBy.custom_code: _by_custom_code,
    MatchBy.variant: _by_variant,
}
