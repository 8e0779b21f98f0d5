"""`warenfluss db`: the schema of the database."""

from typing import Annotated, NoReturn

import typer

from console.cli_output import new_app, say
from models import db
from models.errors import RuleError

app = new_app("The schema of the database.")
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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the database back to an older schema; what only the newer one holds is lost."""
    schema = db.find_schema()
    if schema in (db.Schema.newer, db.Schema.foreign):
        _refuse(schema)
    if not yes:
        typer.confirm("What only the newer schema holds will be lost. Go on?", abort=True, err=True)
    db.downgrade(revision)
    say(f"The database was taken back to revision {revision}.")


def _refuse(schema: db.Schema) -> NoReturn:
    reason = {
        db.Schema.newer: "It was made by a newer version of Warenfluss: update the program.",
        db.Schema.foreign: "It holds tables of another program: give Warenfluss a database of its own.",
    }
    raise RuleError(reason[schema])
