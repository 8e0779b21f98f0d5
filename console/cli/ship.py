"""`warenfluss ship`: parcels and goods that are collected."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, DryRun, Number
from console.cli.output import print_sheet_report, say
from models.errors import RuleError
from models.fulfilment.dispatch import add_tracking
from models.order_desk.steps import with_order

app = new_app("What leaves the house, beside `order ship`.")
apps = {"ship": app}


@app.command("import")
def import_sheet(
    file: Annotated[
        Path, typer.Argument(help="A CSV or XLSX file with order, tracking_number, perhaps carrier and date.")
    ],
    carrier: Annotated[str, typer.Option(help="Who carries the parcels of rows that name nobody.")] = "",
    account: AccountOption = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Book parcels from a carrier's file; exit code 1 if rows were refused, the others are taken."""
    need_database()
    from tasks.sheets.tracking import import_tracking

    report = import_tracking(file, account, carrier=carrier, dry_run=dry_run)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json, of="order")


@app.command("track")
def track(
    number: Number,
    tracking: Annotated[str, typer.Argument(help="The parcel's tracking number.")],
    carrier: Annotated[str, typer.Option(help="Who carries it, if that was wrong.")] = "",
    account: AccountOption = None,
) -> None:
    """Give a parcel that left without a tracking number its number; the channel is told."""
    if not 1 <= len(tracking) <= 80:
        raise typer.BadParameter("A tracking number has 1 to 80 characters.")
    need_database()
    done = with_order(number, account, lambda session, order: add_tracking(session, order, tracking, carrier))
    if not done:
        raise RuleError(f"Order {number} has a parcel with this number already.")
    say(f"Order {number}: the parcel has its number.")


@app.command("ready")
def ready(number: Number, account: AccountOption = None) -> None:
    """Note that goods lie ready to be collected; the buyer is mailed once, if the account mails of that."""
    from models.fulfilment.pickup import make_ready

    need_database()
    with_order(number, account, make_ready)
    say(f"Order {number} lies ready.")


@app.command("hand-over")
def hand_over_to(
    number: Number,
    name: Annotated[str, typer.Argument(help="Who took the goods.")],
    account: AccountOption = None,
) -> None:
    """Book goods out that their buyer has collected."""
    from models.fulfilment.pickup import hand_over

    need_database()
    with_order(number, account, lambda session, order: hand_over(session, order, name))
    say(f"Order {number} was handed over.")
