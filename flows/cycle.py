"""What the flows of all cycles have in common: how they are declared and how they end."""

from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from models.sync.outbound import Keys
from models.sync.records import Counts, Cycle, OutboundKind
from tasks.outbound.delivery import find_waiting, preview_batch, send_batch, settle_doubtful
from tasks.run.artifacts import show_progress, start_progress
from tasks.run.work import Work
from tasks.watch.alarms import report_crashed, report_failed


def declared(cycle: Cycle) -> dict[str, Any]:
    """Return how the flow of a cycle is declared: its name, its runs' names, and who hears of failures."""
    return {
        "name": str(cycle),
        "flow_run_name": str(cycle) + " {account}",
        "on_failure": [report_failed],
        "on_crashed": [report_crashed],
        "persist_result": False,
        "validate_parameters": True,
    }


def finished(counts: Counts) -> State[Any]:
    """Return the end of a run that did its work, with its figures as the message."""
    return Completed(message=counts.text(), data=counts.model_dump())


def stepped_aside(reason: str) -> State[Any]:
    """Return the end of a run that found another one at work: nothing went wrong, and nothing was done."""
    return Cancelled(message=reason)


def each_page(work: Work, step: Callable[[str | None], str | None], first: str | None = None) -> None:
    """Call a step with the first page and then with each page that it names.

    From the second page on a progress bar shows how much was read; channels do not say how much there is.
    """
    page = step(first)
    if page is None:
        return
    progress = start_progress(work.cycle, work.account.name)
    while page is not None:
        show_progress(progress, 0.0, f"{work.counts.read} read so far")
        page = step(page)
    show_progress(progress, 100.0, f"{work.counts.read} read")


def tell_all(work: Work, kind: OutboundKind, keys: Keys = None, *, again: bool = False) -> None:
    """Tell the channel all that waits: first what may have arrived without an answer, then the rest.

    With keys, of these subjects alone; `again` lets test mode show those that were told before, too.
    """
    waiting = find_waiting(work.run_id, kind, keys)
    done = 0
    if work.test:
        while taken := preview_batch(work.run_id, kind, done, keys, again):
            done += taken
        return
    while waiting.doubtful and settle_doubtful(work.run_id, kind, keys):
        pass
    if not waiting.due and not waiting.doubtful:
        return
    progress = start_progress(work.cycle, work.account.name) if waiting.due else None
    while taken := send_batch(work.run_id, kind, keys):
        done += taken
        percent = min(100.0, 100 * done / max(waiting.due, done))
        show_progress(progress, percent, f"{done} of {max(waiting.due, done)} told")
