"""The frame of each command: the group of its noun, and a database that fits this program."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from models.errors import Action, Advice, RuleError

if TYPE_CHECKING:
    from models.database.schema import Schema


def new_app(help_text: str) -> typer.Typer:
    """Return the group that holds the commands of one noun."""
    app = typer.Typer(help=help_text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

    # Typer turns a group with one command into that command, unless the group has a callback.
    @app.callback()
    def noun() -> None: ...

    noun.__doc__ = help_text
    return app


def new_command(function: Callable[..., None]) -> typer.Typer:
    """Return a command without a noun, such as `warenfluss doctor`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(function)
    return app


def need_database(*, create: bool = False) -> None:
    """Check that the database has this program's tables.

    If `create` is true, an empty database gets them now: for commands that begin an installation.
    Raises: RuleError, if the database is empty, older, newer or another program's.
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
        raise RuleError("The database has no tables yet.", Advice(Action.database_upgrade))
    elif schema is Schema.older:
        raise RuleError("The database is of an older version.", Advice(Action.database_upgrade))
    refuse_foreign(schema)


def refuse_foreign(schema: "Schema") -> None:
    """Raises: RuleError, if a newer version or another program made the tables."""
    from models.database.schema import Schema

    if schema is Schema.newer:
        raise RuleError("The database was made by a newer version of Warenfluss: update the program.")
    if schema is Schema.foreign:
        raise RuleError(
            "The database holds tables that are not Warenfluss's: "
            "set WARENFLUSS_DATABASE_URL to a database of its own."
        )
