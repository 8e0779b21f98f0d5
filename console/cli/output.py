"""What every command needs: a database that fits, tables for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import typer

from models.clock import LOCAL
from models.errors import RuleError
from models.intake.sheet_results import SheetOutcome, SheetResult

LONGEST_CELL = 60

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Needed if there are several tenants.")]
STATES = typer.Option("--state", help="Only in this state; repeatable.")
AccountOption = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=0, help="At most so many; 0 is all. Default: all with --json, else 50."),
]
TABLE_LIMIT = 50


def most_rows(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows a list with `LimitOption` shows at most, None for all."""
    if limit is None:
        return None if as_json else TABLE_LIMIT
    return limit or None


def new_app(help_text: str) -> typer.Typer:
    """Return the group of one noun."""
    app = typer.Typer(help=help_text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

    # With a callback a noun that has a single verb is a group all the same.
    @app.callback()
    def noun() -> None: ...

    noun.__doc__ = help_text
    return app


def new_command(function: Callable[..., None]) -> typer.Typer:
    """Return a command that stands for itself, without a noun."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(function)
    return app


def say(text: str) -> None:
    """Tell a person something; it never mixes with what a program reads."""
    typer.echo(text, err=True)


def counted(number: int, noun: str) -> str:
    """Return how many there are of something: "1 order", "2 orders"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def fail(text: str) -> typer.Exit:
    """Tell a person what failed; raise what this returns to end with exit code 1."""
    say(text)
    return typer.Exit(1)


def need_database(*, create: bool = False) -> None:
    """Make sure that the database has this program's tables.

    An empty one gets them where `create` says that the command is one to begin with.
    Raises: RuleError, if it is empty, older, newer or not Warenfluss's.
    """
    from models.database.schema import Schema, find_schema, upgrade

    schema = find_schema()
    if schema is Schema.empty and create:
        try:
            upgrade()
        except OSError as error:
            raise RuleError(
                f"The data folder cannot be written ({error.strerror}); set WARENFLUSS_DATA_DIR to another."
            ) from None
    elif schema is Schema.empty:
        raise RuleError("The database has no tables yet: run `warenfluss db upgrade`.")
    elif schema is Schema.older:
        raise RuleError("The database is of an older version: run `warenfluss db upgrade`.")
    elif schema is Schema.newer:
        raise RuleError("The database was made by a newer version of Warenfluss: update the program.")
    elif schema is Schema.foreign:
        raise RuleError(
            "The database holds tables that are not Warenfluss's: "
            "set WARENFLUSS_DATABASE_URL to a database of its own."
        )


def as_plain(value: Any) -> Any:
    """Return a value as JSON holds it: decimals and times as text, times in UTC."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(as_plain(value), ensure_ascii=False, indent=2))


def print_json_list(items: Iterable[Any]) -> None:
    """Print a JSON list, item by item, so that a long one needs no memory."""
    first = True
    for item in items:
        sys.stdout.write("[\n" if first else ",\n")
        sys.stdout.write(json.dumps(as_plain(item), ensure_ascii=False))
        first = False
    sys.stdout.write("[]\n" if first else "\n]\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows for people; long cells are cut with "…"."""
    shown = [[show_cell(value) for value in row] for row in rows]
    if not shown:
        say("None.")
        return
    widths = [max(len(row[index]) for row in [list(headings), *shown]) for index in range(len(headings))]
    for row in [list(headings), *shown]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print all of rows as JSON, or the named columns as a table."""
    if as_json:
        print_json_list(rows)
    else:
        print_table(columns, [[row[column] for column in columns] for row in rows])


def show_cell(value: object) -> str:
    """Return a value for people: times of day as in Germany, no control characters, cut if it is long."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    # Control characters of a channel's texts must not steer the terminal.
    text = "".join(sign if sign.isprintable() else " " for sign in str(as_plain(value)))
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def parse_time(text: str) -> datetime:
    """Return an instant; without a zone it is German local time. Raises: typer.BadParameter."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write 2026-11-01, 2026-11-01T08:30 or 2026-11-01T07:30Z."
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=LOCAL)).astimezone(UTC)


def parse_day(text: str | None) -> date | None:
    """Return a day, None if none was given. Raises: typer.BadParameter."""
    try:
        return None if text is None else date.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-12-31.") from None


def parse_month(text: str) -> tuple[datetime, datetime]:
    """Return when a month of the German calendar begins and the next does. Raises: typer.BadParameter."""
    try:
        begin = datetime.strptime(text.strip(), "%Y-%m").replace(tzinfo=LOCAL)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write 2026-11.") from None
    if not 1900 <= begin.year < 9999:
        raise typer.BadParameter("A month lies between 1900-01 and 9998-12.")
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin.astimezone(UTC), end.astimezone(UTC)


def parse_pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE options as a dictionary. Raises: typer.BadParameter, without the value."""
    pairs: dict[str, str] = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"{option} needs the form NAME=VALUE.")
        pairs[name.strip()] = rest
    return pairs


def parse_parts(values: Sequence[str], option: str, *, least: int = 1) -> dict[str, int]:
    """Return options of the form SKU or SKU=QUANTITY, the same SKU added up. Raises: typer.BadParameter."""
    from models.values import MAX_COUNT

    parts: dict[str, int] = {}
    for value in values:
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


def print_sheet_report(
    rows: Sequence[SheetResult], ignored: Sequence[str], *, dry_run: bool, as_json: bool, of: str = "sku"
) -> None:
    """Print what became of each row of a spreadsheet. Raises: typer.Exit, if some were refused."""
    if ignored:
        say(f"Columns that were not read: {', '.join(ignored)}.")
    if as_json:
        print_json_list([row.model_dump(include={"row", of, "outcome", "reason"}) for row in rows])
    else:
        changed = [row for row in rows if row.outcome is not SheetOutcome.unchanged]
        print_table(
            ("row", of, "outcome", "reason"),
            [(row.row, getattr(row, of), row.outcome, row.reason) for row in changed],
        )
    counts = ", ".join(f"{sum(row.outcome is outcome for row in rows)} {outcome}" for outcome in SheetOutcome)
    say(f"{'Would be: ' if dry_run else ''}{counts} of {counted(len(rows), 'row')}.")
    if any(row.outcome is SheetOutcome.refused for row in rows):
        raise typer.Exit(1)
