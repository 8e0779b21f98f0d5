"""`warenfluss ship`: parcels, and goods that buyers collect."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, DryRun, Number
from console.cli.output import print_sheet_report, say
from models.errors import RuleError
from models.fulfilment.dispatch import add_tracking
from models.order_desk.steps import with_order

app = new_app("Parcels, and goods that buyers collect; `order ship` ships one order.")
apps = {"ship": app}


@app.command("import")
def import_sheet(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV or XLSX file with order, tracking_number, and optionally carrier and date."
        ),
    ],
    carrier: Annotated[str, typer.Option(help="The carrier for rows that name none.")] = "",
    account: AccountOption = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Book parcels from a carrier's file; if rows are refused, the others are saved; exit code 1."""
    need_database()
    from tasks.sheets.tracking import import_tracking

    report = import_tracking(file, account, carrier=carrier, dry_run=dry_run)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json, of="order")


@app.command("track")
def track(
    number: Number,
    tracking: Annotated[str, typer.Argument(help="The parcel's tracking number.")],
    carrier: Annotated[str, typer.Option(help="The carrier, if it was wrong.")] = "",
    account: AccountOption = None,
) -> None:
    """Add the tracking number of a parcel that shipped without one; published to the channel."""
    if not 1 <= len(tracking) <= 80:
        raise typer.BadParameter("A tracking number has 1 to 80 characters.")
    need_database()
    done = with_order(number, account, lambda session, order: add_tracking(session, order, tracking, carrier))
    if not done:
        raise RuleError(f"Order {number} has a parcel with this number already.")
    say(f"Order {number}: the parcel has its number.")


@app.command("ready")
def ready(number: Number, account: AccountOption = None) -> None:
    """Record that goods are ready to be collected; the buyer is mailed once, if the account sends it."""
    from models.fulfilment.pickup import mark_ready

    need_database()
    with_order(number, account, mark_ready)
    say(f"Order {number} is ready to be collected.")


@app.command("hand-over")
def hand_over_to(
    number: Number,
    name: Annotated[str, typer.Argument(help="The name of the person who took the goods.")],
    account: AccountOption = None,
) -> None:
    """Book out goods that the buyer has collected."""
    from models.fulfilment.pickup import hand_over

    need_database()
    with_order(number, account, lambda session, order: hand_over(session, order, name))
    say(f"Order {number} was handed over.")
