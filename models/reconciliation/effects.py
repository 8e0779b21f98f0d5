"""Effects: everything that was done for an order so far, here and at the channel, and when."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.accounting.issued import Document
from models.catalog.article import Article
from models.database.conditions import among
from models.fulfilment.returns import Return
from models.fulfilment.shipments import Parcel, Shipment
from models.orders.history import OrderEvent
from models.orders.holds import open_holds
from models.orders.order import LinePart, Order, OrderState
from models.orders.queries import lines_of, order_numbers
from models.payments.payment import Payment
from models.sync.outbound import ORDER_UPDATES, OutboundState, list_by_keys
from models.sync.records import OutboundKind
from models.sync.rejected import RejectedRecord


class EffectKind(StrEnum):
    """What can have been done for an order, as the table of a replay shows it."""

    taken_in = "taken in"
    inspected = "taken in as test order"
    article_found = "article found"
    stock_allocated = "stock allocated"
    held = "held"
    rejected = "rejected"
    released = "released"
    picked = "picked"
    payment_booked = "payment booked"
    shipment_booked = "shipment booked"
    document_issued = "document issued"
    buyer_mailed = "buyer mailed"
    goods_returned = "goods returned"
    payment_published = "payment published"
    shipment_published = "shipment published"
    cancellation_published = "cancellation published"
    payment_waits = "payment to be published"
    shipment_waits = "shipment to be published"
    cancellation_waits = "cancellation to be published"
    cancelled = "cancelled"
    merged = "merged"
    at_channel = "read at the channel"


PUBLISHED: Mapping[OutboundKind, EffectKind] = {
    OutboundKind.payment: EffectKind.payment_published,
    OutboundKind.shipment: EffectKind.shipment_published,
    OutboundKind.cancellation: EffectKind.cancellation_published,
}
WAITING: Mapping[OutboundKind, EffectKind] = {
    OutboundKind.payment: EffectKind.payment_waits,
    OutboundKind.shipment: EffectKind.shipment_waits,
    OutboundKind.cancellation: EffectKind.cancellation_waits,
}


@dataclass(frozen=True)
class Effect:
    """One thing that was done for an order.

    `of` names one of several effects of a kind, for instance "line 7". `at` is None if no instant is saved.
    """

    order: str
    order_id: int | None
    kind: EffectKind
    of: str
    value: str
    at: datetime | None = None

    @property
    def key(self) -> tuple[str, EffectKind, str]:
        """Return what identifies this effect before and after a replay."""
        return self.order, self.kind, self.of


class ReplayOutcome(StrEnum):
    """What became of an effect in a replay."""

    done_before = "done before"
    new = "new now"
    changed = "changed now"
    published_again = "published again"
    ended = "ended now"
    would_be_new = "would be new"
    would_change = "would change"
    would_be_published_again = "would be published again"
    would_end = "would end"
    waits = "waits"
    unknown = "not known there"


WOULD = {
    ReplayOutcome.new: ReplayOutcome.would_be_new,
    ReplayOutcome.changed: ReplayOutcome.would_change,
    ReplayOutcome.published_again: ReplayOutcome.would_be_published_again,
    ReplayOutcome.ended: ReplayOutcome.would_end,
}


@dataclass(frozen=True)
class EffectOutcome:
    """An effect and what became of it."""

    effect: Effect
    outcome: ReplayOutcome


def list_effects(session: Session, account_id: int, numbers: Sequence[str]) -> list[Effect]:
    """List what has been done so far for the orders with these external ids, order by order.

    Contains no buyer's data.
    """
    orders = session.exec(
        select(Order)
        .where(Order.account_id == account_id, among(col(Order.external_id), numbers))
        .execution_options(populate_existing=True)
    ).all()
    by_id = {order.row_id: order.external_id for order in orders}
    found: dict[str, list[Effect]] = defaultdict(list)
    for effect in (
        *_list_states(session, orders),
        *_list_bookings(session, by_id),
        *_list_for_buyers(session, by_id),
        *_list_published(session, account_id, by_id),
        *_list_rejected(session, account_id, numbers),
    ):
        found[effect.order].append(effect)
    return [effect for number in numbers for effect in found.get(number, ())]


def compare_effects(
    before: Iterable[Effect], after: Iterable[Effect], *, would: bool = False
) -> list[EffectOutcome]:
    """Return what became of each effect between two listings.

    If `would` is true, the second listing was rolled back, and the outcomes say what would happen.
    """
    earlier = {effect.key: effect for effect in before}
    findings = []
    for effect in after:
        old = earlier.pop(effect.key, None)
        if effect.kind in WAITING.values():
            outcome = ReplayOutcome.waits
        elif old is None:
            outcome = ReplayOutcome.new
        elif old.value != effect.value:
            outcome = ReplayOutcome.changed
            effect = replace(effect, value=f"{old.value} → {effect.value}")
        elif old.at != effect.at and effect.kind in PUBLISHED.values():
            outcome = ReplayOutcome.published_again
        else:
            outcome = ReplayOutcome.done_before
        findings.append(EffectOutcome(effect, WOULD.get(outcome, outcome) if would else outcome))
    # An update that does not wait any more was published, which is an effect of its own.
    ended = [old for old in earlier.values() if old.kind not in WAITING.values()]
    return [
        *findings,
        *(EffectOutcome(old, ReplayOutcome.would_end if would else ReplayOutcome.ended) for old in ended),
    ]


def as_if_published(effects: Iterable[Effect], held_back: Set[tuple[str, str]]) -> list[Effect]:
    """Return effects as they would be if the transport had sent what it held back in a test run.

    `held_back` has (outbound kind, order id) of each such message.
    """
    kinds = {effect_kind: kind for each in (PUBLISHED, WAITING) for kind, effect_kind in each.items()}
    rest: list[Effect] = []
    sent: dict[tuple[str, int | None], Effect] = {}
    for effect in effects:
        kind = kinds.get(effect.kind)
        if kind is None or (kind, str(effect.order_id)) not in held_back:
            rest.append(effect)
        elif effect.kind is WAITING[kind]:
            sent[kind, effect.order_id] = replace(effect, kind=PUBLISHED[kind], value="what waits", at=None)
        else:
            sent.setdefault((kind, effect.order_id), replace(effect, at=None))
    return [*rest, *sent.values()]


def unknown_at_channel(
    numbers: Iterable[str], at_channel: Set[str], effects: Iterable[Effect]
) -> list[EffectOutcome]:
    """Return an outcome for each of these orders that is not `at_channel`; orders with effects exist here."""
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
        if number not in at_channel
    ]


def _list_states(session: Session, orders: Sequence[Order]) -> Iterable[Effect]:
    """Yield the effects that orders and their lines show: taken in, allocated, picked, held, released."""
    ids = [order.row_id for order in orders]
    lines, holds = lines_of(session, ids), open_holds(session, ids)
    articles = _articles(session, [line.row_id for each in lines.values() for line in each])
    names = {line.id: f"line {line.external_id}" for each in lines.values() for line in each}
    merged_into = order_numbers(session, [order.merged_into_id for order in orders if order.merged_into_id])
    for order in orders:
        order_id = order.row_id
        effect = partial(Effect, order.external_id, order_id)
        taken = EffectKind.inspected if order.trial else EffectKind.taken_in
        own_lines = lines.get(order_id, [])
        yield effect(taken, "", f"{len(own_lines)} lines, {order.total} {order.currency}", order.imported_at)
        for line in own_lines:
            of = names[line.id]
            if found := articles.get(line.row_id):
                yield effect(EffectKind.article_found, of, found)
            if line.allocated:
                yield effect(EffectKind.stock_allocated, of, f"{line.allocated} of {line.quantity}")
            if line.picked:
                yield effect(EffectKind.picked, of, f"{line.picked} of {line.quantity}")
            if line.cancelled and order.state is not OrderState.cancelled:
                yield effect(EffectKind.cancelled, of, f"{line.cancelled} of {line.quantity}")
        for hold in holds.get(order_id, []):
            yield effect(EffectKind.held, names.get(hold.order_line_id, ""), hold.reason, hold.created_at)
        if order.released_at is not None:
            yield effect(EffectKind.released, "", "to the warehouse", order.released_at)
        if order.state is OrderState.cancelled:
            yield effect(EffectKind.cancelled, "", "")
        if order.state is OrderState.merged:
            yield effect(EffectKind.merged, "", f"into {merged_into.get(order.merged_into_id or 0, '')}")


def _list_bookings(session: Session, orders: Mapping[int, str]) -> Iterable[Effect]:
    """Yield the payments and shipments booked for these orders."""
    ids = list(orders)
    for payment in session.exec(
        select(Payment).where(col(Payment.order_id).in_(ids)).order_by(col(Payment.id))
    ):
        yield Effect(
            orders[payment.order_id],
            payment.order_id,
            EffectKind.payment_booked,
            f"payment {payment.id}",
            f"{payment.amount} {payment.currency}, reported by {payment.told_by}",
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
            f"{counts.get(row.row_id, 0)} parcels, reported by {row.told_by}",
            row.recorded_at,
        )


def _list_for_buyers(session: Session, orders: Mapping[int, str]) -> Iterable[Effect]:
    """Yield the documents, mails and returns of these orders."""
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


def _list_rejected(session: Session, account_id: int, numbers: Sequence[str]) -> Iterable[Effect]:
    """Yield the orders that were reported and could not be used."""
    for row in session.exec(
        select(RejectedRecord).where(
            RejectedRecord.account_id == account_id,
            RejectedRecord.kind == "order",
            among(col(RejectedRecord.external_id), numbers),
            col(RejectedRecord.settled_at).is_(None),
        )
    ):
        yield Effect(row.external_id, None, EffectKind.rejected, "", row.reason, row.first_seen_at)


def _list_published(session: Session, account_id: int, orders: Mapping[int, str]) -> Iterable[Effect]:
    """Yield what was published about these orders, and what waits to be."""
    for kind in ORDER_UPDATES:
        for row in list_by_keys(session, account_id, kind, list(orders)):
            order_id = int(row.key)
            if row.sent_at is not None:
                value = DESCRIBE[kind](row.sent_values)
                yield Effect(orders[order_id], order_id, PUBLISHED[kind], "", value, row.sent_at)
            if row.state is not OutboundState.sent:
                why = f"{row.state}: {row.error}" if row.error else str(row.state)
                yield Effect(orders[order_id], order_id, WAITING[kind], "", why, row.changed_at)


def _describe_payment(values: Mapping[str, Any]) -> str:
    return f"{values.get('paid_amount', '?')} in all"


def _describe_shipment(values: Mapping[str, Any]) -> str:
    tracking = [number for number in str(values.get("tracking", "")).split("\n") if number]
    return f"shipped {values.get('shipped_at', '?')}, {len(tracking)} tracking numbers"


def _describe_cancellation(values: Mapping[str, Any]) -> str:
    units = [pair.partition("=")[2] for pair in str(values.get("left", "")).split("\n")]
    return f"{sum(int(each) for each in units if each)} units left"


DESCRIBE: Mapping[OutboundKind, Callable[[Mapping[str, Any]], str]] = {
    OutboundKind.payment: _describe_payment,
    OutboundKind.shipment: _describe_shipment,
    OutboundKind.cancellation: _describe_cancellation,
}
"""Functions that return the published values of an order in words, without the buyer's data."""


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
