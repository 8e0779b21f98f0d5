"""An answer of Afterbuy as a tree: mended where Afterbuy breaks XML, refused where it would take too much."""

import re
from codecs import getincrementaldecoder

from lxml import etree

from connectors.afterbuy.values import clean_text
from connectors.afterbuy.xml import Element, local_name

_HEAD_BYTES = 4096
# Possessive, so that a head with many comments is read once, and not in every way that it could be divided.
_DOCTYPE = re.compile(
    rb"\A(?:\s|\xef\xbb\xbf|<\?(?:(?!\?>).)*+\?>|<!--(?:(?!-->).)*+-->)*+<!doctype\s+([a-z]*)",
    re.DOTALL | re.IGNORECASE,
)
_DECLARED = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,20})[\"']")
_EBCDIC = b"\x4c\x6f\xa7\x94"
_DECLARATION = re.compile(rb"\A\s*<\?xml[^>]*?\?>")
_CDATA = b"<![CDATA["
# A text without an end reaches to the end of the answer, so that a million beginnings are read once.
_TEXTS = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
_MENDABLE = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));"
    rb"|&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9a-fA-F]{1,8});)",
    re.DOTALL,
)
MAX_MARKUP = 1_000_000
"""The most tags, attributes and references in one answer: each takes a hundred bytes once it is parsed."""
_CHUNK = 1 << 20
_WESTERN = {"iso-8859-1", "iso8859-1", "latin-1", "windows-1252"}
_ENCODINGS = {"utf-8", "utf8", "us-ascii", "utf-16", "iso-8859-15", *_WESTERN}


class NotAfterbuyError(Exception):
    """An answer that is no document of Afterbuy; the message says what it is, and ends a sentence."""


def parse(body: bytes) -> Element:
    """Return the root of an answer.

    An answer with forbidden characters, wrong bytes or bare ampersands is cleaned and parsed again.
    Raises: NotAfterbuyError, for HTML, a DOCTYPE, another root, and what is cut, unreadable or too large.
    """
    doctype = _DOCTYPE.match(body[:_HEAD_BYTES])
    if doctype and doctype.group(1).lower() == b"html":
        raise NotAfterbuyError("is an HTML page")
    if doctype:
        raise NotAfterbuyError("declares a DOCTYPE, which is refused")
    if not body.strip():
        raise NotAfterbuyError("is empty")
    encoding = _encoding(body)
    _check_markup(body)
    try:
        root = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        if "huge" in str(error).lower():
            raise NotAfterbuyError(
                "holds a text above 10 MB or more than 250 levels of elements; ask for smaller pages "
                "(page_size, article_page_size) to find the record, and shorten it in Afterbuy"
            ) from None
        root = _parse_cleaned(body, encoding)
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotAfterbuyError("declares a DOCTYPE, which is refused")
    name = local_name(root.tag)
    if name == "html":
        raise NotAfterbuyError("is an HTML page")
    if name != "afterbuy":
        raise NotAfterbuyError("has another root than Afterbuy")
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        # Keeps the limits of libxml2: 10 MB for one text, 256 levels.
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )


def _encoding(body: bytes) -> str:
    """Return the encoding that an answer declares. Raises: NotAfterbuyError, if it could hide markup."""
    declared = _DECLARED.match(body[:200])
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    if encoding not in _ENCODINGS or body.startswith(_EBCDIC):
        raise NotAfterbuyError("is in an encoding that is not read; Afterbuy writes UTF-8")
    return encoding


def _check_markup(body: bytes) -> None:
    """Refuse an answer whose tree would take many times its size; texts in CDATA do not count."""
    if _markup(body) <= MAX_MARKUP:
        return
    pieces = body.count(_CDATA) + body.count(b"<!--") + body.count(b"<?")
    if pieces > MAX_MARKUP or _markup(_TEXTS.sub(b"", body)) > MAX_MARKUP:
        raise NotAfterbuyError(
            f"holds more than {MAX_MARKUP} tags, attributes and references; ask for smaller pages "
            "(page_size, article_page_size)"
        )


def _markup(body: bytes) -> int:
    return body.count(b"<") + body.count(b"=") + body.count(b"&")


def _parse_cleaned(body: bytes, encoding: str) -> Element:
    cleaned = _cleaned(body, encoding)
    if b"<" not in cleaned:
        raise NotAfterbuyError("is no XML")
    try:
        return etree.fromstring(cleaned, _parser())
    except (etree.XMLSyntaxError, ValueError):
        page = b"<html" in cleaned[:_HEAD_BYTES].lower()
        raise NotAfterbuyError("is an HTML page" if page else "is cut or not readable as XML") from None


def _cleaned(body: bytes, encoding: str) -> bytes:
    """Return an answer in UTF-8 without what XML forbids.

    It is done in pieces: one emoji makes Python keep a whole text with four bytes for each character.
    """
    western = encoding in _WESTERN
    decoder = getincrementaldecoder("cp1252" if western else "utf-8-sig")(
        "replace" if western else "surrogateescape"
    )
    parts: list[bytes] = []
    for start in range(0, len(body), _CHUNK):
        text = decoder.decode(body[start : start + _CHUNK], start + _CHUNK >= len(body))
        parts.append(clean_text(re.sub("[\udc80-\udcff]", _western, text)).encode())
    return _MENDABLE.sub(_mended, _DECLARATION.sub(b"", b"".join(parts), count=1))


def _western(match: re.Match[str]) -> str:
    """Return the character that Windows-1252 has for a byte that is no UTF-8."""
    return bytes([ord(match.group()) - 0xDC00]).decode("cp1252", errors="replace")


def _mended(match: re.Match[bytes]) -> bytes:
    """Return CDATA as it is, a bare ampersand escaped, and "" for a reference to a forbidden character."""
    if match.group().startswith(_CDATA):
        return match.group()
    if match.group() == b"&":
        return b"&amp;"
    number = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    return match.group() if number <= 0x10FFFF and clean_text(chr(number)) else b""
