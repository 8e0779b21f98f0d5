"""`warenfluss db`: the database's schema, its backup and restore."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app, refuse_foreign
from console.cli.output import counted, fail, say
from models.database import schema as database_schema
from models.database.schema import Schema, find_losses, find_schema, newest_revision
from models.database.session import in_transaction, read_scope
from models.errors import RuleError

app = new_app("The database: its schema, backup and restore.")
apps = {"db": app}


@app.command()
def upgrade(
    revision: Annotated[str, typer.Option(help="Up to this revision; default: the newest.")] = "head",
) -> None:
    """Upgrade the database to this program's schema; repeating it changes nothing."""
    schema = find_schema()
    refuse_foreign(schema)
    if schema is Schema.current and revision == "head":
        say(f"The database is up to date (revision {newest_revision()}).")
        return
    database_schema.upgrade(revision=revision)
    say(f"The database was brought to revision {newest_revision() if revision == 'head' else revision}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; `base` removes every table.")],
    yes: Annotated[bool, typer.Option("--yes", help="Accept the loss of data.")] = False,
) -> None:
    """Take the database back to an older schema; refused if that loses data, unless --yes is given."""
    refuse_foreign(find_schema())
    losses = find_losses(revision)
    if losses and not yes:
        named = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in sorted(losses.items()))
        raise RuleError(f"This would be lost: {named}. Make a backup, then --yes takes it back all the same.")
    database_schema.downgrade(revision)
    say(f"The database was taken back to revision {revision}.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The backup file; an existing file is replaced.")],
) -> None:
    """Copy the database into a file, as of one moment, while everything keeps running."""
    from models.upkeep.backup import back_up

    back_up(file)
    say(f"The database was backed up to {file}.")


@app.command()
def rewrite() -> None:
    """Write the database anew, so that nothing of erased text is left in its files; others wait meanwhile."""
    from models.database.erased_text import rewrite as write_anew

    need_database()
    write_anew()
    say("The database was rewritten.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file written by `db backup`.")],
    replace: Annotated[bool, typer.Option("--replace", help="Move the existing database aside.")] = False,
) -> None:
    """Replace the database by a backup; nothing is published to channels until orders are read again."""
    from console.machine.up import UpError, taken
    from models.privacy.erasure import find_erasures, import_erasures
    from models.settings import get_settings
    from models.upkeep.after_restore import mark_restored, tenants_with_numbers_in_doubt
    from models.upkeep.backup import restore as put_back

    try:
        with taken(get_settings().data_dir):
            erased = find_erasures()
            former = put_back(file, replace=replace)
            accounts = in_transaction(mark_restored)
            in_transaction(lambda session: import_erasures(session, erased))
    except UpError as error:
        raise fail(str(error)) from None
    say(f"The database was restored from {file}.")
    if former:
        say(f"The former database is kept: {former}.")
    if accounts:
        say(f"Until its next order-import has completed, nothing is published to: {', '.join(accounts)}.")
    with read_scope() as session:
        doubtful = tenants_with_numbers_in_doubt(session)
    for tenant in doubtful:
        say(f"No document is issued until `warenfluss document resume {tenant}` gets the last numbers given.")
    if erased:
        say(f"{counted(len(erased), 'order')} of buyers who asked for erasure anonymised again.")
    say("docs/backup.md says what a person must do now.")
