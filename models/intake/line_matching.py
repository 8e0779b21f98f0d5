"""Match the lines of incoming orders to articles."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from models.catalog.lists import skus_by_id
from models.fulfilment.holding import hold_order
from models.orders.holds import NO_ARTICLE, HoldReason, close_holds
from models.orders.match_rules import MatchRule
from models.orders.matching import Match, match_lines
from models.orders.order import LinePart, Order, OrderLine
from models.orders.records import OrderLineData
from models.tenants.records import AccountData


class Matcher:
    """Matches the lines of a page at once, and keeps the match of each line."""

    def __init__(self, session: Session, account: AccountData, rules: Sequence[MatchRule]) -> None:
        self._session, self._account, self._rules = session, account, rules
        self._matches: dict[str, Match] = {}

    def add(self, lines: Sequence[OrderLineData]) -> None:
        """Match these lines."""
        found = match_lines(self._session, self._account.tenant_id, self._account.id, self._rules, lines)
        self._matches.update({line.external_id: match for line, match in zip(lines, found, strict=True)})

    def match_of(self, line: OrderLineData) -> Match:
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
    close_holds(session, order, NO_ARTICLE, row.id)
    if not match.parts:
        reason, detail = match_hold(match, skus_by_id(session, match.candidates))
        hold_order(session, order, reason, detail, field="article", line_id=row.id)


def match_hold(match: Match, skus: Mapping[int, str]) -> tuple[HoldReason, dict[str, Any]]:
    """Return reason and detail of the hold of a line without an article; `skus` has its candidates' SKUs."""
    if not match.candidates:
        return HoldReason.line_unmatched, {}
    return HoldReason.line_ambiguous, {
        "rule": match.rule,
        "candidates": [skus[article_id] for article_id in match.candidates],
    }
