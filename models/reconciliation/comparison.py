"""What both sides say, compared."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import String, and_, cast, exists, or_
from sqlmodel import Session, col, select

from models.catalog.listing import Listing
from models.database.columns import need_id
from models.fulfilment.shipments import Shipment
from models.intake.merges import foreign_owners, is_old_news, owners_of_lines
from models.intake.order_changes import line_difference
from models.orders.history import edits_of
from models.orders.holds import Hold, HoldReason
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of
from models.orders.records import OrderData
from models.orders.row_values import as_kept, order_hash
from models.orders.states import MOVABLE
from models.payments.payment import Payment
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import OutboundKind
from models.tenants.records import Side

AMOUNTS = ("total", "shipping_amount", "fee_amount", "currency")


def differing_contents(
    session: Session,
    account_id: int,
    told: Mapping[str, OrderData],
    *,
    trial: bool,
    is_history: Callable[[OrderData], bool],
) -> list[DifferenceData]:
    """Return in what orders of the channel differ from ours: missing here, other amounts, lines or state.

    What order import leaves alone on purpose is no difference: history, orders that are held over a change
    after their release or were changed before they were held, what a person changed here, and what was
    cancelled here.
    """
    orders = orders_by_number(session, account_id, told, trial=trial)
    owners = owners_of_lines(session, account_id, told.values(), trial=trial)
    ids = [need_id(order.id) for order in orders.values()]
    lines, holds = lines_of(session, ids), holds_over_changes(session, ids)
    edits = edits_of(session, ids)
    findings: list[DifferenceData] = []
    for number, data in told.items():
        order = orders.get(number)
        if order is None:
            if foreign_owners(owners, data, number) or not is_history(data):
                there = f"{data.total} {data.currency}"
                findings.append(
                    DifferenceData(DifferenceKind.order_not_here, number, "", "", there, Remedy.read)
                )
            continue
        if order.state is OrderState.merged:
            if not is_old_news(session, order, data, owners, told):
                findings.append(_differs(number, "state", order.state, "not merged"))
            continue
        order_id = need_id(order.id)
        if order.state is not OrderState.cancelled:
            own_lines, own_holds = lines.get(order_id, []), holds.get(order_id, [])
            findings += [
                finding
                for finding in _differing_content(order, data, own_lines, own_holds)
                if edits.get(order_id, {}).get(finding.field) != finding.there
            ]
    return findings


def _differing_content(
    order: Order, data: OrderData, lines: Sequence[OrderLine], holds: Sequence[Hold]
) -> list[DifferenceData]:
    number = order.external_id
    findings: list[DifferenceData] = []
    open_reasons = {hold.reason for hold in holds if hold.released_at is None}
    if data.cancelled and order.state in (*MOVABLE, OrderState.released):
        if HoldReason.cancelled_after_release not in open_reasons:
            findings.append(_differs(number, "state", order.state, "cancelled"))
        return findings
    if order.state is OrderState.pending and data.checkout_at is not None:
        findings.append(_differs(number, "state", order.state, "checkout done"))
    if is_settled_otherwise(order, data, lines, holds):
        return findings
    # Of an order that has left, only goods and price are followed.
    for name in ("total",) if order.state is OrderState.shipped else AMOUNTS:
        ours, theirs = getattr(order, name), getattr(data, name)
        if ours != theirs:
            findings.append(_differs(number, name, str(ours), str(theirs)))
    for label, (ours, theirs) in line_difference(lines, data).items():
        findings.append(_differs(number, label, ours, theirs))
    return findings


def is_settled_otherwise(
    order: Order, data: OrderData, lines: Sequence[OrderLine], holds: Sequence[Hold]
) -> bool:
    """Return whether an order differs from what the channel tells because a rule or person wants it so.

    It is held over a change, or this very version was read when it had been held, or partly shipped.
    """
    changes = [hold for hold in holds if hold.reason is HoldReason.changed_after_release]
    if any(hold.released_at is None for hold in changes):
        return True
    kept = bool(changes) or (order.state in MOVABLE and any(line.shipped for line in lines))
    return kept and order.content_hash == order_hash(as_kept(order, data))


def _differs(number: str, name: str, here: str, there: str) -> DifferenceData:
    return DifferenceData(DifferenceKind.order_differs, number, name, here, there, Remedy.read)


def differing_payment(
    order: Order, payments: Sequence[Payment], paid_there: Decimal, *, ours_lead: bool
) -> DifferenceData | None:
    """Return the difference between what was received here and there, None if there is none.

    `ours_lead` says that payments are handled here. Where the channel handles them, money recorded here
    alone is none of its business.
    """
    from_channel = sum((row.amount for row in payments if row.told_by is Side.channel), Decimal(0))
    if paid_there == order.paid_amount or (not ours_lead and paid_there == from_channel):
        return None
    remedy = Remedy.read
    if ours_lead and paid_there < order.paid_amount:
        # Less than the channel itself had told: perhaps it paid back, and being told would undo that.
        remedy = Remedy.tell if paid_there >= from_channel else Remedy.decide
    elif ours_lead and paid_there <= order.paid_amount + order.refunded_amount:
        remedy = Remedy.tell
    return DifferenceData(
        DifferenceKind.payment,
        order.external_id,
        "paid",
        str(order.paid_amount),
        str(paid_there),
        remedy,
    )


def orders_by_number(
    session: Session, account_id: int, numbers: Iterable[str], *, trial: bool
) -> dict[str, Order]:
    """Return the orders of an account by the channel's number, trials or those in earnest."""
    rows = session.exec(
        select(Order).where(
            Order.account_id == account_id,
            col(Order.external_id).in_(list(numbers)),
            col(Order.trial).is_(trial),
        )
    ).all()
    return {order.external_id: order for order in rows}


def list_recent_orders(
    session: Session, account_id: int, since: datetime, after_id: int, limit: int, *, trial: bool
) -> list[tuple[int, str]]:
    """Return id and number of orders that something happened to here since an instant, by id.

    Of those that are cancelled, the ones that the channel was told of since.
    """
    rows = session.execute(
        select(col(Order.id), col(Order.external_id))
        .where(
            col(Order.account_id) == account_id,
            col(Order.id) > after_id,
            col(Order.trial).is_(trial),
            or_(
                and_(
                    col(Order.state).not_in([OrderState.merged, OrderState.cancelled]),
                    or_(
                        col(Order.changed_at) >= since,
                        exists().where(
                            col(Payment.order_id) == col(Order.id), col(Payment.recorded_at) >= since
                        ),
                        exists().where(
                            col(Shipment.order_id) == col(Order.id), col(Shipment.recorded_at) >= since
                        ),
                    ),
                ),
                and_(
                    col(Order.state) == OrderState.cancelled,
                    exists().where(
                        col(Outbound.account_id) == account_id,
                        col(Outbound.kind) == OutboundKind.cancellation,
                        col(Outbound.key) == cast(col(Order.id), String),
                        col(Outbound.sent_at) >= since,
                    ),
                ),
            ),
        )
        .order_by(col(Order.id))
        .limit(limit)
    )
    return [(int(order_id), number) for order_id, number in rows]


def list_listings_after(session: Session, account_id: int, after_id: int, limit: int) -> list[Listing]:
    """Return listings whose article is known, by id."""
    query = (
        select(Listing)
        .where(
            Listing.account_id == account_id, col(Listing.id) > after_id, col(Listing.article_id).is_not(None)
        )
        .order_by(col(Listing.id))
    )
    return list(session.exec(query.limit(limit)).all())


def listings_by_number(session: Session, account_id: int, numbers: Sequence[str]) -> list[Listing]:
    """Return the listings with these numbers at the channel."""
    return list(
        session.exec(
            select(Listing).where(Listing.account_id == account_id, col(Listing.external_id).in_(numbers))
        ).all()
    )


def holds_over_changes(session: Session, order_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return all holds, released ones too, that say that the channel changed an order after its release."""
    reasons = (HoldReason.changed_after_release, HoldReason.cancelled_after_release)
    holds: dict[int, list[Hold]] = {}
    for hold in session.exec(
        select(Hold).where(col(Hold.order_id).in_(order_ids), col(Hold.reason).in_(reasons))
    ):
        holds.setdefault(hold.order_id, []).append(hold)
    return holds


def listings_in_held_lines(session: Session, account_id: int) -> set[str]:
    """Return the listings of lines that wait for an article: sold there, and promised to nobody here."""
    codes = session.exec(
        select(OrderLine.codes)
        .join(Hold, col(Hold.order_line_id) == col(OrderLine.id))
        .where(
            OrderLine.account_id == account_id,
            col(Hold.reason).in_([HoldReason.line_unmatched, HoldReason.line_ambiguous]),
            col(Hold.released_at).is_(None),
        )
    ).all()
    return {str(each["listing_id"]) for each in codes if each.get("listing_id")}


def untold(session: Session, account_id: int, kind: OutboundKind, keys: Collection[int]) -> set[int]:
    """Return those of the subjects whose news is on its way to the channel, or parked and shown as such."""
    rows = session.exec(
        select(Outbound.key).where(
            Outbound.account_id == account_id,
            Outbound.kind == kind,
            col(Outbound.key).in_([str(key) for key in keys]),
            col(Outbound.state) != OutboundState.sent,
        )
    ).all()
    return {int(key) for key in rows}
