"""Secrets do not show, however a text spells them."""

from xml.sax.saxutils import escape

import pytest

from connectors.http.redaction import Redaction


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a hush-hush & <quiet> b", "a *** b"),
        (f"a {escape('hush-hush & <quiet>')} b", "a *** b"),
        ("/api/hush-hush%20%26%20%3Cquiet%3E/orders", "/api/***/orders"),
        ("key=hush-hush+%26+%3Cquiet%3E&page=2", "key=***&page=2"),
        ("nothing of it", "nothing of it"),
    ],
    ids=["plain", "XML", "path", "form", "none"],
)
def test_a_secret_does_not_show(text: str, shown: str) -> None:
    assert Redaction(["hush-hush & <quiet>"]).of(text) == shown


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert Redaction(["secret", "secret-and-more"]).of("secret-and-more, secret") == "***, ***"


def test_a_short_secret_does_not_spoil_numbers() -> None:
    assert Redaction(["12345"]).of("order 12345") == "order 12345"
