"""`warenfluss schedule`: how often cycles run. Prefect holds the schedules."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson
from console.cli.output import print_rows, say
from models.database.session import read_scope
from models.errors import Action, Advice, RuleError
from models.sync.records import Cycle
from models.sync.views import schedule_views
from models.tenants.account import get_account
from tasks.run.prefect_env import use_prefect

app = new_app("How often cycles run.")
apps = {"schedule": app}


@app.command("list")
def show_all(as_json: AsJson = False) -> None:
    """List the schedules as last read from Prefect."""
    need_database()
    with read_scope() as session:
        rows = schedule_views(session)
    print_rows(rows, ("account", "cycle", "minutes", "active", "last_success_at"), as_json=as_json)


@app.command("set")
def change(
    account: str,
    cycle: Cycle,
    minutes: Annotated[int | None, typer.Option(min=1, help="The interval in minutes.")] = None,
    active: Annotated[
        bool | None, typer.Option("--resume/--pause", help="Resume or pause the cycle.")
    ] = None,
) -> None:
    """Set how often a cycle of an account runs, or pause it."""
    if minutes is None and active is None:
        raise typer.BadParameter("Give --minutes, --pause or --resume.")
    need_database()
    with read_scope() as session:
        get_account(session, account)
    if not use_prefect():
        raise RuleError("Prefect holds the schedules, and no server runs.", Advice(Action.start))
    from deployments import schedules

    if minutes is not None:
        schedules.set_interval(account, cycle, minutes)
    if active is not None:
        (schedules.resume if active else schedules.pause)(account, cycle)
        schedules.copy_schedules()
    every = f" runs every {minutes} minutes" if minutes else ""
    paused = "" if active is None else (" is resumed" if active else " is paused")
    say(f"{cycle.value} of account {account!r}{every}{' and' if every and paused else ''}{paused}.")
