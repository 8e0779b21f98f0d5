"""Texts for people: templates, translations, and times in the German time zone.

English texts stand in the code that uses them; `locale/<language>/LC_MESSAGES/warenfluss.po` translates them.
Compiled catalogues are not stored: each process compiles what it needs in memory.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from models.clock import LOCAL

FOLDER = Path(__file__).parent
CATALOGUES = FOLDER / "locale"
SOURCE_LANGUAGE = "en"
_DAY_PATTERNS = {"de": "dd.MM.yyyy", "en": "d MMM yyyy"}
_TIME_PATTERNS = {"de": "dd.MM.yyyy, HH:mm 'Uhr'", "en": "d MMM yyyy, HH:mm"}


def mark(message: str) -> str:
    """Return a text unchanged; marks it for the catalogues. It is translated where it is shown."""
    return message


@cache
def get_translations(language: str) -> NullTranslations:
    """Return the translations into a language. Raises: FileNotFoundError, if the catalogue does not exist."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    with (CATALOGUES / language / "LC_MESSAGES" / "warenfluss.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def local_time(instant: datetime, language: str) -> str:
    """Return an instant as German local time."""
    return format_datetime(instant, _TIME_PATTERNS[language], tzinfo=LOCAL, locale=language)


def local_day(day: date, language: str) -> str:
    """Return a day in the language's usual format."""
    return format_date(day, _DAY_PATTERNS[language], locale=language)


def money(amount: Decimal, currency: str, language: str) -> str:
    """Return an amount with its currency, with the currency's number of decimal places."""
    return format_currency(amount, currency, locale=language)


def country_name(code: str, language: str) -> str:
    """Return a country's name; the code itself if it is unknown or empty."""
    return str(Locale.parse(language).territories.get(code, code))


def render(template: str, language: str, **values: object) -> str:
    """Return a filled template; values in templates named `….html` are escaped.

    Raises: jinja2.UndefinedError, if the template uses a missing value.
    """
    return _environment(language).get_template(template).render(language=language, **values)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.install_gettext_translations(get_translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    return environment
