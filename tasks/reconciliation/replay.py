"""Run orders again: find the selected orders, read and publish them, report what was done before and now."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from prefect.logging import get_run_logger
from pydantic import BaseModel

from models.database.session import Session, read_scope, session_scope
from models.errors import LeaseHeldError, RuleError
from models.reconciliation.effects import (
    Effect,
    EffectOutcome,
    ReplayOutcome,
    as_if_published,
    compare_effects,
    list_effects,
    unknown_at_channel,
)
from models.reconciliation.selection import (
    Selection,
    find_run,
    hashes_by_number,
    ids_to_publish,
    make_selection,
    rejected_orders,
    select_orders,
)
from models.sync.cursors import cursor_name_in_test, find_cursor
from models.sync.records import Cycle, OutboundKind
from models.sync.runs import Run, save_window
from models.tenants.account import get_account
from models.tenants.locks import lock_tenants
from models.tenants.records import Mode, Side
from tasks.intake.orders import CURSOR, fetch_whole, history_test, import_order_page, order_query, save_page
from tasks.intake.payments import import_payment_page
from tasks.outbound.delivery import make_due, publish_all
from tasks.run.artifacts import TABLE_LIMIT, publish_effects, show_progress, start_progress
from tasks.run.paging import each_page
from tasks.run.steps import step
from tasks.run.windows import Window
from tasks.run.work import Work, work_of, work_on

ORDERS_AT_ONCE = 100
"""As many as one request to a channel may name."""
LOOK_SECONDS = 3.0
"""Between two attempts to get the leases."""


@dataclass
class Report:
    """What became of all effects: totals, and the single outcomes as far as the table has room."""

    outcomes: list[EffectOutcome] = field(default_factory=list)
    totals: Counter[ReplayOutcome] = field(default_factory=Counter)
    orders: int = 0

    def add(self, outcomes: Sequence[EffectOutcome], orders: int) -> None:
        """Add the outcomes of some more orders. If the table is full, it keeps only what changed."""
        self.orders += orders
        self.totals.update(each.outcome for each in outcomes)
        self.outcomes += outcomes
        if len(self.outcomes) > TABLE_LIMIT:
            news = [each for each in self.outcomes if each.outcome is not ReplayOutcome.done_before]
            self.outcomes = news[:TABLE_LIMIT]

    def text(self) -> str:
        """Return the totals in words."""
        totals = [f"{self.totals[outcome]} {outcome}" for outcome in ReplayOutcome if self.totals[outcome]]
        return f"{self.orders} orders: {', '.join(totals) or 'no effects'}"

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: order, effect, which of its kind, value, outcome, and since when it stands."""
        return [
            {
                "order": each.effect.order,
                "effect": str(each.effect.kind),
                "of": each.effect.of,
                "value": each.effect.value,
                "outcome": str(each.outcome),
                "at": each.effect.at,
            }
            for each in self.outcomes
        ]


class Found(BaseModel):
    """The selected orders on one page of the channel."""

    numbers: list[str]
    next_page: str | None


def choose_orders(
    account: str, orders: Sequence[str], day: date | None, run: str, everything: bool, again: Sequence[str]
) -> Selection:
    """Return which orders a person means. Raises: RuleError, saying what has to be named instead."""
    selection = make_selection(orders, day, run, everything, again)
    with read_scope() as session:
        row = get_account(session, account)
        account_id = row.row_id
        cursor = cursor_name_in_test(CURSOR) if row.mode is Mode.test else CURSOR
        if (everything or day) and not find_cursor(session, account_id, cursor):
            raise RuleError(f"No order-import of account {account!r} has run yet; it takes the orders in.")
        if run.strip():
            selection.run_id = find_run(session, account_id, run.strip())
    return selection


@contextmanager
def work_when_free(account: str, *, test: bool, wait_seconds: float) -> Iterator[Work]:
    """Open a replay as `work_on` does, and wait for the runs whose leases it needs.

    Raises: LeaseHeldError, if one of them still works after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as stack:
        while True:
            try:
                work = stack.enter_context(work_on(account, Cycle.replay, test=test))
                break
            except LeaseHeldError as error:
                if time.monotonic() >= deadline:
                    raise
                get_run_logger().info("%s Looking again in %d seconds.", error, LOOK_SECONDS)
                time.sleep(LOOK_SECONDS)
        yield work


def run_again(work: Work, selection: Selection, again: Sequence[OutboundKind]) -> Report:
    """Run the selected orders again and publish the table of effects, also if it fails halfway.

    `again` are the kinds of message that are published once more although nothing changed.
    """
    numbers = dict.fromkeys(select_here(work.run_id, selection))
    page: str | None = None
    while not selection.orders:
        found = select_there(work.run_id, selection, page)
        numbers |= dict.fromkeys(found.numbers)
        page = found.next_page
        if page is None:
            break
    every = list(numbers)
    note_numbers(work.run_id, every)
    report = Report()
    progress = start_progress(work.cycle, work.account.name) if len(every) > ORDERS_AT_ONCE else None
    try:
        for start in range(0, len(every), ORDERS_AT_ONCE):
            _run_some(work, every[start : start + ORDERS_AT_ONCE], again, report)
            done = min(start + ORDERS_AT_ONCE, len(every))
            show_progress(progress, 100 * done / len(every), f"{done} of {len(every)} orders")
    finally:
        publish_effects(work.run_id, report.rows(), report.text())
    return report


def _run_some(work: Work, numbers: Sequence[str], again: Sequence[OutboundKind], report: Report) -> None:
    """Read some orders again, publish them, and add what became of their effects to the report."""
    before = read_effects(work.run_id, numbers)
    try:
        after = _read_again(work, numbers)
        _publish(work, find_ids(work.run_id, numbers), again)
    except Exception:
        after = read_effects(work.run_id, numbers)
        report.add(_judge(work, numbers, before, after, whole=False), len(numbers))
        raise
    if not work.test:
        after = read_effects(work.run_id, numbers)
    report.add(_judge(work, numbers, before, after, whole=True), len(numbers))


def _read_again(work: Work, numbers: Sequence[str]) -> list[Effect]:
    """Read orders again at the channel. Return their effects in a test run, else nothing."""
    if work.test:
        return rehearse(work.run_id, numbers)
    # As history, because it says nothing about how old news is.
    window = Window(numbers=tuple(numbers), first=True)
    each_page(work, lambda page: import_order_page(work.run_id, window, page))
    if work.options.payments is Side.channel:
        each_page(work, lambda page: import_payment_page(work.run_id, window, page))
    return []


def _publish(work: Work, order_ids: Sequence[int], again: Sequence[OutboundKind]) -> None:
    """Publish what waits of these orders, and what is asked for `again`."""
    if not order_ids:
        return
    payments = [OutboundKind.payment] if work.options.payments is Side.warenfluss else []
    for kind in (*payments, OutboundKind.cancellation, OutboundKind.shipment):
        if not work.test:
            make_due(work.run_id, kind, order_ids, again=kind in again)
        publish_all(work, kind, order_ids, again=kind in again)


@step
def select_here(run_id: int, selection: Selection) -> list[str]:
    """Return the numbers of the selected orders as far as they are known here."""
    work = work_of(run_id)
    with read_scope() as session:
        return select_orders(session, work.account.id, selection)


@step
def select_there(run_id: int, selection: Selection, page: str | None) -> Found:
    """Look through one page of the channel for selected orders; nothing is saved.

    Of a day these are the orders placed, checked out, paid or shipped then; of a run and of everything the
    orders that are missing here or differ. Orders older than the account's start are left out.
    """
    work = work_of(run_id)
    with read_scope() as session:
        start = Window.model_validate(find_cursor(session, work.account.id, work.cursor(CURSOR)))
        window = _window_of(session, selection, start)
    if window is None:
        return Found(numbers=[], next_page=None)
    fetched = work.orders.fetch_orders(order_query(work, window), page)
    with read_scope() as session:
        known = hashes_by_number(session, work.account.id, [data.external_id for data in fetched.records])
        rejected_before = set(rejected_orders(session, work.account.id))
    is_history = history_test(work, start)
    numbers = [
        data.external_id
        for data in fetched.records
        if (data.external_id in known or not is_history(data))
        and selection.wants(data, known.get(data.external_id, ""))
    ]
    rejected = [one.external_id for one in fetched.rejected if one.kind == "order" and one.external_id]
    # Records that were rejected on the day itself are known here.
    numbers += [number for number in rejected if not selection.day or number not in rejected_before]
    return Found(numbers=numbers, next_page=fetched.next_cursor)


def _window_of(session: Session, selection: Selection, start: Window) -> Window | None:
    """Return what to look through at the channel, None if nothing."""
    if selection.day is not None:
        return Window(since=selection.bounds[0])
    if selection.everything:
        return Window(since=start.history_before, first_number=start.first_number)
    window = session.get_one(Run, selection.run_id).window if selection.run_id is not None else None
    if not window or window.get("numbers"):
        return None
    opened = Window.model_validate(window)
    return Window(since=opened.since, first_number=opened.first_number)


@step
def note_numbers(run_id: int, numbers: Sequence[str]) -> None:
    """Save which orders this run sets out to run again, so that it can be replayed itself."""
    work = work_of(run_id)
    with work.transaction() as session:
        save_window(session, run_id, {"numbers": list(numbers)})


@step
def read_effects(run_id: int, numbers: Sequence[str]) -> list[Effect]:
    """Return what has been done so far for these orders."""
    work = work_of(run_id)
    with read_scope() as session:
        return list_effects(session, work.account.id, numbers)


@step
def find_ids(run_id: int, numbers: Sequence[str]) -> list[int]:
    """Return the ids of those of the orders that are known here and are no test orders."""
    work = work_of(run_id)
    with read_scope() as session:
        return ids_to_publish(session, work.account.id, numbers)


@step
def rehearse(run_id: int, numbers: Sequence[str]) -> list[Effect]:
    """Read orders again and return the effects they would have then; everything is rolled back."""
    work = work_of(run_id)
    window = Window(numbers=tuple(numbers))
    fetched = fetch_whole(work, order_query(work, window))
    with session_scope() as session:
        lock_tenants(session, [work.account.tenant_id])
        intake = save_page(session, work, window, fetched, trial=False)
        effects = list_effects(session, work.account.id, numbers)
        session.rollback()
    work.counts.add(intake.counts)
    work.note_known(fetched.records, fetched.rejected)
    return effects


def _judge(
    work: Work, numbers: Sequence[str], before: Sequence[Effect], after: Sequence[Effect], *, whole: bool
) -> list[EffectOutcome]:
    """Return what became of the effects of these orders, order by order.

    If `whole` is true, the orders were read to the end, and those that the channel does not know are listed.
    """
    if work.test:
        after = as_if_published(after, {(row["what"], row["of"]) for row in work.would_send})
    outcomes = compare_effects(before, after, would=work.test)
    if whole:
        outcomes += unknown_at_channel(numbers, work.known_at_channel, after)
    return sorted(outcomes, key=lambda each: numbers.index(each.effect.order))
