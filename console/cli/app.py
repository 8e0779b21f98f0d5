"""The command line `warenfluss`. It starts quickly: a command is imported when it is called."""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from console.cli.output import say
from models.errors import RuleError
from models.files import narrow_umask

COMMANDS = {
    "demo": ("start", "Run every cycle against the simulator with sample data."),
    "up": ("start", "Start everything on this machine: migrations, Prefect, schedules."),
    "worker": ("start", "Run cycles for a Prefect server on another machine."),
    "password": ("start", "Print the password of Prefect's pages."),
    "simulator": ("start", "Run the simulator of an outside system."),
    "tenant": ("tenant", "Sellers or brands: add, list, set."),
    "account": ("account", "Connections to outside systems: add, list, set, mode, check."),
    "sync": ("sync", "Run one cycle of an account in this process."),
    "replay": ("replay", "Run one order, a day, a run or an account again; nothing is done twice."),
    "order": (
        "order",
        "Orders: list, show, take, repeat, join, split, release, cancel, pay, refund, ship, invoice, export.",
    ),
    "mend": ("mend", "Held orders: accept, address, quantity, price, add, method, parts, follow."),
    "method": ("method", "Payment and shipping methods of channels: list, map, ways, add."),
    "ship": ("ship", "Parcels and collected goods: import, track, ready, hand-over."),
    "return": ("returns", "Returns: announce, receive, credit, exchange, cancel, list."),
    "offer": ("offer", "Offers: make, list, accept, decline, draw."),
    "buyer": ("buyer", "One buyer: parts; the buyer's data: show, export, erase, erased, erase-again."),
    "document": ("document", "Invoices and credit notes: list, show, save, correct, resume."),
    "paper": ("paper", "Draw slips, labels, pick lists and other papers of orders into one PDF."),
    "book": ("book", "Booking records of documents and payments: list, export, fill."),
    "article": ("article", "Articles: list, show, import, export."),
    "stock": ("stock", "Stock: list, set, limit, warehouse, import, export."),
    "bin": ("bin", "Bins in warehouses, in walking order: add, list, set, import."),
    "pick": ("pick", "Pick lists: create, list, show, print, scan, short, undo, close, cancel."),
    "match": ("match", "Lines without an article: list, resolve, retry."),
    "rejected": ("rejected", "Records that could not be used: list, show, retry."),
    "outbound": ("outbound", "Updates that channels do not have yet: list, retry."),
    "reconcile": ("reconcile", "Differences between channels and this database: list, mend."),
    "mail": ("mail", "Mails to buyers and operators: list, show, retry, preview."),
    "call": ("call", "Calls to outside systems: list."),
    "run": ("run", "The latest runs of cycles: list."),
    "schedule": ("schedule", "How often cycles run: list, set."),
    "db": ("db", "The database: upgrade, downgrade, backup, restore."),
    "doctor": ("doctor", "List what needs a person, and what to do."),
}
"""Each command with the module that has it, and its line in the help."""

ALIASES = {"aside": "rejected"}
"""Former names of commands, for scripts that use them."""


# Typer brings its own click, or the installed one, by release: hence the `Any`.
class LazyGroup(TyperGroup):
    """Imports the command that is called; a refused rule is printed in a sentence, without a traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"console.cli.{COMMANDS[name][0]}")
        command = typer.main.get_command(module.apps[name])
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RuleError as error:
            from console.cli.advice import say_refused

            say_refused(error)
        except Exception as error:
            if not _is_ours(error):
                raise
            say(str(error))
        raise typer.Exit(1)


def _is_ours(error: Exception) -> bool:
    # A connector's error cannot have been raised before connectors were imported.
    errors = sys.modules.get("connectors.errors")
    return errors is not None and isinstance(error, errors.ConnectorError)


# A traceback with local variables would show buyers' data and secrets.
app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def warenfluss() -> None:
    """Keep a merchant's sales channels, stock, orders, payments, shipments and books in step.

    Exit codes: 0 done, 1 refused or failed, 2 a wrong option or argument.
    """


def main() -> None:
    """Run the command that the arguments name; files that it writes are for their owner only."""
    narrow_umask()
    app()
