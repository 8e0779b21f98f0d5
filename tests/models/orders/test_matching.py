"""Which article a line means: each rule, each way of reading a number, and what is left to a person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from models.catalog.records import ArticleKind
from models.database.engine import get_engine
from models.database.session import session_scope
from models.orders.custom_codes import save_custom_code
from models.orders.match_rules import DEFAULT_RULES, MatchBy, MatchRule, Normalisation, Source
from models.orders.matching import Match, match_lines
from models.orders.records import OrderLineData
from tests.support.builders import (
    Shop,
    add_article,
    add_listing,
    holds_in,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)

ALL = frozenset(Normalisation)


def match(
    session: Session, shop: Shop, *lines: OrderLineData, rules: Sequence[MatchRule] = DEFAULT_RULES
) -> list[Match]:
    return match_lines(session, shop.tenant_id, shop.account.id, rules, lines)


def hit(article_id: int, rule: MatchBy) -> Match:
    return Match(parts=[(article_id, 1)], rule=rule)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        if str(arguments[2]).startswith("SELECT"):
            seen.append(str(arguments[2]))

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (MatchBy.sku, {"sku": "MUG-1"}),
        (MatchBy.gtin, {"gtin": "4006381333931"}),
        (MatchBy.manufacturer, {"manufacturer_number": "M 77"}),
        (MatchBy.supplier, {"supplier_number": "S-9"}),
        (MatchBy.listing, {"listing_id": "1001"}),
        (MatchBy.channel_number, {"channel_number": "A-55"}),
        (MatchBy.custom_code, {"sku": "OLD-MUG"}),
    ],
)
def test_each_rule_finds_by_its_number(database: str, by: MatchBy, told: dict[str, Any]) -> None:
    """One hit matches and names the rule; the same number of another tenant does not count."""
    with session_scope() as session:
        shop = make_shop(session)
        for owner in (make_shop(session, "fremd"), shop):
            mug = add_article(
                session,
                owner,
                "MUG-1",
                gtin="4006381333931",
                manufacturer_number="M 77",
                supplier_number="S-9",
            )
            add_listing(session, owner.account, mug, "1001", "A-55")
            save_custom_code(session, owner.tenant_id, owner.account.id, "OLD-MUG", [(mug, 1)])

        assert match(session, shop, make_line("a", **told), rules=[MatchRule(by=by)]) == [hit(mug, by)]


@pytest.mark.parametrize(
    ("ignore", "stored", "told", "fits"),
    [
        (set(), "Mug-1", "Mug-1", True),
        (set(), "Mug-1", "MUG-1", False),
        (set(), "Mug-1", " Mug-1 ", True),
        ({"case"}, "Straße-1", "STRASSE-1", True),
        ({"blanks"}, "MUG 1", "M UG1", True),
        (set(), "MUG 1", "MUG1", False),
        ({"leading_zeros"}, "00815", "815", True),
        ({"leading_zeros"}, "0", "000", True),
        (set(), "00815", "815", False),
        ({"separators"}, "A-1.2/3_4:5", "A12345", True),
        ({"separators"}, "A-1", "A 1", False),
        (ALL, "00-ab 1", "AB1", True),
        (ALL, "AB1", "AB2", False),
    ],
)
def test_a_number_is_compared_as_its_rule_says(
    database: str, ignore: set[str], stored: str, told: str, fits: bool
) -> None:
    """Case, blanks, leading zeros and separators count unless the rule ignores them."""
    rule = MatchRule(by=MatchBy.sku, ignore=frozenset(Normalisation(name) for name in ignore))
    with session_scope() as session:
        shop = make_shop(session)
        article_id = add_article(session, shop, stored)

        expected = hit(article_id, MatchBy.sku) if fits else Match()
        assert match(session, shop, make_line("a", told), rules=[rule]) == [expected]


def test_prefix_and_suffix_are_taken_off(database: str) -> None:
    """Only from the channel's number, and only where they are there."""
    rule = MatchRule(by=MatchBy.sku, prefix="EB-", suffix="-NEW")
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG")
        lines = [make_line(f"l{sku}", sku) for sku in ("EB-MUG-NEW", "MUG", "EB-MUG", "XX-MUG")]

        assert match(session, shop, *lines, rules=[rule]) == [hit(mug, MatchBy.sku)] * 3 + [Match()]


def test_a_rule_reads_the_fields_it_is_told(database: str) -> None:
    """Our SKU may stand where the channel keeps its number; the first field with a hit decides."""
    rule = MatchRule(by=MatchBy.sku, sources=(Source.supplier_number, Source.channel_number))
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG"), add_article(session, shop, "CUP")
        lines = [
            make_line("a", "MUG"),
            make_line("b", channel_number="MUG"),
            make_line("c", channel_number="MUG", supplier_number="CUP"),
        ]

        assert match(session, shop, *lines, rules=[rule]) == [
            Match(),
            hit(mug, MatchBy.sku),
            hit(cup, MatchBy.sku),
        ]


def test_the_order_of_the_rules_decides(database: str) -> None:
    """The first rule with a hit wins, whatever later ones would say."""
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG"), add_article(session, shop, "CUP", gtin="4006381333931")
        line = make_line("a", "MUG", gtin="4006381333931")
        by_sku, by_gtin = MatchRule(by=MatchBy.sku), MatchRule(by=MatchBy.gtin)

        assert match(session, shop, line, rules=[by_sku, by_gtin]) == [hit(mug, MatchBy.sku)]
        assert match(session, shop, line, rules=[by_gtin, by_sku]) == [hit(cup, MatchBy.gtin)]


def test_several_hits_are_listed_and_later_rules_not_asked(database: str) -> None:
    """Guessing ships the wrong goods: a person chooses among the candidates."""
    with session_scope() as session:
        shop = make_shop(session)
        one = add_article(session, shop, "MUG-R", gtin="4006381333931")
        two = add_article(session, shop, "MUG-B", gtin="4006381333931")
        add_article(session, shop, "X1")
        line = make_line("a", "X1", gtin="4006381333931")
        rules = [MatchRule(by=MatchBy.gtin), MatchRule(by=MatchBy.sku)]

        assert match(session, shop, line, rules=rules) == [Match(candidates=[one, two], rule="gtin")]


def test_an_ambiguous_line_is_held_with_its_candidates(database: str) -> None:
    """The hold names their SKUs and the rule; nothing is promised."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("MUG-R", "MUG-B"):
            add_article(session, shop, sku, gtin="4006381333931", on_hand=5)
        take_in(session, shop, make_order("1", make_line("a", gtin="4006381333931")))

        assert holds_in(session, "1") == [
            ("line_ambiguous", "a", {"rule": "gtin", "candidates": ["MUG-R", "MUG-B"]})
        ]
        assert stock_in(session) == {"MUG-B": (5, 0), "MUG-R": (5, 0)}


def add_shirts(session: Session, shop: Shop) -> dict[str, int]:
    shirt = add_article(session, shop, "SHIRT", kind=ArticleKind.parent)
    variants = {"RM": ("Rot", "M"), "RL": ("Rot", "L"), "BM": ("Blau", "M")}
    return {
        name: add_article(
            session,
            shop,
            f"S-{name}",
            kind=ArticleKind.variant,
            parent_id=shirt,
            variant_values={"Farbe": colour, "Größe": size},
        )
        for name, (colour, size) in variants.items()
    }


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"Farbe": "Rot", "Größe": "M"}, "RM"),
        ({"colour": "rot", "size": " m "}, "RM"),
        ({"Farbe": "Blau", "Größe": "M", "Gravur": "Änne"}, "BM"),
        ({"Farbe": "Blau", "Größe": "L"}, None),
        ({"Farbe": "Rot"}, None),
        ({}, None),
    ],
)
def test_a_variant_is_found_by_base_number_and_values(
    database: str, chosen: dict[str, str], found: str | None
) -> None:
    """All values of the variant must be among those chosen; the names of the axes may differ."""
    with session_scope() as session:
        shop = make_shop(session)
        shirts = add_shirts(session, shop)
        expected = hit(shirts[found], MatchBy.variant) if found else Match()

        assert match(session, shop, make_line("a", "SHIRT", attributes=chosen)) == [expected]


def test_a_parent_is_never_sold(database: str) -> None:
    """Its own number and its listing alone find nothing."""
    with session_scope() as session:
        shop = make_shop(session)
        shirt = add_article(session, shop, "SHIRT", kind=ArticleKind.parent)
        add_listing(session, shop.account, shirt, "1001", "A-1")
        line = make_line("a", "SHIRT", listing_id="1001", channel_number="A-1")

        assert match(session, shop, line) == [Match()]


def test_a_variant_that_fits_twice_is_left_to_a_person(database: str) -> None:
    """Two variants with the same values are candidates."""
    with session_scope() as session:
        shop = make_shop(session)
        shirt = add_article(session, shop, "SHIRT", kind=ArticleKind.parent)
        values = {"Farbe": "Rot"}
        ids = [
            add_article(
                session, shop, f"S{n}", kind=ArticleKind.variant, parent_id=shirt, variant_values=values
            )
            for n in range(2)
        ]

        found = match(session, shop, make_line("a", "SHIRT", attributes={"x": "rot"}))
        assert found == [Match(candidates=ids, rule="variant")]


def test_lines_of_a_page_are_matched_together(database: str) -> None:
    """Results come in the order of the lines, with one query for each rule, two for variants."""
    with session_scope() as session:
        shop = make_shop(session)
        mug, cup = add_article(session, shop, "MUG"), add_article(session, shop, "CUP", gtin="4006381333931")
        shirts = add_shirts(session, shop)
        lines = [
            make_line("1", "NIX"),
            make_line("2", gtin="4006381333931"),
            make_line("3", "SHIRT", attributes={"a": "Rot", "b": "L"}),
            *[make_line(f"m{n}", "MUG") for n in range(300)],
        ]
        with counted_queries() as seen:
            found = match(session, shop, *lines)

        assert found[:3] == [Match(), hit(cup, MatchBy.gtin), hit(shirts["RL"], MatchBy.variant)]
        assert found[3:] == [hit(mug, MatchBy.sku)] * 300
        assert len(seen) == len(DEFAULT_RULES) + 1


def test_rules_after_the_last_hit_ask_nothing(database: str) -> None:
    """A page whose lines are all matched costs no further query."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG")
        with counted_queries() as seen:
            match(session, shop, make_line("a", "MUG"), rules=[MatchRule(by=MatchBy.sku)] * 3)

        assert len(seen) == 1
