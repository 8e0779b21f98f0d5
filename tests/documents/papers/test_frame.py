"""What all papers share: signs that their font can show."""

import pytest

from documents.papers.frame import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Łukasz Świątek, Dvořák, Erdős", "Łukasz Swiatek, Dvorák, Erdos"),
        ("A\u0308nne", "Änne"),
        ("5 € – „ja“ × ½", "5 € – „ja“ × ½"),
        ("中文 ok\u202e", "?? ok"),
        ("a\tb\x07c", "a b?c"),
    ],
)
def test_signs_that_the_font_lacks_are_replaced(text: str, shown: str) -> None:
    """Without accents where there are some, visibly otherwise."""
    assert printable(text) == shown
