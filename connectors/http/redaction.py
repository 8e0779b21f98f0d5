"""Secrets out of texts that are kept or shown."""

from collections.abc import Collection
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

_MIN_SECRET_LENGTH = 6


class Redaction:
    """Replaces the secrets of one account by `***`."""

    def __init__(self, secrets: Collection[str]) -> None:
        """Prepare; secrets shorter than six characters stay, because they would replace plain numbers."""
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= _MIN_SECRET_LENGTH
            for spelling in (secret, escape(secret), quote(secret, safe=""), quote_plus(secret))
        }
        # A secret that contains another goes first.
        self._spellings = sorted(spellings, key=len, reverse=True)

    def of(self, text: str) -> str:
        """Return the text without the secrets, in whatever spelling XML, paths and forms have them."""
        for spelling in self._spellings:
            text = text.replace(spelling, "***")
        return text
