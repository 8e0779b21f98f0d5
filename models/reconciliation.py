"""Reconciliation: what a channel holds otherwise than it should, how long so, and what mends it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel
from sqlalchemy import String, UniqueConstraint, and_, case, cast, exists, func, null, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.account import Account, Side
from models.columns import code, instant, need_id, utc_now
from models.cycle import Run
from models.errors import NotFoundError
from models.listing import Listing
from models.order import Hold, HoldReason, Order, OrderData, OrderLine, OrderState, edits_of, lines_of
from models.order_follow import MOVABLE, foreign_owners, line_difference, owners_of_lines
from models.order_intake import is_old_news
from models.order_rows import as_kept, content_hash
from models.outbound import Outbound, OutboundKind, OutboundState, queue_outbound
from models.payment import Payment
from models.shipment import Shipment
from models.tenant import Tenant, lock_tenants
from models.upsert import insert_or

AMOUNTS = ("total", "shipping_amount", "fee_amount", "currency")


class DifferenceKind(StrEnum):
    order_not_here = "order_not_here"
    order_not_there = "order_not_there"
    order_differs = "order_differs"
    """Its amounts, lines or state."""
    payment = "payment"
    shipment = "shipment"
    cancellation = "cancellation"
    stock = "stock"


TOLD_BY = {
    DifferenceKind.payment: OutboundKind.payment,
    DifferenceKind.shipment: OutboundKind.shipment,
    DifferenceKind.cancellation: OutboundKind.cancellation,
    DifferenceKind.stock: OutboundKind.stock,
}
"""What tells the channel of each that it can be told of."""


class Remedy(StrEnum):
    """What mends a difference without harm."""

    read = "read"
    """The order is read again."""
    tell = "tell"
    """The channel is told again; what it is told is absolute."""
    decide = "decide"
    """Only a person knows which side is right."""


class Difference(SQLModel, table=True):
    """One field in which a channel and this database differ; nothing in it is a buyer's."""

    __tablename__ = "difference"
    __table_args__ = (UniqueConstraint("account_id", "kind", "subject", "field"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    kind: DifferenceKind = code(DifferenceKind)
    subject: str
    """The channel's number of the order or listing."""
    field: str = ""
    here: str = ""
    there: str = ""
    remedy: Remedy = code(Remedy)
    run_id: int
    """The run that saw it last."""
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    mailed_at: datetime | None = instant(nullable=True)
    mended_at: datetime | None = instant(nullable=True)
    """When its remedy was last asked for; whether it helped, the next run says."""
    settled_at: datetime | None = instant(nullable=True)
    """When a run looked for it and did not find it."""


@dataclass(frozen=True)
class Finding:
    """A difference as one look sees it."""

    kind: DifferenceKind
    subject: str
    field: str
    here: str
    there: str
    remedy: Remedy

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells it from others of the account."""
        return self.kind, self.subject, self.field


@dataclass
class Seen:
    """What a run of the cycle keeps in mind from one page to the next."""

    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    on_the_way: set[tuple[str, str, str]] = field(default_factory=set)
    """What differs because its news has not been carried over yet."""
    unfinished: set[str] = field(default_factory=set)
    """Listings sold there in checkouts that are not taken in before they are done."""


class DifferenceNotice(BaseModel, frozen=True):
    """New differences of one account, as people are told of them."""

    key: str
    account: str
    tenant: str
    shown: list[dict[str, str]]
    """The first of them: kind, subject, field, here, there, command."""
    new: int
    open: int
    """All that are open, those known before included."""
    flow_run_id: str


def command_of(difference: Difference | Finding, account: str) -> str:
    """Return the command that mends a difference, or for one that a person decides, that shows the order."""
    if isinstance(difference, Difference) and difference.remedy is not Remedy.decide:
        return f"warenfluss reconcile mend {difference.id}"
    if difference.remedy is Remedy.decide:
        return f"warenfluss order show {difference.subject} --account {account}"
    return f"warenfluss sync reconcile --account {account}"


def differing_contents(
    session: Session,
    account_id: int,
    told: Mapping[str, OrderData],
    *,
    trial: bool,
    is_history: Callable[[OrderData], bool],
) -> list[Finding]:
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
    findings: list[Finding] = []
    for number, data in told.items():
        order = orders.get(number)
        if order is None:
            if foreign_owners(owners, data, number) or not is_history(data):
                there = f"{data.total} {data.currency}"
                findings.append(Finding(DifferenceKind.order_not_here, number, "", "", there, Remedy.read))
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
) -> list[Finding]:
    number = order.external_id
    findings: list[Finding] = []
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
    return kept and order.content_hash == content_hash(as_kept(order, data))


def _differs(number: str, name: str, here: str, there: str) -> Finding:
    return Finding(DifferenceKind.order_differs, number, name, here, there, Remedy.read)


def differing_payment(
    order: Order, payments: Sequence[Payment], paid_there: Decimal, *, ours_lead: bool
) -> Finding | None:
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
    return Finding(
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


def save_findings(session: Session, account_id: int, run_id: int, findings: Iterable[Finding]) -> None:
    """Keep what a run found; one that is known keeps its beginning, one that had gone begins anew."""
    found = list({finding.key: finding for finding in findings}.values())
    if not found:
        return
    now = utc_now()

    statement = insert_or(session, Difference)
    new = statement.excluded
    gone = col(Difference.settled_at).is_not(None)
    same = ("here", "there", "remedy", "run_id", "last_seen_at", "settled_at")
    statement = statement.on_conflict_do_update(
        index_elements=["account_id", "kind", "subject", "field"],
        set_={
            **{name: new[name] for name in same},
            "first_seen_at": case((gone, new.first_seen_at), else_=col(Difference.first_seen_at)),
            "mailed_at": case((gone, null()), else_=col(Difference.mailed_at)),
            "mended_at": case((gone, null()), else_=col(Difference.mended_at)),
        },
    )
    rows = [
        {
            "account_id": account_id,
            "kind": one.kind,
            "subject": one.subject,
            "field": one.field,
            "here": one.here,
            "there": one.there,
            "remedy": one.remedy,
            "run_id": run_id,
            "first_seen_at": now,
            "last_seen_at": now,
            "settled_at": None,
        }
        for one in found
    ]
    session.connection().execute(statement, rows)


def settle_differences(session: Session, ids: Sequence[int]) -> None:
    """Close differences that were looked for and not found."""
    session.execute(update(Difference).where(col(Difference.id).in_(ids)).values(settled_at=utc_now()))


def list_unseen(
    session: Session, account_id: int, run_id: int, after_id: int, limit: int
) -> list[Difference]:
    """Return open differences that this run has not seen, by id."""
    query = select(Difference).where(
        Difference.account_id == account_id,
        col(Difference.settled_at).is_(None),
        col(Difference.run_id) != run_id,
        col(Difference.id) > after_id,
    )
    return list(session.exec(query.order_by(col(Difference.id)).limit(limit)).all())


def list_differences(
    session: Session, account_id: int | None = None, *, settled: bool = False, limit: int | None = None
) -> list[Difference]:
    """Return open differences, oldest first, or the settled ones."""
    settled_at = col(Difference.settled_at)
    query = select(Difference).where(settled_at.is_not(None) if settled else settled_at.is_(None))
    if account_id is not None:
        query = query.where(Difference.account_id == account_id)
    return list(session.exec(query.order_by(col(Difference.id)).limit(limit)).all())


def get_differences(session: Session, ids: Sequence[int]) -> list[Difference]:
    """Return the open differences with these numbers. Raises: NotFoundError, if one is missing."""
    rows = session.exec(
        select(Difference)
        .where(col(Difference.id).in_(ids), col(Difference.settled_at).is_(None))
        .order_by(col(Difference.id))
    ).all()
    missing = sorted(set(ids) - {row.id for row in rows})
    if missing:
        raise NotFoundError(
            f"There is no open difference {missing[0]}; `warenfluss reconcile list` shows those there are."
        )
    return list(rows)


def count_differences(session: Session, account_id: int) -> int:
    """Return how many differences of an account are open."""
    query = select(func.count()).where(
        Difference.account_id == account_id, col(Difference.settled_at).is_(None)
    )
    return session.exec(query).one()


def note_new(session: Session, run_id: int, limit: int) -> DifferenceNotice | None:
    """Mark open differences of a run's account as told; return what is to be told, None if nothing is new.

    The caller queues the mail in this transaction.
    """
    run = session.get_one(Run, run_id)
    account = session.get_one(Account, run.account_id)
    is_new = (
        col(Difference.account_id) == account.id,
        col(Difference.settled_at).is_(None),
        col(Difference.mailed_at).is_(None),
    )
    count = session.exec(select(func.count()).select_from(Difference).where(*is_new)).one()
    if not count:
        return None
    first = session.exec(select(Difference).where(*is_new).order_by(col(Difference.id)).limit(limit)).all()
    session.execute(update(Difference).where(*is_new).values(mailed_at=utc_now()))
    tenant = session.get_one(Tenant, account.tenant_id)
    return DifferenceNotice(
        key=f"reconcile-{run_id}",
        account=account.name,
        tenant=tenant.title or tenant.name,
        shown=[shown(row, account.name) for row in first],
        new=count,
        open=count_differences(session, need_id(account.id)),
        flow_run_id=run.flow_run_id,
    )


def shown(difference: Difference | Finding, account: str) -> dict[str, str]:
    """Return a difference as people read it."""
    row = {
        "kind": str(difference.kind).replace("_", " "),
        "subject": difference.subject,
        "field": difference.field,
        "here": difference.here,
        "there": difference.there,
    }
    return {**row, "command": command_of(difference, account)}


def prepare_reading(session: Session, difference: Difference) -> None:
    """Let the next reading of a difference's order take it over whole, even if it looks unchanged."""
    session.execute(
        update(Order)
        .where(col(Order.account_id) == difference.account_id, col(Order.external_id) == difference.subject)
        .values(content_hash="")
    )
    difference.mended_at = utc_now()
    session.add(difference)


def tell_again(session: Session, difference: Difference) -> bool:
    """Queue what a channel is to know of a difference's subject; return whether the subject is known here.

    What is told is worked out anew from the truth here, and absolute.
    """
    account_id = difference.account_id
    lock_tenants(session, [session.get_one(Account, account_id).tenant_id])
    if difference.kind is DifferenceKind.stock:
        listings = listings_by_number(session, account_id, [difference.subject])
        for listing in listings:
            # As if it had never been told: else the same figure would not be sent again.
            listing.published_quantity = None
            session.add(listing)
        keys, kind = [need_id(listing.id) for listing in listings], OutboundKind.stock
    else:
        orders = orders_by_number(session, account_id, [difference.subject], trial=False)
        keys = [need_id(order.id) for order in orders.values()]
        kind = TOLD_BY[difference.kind]
    queue_outbound(session, account_id, kind, keys)
    difference.mended_at = utc_now()
    session.add(difference)
    return bool(keys)
