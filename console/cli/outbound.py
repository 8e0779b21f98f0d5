"""`warenfluss outbound`: updates that channels do not have yet."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson
from console.cli.output import print_rows, say
from models.database.session import in_transaction, read_scope
from models.sync.delivery import list_outbound, retry_parked
from models.sync.outbound import OutboundState
from models.sync.views import outbound_views
from models.tenants.account import account_id_of

app = new_app("Updates that channels do not have yet.")
apps = {"outbound": app}


@app.command("list")
def show_all(
    account: AccountOption = None,
    states: Annotated[
        list[OutboundState] | None,
        typer.Option("--state", help="Only in this state; repeatable. Default: all except sent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List updates that are not published yet, the oldest first; parked ones wait for a person."""
    need_database()
    wanted = states or [state for state in OutboundState if state is not OutboundState.sent]
    with read_scope() as session:
        only = account_id_of(session, account)
        found = [row for row in list_outbound(session, wanted) if only in (None, row.account_id)]
        rows = outbound_views(session, found)
    columns = ("id", "account", "kind", "key", "state", "changed_at", "attempts", "error")
    print_rows(rows, columns, as_json=as_json)


@app.command("retry")
def retry(
    ids: Annotated[list[int] | None, typer.Argument(help="Numbers from `outbound list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked updates.")] = False,
) -> None:
    """Send parked updates again with the next run of their cycle."""
    if bool(ids) == everything:
        raise typer.BadParameter("Name the numbers of parked updates, or give --all.")
    need_database()
    count = in_transaction(lambda session: retry_parked(session, ids or []))
    say(
        f"{count} of {len(ids)} named updates were parked and are due again."
        if ids
        else f"{count} updates are due again."
    )
    if ids and count < len(set(ids)):
        raise typer.Exit(1)
