"""Words, dates, amounts and country names in the language of a paper."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from babel.numbers import format_currency, format_decimal

from documents.text import country_name, get_translations, local_day, mark, money
from models.tax.records import NORTHERN_IRELAND

FINE_PATTERNS = {"de": "#,##0.00##\u00a0¤", "en": "¤#,##0.00##"}
"""Formats for prices that are not whole cents."""


class Words:
    """Translations and formats of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.say: Callable[[str], str] = get_translations(language).gettext

    def date(self, day: date) -> str:
        """Return a day in the language's format."""
        return local_day(day, self.language)

    def money(self, amount: Decimal, currency: str) -> str:
        """Return an amount with its currency, in cents or with up to four places if it needs them."""
        if amount == round(amount, 2):
            return money(amount, currency, self.language)
        return format_currency(
            amount, currency, FINE_PATTERNS[self.language], locale=self.language, currency_digits=False
        )

    def rate(self, rate: Decimal) -> str:
        """Return a percentage."""
        return f"{format_decimal(rate, locale=self.language)} %"

    def count(self, quantity: int) -> str:
        """Return a whole number with separators."""
        return format_decimal(quantity, locale=self.language)

    def decimal(self, number: Decimal) -> str:
        """Return a number with all its decimal places."""
        return format_decimal(number, locale=self.language, decimal_quantization=False)

    def country_name(self, code: str) -> str:
        """Return a country's name; `XI` is Northern Ireland in tax law."""
        if code == NORTHERN_IRELAND:
            return self.say(mark("Northern Ireland"))
        return country_name(code, self.language) if code else ""

    def country(self, code: str) -> list[str]:
        """Return the line below a foreign address: the country's name in capitals; empty for no country."""
        return [country_name(code, self.language).upper()] if code else []
