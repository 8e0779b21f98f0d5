"""Match the lines of incoming orders to articles."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.database.conditions import among
from models.fulfilment.holding import hold_order
from models.orders.holds import HoldReason, close_holds
from models.orders.match_rules import MatchRule
from models.orders.matching import Match, match_lines
from models.orders.order import LinePart, Order, OrderLine
from models.orders.records import OrderLineData
from models.tenants.records import AccountData


class Matcher:
    """Matches the lines of a page at once and keeps the results by line."""

    def __init__(self, session: Session, account: AccountData, rules: Sequence[MatchRule]) -> None:
        self._session, self._account, self._rules = session, account, rules
        self._matches: dict[str, Match] = {}

    def add(self, lines: Sequence[OrderLineData]) -> None:
        found = match_lines(self._session, self._account.tenant_id, self._account.id, self._rules, lines)
        self._matches.update({line.external_id: match for line, match in zip(lines, found, strict=True)})

    def of(self, line: OrderLineData) -> Match:
        """Return the match of a line that was added."""
        return self._matches[line.external_id]


def set_match(session: Session, order: Order, row: OrderLine, match: Match) -> None:
    """Save a line's match. Without one the order is held; otherwise the line's old hold is released."""
    session.execute(delete(LinePart).where(col(LinePart.order_line_id) == row.id))
    row.article_id, row.matched_by = match.article_id, match.rule if match.parts else ""
    session.add(row)
    for article_id, quantity in match.parts:
        session.add(LinePart(order_line_id=row.row_id, article_id=article_id, quantity=quantity))
    session.flush()
    close_holds(session, order, (HoldReason.line_unmatched, HoldReason.line_ambiguous), row.id)
    if not match.parts:
        reason, detail = match_hold(match, skus_of(session, [match]))
        hold_order(session, order, reason, detail, field="article", line_id=row.id)


def match_hold(match: Match, skus: Mapping[int, str]) -> tuple[HoldReason, dict[str, Any]]:
    if not match.candidates:
        return HoldReason.line_unmatched, {}
    return HoldReason.line_ambiguous, {
        "rule": match.rule,
        "candidates": [skus[article_id] for article_id in match.candidates],
    }


def skus_of(session: Session, matches: Sequence[Match]) -> dict[int, str]:
    ids = {article_id for match in matches for article_id in match.candidates}
    if not ids:
        return {}
    rows = session.execute(select(col(Article.id), col(Article.sku)).where(among(col(Article.id), ids)))
    return dict(rows.tuples().all())
