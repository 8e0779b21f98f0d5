"""Elements become plain values, and a request is well-formed whatever its texts hold."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.afterbuy import xml
from connectors.afterbuy.xml import Node, build, fields_of, find_all, raw_of, values_of, without_credentials


def test_one_or_many_empty_or_absent_become_plain_values() -> None:
    element = etree.fromstring(
        "<r><One>1</One><Many>1</Many><many/><MANY>3</MANY><Empty/><Blank>\n </Blank><C><![CDATA[]]></C>"
        "<Deep><X>1</X></Deep></r>"
    )
    assert values_of(element) == {
        "one": "1",
        "many": ["1", None, "3"],
        "empty": None,
        "blank": None,
        "c": None,
        "deep": {"x": "1"},
    }


def test_containers_that_repeat_are_searched_all() -> None:
    element = etree.fromstring("<r><Tags><Tag>a</Tag></Tags><tags><tag>b</tag></tags></r>")
    assert [one.text for one in find_all(element, "Tags", "Tag")] == ["a", "b"]


def test_a_request_is_well_formed_whatever_the_texts_hold() -> None:
    nodes: list[Node] = [("A", "<b>&\"' ]]> \x00\x0bü"), ("Empty", ""), ("None", []), ("Hollow", [("X", "")])]
    body = build("Request", [*nodes, ("Zero", "0")])
    root = etree.fromstring(body)
    assert [(one.tag, one.text) for one in root] == [("A", "<b>&\"' ]]> ü"), ("Zero", "0")]


@given(st.text(max_size=50))
def test_any_text_can_be_sent(text: str) -> None:
    etree.fromstring(build("Request", [("A", text)]))


def test_what_was_sent_is_listed_by_path_and_repeats_are_counted() -> None:
    label: Node = ("Label", [("No", "1")])
    assert fields_of([("A", "x"), ("Labels", [label, label])]) == {
        "A": "x",
        "Labels/Label/No": "1",
        "Labels/Label/No[2]": "1",
    }


def test_a_request_is_shown_without_its_login() -> None:
    head: list[Node] = [("PartnerID", "1"), ("UserPassword", "p"), ("AccountToken", "t"), ("CallName", "X")]
    body = build("Request", [("AfterbuyGlobal", head), ("UserID", "kept")])
    assert without_credentials(body) == (
        "<Request><AfterbuyGlobal><CallName>X</CallName></AfterbuyGlobal><UserID>kept</UserID></Request>"
    )


def test_a_raw_record_shows_no_personal_link() -> None:
    element = etree.fromstring("<Order><FeedbackLink>https://x</FeedbackLink><Memo>m</Memo></Order>")
    assert raw_of(element) == "<Order><FeedbackLink>***</FeedbackLink><Memo>m</Memo></Order>"


def test_names_without_end_are_not_kept() -> None:
    """The memory of element names holds short ones alone, so that no answer makes it grow for good."""
    name = "a" * 40_000
    assert xml.local_name(name) == name
    assert name not in xml._names
