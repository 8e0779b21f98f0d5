"""List the commands and their options in docs/command-line.md, below its mark: `make commands`."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from console.cli.app import COMMANDS, app
from console.cli.tenant_settings import SettingsCommand, describe_settings

PAGE = Path(__file__).with_name("command-line.md")
MARK = "<!-- commands: written by `make commands`, from here to the end -->\n"
AREAS = [
    (
        "First steps",
        ["demo", "up", "worker", "password", "simulator"],
        "[going-live.md](going-live.md) goes on.",
    ),
    ("Tenants and accounts", ["tenant", "account"], ""),
    (
        "Cycles",
        ["sync", "replay"],
        "[replay.md](replay.md) describes what a replay does.",
    ),
    ("Orders", ["order"], "[orders.md](orders.md) describes orders and their states."),
    ("Orders that wait", ["mend", "match"], "[orders.md](orders.md) describes why orders are held."),
    ("Shipping", ["ship"], ""),
    ("Returns", ["return"], ""),
    ("Payment and shipping methods", ["method"], ""),
    ("Offers", ["offer"], ""),
    ("Buyers' data", ["buyer"], "[retention.md](retention.md) describes how long they are kept."),
    ("Documents", ["document", "paper"], "[documents.md](documents.md) describes invoices and other papers."),
    ("Booking records", ["book"], "[books.md](books.md) describes what is booked."),
    ("Articles", ["article"], ""),
    ("Stock", ["stock"], ""),
    ("Picking", ["bin", "pick"], "[picking.md](picking.md) describes bins, and a whole walk."),
    (
        "Exchange with outside systems",
        ["rejected", "outbound", "reconcile", "call"],
        "`warenfluss aside`, the former name of `warenfluss rejected`, still works.",
    ),
    ("Mails", ["mail"], "[mails.md](mails.md) describes which mails buyers and operators get."),
    ("Runs and schedules", ["run", "schedule"], ""),
    ("Upkeep", ["db", "doctor"], "[backup.md](backup.md) describes backup and restore."),
]
"""Headings, the commands below each, and where more is to be read."""


def with_commands(text: str) -> str:
    """Return the page with the commands as they are now."""
    return text.partition(MARK)[0] + MARK + "\n" + "\n".join(_lines())


# Typer brings its own click, or the installed one, by release: hence the `Any`.
def _lines() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    assert sorted(noun for _, nouns, _ in AREAS for noun in nouns) == sorted(COMMANDS)
    for area, nouns, more in AREAS:
        yield f"## {area}\n"
        if more:
            yield f"{more}\n"
        for noun in nouns:
            command = group.get_command(None, noun)
            verbs = getattr(command, "commands", None)
            if verbs is None:
                yield from _describe(noun, command)
            for verb, each in (verbs or {}).items():
                yield from _describe(f"{noun} {verb}", each)


def _describe(name: str, command: Any) -> Iterator[str]:
    yield f"### `warenfluss {name}`\n"
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    if arguments:
        yield f"`warenfluss {' '.join([name, *map(_usage, arguments)])}`\n"
    for paragraph in (command.help or "").split("\n\n"):
        yield f"{' '.join(paragraph.split())}\n"
    rows = [(_name(each), meaning) for each in command.params if (meaning := _meaning(each))]
    if rows:
        yield from _table(rows)
    if isinstance(command, SettingsCommand):
        yield "The settings:\n"
        yield from _table([(f"`{setting}`", text) for setting, text in describe_settings()])


def _table(rows: list[tuple[str, str]]) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for name, text in rows:
        yield f"| {name} | {' '.join(text.split()).replace('|', chr(92) + '|')} |"
    yield ""


def _meaning(parameter: Any) -> str:
    """Return the help of an argument or option, and the values of a choice."""
    annotation = parameter.type_descriptor.annotation
    kind = next(iter(get_args(annotation)), annotation)
    values = list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else []
    choice = f"One of {', '.join(f'`{each.value}`' for each in values)}." if values else ""
    return " ".join(filter(None, [parameter.help, choice]))


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name.upper()).strip('[]')}`"
    names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    return f"{names} (needed)" if parameter.required else names


if __name__ == "__main__":
    PAGE.write_text(with_commands(PAGE.read_text("utf-8")), "utf-8")
