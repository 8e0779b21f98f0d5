"""Afterbuy's XML: parsed without entities, DTD or network, turned into values, and built well-formed."""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from lxml import etree

from connectors.afterbuy.values import clean_text

Element: TypeAlias = etree._Element
Node: TypeAlias = tuple[str, "str | Sequence[Node]"]
"""An element to be sent: its name with its text, or with its children in order."""

CREDENTIALS = frozenset(
    {"partnertoken", "accounttoken", "partnerid", "partnerpassword", "userid", "userpassword"}
)
_PRIVATE = frozenset({*CREDENTIALS, "feedbacklink"})
_HEAD_BYTES = 4096
# Possessive, so that a head of many comments is read once and not in every way it could be parted.
_DOCTYPE = re.compile(
    rb"\A(?:\s|\xef\xbb\xbf|<\?(?:(?!\?>).)*+\?>|<!--(?:(?!-->).)*+-->)*+<!doctype\s+([a-z]*)",
    re.DOTALL | re.IGNORECASE,
)
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*?\?>")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_NUMERIC = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9a-fA-F]{1,8});)")
_MAX_NAMES = 20_000


class NotAfterbuyError(Exception):
    """An answer that is no document of Afterbuy; the message says what it is instead."""


def parse(body: bytes) -> Element:
    """Return the root of an answer.

    Characters that XML forbids, wrong bytes and bare ampersands cost a second parse of the cleaned text.
    Raises: NotAfterbuyError, for HTML, a DOCTYPE, another root, or anything cut or unreadable.
    """
    doctype = _DOCTYPE.match(body[:_HEAD_BYTES])
    if doctype and doctype.group(1).lower() == b"html":
        raise NotAfterbuyError("is an HTML page")
    if doctype:
        raise NotAfterbuyError("declares a DOCTYPE, which is refused")
    if not body.strip():
        raise NotAfterbuyError("is empty")
    try:
        root = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError):
        root = _parse_cleaned(body)
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


def _parse_cleaned(body: bytes) -> Element:
    cleaned = _cleaned(body).encode("utf-8")
    if b"<" not in cleaned:
        raise NotAfterbuyError("is no XML")
    try:
        return etree.fromstring(cleaned, _parser())
    except (etree.XMLSyntaxError, ValueError):
        page = b"<html" in cleaned[:_HEAD_BYTES].lower()
        raise NotAfterbuyError("is an HTML page" if page else "is cut or not readable as XML") from None


def _cleaned(body: bytes) -> str:
    declared = re.match(rb"\A\s*<\?xml[^>]*?encoding=[\"']([A-Za-z0-9_-]{1,20})[\"']", body[:200])
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    if encoding in ("iso-8859-1", "windows-1252", "latin-1", "iso8859-1"):
        text = body.decode("cp1252", errors="replace")
    else:
        text = body.decode("utf-8-sig", errors="surrogateescape")
        text = re.sub("[\udc80-\udcff]", _western, text)
    text = clean_text(_DECLARATION.sub("", text, count=1))
    parts: list[str] = []
    place = 0
    while place < len(text):
        begin = text.find(_CDATA, place)
        end = text.find(_CDATA_END, begin) if begin >= 0 else -1
        if end < 0:
            begin = end = len(text)
        outside = _NUMERIC.sub(_allowed_reference, text[place:begin])
        parts += [_BARE_AMPERSAND.sub("&amp;", outside), text[begin : end + len(_CDATA_END)]]
        place = end + len(_CDATA_END)
    return "".join(parts)


def _western(match: re.Match[str]) -> str:
    """Read a byte that is no UTF-8 as Windows writes it."""
    return bytes([ord(match.group()) - 0xDC00]).decode("cp1252", errors="replace")


def _allowed_reference(match: re.Match[str]) -> str:
    number = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    if number > 0x10FFFF or not clean_text(chr(number)):
        return ""
    return match.group()


class _Names(dict[Any, str]):
    """Lower-case local names by tag, made once each."""

    def __missing__(self, tag: Any) -> str:
        name = str(tag).rpartition("}")[2].lower()
        if len(self) < _MAX_NAMES:
            self[tag] = name
        return name


_names = _Names()


def local_name(tag: Any) -> str:
    """Return an element's name in lower case, without a namespace: samples vary in case."""
    return _names[tag]


def values_of(element: Element) -> dict[str, Any]:
    """Return what stands below an element, by lower-case name: text, further values, or a list of repeats.

    Absent text, blanks and an empty CDATA are None.
    """
    values: dict[str, Any] = {}
    names = _names
    for child in element:
        value: Any = values_of(child) if len(child) else ((child.text or "").strip() or None)
        name = names[child.tag]
        if name in values:
            known = values[name]
            if type(known) is list:
                known.append(value)
            else:
                values[name] = [known, value]
        else:
            values[name] = value
    return values


def find(element: Element | None, *path: str) -> Element | None:
    """Return the first element down a path of names, compared without case."""
    for name in path:
        if element is None:
            return None
        wanted = name.lower()
        element = next((child for child in element if _names[child.tag] == wanted), None)
    return element


def find_all(element: Element | None, *path: str) -> list[Element]:
    """Return every element at the end of a path of names; containers may repeat."""
    level = [] if element is None else [element]
    for name in path:
        wanted = name.lower()
        level = [child for parent in level for child in parent if _names[child.tag] == wanted]
    return level


def text_at(element: Element | None, *path: str) -> str:
    """Return the text at a path, or ""."""
    found = find(element, *path)
    return (found.text or "").strip() if found is not None else ""


def build(name: str, nodes: Sequence[Node]) -> bytes:
    """Return a document in UTF-8; forbidden characters and nodes without content are left out."""
    root = etree.Element(name)
    _append(root, nodes)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _append(parent: Element, nodes: Sequence[Node]) -> None:
    for name, content in nodes:
        child = etree.Element(name)
        if isinstance(content, str):
            child.text = clean_text(content)
        else:
            _append(child, content)
        if child.text or len(child):
            parent.append(child)


def fields_of(nodes: Sequence[Node], prefix: str = "") -> dict[str, str]:
    """Return the texts of nodes by their path, e.g. {"PaymentInfo/AlreadyPaid": "12,50"}."""
    fields: dict[str, str] = {}
    for name, content in nodes:
        path = prefix + name
        found = {path: content} if isinstance(content, str) else fields_of(content, f"{path}/")
        for key, value in found.items():
            number = 1
            free = key
            while free in fields:
                number += 1
                free = f"{key}[{number}]"
            fields[free] = value
    return fields


def without_credentials(body: bytes) -> str:
    """Return a request of ours without its login."""
    root = etree.fromstring(body, _parser())
    for child in find_all(root, "AfterbuyGlobal"):
        for part in list(child):
            if local_name(part.tag) in CREDENTIALS:
                child.remove(part)
    return etree.tostring(root, encoding="unicode")


def raw_of(element: Element) -> str:
    """Return a record as XML, without logins and personal links."""
    for part in element.iter():
        if local_name(part.tag) in _PRIVATE and part.text and len(part) == 0:
            part.text = "***"
    return etree.tostring(element, encoding="unicode", with_tail=False)
