"""How a paper speaks: words, dates, amounts and countries in its language."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from babel.numbers import format_currency, format_decimal

from documents.text import country_name, get_translations, local_day, mark, money
from models.tax.records import NORTHERN_IRELAND

FINE_PATTERNS = {"de": "#,##0.00##\u00a0¤", "en": "¤#,##0.00##"}
"""Of a price that is no whole number of cents."""


class Words:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.say: Callable[[str], str] = get_translations(language).gettext

    def date(self, day: date) -> str:
        """Return a day as it is written."""
        return local_day(day, self.language)

    def money(self, amount: Decimal, currency: str) -> str:
        """Return an amount with its currency: in whole cents, or with as many places as it needs."""
        if amount == round(amount, 2):
            return money(amount, currency, self.language)
        return format_currency(
            amount, currency, FINE_PATTERNS[self.language], locale=self.language, currency_digits=False
        )

    def rate(self, rate: Decimal) -> str:
        """Return percents."""
        return f"{format_decimal(rate, locale=self.language)} %"

    def count(self, quantity: int) -> str:
        """Return a whole number."""
        return format_decimal(quantity, locale=self.language)

    def decimal(self, number: Decimal) -> str:
        """Return a number with as many places as it has."""
        return format_decimal(number, locale=self.language, decimal_quantization=False)

    def country_name(self, code: str) -> str:
        """Return a country's name, also of Northern Ireland, which tax law calls XI."""
        if code == NORTHERN_IRELAND:
            return self.say(mark("Northern Ireland"))
        return country_name(code, self.language) if code else ""

    def country(self, code: str) -> list[str]:
        """Return a country's name as it stands below an address, none of the empty code."""
        return [country_name(code, self.language).upper()] if code else []
