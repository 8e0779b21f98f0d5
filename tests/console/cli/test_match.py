"""`warenfluss match`: lines that wait for an article are settled by people."""

import pytest

from tests.support.cli_steps import (
    article,
    call,
    line,
    open_shop,
    order,
    read,
    refused,
    take_articles,
    take_orders,
)


@pytest.fixture
def shop(database: str) -> None:
    """Two orders of the same unknown code, one whose code fits two articles, and a trial article."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 10, gtin="4006381333931"), article("JAR", 10))
    take_articles(article("TIN", 10, gtin="4006381333931"))
    take_orders(
        order("1", line("1-1", "3PACK")),
        order("2", line("2-1", "3PACK")),
        order("3", line("3-1", "").model_copy(update={"gtin": "4006381333931"})),
    )


def test_the_list_names_codes_and_candidates(shop: None) -> None:
    """Each held line is shown with what there is to decide by."""
    rows = read("match", "list")

    assert [(row["line"], row["reason"], row["candidates"]) for row in rows] == [
        ("1-1", "line_unmatched", []),
        ("2-1", "line_unmatched", []),
        ("3-1", "line_ambiguous", ["CUP", "TIN"]),
    ]
    assert rows[0]["codes"]["sku"] == "3PACK"
    assert "3PACK" in call("match", "list").stdout


def test_resolving_allocates_and_ends_the_hold(shop: None) -> None:
    """The chosen article gets its stock promised; other lines are left alone."""
    assert call("match", "resolve", "3", "3-1", "--sku", "TIN").exit_code == 0

    shown = read("order", "show", "3")
    assert (shown["holds"], shown["lines"][0]["sku"], shown["lines"][0]["allocated"]) == ([], "TIN", 1)
    assert [row["line"] for row in read("match", "list")] == ["1-1", "2-1"]


def test_a_remembered_choice_settles_its_likes(shop: None) -> None:
    """A code for several articles is remembered; waiting and future lines of it match by themselves."""
    result = call("match", "resolve", "1", "1-1", "--sku", "MUG=2", "--sku", "JAR", "--remember")

    assert result.exit_code == 0, result.stderr
    assert "1 other line matched." in result.stderr
    take_orders(order("4", line("4-1", "3PACK", 2)))
    for number in ("1", "2", "4"):
        shown = read("order", "show", number)
        assert shown["holds"] == []
        assert shown["lines"][0]["parts"] == [{"sku": "MUG", "quantity": 2}, {"sku": "JAR", "quantity": 1}]
    stock = {row["sku"]: row["available"] for row in read("stock", "list")}
    assert (stock["MUG"], stock["JAR"]) == (2, 6)


def test_changing_ones_mind_gives_stock_back(shop: None) -> None:
    """A line that was matched may be matched anew while its order is open."""
    call("match", "resolve", "1", "1-1", "--sku", "MUG=10")
    call("match", "resolve", "1", "1-1", "--sku", "JAR")

    stock = {row["sku"]: row["available"] for row in read("stock", "list")}
    assert (stock["MUG"], stock["JAR"]) == (10, 9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1", "1-1", "--sku", "NIX"], "There is no article with SKU 'NIX'"),
        (["1", "9-9", "--sku", "MUG"], "Order 1 has no line '9-9'; it has 1-1."),
        (["9", "1-1", "--sku", "MUG"], "There is no order '9'."),
    ],
)
def test_what_is_refused_changes_nothing(shop: None, arguments: list[str], sentence: str) -> None:
    """A wrong name is told in one sentence, and the line waits on."""
    assert sentence in refused("match", "resolve", *arguments)
    assert len(read("match", "list")) == 3


def test_more_than_can_be_counted_is_refused(shop: None) -> None:
    """The same SKU is added up, and the sum has to fit, too."""
    result = call("match", "resolve", "1", "1-1", "--sku", "MUG=1000000000", "--sku", "MUG")

    assert (result.exit_code, "more than 1000000000 of 'MUG'" in result.stderr) == (2, True)
    assert len(read("match", "list")) == 3


def test_new_articles_are_found_on_request(shop: None) -> None:
    """`retry` tries the rules again."""
    take_articles(article("3PACK", 5))

    assert "2 lines matched." in call("match", "retry").stderr
    assert read("order", "show", "1")["lines"][0]["allocated"] == 1
