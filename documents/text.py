"""Words for people: templates, the catalogues behind them, and times as a clock on the wall shows them.

Texts are written in English where they are used; `locale/<language>/LC_MESSAGES/warenfluss.po` holds
their translations. Only these readable files exist: each process compiles the one it needs in memory.
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
    """Return a text as it is; the catalogues know it by this call and it is translated where it is shown."""
    return message


@cache
def get_translations(language: str) -> NullTranslations:
    """Return the translations into a language. Raises: FileNotFoundError, if there are none."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    with (CATALOGUES / language / "LC_MESSAGES" / "warenfluss.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def local_time(instant: datetime, language: str) -> str:
    """Return an instant as the clock in Berlin shows it."""
    return format_datetime(instant, _TIME_PATTERNS[language], tzinfo=LOCAL, locale=language)


def local_day(day: date, language: str) -> str:
    """Return a day as people write it."""
    return format_date(day, _DAY_PATTERNS[language], locale=language)


def money(amount: Decimal, currency: str, language: str) -> str:
    """Return an amount with its currency, with as many places as the currency has."""
    return format_currency(amount, currency, locale=language)


def country_name(code: str, language: str) -> str:
    """Return the name of a country, its code if it has none, empty for none."""
    return str(Locale.parse(language).territories.get(code, code))


def render(template: str, language: str, **values: object) -> str:
    """Fill in a template; values are escaped in one whose name ends in `.html`.

    Raises: jinja2.UndefinedError, if the template uses a value that is missing.
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
