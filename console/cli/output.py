"""What commands print: tables for people on a terminal, JSON for programs, sentences on standard error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import typer

from documents.commands import explain, sentences_of
from models.clock import LOCAL
from models.errors import RuleError

if TYPE_CHECKING:
    from models.intake.sheet_results import SheetResult
    from models.orders.order import Order

LONGEST_CELL = 60


def say(text: str) -> None:
    """Print a sentence on standard error, so that it never mixes with what a program reads."""
    typer.echo(text, err=True)


def fail(text: str) -> typer.Exit:
    """Print why a command failed; the caller raises what this returns, which ends with exit code 1."""
    say(text)
    return typer.Exit(1)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 order", "2 orders"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def say_results(results: Iterable[str | RuleError], done: str) -> None:
    """Print the outcome of each order, as it comes: its number or why it was refused.

    `done` completes "Order 4711 was …". Raises: typer.Exit, if one was refused.
    """
    refused = False
    for result in results:
        refused |= isinstance(result, RuleError)
        say(explain(result) if isinstance(result, RuleError) else f"Order {result} was {done}.")
    if refused:
        raise typer.Exit(1)


def say_taken(order: "Order", is_new: bool) -> None:
    """Print that a manual order was taken; `is_new` is false if the same command took it before."""
    if not is_new:
        say(f"It was taken before, as order {order.external_id}; nothing is done twice.")
        return
    test = ", a test order" if order.trial else ""
    say(f"Order {order.external_id} was taken: {order.total} {order.currency}{test}.")


def as_plain(value: Any) -> Any:
    """Return a value as JSON holds it: records as objects, decimals and times as text, times in UTC."""
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
    if is_dataclass(value):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "model_dump"):
        return as_plain(value.model_dump())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(as_plain(value), ensure_ascii=False, indent=2))


def print_json_list(items: Iterable[Any]) -> None:
    """Print a JSON list item by item, so that a long list needs little memory."""
    first = True
    for item in items:
        sys.stdout.write("[\n" if first else ",\n")
        sys.stdout.write(json.dumps(as_plain(item), ensure_ascii=False))
        first = False
    sys.stdout.write("[]\n" if first else "\n]\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns; a long cell ends in "…"."""
    shown = [[show_cell(value) for value in row] for row in rows]
    if not shown:
        say("None.")
        return
    widths = [max(len(row[index]) for row in [list(headings), *shown]) for index in range(len(headings))]
    for row in [list(headings), *shown]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_columns(rows: Iterable[object], columns: Sequence[str]) -> None:
    """Print these fields of records, or these values of mappings, as a table."""
    print_table(columns, [[_value(row, column) for column in columns] for row in rows])


def print_rows(rows: Sequence[object], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list: every field as JSON if `as_json`, else these columns as a table."""
    if as_json:
        print_json_list(rows)
    else:
        print_columns(rows, columns)


def _value(row: object, name: str) -> object:
    return row[name] if isinstance(row, Mapping) else getattr(row, name)


def show_cell(value: object) -> str:
    """Return a value for a table: German local time, no control characters, at most 60 characters."""
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


def print_sheet_report(
    rows: "Sequence[SheetResult]", ignored: Sequence[str], *, dry_run: bool, as_json: bool, of: str = "sku"
) -> None:
    """Print the outcome of each row of a spreadsheet; `of` names the column that identifies a row.

    `ignored`: headings of columns that the import does not know. Raises: typer.Exit, if a row was refused.
    """
    from models.intake.sheet_results import SheetOutcome

    if ignored:
        say(f"Columns that were not read: {', '.join(ignored)}.")
    if as_json:
        print_json_list([row.model_dump(include={"row", of, "outcome", "reason", "advice"}) for row in rows])
    else:
        changed = [row for row in rows if row.outcome is not SheetOutcome.unchanged]
        print_columns(changed, ("row", of, "outcome", "reason"))
        for advice in dict.fromkeys(sentences_of(row.advice) for row in rows if row.advice):
            say(advice)
    counts = ", ".join(f"{sum(row.outcome is outcome for row in rows)} {outcome}" for outcome in SheetOutcome)
    say(f"{'Would be: ' if dry_run else ''}{counts} of {counted(len(rows), 'row')}.")
    if any(row.outcome is SheetOutcome.refused for row in rows):
        raise typer.Exit(1)
