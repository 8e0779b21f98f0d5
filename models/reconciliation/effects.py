"""Effects: what has been done for an order so far, here and at the channel, each with its instant."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.accounting.issued import Document
from models.catalog.article import Article
from models.database.columns import need_id
from models.fulfilment.returns import Return
from models.fulfilment.shipments import Parcel, Shipment
from models.orders.history import OrderEvent
from models.orders.holds import open_holds
from models.orders.order import LinePart, Order, OrderState
from models.orders.queries import lines_of
from models.payments.payment import Payment
from models.sync.outbound import OF_ORDERS, OutboundState, list_named
from models.sync.records import OutboundKind
from models.sync.rejected import Aside


class EffectKind(StrEnum):
    taken_in = "taken in"
    inspected = "taken in as trial"
    article_found = "article found"
    stock_promised = "stock promised"
    held = "held"
    set_aside = "set aside"
    released = "released"
    picked = "picked"
    payment_booked = "payment booked"
    shipment_booked = "shipment booked"
    document_issued = "document issued"
    buyer_mailed = "buyer mailed"
    goods_returned = "goods returned"
    payment_told = "payment told"
    shipment_told = "shipment told"
    cancellation_told = "cancellation told"
    payment_waits = "payment to be told"
    shipment_waits = "shipment to be told"
    cancellation_waits = "cancellation to be told"
    cancelled = "cancelled"
    merged = "merged"
    at_channel = "read at the channel"


TOLD = {
    OutboundKind.payment: EffectKind.payment_told,
    OutboundKind.shipment: EffectKind.shipment_told,
    OutboundKind.cancellation: EffectKind.cancellation_told,
}
WAITS = {
    OutboundKind.payment: EffectKind.payment_waits,
    OutboundKind.shipment: EffectKind.shipment_waits,
    OutboundKind.cancellation: EffectKind.cancellation_waits,
}


@dataclass(frozen=True)
class Effect:
    """One thing done; `of` tells apart those of a kind, `at` is None where no instant is kept."""

    order: str
    order_id: int | None
    kind: EffectKind
    of: str
    value: str
    at: datetime | None = None

    @property
    def key(self) -> tuple[str, EffectKind, str]:
        return self.order, self.kind, self.of


class ReplayOutcome(StrEnum):
    """What became of an effect in a replay."""

    had = "had before"
    new = "new now"
    changed = "changed now"
    told_again = "told again"
    ended = "ended now"
    would_be_new = "would be new"
    would_change = "would change"
    would_be_told_again = "would be told again"
    would_end = "would end"
    waits = "waits"
    unknown = "not known there"


WOULD = {
    ReplayOutcome.new: ReplayOutcome.would_be_new,
    ReplayOutcome.changed: ReplayOutcome.would_change,
    ReplayOutcome.told_again: ReplayOutcome.would_be_told_again,
    ReplayOutcome.ended: ReplayOutcome.would_end,
}


@dataclass(frozen=True)
class EffectOutcome:
    """An effect and what became of it."""

    effect: Effect
    outcome: ReplayOutcome


def effects_of(session: Session, account_id: int, numbers: Sequence[str]) -> list[Effect]:
    """Return the effects had so far for the orders with these external ids, order by order.

    Of a buyer there is nothing in them.
    """
    orders = session.exec(
        select(Order)
        .where(Order.account_id == account_id, col(Order.external_id).in_(numbers))
        .execution_options(populate_existing=True)
    ).all()
    ids = [need_id(order.id) for order in orders]
    found: dict[str, list[Effect]] = defaultdict(list)
    heirs = _numbers(session, [order.merged_into_id for order in orders if order.merged_into_id])
    lines, holds = lines_of(session, ids), open_holds(session, ids)
    articles = _articles(session, [need_id(line.id) for each in lines.values() for line in each])
    names = {line.id: line.external_id for each in lines.values() for line in each}
    for order in orders:
        order_id = need_id(order.id)

        def add(
            kind: EffectKind,
            of: str,
            value: str,
            at: datetime | None = None,
            order: Order = order,
            order_id: int = order_id,
        ) -> None:
            found[order.external_id].append(Effect(order.external_id, order_id, kind, of, value, at))

        mine = lines.get(order_id, [])
        taken = EffectKind.inspected if order.trial else EffectKind.taken_in
        add(taken, "", f"{len(mine)} lines, {order.total} {order.currency}", order.imported_at)
        for line in mine:
            label = f"line {line.external_id}"
            if articles.get(need_id(line.id)):
                add(EffectKind.article_found, label, articles[need_id(line.id)])
            if line.allocated:
                add(EffectKind.stock_promised, label, f"{line.allocated} of {line.quantity}")
            if line.picked:
                add(EffectKind.picked, label, f"{line.picked} of {line.quantity}")
            if line.cancelled and order.state is not OrderState.cancelled:
                add(EffectKind.cancelled, label, f"{line.cancelled} of {line.quantity}")
        for hold in holds.get(order_id, []):
            line_name = names.get(hold.order_line_id, "")
            add(EffectKind.held, f"line {line_name}" if line_name else "", hold.reason, hold.created_at)
        if order.released_at is not None:
            add(EffectKind.released, "", "to the warehouse", order.released_at)
        if order.state is OrderState.cancelled:
            add(EffectKind.cancelled, "", "")
        if order.state is OrderState.merged:
            add(EffectKind.merged, "", f"into {heirs.get(order.merged_into_id or 0, '')}")
    by_id = {need_id(order.id): order.external_id for order in orders}
    for effect in (
        *_booked(session, by_id),
        *_given(session, by_id),
        *_told(session, account_id, by_id),
    ):
        found[effect.order].append(effect)
    for aside in session.exec(
        select(Aside).where(
            Aside.account_id == account_id,
            Aside.kind == "order",
            col(Aside.external_id).in_(numbers),
            col(Aside.settled_at).is_(None),
        )
    ):
        effect = Effect(aside.external_id, None, EffectKind.set_aside, "", aside.reason, aside.first_seen_at)
        found[aside.external_id].append(effect)
    return [effect for number in numbers for effect in found.get(number, ())]


def compare(before: Iterable[Effect], after: Iterable[Effect], *, would: bool = False) -> list[EffectOutcome]:
    """Return what became of each effect between two stocktakings; `would` says so of a rehearsal."""
    earlier = {effect.key: effect for effect in before}
    findings = []
    for effect in after:
        old = earlier.pop(effect.key, None)
        if effect.kind in WAITS.values():
            outcome = ReplayOutcome.waits
        elif old is None:
            outcome = ReplayOutcome.new
        elif old.value != effect.value:
            outcome = ReplayOutcome.changed
            effect = replace(effect, value=f"{old.value} → {effect.value}")
        elif old.at != effect.at and effect.kind in TOLD.values():
            outcome = ReplayOutcome.told_again
        else:
            outcome = ReplayOutcome.had
        findings.append(EffectOutcome(effect, WOULD.get(outcome, outcome) if would else outcome))
    # What waited and waits no more was told, which stands there by itself.
    ended = [old for old in earlier.values() if old.kind not in WAITS.values()]
    return [
        *findings,
        *(EffectOutcome(old, ReplayOutcome.would_end if would else ReplayOutcome.ended) for old in ended),
    ]


def as_if_published(effects: Iterable[Effect], held_back: Set[tuple[str, str]]) -> list[Effect]:
    """Return effects as they would be if the transport had sent what it held back in a test run.

    `held_back` has (outbound kind, order id) of each such message.
    """
    kinds = {effect_kind: kind for each in (TOLD, WAITS) for kind, effect_kind in each.items()}
    rest: list[Effect] = []
    published: dict[tuple[str, int | None], Effect] = {}
    for effect in effects:
        kind = kinds.get(effect.kind)
        if kind is None or (kind, str(effect.order_id)) not in held_back:
            rest.append(effect)
        elif effect.kind is WAITS[kind]:
            published[kind, effect.order_id] = replace(effect, kind=TOLD[kind], value="what waits", at=None)
        else:
            published.setdefault((kind, effect.order_id), replace(effect, at=None))
    return [*rest, *published.values()]


def unknown_there(
    numbers: Iterable[str], known_there: Set[str], effects: Iterable[Effect]
) -> list[EffectOutcome]:
    """Return an outcome for each of the orders that the channel does not know; effects say if we know it."""
    here = {effect.order for effect in effects}
    return [
        EffectOutcome(
            Effect(
                number,
                None,
                EffectKind.at_channel,
                "",
                "known here" if number in here else "not known here either",
            ),
            ReplayOutcome.unknown,
        )
        for number in numbers
        if number not in known_there
    ]


def _booked(session: Session, orders: Mapping[int, str]) -> Iterable[Effect]:
    ids = list(orders)
    for payment in session.exec(
        select(Payment).where(col(Payment.order_id).in_(ids)).order_by(col(Payment.id))
    ):
        yield Effect(
            orders[payment.order_id],
            payment.order_id,
            EffectKind.payment_booked,
            f"payment {payment.id}",
            f"{payment.amount} {payment.currency}, told by {payment.told_by}",
            payment.recorded_at,
        )
    parcels = session.execute(
        select(col(Parcel.shipment_id), func.count())
        .join(Shipment, col(Shipment.id) == col(Parcel.shipment_id))
        .where(col(Shipment.order_id).in_(ids))
        .group_by(col(Parcel.shipment_id))
    )
    counts = dict(parcels.tuples().all())
    for row in session.exec(
        select(Shipment).where(col(Shipment.order_id).in_(ids)).order_by(col(Shipment.id))
    ):
        yield Effect(
            orders[row.order_id],
            row.order_id,
            EffectKind.shipment_booked,
            f"shipment {row.id}",
            f"{counts.get(need_id(row.id), 0)} parcels, told by {row.told_by}",
            row.recorded_at,
        )


def _given(session: Session, orders: Mapping[int, str]) -> Iterable[Effect]:
    """Yield what the buyers of these orders have got: papers, mails, and what was agreed of their returns."""
    ids = list(orders)

    def effect(order_id: int, kind: EffectKind, of: str, value: str, at: datetime | None) -> Effect:
        return Effect(orders[order_id], order_id, kind, of, value, at)

    for document in session.exec(
        select(Document).where(col(Document.order_id).in_(ids)).order_by(col(Document.id))
    ):
        value = f"{document.kind}, {document.gross} {document.currency}"
        yield effect(document.order_id, EffectKind.document_issued, document.label, value, document.issued_at)
    mails = (OrderEvent.kind == "mail_queued", col(OrderEvent.order_id).in_(ids))
    for event in session.exec(select(OrderEvent).where(*mails).order_by(col(OrderEvent.id))):
        subject = str(event.detail.get("of", ""))
        of = " ".join(part for part in (str(event.detail["event"]), subject) if part)
        yield effect(event.order_id, EffectKind.buyer_mailed, of, "", event.at)
    for row in session.exec(select(Return).where(col(Return.order_id).in_(ids)).order_by(col(Return.id))):
        value = f"{row.state}, {row.credited_amount} credited"
        yield effect(row.order_id, EffectKind.goods_returned, f"return {row.id}", value, row.announced_at)


def _told(session: Session, account_id: int, orders: Mapping[int, str]) -> Iterable[Effect]:
    for kind in OF_ORDERS:
        for row in list_named(session, account_id, kind, list(orders)):
            order_id = int(row.key)
            if row.sent_at is not None:
                yield Effect(
                    orders[order_id], order_id, TOLD[kind], "", SAY[kind](row.sent_values), row.sent_at
                )
            if row.state is not OutboundState.sent:
                why = f"{row.state}: {row.error}" if row.error else str(row.state)
                yield Effect(orders[order_id], order_id, WAITS[kind], "", why, row.changed_at)


def _say_payment(values: Mapping[str, Any]) -> str:
    return f"{values.get('paid_amount', '?')} in all"


def _say_shipment(values: Mapping[str, Any]) -> str:
    tracking = [number for number in str(values.get("tracking", "")).split("\n") if number]
    return f"shipped {values.get('shipped_at', '?')}, {len(tracking)} tracking numbers"


def _say_cancellation(values: Mapping[str, Any]) -> str:
    units = [pair.partition("=")[2] for pair in str(values.get("left", "")).split("\n")]
    return f"{sum(int(each) for each in units if each)} units left"


SAY: Mapping[OutboundKind, Callable[[Mapping[str, Any]], str]] = {
    OutboundKind.payment: _say_payment,
    OutboundKind.shipment: _say_shipment,
    OutboundKind.cancellation: _say_cancellation,
}
"""How the values of a message about an order are put into words, without the buyer's data."""


def _articles(session: Session, line_ids: Sequence[int]) -> dict[int, str]:
    parts: dict[int, list[str]] = defaultdict(list)
    rows = session.execute(
        select(col(LinePart.order_line_id), col(Article.sku), col(LinePart.quantity))
        .join(Article, col(Article.id) == col(LinePart.article_id))
        .where(col(LinePart.order_line_id).in_(line_ids))
        .order_by(col(Article.sku))
    )
    for line_id, sku, quantity in rows:
        parts[line_id].append(sku if quantity == 1 else f"{quantity} × {sku}")
    return {line_id: ", ".join(each) for line_id, each in parts.items()}


def _numbers(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(select(col(Order.id), col(Order.external_id)).where(col(Order.id).in_(ids)))
    return {need_id(order_id): number for order_id, number in rows}
