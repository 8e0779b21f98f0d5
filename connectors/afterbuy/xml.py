"""Afterbuy's XML as a tree: elements found and turned into values, and requests built.

`xml_parser` turns the bytes of an answer into such a tree.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from lxml import etree

from connectors.afterbuy.values import clean_text

Element: TypeAlias = etree._Element
Node: TypeAlias = tuple[str, "str | Sequence[Node]"]
"""An element to send: its name, and its text or its children in their order."""

CREDENTIALS = frozenset(
    {"partnertoken", "accounttoken", "partnerid", "partnerpassword", "userid", "userpassword"}
)
_PRIVATE = frozenset({*CREDENTIALS, "feedbacklink"})
_MAX_NAMES, _MAX_NAME_LENGTH = 20_000, 100
MAX_LEVELS = 50
"""The most levels below one record: Afterbuy has eight, and JSON cannot be written for 250."""


class TooDeepError(Exception):
    """A record with more than MAX_LEVELS levels of elements."""


class _Names(dict[Any, str]):
    """Local names in lower case, by tag; each is made once."""

    def __missing__(self, tag: Any) -> str:
        name = str(tag).rpartition("}")[2].lower()
        if len(self) < _MAX_NAMES and len(name) < _MAX_NAME_LENGTH:
            self[tag] = name
        return name


_names = _Names()


def local_name(tag: Any) -> str:
    """Return an element's name without namespace and in lower case, because samples vary in case."""
    return _names[tag]


def values_of(element: Element, levels: int = MAX_LEVELS) -> dict[str, Any]:
    """Return the values below an element by name in lower case: a text, further values, or a list of either.

    No text, blanks and an empty CDATA are None.
    Raises: TooDeepError, if there are more than `levels` levels.
    """
    if not levels:
        raise TooDeepError(f"Its elements are nested more than {MAX_LEVELS} levels deep.")
    values: dict[str, Any] = {}
    names = _names
    for child in element:
        value: Any = values_of(child, levels - 1) if len(child) else ((child.text or "").strip() or None)
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
    """Return the first element at a path of names in any case; None if there is none."""
    for name in path:
        if element is None:
            return None
        wanted = name.lower()
        element = next((child for child in element if _names[child.tag] == wanted), None)
    return element


def find_all(element: Element | None, *path: str) -> list[Element]:
    """Return all elements at a path of names in any case; a container on the path may occur several times."""
    level = [] if element is None else [element]
    for name in path:
        wanted = name.lower()
        level = [child for parent in level for child in parent if _names[child.tag] == wanted]
    return level


def text_at(element: Element | None, *path: str) -> str:
    """Return the text of the first element at a path, "" if there is none."""
    found = find(element, *path)
    return (found.text or "").strip() if found is not None else ""


def build(name: str, nodes: Sequence[Node]) -> bytes:
    """Return a document in UTF-8, without forbidden characters and without empty elements."""
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
    """Return the texts of elements by path, e.g. {"PaymentInfo/AlreadyPaid": "12,50"}."""
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
    """Return a request that `build` made, without its login."""
    root = etree.fromstring(body)
    for child in find_all(root, "AfterbuyGlobal"):
        for part in list(child):
            if local_name(part.tag) in CREDENTIALS:
                child.remove(part)
    return etree.tostring(root, encoding="unicode")


def raw_of(element: Element) -> str:
    """Return a record as XML, without logins and without a buyer's personal link."""
    for part in element.iter():
        if local_name(part.tag) in _PRIVATE and part.text and len(part) == 0:
            part.text = "***"
    return etree.tostring(element, encoding="unicode", with_tail=False)
