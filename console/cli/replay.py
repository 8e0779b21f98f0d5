"""`warenfluss replay`: run orders again, and show which effects had been done before and which are new."""

from enum import StrEnum
from typing import Annotated

import typer

from console.cli.frame import need_database, new_command
from console.cli.options import AsJson
from console.cli.output import print_rows, say
from console.cli.parse import parse_day
from console.cli.sync import run_flow
from models.sync.records import Cycle

COLUMNS = ("order", "effect", "of", "value", "outcome", "at")


class Again(StrEnum):
    """What can be published to a channel again."""

    payment = "payment"
    shipment = "shipment"


def replay(
    account: Annotated[str, typer.Option(help="The account.")],
    orders: Annotated[
        list[str] | None,
        typer.Option("--order", help="An order, by the channel's or the marketplace's number; repeatable."),
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="The orders of this day, e.g. 2026-11-21, German time.")
    ] = None,
    run: Annotated[
        str,
        typer.Option(help="The orders of a run, by its number in `run list` or its Prefect id."),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="All orders that are missing here, differ, or wait to be published.")
    ] = False,
    again: Annotated[
        list[Again] | None, typer.Option(help="Publish again what was published before; repeatable.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Change nothing; show what would be new.")] = False,
    wait_seconds: Annotated[
        int, typer.Option("--wait", min=0, help="Seconds to wait for a running cycle.")
    ] = 120,
    as_json: AsJson = False,
) -> None:
    """Run orders of an account again in this process; nothing is done twice."""
    need_database()
    ended = run_flow(
        account,
        Cycle.replay,
        test=test,
        orders=orders,
        day=parse_day(day),
        run=run,
        everything=everything,
        again=[kind.value for kind in again or []],
        wait_seconds=wait_seconds,
    )
    print_rows(ended.result()["effects"], COLUMNS, as_json=as_json)
    say(f"{ended.message}.")


apps = {"replay": new_command(replay)}
