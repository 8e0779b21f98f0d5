"""`warenfluss rejected`: records that could not be used."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson
from console.cli.output import fail, print_json, print_rows, say
from console.cli.sync import run_cycle
from models.database.session import read_scope
from models.sync.records import Cycle
from models.sync.rejected import RejectedRecord, find_rejected, list_rejected
from models.sync.views import rejected_summaries, rejected_view
from models.tenants.account import Account, account_id_of

app = new_app("Records that could not be used, each with its reason.")
apps = {"rejected": app}

Entry = Annotated[str, typer.Argument(help="A number from `rejected list`, or the record's external id.")]


@app.command("list")
def show_all(
    account: AccountOption = None,
    settled: Annotated[bool, typer.Option("--settled", help="Records that could be used after all.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the rejected records, the oldest first."""
    need_database()
    with read_scope() as session:
        found = list_rejected(session, account_id_of(session, account), settled=settled)
        rows = rejected_summaries(session, found)
    columns = ("id", "account", "kind", "external_id", "times", "last_seen_at", "reason")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(entry: Entry, as_json: AsJson = False) -> None:
    """Show one record with its raw form, as the channel sent it."""
    need_database()
    with read_scope() as session:
        view = rejected_view(session, find_rejected(session, entry))
    if as_json:
        print_json({**vars(view.summary), "raw": view.raw})
        return
    for name, value in vars(view.summary).items():
        typer.echo(f"{name}: {value}")
    typer.echo(view.raw)


@app.command("retry")
def retry(entry: Entry) -> None:
    """Fetch one record again; exit code 1 if it is rejected once more."""
    need_database()
    with read_scope() as session:
        row = find_rejected(session, entry)
        account = session.get_one(Account, row.account_id).name
    if row.kind == "order":
        run_cycle(account, Cycle.order_import, orders=[row.external_id])
    elif row.kind == "article":
        run_cycle(account, Cycle.article_import, articles=[row.external_id])
    else:
        # A set or a category can only be judged together with its members.
        run_cycle(account, Cycle.article_import, full=True)
    with read_scope() as session:
        again = session.get_one(RejectedRecord, row.id)
    if again.settled_at is None:
        raise fail(f"{row.kind} {row.external_id} of account {account!r} is still rejected: {again.reason}")
    say(f"{row.kind} {row.external_id} of account {account!r} was imported.")
