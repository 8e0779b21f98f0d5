"""Codes that a person gave a meaning: of one account, for one article or several."""

from collections.abc import Sequence

import pytest
from sqlmodel import Session

from models.database.session import session_scope
from models.errors import RuleError
from models.orders.custom_codes import CustomCode, CustomCodePart, remember_code, save_custom_code
from models.orders.match_rules import DEFAULT_RULES, MatchBy, MatchRule, Normalisation
from models.orders.matching import Match, match_lines
from models.orders.records import OrderLineData
from tests.support.builders import (
    Shop,
    add_article,
    holds_in,
    make_account,
    make_line,
    make_order,
    make_shop,
    row_counts,
    take_in,
)


def match(
    session: Session, shop: Shop, *lines: OrderLineData, rules: Sequence[MatchRule] = DEFAULT_RULES
) -> list[Match]:
    return match_lines(session, shop.tenant_id, shop.account.id, rules, lines)


def test_a_code_may_stand_for_several(database: str) -> None:
    """A pack of three is three of one; a set of several articles has no single one."""
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG"), add_article(session, shop, "CUP")
        save_custom_code(session, shop.tenant_id, shop.account.id, "MUG-3", [(mug, 3)])
        save_custom_code(session, shop.tenant_id, shop.account.id, "BOTH", [(mug, 1), (cup, 2)])
        found = match(session, shop, make_line("a", "MUG-3"), make_line("b", "BOTH"))

        assert found == [
            Match(parts=[(mug, 3)], rule="custom_code"),
            Match(parts=[(mug, 1), (cup, 2)], rule="custom_code"),
        ]
        assert [each.article_id for each in found] == [None, None]


def test_a_code_of_another_account_does_not_count(database: str) -> None:
    """Each channel has codes of its own."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        mug = add_article(session, shop, "MUG")
        save_custom_code(session, shop.tenant_id, other.id, "CODE", [(mug, 1)])

        assert match(session, shop, make_line("a", "CODE")) == [Match()]


def test_codes_that_a_rule_cannot_tell_apart_are_not_added_up(database: str) -> None:
    """The one spelled like the line decides; if none is, a person chooses. A page never fails by it."""
    rule = MatchRule(by=MatchBy.custom_code, ignore=frozenset({Normalisation.case}))
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG", on_hand=5), add_article(session, shop, "CUP", on_hand=5)
        save_custom_code(session, shop.tenant_id, shop.account.id, "Pack", [(mug, 3)])
        save_custom_code(session, shop.tenant_id, shop.account.id, "PACK", [(mug, 1), (cup, 1)])
        save_custom_code(session, shop.tenant_id, shop.account.id, "Duo", [(cup, 2)])
        save_custom_code(session, shop.tenant_id, shop.account.id, "DUO", [(cup, 2)])
        lines = [make_line(f"l{sku}", sku) for sku in ("Pack", "PACK", "pack", "duo")]

        assert match(session, shop, *lines, rules=[rule]) == [
            Match(parts=[(mug, 3)], rule="custom_code"),
            Match(parts=[(mug, 1), (cup, 1)], rule="custom_code"),
            Match(candidates=[mug, cup], rule="custom_code"),
            Match(parts=[(cup, 2)], rule="custom_code"),
        ]
        take_in(session, shop, make_order("1", *lines), rules=[rule])
        assert [hold[:2] for hold in holds_in(session, "1")] == [("line_ambiguous", "lpack")]


def test_a_choice_is_remembered_as_a_code(database: str) -> None:
    """The next line of this code matches by itself; remembering again replaces."""
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG"), add_article(session, shop, "CUP")
        line = make_line("a", "ODD-1", gtin="123")
        remember_code(session, shop.tenant_id, shop.account.id, line, [(cup, 1)])
        remember_code(session, shop.tenant_id, shop.account.id, line, [(mug, 3)])

        assert match(session, shop, make_line("b", "ODD-1")) == [Match(parts=[(mug, 3)], rule="custom_code")]
        assert row_counts(session, CustomCode, CustomCodePart) == [1, 1]
        with pytest.raises(RuleError, match="no number"):
            remember_code(session, shop.tenant_id, shop.account.id, make_line("c"), [(mug, 1)])
