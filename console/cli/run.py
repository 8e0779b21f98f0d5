"""`warenfluss run`: the latest runs of cycles."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LimitOption, most_rows
from console.cli.output import print_json_list, print_table
from models.database.session import read_scope
from models.sync.records import Cycle
from models.sync.runs import list_runs
from models.sync.views import run_views
from models.tenants.account import account_id_of

app = new_app("The latest runs of cycles.")
apps = {"run": app}


@app.command("list")
def show_all(
    account: AccountOption = None,
    cycle: Annotated[Cycle | None, typer.Option(help="Only runs of this cycle.")] = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List runs with what they did, the latest first."""
    need_database()
    with read_scope() as session:
        account_id = account_id_of(session, account)
        runs = list_runs(session, account_id, cycle, most_rows(limit, as_json=as_json))
        rows = run_views(session, runs)
    if as_json:
        print_json_list(rows)
        return
    print_table(
        ("id", "started", "account", "cycle", "test", "state", "what", "error"),
        [
            (
                row.id,
                row.started_at,
                row.account,
                row.cycle,
                row.test,
                row.state,
                ", ".join(f"{name} {count}" for name, count in row.counts.items() if count),
                row.error,
            )
            for row in rows
        ],
    )
