"""Writes XML as Afterbuy does, tidy or ugly.

It joins lines of text instead of building a tree: ugly output contains what a tree cannot produce, and a page
of 250 orders must not cost more than the client needs to read it. Source: wire notes sections 1.1 and 1.4.
"""

import re
from datetime import datetime
from decimal import Decimal
from random import Random
from xml.sax.saxutils import escape

from connectors.afterbuy.simulator.values import amount, comma, wall_clock, wall_day, wall_iso

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

OTHER_SPELLINGS = {
    "AlternativeItemNumber1": "alternativeItemNumber1",
    "CountryISO": "countryISO",
    "PaymentData": "paymentData",
    "BankCode": "bankCode",
    "AccountHolder": "accountHolder",
    "BankName": "bankName",
    "AccountNumber": "accountNumber",
    "Iban": "iban",
    "Bic": "bic",
    "ReferenceNumber": "referenceNumber",
    "BaseProductID": "baseProductID",
    "VariationName": "variationName",
    "AvailableShop": "availableShop",
    "HeaderDescriptionName": "headerDescriptionName",
    "DataSheetUrl": "DatasheetURL",
    "CanonicalUrl": "CanonicalURL",
    "TitleReplace": "TtitleReplace",
    "ParentID": "ParnetID",
}
"""Other cases and misspellings that samples show (wire notes sections 1.4, 2.1, 2.2)."""


class Writer:
    """Collects the lines of a Result. `ugly`: records look different, but the same record always alike."""

    def __init__(self, *, ugly: bool = False, keep_control_characters: bool = False) -> None:
        """Start empty."""
        self.lines: list[str] = []
        self.ugly = ugly
        self.keep = keep_control_characters
        self.random = Random(0)  # noqa: S311 - variety, not secrecy

    def record(self, key: int) -> None:
        """Begin a record; its ugliness depends only on its key, so a repeated page is identical."""
        if self.ugly:
            self.random = Random(key)  # noqa: S311 - variety, not secrecy

    def open(self, name: str) -> None:
        """Open a container."""
        self.lines.append(f"<{self._spelled(name)}>")

    def close(self, name: str) -> None:
        """Close the container opened last, which has this name."""
        if self.ugly and name in OTHER_SPELLINGS:
            name = next(
                line[1:-1]
                for line in reversed(self.lines)
                if line in (f"<{name}>", f"<{OTHER_SPELLINGS[name]}>")
            )
        self.lines.append(f"</{name}>")

    def plain(self, name: str, value: object) -> None:
        """Write text that needs no escaping."""
        name = self._spelled(name)
        self.lines.append(f"<{name}>{value}</{name}>")

    def whole(self, name: str, value: int) -> None:
        """Write a whole number."""
        self.plain(name, value)

    def words(self, name: str, value: str) -> None:
        """Write text in CDATA, or escaped for some ugly records; empty text in one of the empty forms."""
        if not self.keep:
            value = _FORBIDDEN.sub("", value)
        if not value:
            self.nothing(name)
            return
        if self.ugly and self.random.random() < 0.3:
            self.plain(name, escape(value, {'"': "&quot;", "'": "&apos;"}))
            return
        self.plain(name, "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>")

    def nothing(self, name: str) -> None:
        """Write a missing value: an empty element, another empty form, or nothing at all."""
        form = self.random.randrange(4) if self.ugly else 0
        name = self._spelled(name)
        if form == 0:
            self.lines.append(f"<{name} />")
        elif form == 1:
            self.lines.append(f"<{name}></{name}>")
        elif form == 2:
            self.lines.append(f"<{name}><![CDATA[]]></{name}>")

    def money(self, name: str, value: Decimal) -> None:
        """Write an amount; ugly: without trailing zeros, with thousands separators or a decimal point."""
        if not self.ugly:
            self.plain(name, amount(value))
            return
        form = self.random.randrange(6)
        if form == 0:
            self.plain(name, comma(value.normalize() if value else Decimal(0)))
        elif form == 1:
            self.plain(name, format(value.quantize(Decimal("0.01")), ",f").translate(_SWAP))
        elif form == 2:
            self.plain(name, format(value.quantize(Decimal("0.01")), "f"))
        else:
            self.plain(name, amount(value))

    def number(self, name: str, value: Decimal) -> None:
        """Write a number such as a weight or a tax rate with its own decimal places."""
        trimmed = value.normalize() if value else Decimal(0)
        if self.ugly and self.random.random() < 0.3:
            self.plain(name, amount(value) if trimmed == value.quantize(Decimal("0.01")) else comma(trimmed))
        else:
            self.plain(name, comma(trimmed))

    def point_number(self, name: str, value: Decimal) -> None:
        """Write a decimal with a point, as the sample shows for Discounts."""
        self.plain(name, format(value, "f"))

    def flag(self, name: str, value: bool) -> None:
        """Write 0 or 1."""
        self.plain(name, int(value))

    def minus_flag(self, name: str, value: bool) -> None:
        """Write a flag as -1 or 0, as samples show."""
        self.plain(name, -int(value))

    def mixed_flag(self, name: str, value: bool) -> None:
        """Write 0 or 1; ugly: also -1, True, true and their opposites."""
        forms = ("1", "-1", "True", "true") if value else ("0", "0", "False", "false")
        self.plain(name, self.random.choice(forms) if self.ugly else forms[0])

    def word_flag(self, name: str, value: bool) -> None:
        """Write true or false, capitalised in some ugly records."""
        capital = self.ugly and self.random.random() < 0.5
        self.plain(name, str(value) if capital else str(value).lower())

    def moment(self, name: str, value: datetime | None) -> None:
        """Write a date with time, or an empty form."""
        if value is None:
            self.nothing(name)
        else:
            self.plain(name, wall_clock(value))

    def day(self, name: str, value: datetime | None) -> None:
        """Write a date without time; some ugly records include it."""
        if value is None:
            self.nothing(name)
        elif self.ugly and self.random.random() < 0.5:
            self.plain(name, wall_clock(value))
        else:
            self.plain(name, wall_day(value))

    def iso(self, name: str, value: datetime | None) -> None:
        """Write a date in ISO form."""
        if value is None:
            self.nothing(name)
        else:
            self.plain(name, wall_iso(value))

    def _spelled(self, name: str) -> str:
        """Return the name, or its other spelling in some ugly records."""
        if self.ugly and name in OTHER_SPELLINGS and self.random.random() < 0.5:
            return OTHER_SPELLINGS[name]
        return name


_SWAP = str.maketrans(",.", ".,")
