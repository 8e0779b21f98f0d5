"""An answer of Afterbuy is read in whatever state it comes, and refused where it is dangerous."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.afterbuy import xml, xml_parser
from connectors.afterbuy.xml import text_at
from connectors.afterbuy.xml_parser import NotAfterbuyError, parse
from tests.connectors.afterbuy.order_answers import answer

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE Afterbuy [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<Afterbuy><Result x="&d;">&d;</Result></Afterbuy>"""


def read(text: str | bytes) -> str:
    body = text.encode() if isinstance(text, str) else text
    return text_at(parse(body), "Result", "Name")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB, "DOCTYPE"),
        (b'<!DOCTYPE Afterbuy SYSTEM "file:///etc/passwd"><Afterbuy/>', "DOCTYPE"),
        (b"\xef\xbb\xbf <!-- x --><!DOCTYPE a><Afterbuy/>", "DOCTYPE"),
        (
            BOMB.decode().replace('version="1.0"', 'version="1.0" encoding="utf-16"').encode("utf-16"),
            "DOCTYPE",
        ),
        (b"<!DOCTYPE html><html><body>Wartung</body></html>", "HTML"),
        (b"<html><body><br>Wartung</body></html>", "HTML"),
        (b"<html/>", "HTML"),
        (b"", "empty"),
        (b"  \r\n", "empty"),
        (b"Service Unavailable", "no XML"),
        (b"<Other/>", "root"),
        (b"<Afterbuy><Result>", "cut"),
        (b"<Afterbuy><Result></Afterbuy>", "cut"),
        (b"<Afterbuy>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Afterbuy>", "levels"),
        (b"\xff\xfe\x00", "no XML"),
    ],
)
def test_what_is_no_document_of_afterbuy_is_named(body: bytes, said: str) -> None:
    with pytest.raises(NotAfterbuyError, match=said):
        parse(body)


@given(st.integers(min_value=0, max_value=118))
def test_a_document_cut_at_any_byte_is_never_read(at: int) -> None:
    body = (
        b"<Afterbuy><CallStatus>Success</CallStatus><Result><Orders>"
        b"<Order><OrderID>1</OrderID></Order></Orders></Result></Afterbuy>"
    )
    assert len(body) > 118
    with pytest.raises(NotAfterbuyError):
        parse(body[:at])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_an_error(body: bytes) -> None:
    with pytest.raises(NotAfterbuyError):
        parse(body)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("<afterbuy><RESULT><name>a</name></RESULT></afterbuy>", "a"),
        ('<Afterbuy xmlns="urn:x"><Result><Name>a</Name></Result></Afterbuy>', "a"),
        ("<Afterbuy><!-- c --><Result><?p?><Name> a\r\n</Name></Result></Afterbuy>", "a"),
        ("<Afterbuy><Result><Name><![CDATA[a]]><![CDATA[ & b]]></Name></Result></Afterbuy>", "a & b"),
        ("<Afterbuy><Result><Name>a\x0b\x00b</Name></Result></Afterbuy>", "ab"),
        ("<Afterbuy><Result><Name><![CDATA[a\x01 & b]]></Name></Result></Afterbuy>", "a & b"),
        ("<Afterbuy><Result><Name>a&#x0;&#11;b&#228;</Name></Result></Afterbuy>", "abä"),
        ("<Afterbuy><Result><Name>A & B &amp; C</Name></Result></Afterbuy>", "A & B & C"),
        ("<Afterbuy><Result><Name>&amp;amp;</Name></Result></Afterbuy>", "&amp;"),
        (
            '<?xml version="1.0" encoding="utf-8"?><Afterbuy><Result><Name>ä\x02</Name></Result></Afterbuy>',
            "ä",
        ),
        ("<Afterbuy><Result><Name>ä</Name></Result></Afterbuy>".encode() + b"\r\n\r\n", "ä"),
        ("<Afterbuy><Result><Name>ä€</Name></Result></Afterbuy>".encode("cp1252"), "ä€"),
        (
            b'<?xml version="1.0" encoding="iso-8859-1"?>'
            b"<Afterbuy><Result><Name>\xe4\x01</Name></Result></Afterbuy>",
            "ä",
        ),
    ],
)
def test_case_comments_wrong_bytes_and_forbidden_characters_do_no_harm(body: str | bytes, name: str) -> None:
    assert read(body) == name


@pytest.mark.parametrize(
    "body",
    [
        b"<!---->" * 500 + b"<Other/>",
        b"<?x?>" * 700 + b"<Other",
        b"<Afterbuy>" + b"<![CDATA[" * 200_000,
        b"<Afterbuy>" + b"&" * 1_000_000,
        b"<!--" * 1000,
    ],
    ids=["comments", "instructions", "open cdata", "ampersands", "open comments"],
)
def test_no_answer_takes_long_to_refuse(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(NotAfterbuyError):
        parse(body)
    assert time.process_time() - began < 5


def test_a_doctype_within_a_text_is_a_text() -> None:
    assert (
        read("<Afterbuy><Result><Name><![CDATA[<!DOCTYPE html>]]></Name></Result></Afterbuy>")
        == "<!DOCTYPE html>"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (answer("<a/>" * 1_000_001), "ask for smaller pages"),
        (answer("<a b='' c=''/>" * 400_000), "ask for smaller pages"),
        (answer("<!-- <![CDATA[ -->" + "<a/>" * 1_000_001 + "<!-- ]]> -->"), "ask for smaller pages"),
        (answer("<![CDATA[]]>" * 1_000_001), "ask for smaller pages"),
        (answer("&" * 1_000_001), "ask for smaller pages"),
        (answer("<a>" + "x" * 10_500_000 + "</a>"), "shorten it in Afterbuy"),
        (answer("<a>" * 100_000 + "</a>" * 100_000), "250 levels"),
        (b"<?xml version='1.0' encoding='utf-7'?>+ADw-Afterbuy/+AD4-", "Afterbuy writes UTF-8"),
        ('<?xml version="1.0" encoding="cp037"?><Afterbuy/>'.encode("cp037"), "Afterbuy writes UTF-8"),
    ],
    ids=["elements", "attributes", "hidden", "cdata", "references", "long text", "deep", "utf-7", "ebcdic"],
)
def test_a_page_that_would_take_too_much_is_refused_with_what_to_do(body: bytes, said: str) -> None:
    with pytest.raises(xml_parser.NotAfterbuyError, match=said):
        xml_parser.parse(body)


def test_markup_within_texts_does_not_count() -> None:
    """Descriptions in HTML are texts, however many tags they hold."""
    body = answer("<Order><Memo><![CDATA[" + "<b a='1'>&amp;</b>" * 300_000 + "]]></Memo></Order>")
    assert xml.find(xml_parser.parse(body), "Result", "Orders", "Order") is not None
