"""Run orders again: find those that are meant, and tell which of their effects were had and which are new."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from models.clock import midnight, utc_now
from models.database.columns import need_id
from models.database.session import read_scope, session_scope
from models.errors import Action, Advice, NotFoundError, RuleError
from models.orders.history import OrderEvent
from models.orders.order import Order
from models.orders.records import OrderData
from models.orders.row_values import order_hash
from models.payments.payment import Payment
from models.reconciliation.effects import (
    TOLD,
    WAITS,
    Effect,
    EffectKind,
    EffectOutcome,
    ReplayOutcome,
    compare,
    effects_of,
)
from models.sync.alarms import list_attempts
from models.sync.cursors import cursor_in_test, find_cursor
from models.sync.cycles import PUBLISHED_BY
from models.sync.outbound import OF_ORDERS, Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.sync.rejected import Aside
from models.sync.runs import Run, note_window
from models.tenants.account import get_account
from models.tenants.locks import lock_tenants
from models.tenants.records import Mode
from tasks.intake.orders import CURSOR, fetch_whole, history_test, order_query, save_page
from tasks.run.steps import step
from tasks.run.windows import Window
from tasks.run.work import Work, work_of

CHUNK = 100
"""Orders that are run again together: as many as one request to a channel may name."""
TABLE_LIMIT = 2000
"""Rows of the table of effects; Prefect keeps an artifact as one text."""


class Selection(BaseModel):
    """Which orders are run again: those of one of these."""

    orders: tuple[str, ...] = ()
    day: date | None = None
    run_id: int | None = None
    everything: bool = False

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return when the day began and when it ended, by German time."""
        day = self.day or date.min
        begin, end = (midnight(each).astimezone(UTC) for each in (day, day + timedelta(days=1)))
        return begin, end


@dataclass
class Report:
    """What became of all effects, in figures, and one by one as far as a table reaches."""

    findings: list[EffectOutcome] = field(default_factory=list)
    totals: Counter[ReplayOutcome] = field(default_factory=Counter)
    orders: int = 0

    def add(self, findings: Sequence[EffectOutcome], orders: int) -> None:
        """Take up the findings of some more orders; where there are too many, those that are no news go."""
        self.orders += orders
        self.totals.update(finding.outcome for finding in findings)
        self.findings += findings
        if len(self.findings) > TABLE_LIMIT:
            news = [finding for finding in self.findings if finding.outcome is not ReplayOutcome.had]
            self.findings = news[:TABLE_LIMIT]

    def text(self) -> str:
        """Return the figures in words."""
        figures = [f"{self.totals[outcome]} {outcome}" for outcome in ReplayOutcome if self.totals[outcome]]
        return f"{self.orders} orders: {', '.join(figures) or 'no effects'}"

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: order, effect, which of them, value, outcome, and since when it is had."""
        return [
            {
                "order": finding.effect.order,
                "effect": str(finding.effect.kind),
                "of": finding.effect.of,
                "value": finding.effect.value,
                "outcome": str(finding.outcome),
                "at": finding.effect.at,
            }
            for finding in self.findings
        ]


def choose(
    account: str, orders: Sequence[str], day: date | None, run: str, everything: bool, again: Sequence[str]
) -> Selection:
    """Return which orders are meant. Raises: RuleError, saying what has to be named instead."""
    numbers = tuple(dict.fromkeys(number.strip() for number in orders if number.strip()))
    named = [bool(numbers), day is not None, bool(run.strip()), everything]
    if sum(named) != 1:
        raise RuleError("Name what is to be run again: orders, a day, a run or everything, one of these.")
    if everything and again:
        raise RuleError("Not everything can be told again; name orders, a day or a run.")
    with read_scope() as session:
        row = get_account(session, account)
        account_id = need_id(row.id)
        cursor = cursor_in_test(CURSOR) if row.mode is Mode.test else CURSOR
        if (everything or day) and not find_cursor(session, account_id, cursor):
            raise RuleError(f"No order-import of account {account!r} has run yet; it takes the orders in.")
        found = _find_run(session, account_id, run.strip()) if run.strip() else None
    return Selection(orders=numbers, day=day, run_id=found, everything=everything)


def _find_run(session: Session, account_id: int, name: str) -> int:
    """Return the run with this number here, or that of a flow run with this id in Prefect."""
    if name.isascii() and name.isdigit() and len(name) < 10:
        found = [session.get(Run, int(name))]
    else:
        found = [*list_attempts(session, name)]
    ids = [need_id(run.id) for run in found if run is not None and run.account_id == account_id]
    if not ids:
        raise NotFoundError(f"This account has no run {name!r}.", Advice(Action.run_list))
    return ids[-1]


@step
def find_here(run_id: int, selection: Selection) -> list[str]:
    """Return the numbers of the orders that are meant as far as they are known here."""
    work = work_of(run_id)
    with read_scope() as session:
        if selection.orders:
            return _resolve(session, work.account.id, selection.orders)
        if selection.day is not None:
            found = [*_of_day(session, work.account.id, selection)]
        elif selection.run_id is not None:
            found = [*_of_run(session, work.account.id, session.get_one(Run, selection.run_id))]
        else:
            waiting = col(Outbound.state) != OutboundState.sent
            found = [
                *_of_outbound(session, work.account.id, OF_ORDERS, waiting),
                *_of_asides(session, work.account.id),
            ]
    return list(dict.fromkeys(found))


def _resolve(session: Session, account_id: int, numbers: Sequence[str]) -> list[str]:
    """Return the channel's numbers; one that is not known here may be a marketplace's, or new."""
    rows = session.execute(
        select(col(Order.external_id), col(Order.channel_number)).where(
            col(Order.account_id) == account_id,
            or_(col(Order.external_id).in_(numbers), col(Order.channel_number).in_(numbers)),
        )
    ).all()
    known = {external_id for external_id, _ in rows}
    by_marketplace: dict[str, list[str]] = {}
    for external_id, number in rows:
        by_marketplace.setdefault(number, []).append(external_id)
    found = [
        external_id
        for number in numbers
        for external_id in ([number] if number in known else by_marketplace.get(number, [number]))
    ]
    return list(dict.fromkeys(found))


def _of_day(session: Session, account_id: int, selection: Selection) -> Iterator[str]:
    begin, end = selection.bounds

    def within(column: Any) -> ColumnElement[bool]:
        return and_(column >= begin, column < end)

    of_account = select(Order.external_id).where(Order.account_id == account_id).order_by(col(Order.id))
    dates = [within(col(each)) for each in (Order.placed_at, Order.checkout_at, Order.shipped_at)]
    yield from session.exec(of_account.where(or_(*dates)))
    paid = select(Payment.order_id).where(within(col(Payment.paid_at)))
    yield from session.exec(of_account.where(col(Order.id).in_(paid)))
    seen = [within(col(each)) for each in (Aside.first_seen_at, Aside.last_seen_at)]
    yield from _of_asides(session, account_id, or_(*seen))


def _of_run(session: Session, account_id: int, run: Run) -> Iterator[str]:
    """Yield the orders that a run touched, told of, or could not use, and that it left to be told."""
    end = run.finished_at or utc_now()
    touched = select(OrderEvent.order_id).where(OrderEvent.run_id == run.id)
    yield from session.exec(
        select(Order.external_id)
        .where(Order.account_id == account_id, col(Order.id).in_(touched))
        .order_by(col(Order.id))
    )
    kinds = [kind for kind in OF_ORDERS if run.cycle in (Cycle.replay, PUBLISHED_BY[kind])]
    told = and_(col(Outbound.sent_at) >= run.started_at, col(Outbound.sent_at) <= end)
    left = and_(col(Outbound.state) != OutboundState.sent, col(Outbound.changed_at) <= end)
    yield from _of_outbound(session, account_id, kinds, or_(told, left))
    if run.cycle in (Cycle.order_import, Cycle.replay):
        seen = and_(col(Aside.first_seen_at) <= end, col(Aside.last_seen_at) >= run.started_at)
        yield from _of_asides(session, account_id, seen)
    yield from (run.window or {}).get("numbers", ())


def _of_outbound(
    session: Session, account_id: int, kinds: Sequence[OutboundKind], condition: ColumnElement[bool]
) -> Iterator[str]:
    keys = session.exec(
        select(Outbound.key).where(
            Outbound.account_id == account_id, col(Outbound.kind).in_(kinds), condition
        )
    ).all()
    for start in range(0, len(keys), CHUNK):
        ids = [int(key) for key in keys[start : start + CHUNK]]
        yield from session.exec(
            select(Order.external_id).where(col(Order.id).in_(ids)).order_by(col(Order.id))
        )


def _of_asides(session: Session, account_id: int, *conditions: ColumnElement[bool]) -> Iterable[str]:
    return session.exec(
        select(Aside.external_id)
        .where(
            Aside.account_id == account_id,
            Aside.kind == "order",
            col(Aside.settled_at).is_(None),
            *conditions,
        )
        .order_by(col(Aside.id))
    ).all()


class Found(BaseModel):
    """The orders of one page at the channel that are meant."""

    numbers: list[str]
    next_page: str | None


@step
def find_there(run_id: int, selection: Selection, page: str | None) -> Found:
    """Look through one page at the channel for orders that are meant; nothing is saved.

    Of a day these are the orders placed, checked out, paid or shipped then; of a run and of everything those
    that are not here, or differ from what is here. What is older than the account's start is left out.
    """
    work = work_of(run_id)
    with read_scope() as session:
        start = Window.model_validate(find_cursor(session, work.account.id, work.cursor(CURSOR)))
        window = _window_of(session, selection, start)
        if window is None:
            return Found(numbers=[], next_page=None)
    fetched = work.orders.fetch_orders(order_query(work, window), page)
    with read_scope() as session:
        numbers = [data.external_id for data in fetched.records]
        known = dict(
            session.execute(
                select(col(Order.external_id), col(Order.content_hash)).where(
                    col(Order.account_id) == work.account.id, col(Order.external_id).in_(numbers)
                )
            )
            .tuples()
            .all()
        )
        asides = set(_of_asides(session, work.account.id))
    is_history = history_test(work, start)
    meant = [
        data.external_id
        for data in fetched.records
        if (data.external_id in known or not is_history(data))
        and (
            _is_of_day(data, selection)
            if selection.day
            else known.get(data.external_id, "") != order_hash(data)
        )
    ]
    # Those set aside on the day itself are known here.
    bad = [one.external_id for one in fetched.rejected if one.kind == "order" and one.external_id]
    meant += [number for number in bad if not selection.day or number not in asides]
    return Found(numbers=meant, next_page=fetched.next_cursor)


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


def _is_of_day(data: OrderData, selection: Selection) -> bool:
    begin, end = selection.bounds
    instants = (data.placed_at, data.checkout_at, data.paid_at, data.shipped_at)
    return any(at is not None and begin <= at < end for at in instants)


@step
def note_numbers(run_id: int, numbers: Sequence[str]) -> None:
    """Keep which orders this run sets out to run again, so that it can be replayed itself."""
    work = work_of(run_id)
    with work.transaction() as session:
        note_window(session, run_id, {"numbers": list(numbers)})


@step
def take_stock(run_id: int, numbers: Sequence[str]) -> list[Effect]:
    """Return the effects had so far for these orders."""
    work = work_of(run_id)
    with read_scope() as session:
        return effects_of(session, work.account.id, numbers)


@step
def ids_of(run_id: int, numbers: Sequence[str]) -> list[int]:
    """Return our ids of those of the orders that are known here and no trials."""
    work = work_of(run_id)
    query = select(Order.id).where(
        Order.account_id == work.account.id,
        col(Order.external_id).in_(numbers),
        col(Order.trial).is_(False),
    )
    with read_scope() as session:
        return [need_id(order_id) for order_id in session.exec(query.order_by(col(Order.id)))]


@step
def rehearse(run_id: int, numbers: Sequence[str]) -> list[Effect]:
    """Test mode: read orders again and return the effects they would have then; all of it is rolled back."""
    work = work_of(run_id)
    window = Window(numbers=tuple(numbers))
    fetched = fetch_whole(work, order_query(work, window))
    with session_scope() as session:
        lock_tenants(session, [work.account.tenant_id])
        intake = save_page(session, work, window, fetched, trial=False)
        effects = effects_of(session, work.account.id, numbers)
        session.rollback()
    work.counts.add(intake.counts)
    work.note_known(fetched.records, fetched.rejected)
    return effects


def judge(
    work: Work, numbers: Sequence[str], before: Sequence[Effect], after: Sequence[Effect], *, whole: bool
) -> list[EffectOutcome]:
    """Return what became of the effects of these orders.

    If the orders were run `whole`, also which of them the channel does not know.
    """
    findings = compare(before, _as_if_told(work, after) if work.test else after, would=work.test)
    here = {effect.order for effect in after}
    for number in numbers if whole else ():
        if number not in work.known_there:
            value = "known here" if number in here else "not known here either"
            findings.append(
                EffectOutcome(Effect(number, None, EffectKind.at_channel, "", value), ReplayOutcome.unknown)
            )
    return sorted(findings, key=lambda finding: numbers.index(finding.effect.order))


def _as_if_told(work: Work, effects: Sequence[Effect]) -> list[Effect]:
    """Return effects as they would be if the transport had not kept back what was to be sent."""
    kept_back = {(row["what"], row["of"]) for row in work.would_send}
    kinds = {effect_kind: kind for each in (TOLD, WAITS) for kind, effect_kind in each.items()}
    rest: list[Effect] = []
    told: dict[tuple[str, int | None], Effect] = {}
    for effect in effects:
        kind = kinds.get(effect.kind)
        if kind is None or (kind, str(effect.order_id)) not in kept_back:
            rest.append(effect)
        elif effect.kind is WAITS[kind]:
            told[kind, effect.order_id] = replace(effect, kind=TOLD[kind], value="what waits", at=None)
        else:
            told.setdefault((kind, effect.order_id), replace(effect, at=None))
    return [*rest, *told.values()]
