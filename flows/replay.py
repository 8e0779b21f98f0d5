"""The cycle `replay`: orders run again because a person asks; what was done before is not done twice."""

from datetime import date
from typing import Literal

from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.cycle import cycle_flow, nothing_done
from models.errors import RuleError
from models.sync.records import Cycle, OutboundKind
from tasks.reconciliation.replay import choose_orders, run_again, work_when_free


@cycle_flow(Cycle.replay)
def replay(
    account: str,
    orders: list[str] | None = None,
    day: date | None = None,
    run: str = "",
    everything: bool = False,
    again: list[Literal["payment", "shipment"]] | None = None,
    test: bool = False,
    wait_seconds: int = 120,
) -> State:
    """Run orders again: read them at the channel, take in what is missing, publish what waits.

    What was done before is not done twice. The table of effects lists for each order what had been done
    before and what is new. Give one of orders, day, run and everything.

    Args:
        account: Name of the account.
        orders: Only these orders, by the channel's or the marketplace's numbers, whatever their age.
        day: The orders placed, checked out, paid or shipped on this day, in German time.
        run: The orders that a run touched, published or could not use: its number, or its id in Prefect.
        everything: All orders of the account that are missing here, differ, or wait to be published.
        again: Publish again what was published about these orders; no buyer is mailed.
        test: Change nothing, here or outside; the table says what would be new.
        wait_seconds: How long to wait for a run that works on the same orders.
    """
    try:
        selection = choose_orders(account, orders or [], day, run, everything, again or [])
    except RuleError as error:
        return nothing_done(str(error))
    with work_when_free(account, test=test, wait_seconds=wait_seconds) as work:
        report = run_again(work, selection, [OutboundKind(kind) for kind in again or []])
    return Completed(message=report.text(), data={**work.counts.model_dump(), "effects": report.rows()})
