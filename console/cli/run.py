"""`warenfluss run`: the latest runs of cycles."""

from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LimitOption, most_rows
from console.cli.output import print_json_list, print_table
from models.database.session import read_scope
from models.sync.records import Cycle
from models.sync.runs import list_runs
from models.tenants.account import account_id_of, account_names

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
        names = account_names(session)
        account_id = account_id_of(session, account)
        rows: list[dict[str, Any]] = [
            {
                "id": run.id,
                "account": names[run.account_id],
                "cycle": run.cycle,
                "test": run.test,
                "state": run.state,
                "started_at": run.started_at,
                "finished_at": run.finished_at,
                "counts": run.counts,
                "error": run.error,
                "oldest_news_at": run.oldest_news_at,
                "slowest_seconds": run.slowest_seconds,
                "flow_run_id": run.flow_run_id,
            }
            for run in list_runs(session, account_id, cycle, most_rows(limit, as_json=as_json))
        ]
    if as_json:
        print_json_list(rows)
        return
    print_table(
        ("id", "started", "account", "cycle", "test", "state", "what", "error"),
        [
            (
                row["id"],
                row["started_at"],
                row["account"],
                row["cycle"],
                row["test"],
                row["state"],
                ", ".join(f"{name} {count}" for name, count in row["counts"].items() if count),
                row["error"],
            )
            for row in rows
        ],
    )
