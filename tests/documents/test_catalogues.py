"""Each text has its German translation, and the catalogue holds no other."""

from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from documents import text

METHODS = [("**.py", "python"), ("templates/**", "jinja2.ext:babel_extract")]
KEYWORDS = {"mark": None, "gettext": None, "ngettext": (1, 2)}
OPTIONS = {"**.py": {}, "templates/**": {"trimmed": "true", "silent": "false"}}


def read_catalogue() -> Catalog:
    with (text.CATALOGUES / "de" / "LC_MESSAGES" / "warenfluss.po").open("rb") as file:
        return read_po(file, locale="de", abort_invalid=True)


def find_used() -> set[str | tuple[str, ...]]:
    found = extract_from_dir(Path(text.FOLDER), METHODS, OPTIONS, KEYWORDS)
    return {message for _, _, message, _, _ in found}


def test_every_text_is_translated_and_none_is_stale() -> None:
    """What code and templates use is what the German catalogue holds."""
    catalogue = read_catalogue()
    known = {message.id for message in catalogue if message.id}
    used = find_used()

    assert len(used) > 30
    assert used - known == set(), "missing in the German catalogue"
    assert known - used == set(), "no longer used"


def test_translations_are_complete() -> None:
    """None is empty or marked as a guess, and placeholders are the same on both sides."""
    for message in read_catalogue():
        if not message.id:
            continue
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert isinstance(message.id, str)
        assert isinstance(message.string, str)
        assert _placeholders(message.id) == _placeholders(message.string), message.id
        assert not list(message.check())


def _placeholders(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}


def test_texts_come_in_both_languages() -> None:
    """English is the text itself; German comes from the catalogue."""
    assert text.get_translations("en").gettext("Tenant") == "Tenant"
    assert text.get_translations("de").gettext("Tenant") == "Mandant"


def test_an_unknown_language_is_refused() -> None:
    """There is no silent fall-back."""
    with pytest.raises(FileNotFoundError):
        text.get_translations("fr")
