"""What people type as options, read into values: times, days, months, amounts, pairs and files."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TextIO

import typer

from models.clock import LOCAL, utc_now
from models.errors import RuleError
from models.values import LANGUAGES, MAX_COUNT


def parse_time(text: str) -> datetime:
    """Return an instant; a time without a zone is German local time. Raises: typer.BadParameter."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write 2026-11-01, 2026-11-01T08:30 or 2026-11-01T07:30Z."
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=LOCAL)).astimezone(UTC)


def parse_time_or_now(text: str | None) -> datetime:
    """Return the instant that an option names, the present one without it. Raises: typer.BadParameter."""
    return parse_time(text) if text else utc_now()


def parse_day(text: str | None) -> date | None:
    """Return a day, None for None. Raises: typer.BadParameter."""
    try:
        return None if text is None else date.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-12-31.") from None


def parse_month(text: str) -> tuple[datetime, datetime]:
    """Return the instants at which a month of the German calendar and the next one begin.

    Raises: typer.BadParameter.
    """
    try:
        begin = datetime.strptime(text.strip(), "%Y-%m").replace(tzinfo=LOCAL)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write 2026-11.") from None
    if not 1900 <= begin.year < 9999:
        raise typer.BadParameter("A month lies between 1900-01 and 9998-12.")
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin.astimezone(UTC), end.astimezone(UTC)


def parse_amount(text: str) -> Decimal:
    """Return an amount of money, typed with a point or a comma. Raises: typer.BadParameter."""
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount; write 12.50.") from None
    if not value.is_finite() or abs(value) >= 10**12 or value != round(value, 4):
        raise typer.BadParameter(f"{text!r} is no amount of money.")
    return value


def parse_settings(values: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    """Return NAME=VALUE options as (name, value), in the order given.

    Raises: typer.BadParameter, which does not quote the value: it may be a secret.
    """
    settings = []
    for value in values or ():
        name, sign, rest = value.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"{option} needs the form NAME=VALUE.")
        settings.append((name.strip(), rest))
    return settings


def parse_pairs(values: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return NAME=VALUE options as `parse_settings` does, by name; of a repeated one the last counts."""
    return dict(parse_settings(values, option))


def parse_parts(values: Sequence[str] | None, option: str, *, least: int = 1) -> dict[str, int]:
    """Return options of the form SKU or SKU=QUANTITY as quantities by SKU; a repeated SKU adds up.

    `least`: the smallest quantity allowed. Raises: typer.BadParameter.
    """
    parts: dict[str, int] = {}
    for value in values or ():
        name, sign, count = value.rpartition("=")
        if not sign:
            name, count = value, "1"
        is_number = count.isascii() and count.isdigit() and len(count) <= 12
        if not name or not is_number or int(count) < least:
            raise typer.BadParameter(f"{option} {value!r} needs the form SKU or SKU=QUANTITY.")
        parts[name] = parts.get(name, 0) + int(count)
        if parts[name] > MAX_COUNT:
            raise typer.BadParameter(f"{option}: more than {MAX_COUNT} of {name!r}.")
    return parts


def parse_language(text: str | None) -> str:
    """Return the language of a paper, "" for None: then the tenant's counts. Raises: typer.BadParameter."""
    if text is not None and text not in LANGUAGES:
        raise typer.BadParameter(f"--language is {' or '.join(LANGUAGES)}.")
    return text or ""


def read_text(file: TextIO) -> str:
    """Return the text of a file, at most a million characters. Raises: RuleError, if it is not UTF-8."""
    try:
        return file.read(1_000_000)
    except UnicodeDecodeError:
        raise RuleError("The file is no text in UTF-8.") from None
