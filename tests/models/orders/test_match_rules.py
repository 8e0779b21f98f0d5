"""Rules for matching lines: what is equal by one, and what is wrong in a file of them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.catalog.article import loose_form
from models.errors import RuleError
from models.orders.match_rules import DEFAULT_RULES, MatchBy, MatchRule, Normalisation, read_rules


@given(
    st.text("aAßéO01 -_./:x", min_size=1),
    st.text("aAßéO01 -_./:x", min_size=1),
    st.sets(st.sampled_from(Normalisation)),
)
def test_what_a_rule_takes_for_equal_is_searched_alike(
    one: str, other: str, ignore: set[Normalisation]
) -> None:
    """The form for searching is never stricter than any rule."""
    rule = MatchRule(by=MatchBy.sku, ignore=frozenset(ignore))
    assume(loose_form(one) and loose_form(other))

    assert rule.normalise(one) != rule.normalise(other) or loose_form(one) == loose_form(other)


def test_wrong_rules_are_named(sqlite_database: str) -> None:
    """A tenant's rules are read strictly; none means the usual ones."""
    assert read_rules([]) == DEFAULT_RULES
    assert read_rules([{"by": "sku", "ignore": ["case"]}])[0].normalise("aB c") == "ab c"
    with pytest.raises(RuleError, match=r"Matching rule 2 is wrong at 'by'"):
        read_rules([{"by": "sku"}, {"by": "colour"}])
    with pytest.raises(RuleError, match=r"Matching rule 1 is wrong at 'ignor'"):
        read_rules([{"by": "sku", "ignor": []}])
