"""The cycle `replay`: orders run again because a person asks; what was had before is not done twice."""

import time
from collections.abc import Sequence
from datetime import date
from typing import Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows.cycle import declared, each_page, stepped_aside, tell_all
from models.errors import LeaseHeldError, RuleError
from models.reconciliation.effects import Effect
from models.sync.records import Cycle, OutboundKind
from models.tenants.records import Side
from tasks.intake.orders import import_order_page
from tasks.intake.payments import import_payment_page
from tasks.outbound.delivery import ask_anew
from tasks.reconciliation.replay import (
    CHUNK,
    Report,
    Selection,
    choose,
    find_here,
    find_there,
    ids_of,
    judge,
    note_numbers,
    rehearse,
    take_stock,
)
from tasks.run.artifacts import publish_effects, show_progress, start_progress
from tasks.run.windows import Window
from tasks.run.work import Work, work_on

LOOK_SECONDS = 3.0


@flow(**declared(Cycle.replay))
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
    """Run orders again: read them at the channel, take in what is missing, tell what waits.

    What was done before is not done twice. The table of effects says for each order what had been done
    and what is new. Name one of orders, day, run and everything.

    Args:
        account: Name of the account.
        orders: Just these orders, by the channel's or the marketplace's numbers, whatever their age.
        day: The orders placed, checked out, paid or shipped on this day, by German time.
        run: The orders that a run touched, told of or could not use: its number, or its id in Prefect.
        everything: All orders of the account that are missing here, differ, or wait.
        again: Tell the channel once more what it was told of these orders; no buyer is mailed.
        test: Change nothing, here or outside; the table says what would be new.
        wait_seconds: How long to wait for a run that works on the same orders.
    """
    try:
        selection = choose(account, orders or [], day, run, everything, again or [])
    except RuleError as error:
        return stepped_aside(str(error))
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            with work_on(account, Cycle.replay, test=test) as work:
                report = _run_again(work, selection, [OutboundKind(kind) for kind in again or []])
            return Completed(
                message=report.text(), data={**work.counts.model_dump(), "effects": report.rows()}
            )
        except LeaseHeldError as error:
            if time.monotonic() >= deadline:
                return stepped_aside(str(error))
            get_run_logger().info("%s Looking again in %d seconds.", error, LOOK_SECONDS)
            time.sleep(LOOK_SECONDS)


def _run_again(work: Work, selection: Selection, again: Sequence[OutboundKind]) -> Report:
    numbers = dict.fromkeys(find_here(work.run_id, selection))
    if not selection.orders:
        page = None
        while True:
            found = find_there(work.run_id, selection, page)
            numbers |= dict.fromkeys(found.numbers)
            page = found.next_page
            if page is None:
                break
    report = Report()
    every = list(numbers)
    note_numbers(work.run_id, every)
    progress = start_progress(work.cycle, work.account.name) if len(every) > CHUNK else None
    try:
        for start in range(0, len(every), CHUNK):
            _run_some(work, every[start : start + CHUNK], again, report)
            done = min(start + CHUNK, len(every))
            show_progress(progress, 100 * done / len(every), f"{done} of {len(every)} orders")
    finally:
        publish_effects(work.run_id, report.rows(), report.text())
    return report


def _run_some(work: Work, numbers: Sequence[str], again: Sequence[OutboundKind], report: Report) -> None:
    before = take_stock(work.run_id, numbers)
    try:
        after = _read_again(work, numbers)
        _tell(work, ids_of(work.run_id, numbers), again)
    except Exception:
        report.add(judge(work, numbers, before, take_stock(work.run_id, numbers), whole=False), len(numbers))
        raise
    if not work.test:
        after = take_stock(work.run_id, numbers)
    report.add(judge(work, numbers, before, after, whole=True), len(numbers))


def _read_again(work: Work, numbers: Sequence[str]) -> list[Effect]:
    if work.test:
        return rehearse(work.run_id, numbers)
    # As history, because it says nothing about how old news is.
    window = Window(numbers=tuple(numbers), first=True)
    each_page(work, lambda page: import_order_page(work.run_id, window, page))
    if work.options.payments is Side.channel:
        each_page(work, lambda page: import_payment_page(work.run_id, window, page))
    return []


def _tell(work: Work, order_ids: Sequence[int], again: Sequence[OutboundKind]) -> None:
    if not order_ids:
        return
    payments = [OutboundKind.payment] if work.options.payments is Side.warenfluss else []
    for kind in (*payments, OutboundKind.cancellation, OutboundKind.shipment):
        if not work.test:
            ask_anew(work.run_id, kind, order_ids, again=kind in again)
        tell_all(work, kind, order_ids, again=kind in again)
