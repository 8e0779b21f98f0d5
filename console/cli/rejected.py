"""`warenfluss rejected`: records that could not be used."""

from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson
from console.cli.output import fail, print_json, print_rows, say
from console.cli.sync import run_cycle
from models.database.session import read_scope
from models.sync.records import Cycle
from models.sync.rejected import RejectedRecord, find_rejected, list_rejected
from models.tenants.account import Account, account_id_of, account_names

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
        names = account_names(session)
        account_id = account_id_of(session, account)
        rows = [
            _shown(entry, names[entry.account_id])
            for entry in list_rejected(session, account_id, settled=settled)
        ]
    columns = ("id", "account", "kind", "external_id", "times", "last_seen_at", "reason")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(entry: Entry, as_json: AsJson = False) -> None:
    """Show one record with its raw form, as the channel sent it."""
    need_database()
    with read_scope() as session:
        row = find_rejected(session, entry)
        shown = {**_shown(row, session.get_one(Account, row.account_id).name), "raw": row.raw}
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if name != "raw":
            typer.echo(f"{name}: {value}")
    typer.echo(shown["raw"])


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


def _shown(row: RejectedRecord, account: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "account": account,
        "kind": row.kind,
        "external_id": row.external_id,
        "reason": row.reason,
        "times": row.times,
        "first_seen_at": row.first_seen_at,
        "last_seen_at": row.last_seen_at,
        "settled_at": row.settled_at,
    }
