"""`warenfluss call`: calls to outside systems."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LimitOption, most_rows
from console.cli.output import print_rows
from models.database.session import read_scope
from models.order_desk.steps import find_scope
from models.orders.queries import orders_of_calls
from models.sync.calls import list_calls
from models.sync.views import call_views

app = new_app("Calls to outside systems, and how they ended.")
apps = {"call": app}


@app.command("list")
def show_all(
    account: AccountOption = None,
    order: Annotated[str | None, typer.Option(help="Only calls that named this order.")] = None,
    run: Annotated[int | None, typer.Option(help="Only calls of this run.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed calls.")] = False,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List calls to outside systems, the latest first: time, purpose, duration and ending.

    The ending is `ok`, `held back` (test mode), the kind of error, or `open`: a write by a process that died.
    Bodies and secrets are not stored; calls are kept for WARENFLUSS_KEEP_CALLS_DAYS (30).
    """
    need_database()
    with read_scope() as session:
        scope = find_scope(session, account, order)
        calls = list_calls(
            session,
            account_id=scope.account_id,
            order_id=scope.order_id,
            run_id=run,
            failed=failed,
            limit=most_rows(limit, as_json=as_json),
        )
        rows = call_views(session, calls, orders_of_calls(session, [call.row_id for call in calls]))
    columns = ("started_at", "account", "run", "call", "kind", "ending", "status", "milliseconds", "orders")
    print_rows(rows, columns, as_json=as_json)
