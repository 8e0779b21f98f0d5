"""Which orders a replay runs again: named ones, those of a day, those of a run, or all that need it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from models.clock import midnight, utc_now
from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.errors import Action, Advice, NotFoundError, RuleError
from models.orders.history import OrderEvent
from models.orders.order import Order
from models.orders.records import OrderData
from models.orders.row_values import order_hash
from models.payments.payment import Payment
from models.sync.alarms import list_attempts
from models.sync.cycles import PUBLISHED_BY
from models.sync.outbound import ORDER_UPDATES, Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.sync.rejected import RejectedRecord
from models.sync.runs import Run
from models.values import row_number


class Selection(BaseModel):
    """What a person names: orders, a day, a run or everything, exactly one of these."""

    orders: tuple[str, ...] = ()
    day: date | None = None
    run_id: int | None = None
    everything: bool = False

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return when the day begins and when the next one does, in German time."""
        day = self.day or date.min
        begin, end = (midnight(each).astimezone(UTC) for each in (day, day + timedelta(days=1)))
        return begin, end

    def wants(self, data: OrderData, known_hash: str) -> bool:
        """Return whether an order that the channel reports is to be run again.

        Of a day: if it was placed, checked out, paid or shipped then. Else if it is not known here as it is
        reported; `known_hash` is the hash of what was read last, empty for an unknown order.
        """
        if self.day is None:
            return known_hash != order_hash(data)
        begin, end = self.bounds
        instants = (data.placed_at, data.checkout_at, data.paid_at, data.shipped_at)
        return any(at is not None and begin <= at < end for at in instants)


def make_selection(
    orders: Sequence[str], day: date | None, run: str, everything: bool, again: Sequence[str]
) -> Selection:
    """Return the selection of orders, a day or everything; `run` still has to be found.

    Raises: RuleError, unless exactly one of them is named, and if everything is to be published again.
    """
    numbers = tuple(dict.fromkeys(number.strip() for number in orders if number.strip()))
    named = [bool(numbers), day is not None, bool(run.strip()), everything]
    if sum(named) != 1:
        raise RuleError("Name what is to be run again: orders, a day, a run or everything, one of these.")
    if everything and again:
        raise RuleError("Not everything can be published again; name orders, a day or a run.")
    return Selection(orders=numbers, day=day, everything=everything)


def find_run(session: Session, account_id: int, name: str) -> int:
    """Return the id of an account's run: the run with this number, or the last of this flow run in Prefect.

    Raises: NotFoundError.
    """
    number = row_number(name)
    found = [session.get(Run, number)] if number is not None else [*list_attempts(session, name)]
    ids = [run.row_id for run in found if run is not None and run.account_id == account_id]
    if not ids:
        raise NotFoundError(f"This account has no run {name!r}.", Advice(Action.run_list))
    return ids[-1]


def select_orders(session: Session, account_id: int, selection: Selection) -> list[str]:
    """Return the channel's numbers of the orders that are selected, as far as they are known here."""
    if selection.orders:
        found = resolve_numbers(session, account_id, selection.orders)
    elif selection.day is not None:
        found = _orders_of_day(session, account_id, *selection.bounds)
    elif selection.run_id is not None:
        found = _orders_of_run(session, account_id, session.get_one(Run, selection.run_id))
    else:
        found = _orders_that_wait(session, account_id)
    return list(dict.fromkeys(found))


def resolve_numbers(session: Session, account_id: int, numbers: Sequence[str]) -> Iterator[str]:
    """Yield the channel's numbers; one that is not known here may be a marketplace's, or new."""
    rows = session.execute(
        select(col(Order.external_id), col(Order.channel_number)).where(
            col(Order.account_id) == account_id,
            or_(among(col(Order.external_id), numbers), among(col(Order.channel_number), numbers)),
        )
    ).all()
    known = {external_id for external_id, _ in rows}
    by_marketplace: dict[str, list[str]] = {}
    for external_id, number in rows:
        by_marketplace.setdefault(number, []).append(external_id)
    for number in numbers:
        yield from [number] if number in known else by_marketplace.get(number, [number])


def _orders_of_day(session: Session, account_id: int, begin: datetime, end: datetime) -> Iterator[str]:
    """Yield the orders placed, checked out, paid or shipped in this time, and those rejected in it."""

    def within(column: Any) -> ColumnElement[bool]:
        return and_(column >= begin, column < end)

    of_account = select(Order.external_id).where(Order.account_id == account_id).order_by(col(Order.id))
    dates = [within(col(each)) for each in (Order.placed_at, Order.checkout_at, Order.shipped_at)]
    yield from session.exec(of_account.where(or_(*dates)))
    paid = select(Payment.order_id).where(within(col(Payment.paid_at)))
    yield from session.exec(of_account.where(col(Order.id).in_(paid)))
    seen = [within(col(each)) for each in (RejectedRecord.first_seen_at, RejectedRecord.last_seen_at)]
    yield from rejected_orders(session, account_id, or_(*seen))


def _orders_of_run(session: Session, account_id: int, run: Run) -> Iterator[str]:
    """Yield the orders that a run touched, published or rejected, and those it left unpublished."""
    end = run.finished_at or utc_now()
    touched = select(OrderEvent.order_id).where(OrderEvent.run_id == run.id)
    yield from session.exec(
        select(Order.external_id)
        .where(Order.account_id == account_id, col(Order.id).in_(touched))
        .order_by(col(Order.id))
    )
    kinds = [kind for kind in ORDER_UPDATES if run.cycle in (Cycle.replay, PUBLISHED_BY[kind])]
    published = and_(col(Outbound.sent_at) >= run.started_at, col(Outbound.sent_at) <= end)
    left = and_(col(Outbound.state) != OutboundState.sent, col(Outbound.changed_at) <= end)
    yield from _orders_of_outbound(session, account_id, kinds, or_(published, left))
    if run.cycle in (Cycle.order_import, Cycle.replay):
        seen = and_(
            col(RejectedRecord.first_seen_at) <= end, col(RejectedRecord.last_seen_at) >= run.started_at
        )
        yield from rejected_orders(session, account_id, seen)
    yield from (run.window or {}).get("numbers", ())


def _orders_that_wait(session: Session, account_id: int) -> Iterator[str]:
    """Yield the orders with something to publish, and those that are rejected."""
    yield from _orders_of_outbound(
        session, account_id, ORDER_UPDATES, col(Outbound.state) != OutboundState.sent
    )
    yield from rejected_orders(session, account_id)


def _orders_of_outbound(
    session: Session, account_id: int, kinds: Sequence[OutboundKind], condition: ColumnElement[bool]
) -> Iterator[str]:
    keys = session.exec(
        select(Outbound.key).where(
            Outbound.account_id == account_id, col(Outbound.kind).in_(kinds), condition
        )
    ).all()
    for batch in in_batches([int(key) for key in keys]):
        query = select(Order.external_id).where(among(col(Order.id), batch))
        yield from session.exec(query.order_by(col(Order.id)))


def rejected_orders(session: Session, account_id: int, *conditions: ColumnElement[bool]) -> Iterable[str]:
    """Return the numbers of the orders that are rejected now and meet these conditions."""
    return session.exec(
        select(RejectedRecord.external_id)
        .where(
            RejectedRecord.account_id == account_id,
            RejectedRecord.kind == "order",
            col(RejectedRecord.settled_at).is_(None),
            *conditions,
        )
        .order_by(col(RejectedRecord.id))
    ).all()


def hashes_by_number(session: Session, account_id: int, numbers: Iterable[str]) -> dict[str, str]:
    """Return by number the hash of what was read last of each order; an unknown order is missing."""
    rows = session.execute(
        select(col(Order.external_id), col(Order.content_hash)).where(
            col(Order.account_id) == account_id, among(col(Order.external_id), numbers)
        )
    )
    return dict(rows.tuples().all())


def ids_to_publish(session: Session, account_id: int, numbers: Collection[str]) -> list[int]:
    """Return the ids of those of the orders that are known here and are no test orders, ascending."""
    query = select(Order.id).where(
        Order.account_id == account_id,
        among(col(Order.external_id), numbers),
        col(Order.trial).is_(False),
    )
    return [need_id(order_id) for order_id in session.exec(query.order_by(col(Order.id)))]
