"""`warenfluss db`: the database as a whole."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from console.cli_output import counted, fail, new_app, say
from models import db
from models.errors import RuleError

app = new_app("The database: its schema, backup and restore.")
apps = {"db": app}


@app.command()
def upgrade(
    revision: Annotated[str, typer.Option(help="Up to this revision; the newest by default.")] = "head",
) -> None:
    """Bring the database to this program's schema; repeating it changes nothing."""
    schema = db.find_schema()
    if schema in (db.Schema.newer, db.Schema.foreign):
        _refuse(schema)
    if schema is db.Schema.current and revision == "head":
        say(f"The database is up to date (revision {db.newest_revision()}).")
        return
    db.upgrade(revision=revision)
    say(f"The database was brought to revision {db.newest_revision() if revision == 'head' else revision}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; `base` removes every table.")],
    yes: Annotated[bool, typer.Option("--yes", help="Although data is lost.")] = False,
) -> None:
    """Take the database back to an older schema; refused if that loses data, unless told so."""
    schema = db.find_schema()
    if schema in (db.Schema.newer, db.Schema.foreign):
        _refuse(schema)
    losses = db.find_losses(revision)
    if losses and not yes:
        named = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in sorted(losses.items()))
        raise RuleError(f"This would be lost: {named}. Make a backup, then --yes takes it back all the same.")
    db.downgrade(revision)
    say(f"The database was taken back to revision {revision}.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The copy; an older one of this name is replaced.")],
) -> None:
    """Copy the database into a file, as of one moment, while everything goes on."""
    from models.backup import back_up

    back_up(file)
    say(f"The database was backed up to {file}.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `db backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Move the present database aside.")] = False,
) -> None:
    """Put a backup in the database's place; channels are told nothing until orders were read again."""
    from console.up import UpError, taken
    from models.backup import restore as put_back
    from models.person import find_erasures, take_erasures
    from models.restored import list_in_doubt, mark_restored
    from models.settings import get_settings

    try:
        with taken(get_settings().data_dir):
            erased = find_erasures()
            aside = put_back(file, replace=replace)
            accounts = db.in_transaction(mark_restored)
            db.in_transaction(lambda session: take_erasures(session, erased))
    except UpError as error:
        raise fail(str(error)) from None
    say(f"The database was restored from {file}.")
    if aside:
        say(f"What was there before is kept: {aside}.")
    if accounts:
        say(f"Until its next order-import has completed, nothing is told to: {', '.join(accounts)}.")
    with db.read_scope() as session:
        doubtful = list_in_doubt(session)
    for tenant in doubtful:
        say(
            f"No document is issued until `warenfluss document resume {tenant}` names the last numbers given."
        )
    if erased:
        say(f"{counted(len(erased), 'order')} of buyers who asked for erasure made anonymous again.")
    say("docs/backup.md says what a person must look after now.")


def _refuse(schema: db.Schema) -> NoReturn:
    reason = {
        db.Schema.newer: "It was made by a newer version of Warenfluss: update the program.",
        db.Schema.foreign: "It holds tables of another program: give Warenfluss a database of its own.",
    }
    raise RuleError(reason[schema])
