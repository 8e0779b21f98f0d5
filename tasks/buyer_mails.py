"""Write the mails to buyers that are due, and the mails to operators about new orders."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from documents.commands import explain
from documents.mails.buyer import receipt_file_name, render_buyer_mail
from documents.mails.new_orders import render_orders
from documents.papers.render import render_paper
from models.clock import LOCAL, utc_now
from models.database.session import Session, read_scope
from models.errors import Action, Advice, RuleError
from models.mails.buyer_events import read_key
from models.mails.outbox import list_due_mails, queue_mail
from models.mails.records import MailPart, NewOrder, OrdersNotice, Sender
from models.orders.history import add_event
from models.orders.order import Order, OrderState
from models.orders.printed import printed_number
from models.orders.queries import lines_of
from models.papers.buyer_mail import (
    MAX_EVENT_AGE,
    SkipReason,
    compose_buyer_mail,
    happened_at,
    sender_of,
    skip_reason,
)
from models.papers.priced_papers import receipt_paper
from models.papers.records import BuyerMailData, OrderPaper
from models.payments.payment import Payment
from models.settings import get_settings
from models.sync.delivery import claim_due, list_due, mark_failed, mark_sent, release_claim
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Counts, OutboundKind
from models.tenants.logo import find_logos
from models.tenants.options import OrderNotice, sends_mails
from models.tenants.records import BuyerEvent
from models.tenants.tenant import Tenant
from models.upkeep.after_restore import find_restore, note_caught_up, orders_imported_since
from tasks.run.steps import step
from tasks.run.work import Work, work_of
from tasks.watch.mail_delivery import deliver_due

MAILS_AT_ONCE = 10
"""Written in one transaction, during which the tenant is locked; each may need a paper to be drawn."""
NOTICES_AT_ONCE = 500


@dataclass(frozen=True)
class DueMails:
    """Which mails a run finds due, before it writes any."""

    buyers: bool = False
    operators: bool = False
    written: bool = False
    """Whether another run wrote mails to buyers and ended before it delivered them."""


@step
def find_due(run_id: int) -> DueMails:
    """Return which mails are due. After a restore no mail to a buyer is, until orders were read again.

    Raises: RuleError, if the account sends no mails, or its tenant lacks what every mail must state.
    """
    work = work_of(run_id)
    if not sends_mails(work.account.options):
        raise RuleError(
            f"Account {work.account.name!r} mails neither buyers (buyer_mails) nor operators of new orders "
            "(order_notice).",
            Advice(Action.account_set, work.account.name, {"buyer_mails": "all"}),
            Advice(Action.account_set, work.account.name, {"order_notice": "each"}),
        )
    with read_scope() as session:
        if work.options.buyer_mails:
            sender_of(session.get_one(Tenant, work.account.tenant_id))
        due = DueMails(
            buyers=bool(list_due(session, work.account.id, OutboundKind.buyer_mail, 1)),
            operators=not work.test and _due_notices(session, work),
            written=not work.test and bool(list_due_mails(session, 1, to_operators=False)),
        )
    return due if work.test or _has_caught_up(work) else replace(due, buyers=False)


def _has_caught_up(work: Work) -> bool:
    """Return whether orders were imported since the last restore, if there was one, and note it."""
    with read_scope() as session:
        restored_at, noted_at = find_restore(session, work.account.id) or (None, None)
        if restored_at is None or noted_at is not None:
            return True
        caught_up = orders_imported_since(session, work.account.id, restored_at)
    if caught_up:
        with work.transaction() as session:
            note_caught_up(session, work.account.id, restored_at)
    else:
        get_run_logger().warning("Restored: no buyer is mailed until an order-import has completed")
    return caught_up


@step
def write_page(run_id: int, page: str | None) -> str | None:
    """Write and queue one page of due mails, in one commit with the orders' history; return the next page.

    Each mail is worked out from the present data. If its event is not true any more, it is closed unsent. A
    mail that cannot be written is parked with the reason, and the others are written. A test run writes
    nothing and notes what it would have written.
    """
    work = work_of(run_id)
    counts = Counts()
    kind = OutboundKind.buyer_mail
    if work.test:
        done = int(page or 0)
        with read_scope() as session:
            rows = list_due(session, work.account.id, kind, done + MAILS_AT_ONCE)[done:]
            for row in rows:
                _preview(session, work, row, counts)
        next_page = str(done + MAILS_AT_ONCE)
    else:
        with work.transaction() as session:
            rows = claim_due(session, work.account.id, kind, MAILS_AT_ONCE, run_id)
            for row in rows:
                _write(session, work, row, counts)
        next_page = "next"
    counts.read = len(rows)
    work.counts.add(counts)
    if rows:
        get_run_logger().info(counts.text())
    return next_page if len(rows) == MAILS_AT_ONCE else None


@step
def notify_operators(run_id: int) -> None:
    """Queue the mails to operators about new orders that are due, in one commit with the rows they close."""
    work = work_of(run_id)
    wanted = work.options.order_notice
    with work.transaction() as session:
        before = _notices_before(work)
        rows = []
        for row in claim_due(session, work.account.id, OutboundKind.order_notice, NOTICES_AT_ONCE, run_id):
            if row.changed_at < before:
                rows.append(row)
            else:
                release_claim(session, row)
        # If the account does not want these mails any more, the rows that waited are closed without a mail.
        orders = [] if wanted is OrderNotice.none else _new_orders(session, rows)
        if wanted is OrderNotice.each:
            for order in orders:
                _queue_notice(session, work, [order])
        elif orders:
            _queue_notice(session, work, orders)
        for row in rows:
            mark_sent(session, row, row.version)


def _queue_notice(session: Session, work: Work, orders: list[NewOrder]) -> None:
    tenant = session.get_one(Tenant, work.account.tenant_id)
    notice = OrdersNotice(account=work.account.name, tenant=tenant.title or tenant.name, orders=orders)
    key = f"new orders from {orders[0].row_id} to {orders[-1].row_id}"
    queue_mail(session, key, render_orders(notice, language=get_settings().language))
    work.counts.sent += 1


@step
def deliver() -> None:
    """Send the mails that were written. `warenfluss up` retries those that the mail server did not accept."""
    while deliver_due().sent:
        pass


def last_digest_at(hour: int, now: datetime) -> datetime:
    """Return when the last digest was due: at this hour, in German time."""
    due = now.astimezone(LOCAL).replace(hour=hour, minute=0, second=0, microsecond=0)
    return due if due <= now else due - timedelta(days=1)


def _notices_before(work: Work) -> datetime:
    """Return the instant before which a new order must have arrived to be in a mail now."""
    if work.options.order_notice is OrderNotice.each:
        return utc_now()
    return last_digest_at(work.options.order_notice_hour, utc_now())


def _due_notices(session: Session, work: Work) -> bool:
    oldest = list_due(session, work.account.id, OutboundKind.order_notice, 1)
    return bool(oldest) and oldest[0].changed_at < _notices_before(work)


def _write(session: Session, work: Work, row: Outbound, counts: Counts) -> None:
    order_id, event, subject = read_key(row.key)
    order = session.get(Order, order_id)
    drop = _find_skip_reason(session, work, row, order)
    if order is None or drop is not None:
        if order is not None:
            kind = "mail_impossible" if drop is SkipReason.no_address else "mail_dropped"
            add_event(session, order, kind, {"event": event, "reason": drop})
        mark_sent(session, row, row.version)
        counts.skipped += 1
        return
    try:
        letter = compose_buyer_mail(session, order, event, subject)
        receipt = _find_receipt(session, order, letter, subject)
    except RuleError as error:
        mark_failed(session, row, explain(error), final=True)
        counts.failed += 1
        counts.parked += 1
        return
    try:
        content = render_buyer_mail(letter, _draw_receipt(letter, receipt))
    except Exception as error:
        # A bug in one order's mail must not stop the others. The error's text may quote the buyer.
        mark_failed(session, row, f"it could not be written ({type(error).__name__})")
        counts.failed += 1
        counts.parked += row.state is OutboundState.parked
        return
    queue_mail(
        session,
        f"buyer {row.key}",
        content,
        [letter.recipient],
        order_id=order_id,
        sender=Sender(
            name=letter.options.sender_name or letter.shop,
            address=letter.options.sender_address,
            reply_to=letter.options.reply_to,
        ),
    )
    add_event(session, order, "mail_queued", {"event": event, **({"of": subject} if subject else {})})
    mark_sent(session, row, row.version)
    counts.sent += 1
    work.note_age(row.changed_at, int((utc_now() - row.changed_at).total_seconds()))


@dataclass(frozen=True)
class _Receipt:
    paper: OrderPaper
    logos: dict[str, bytes]


def _find_receipt(session: Session, order: Order, letter: BuyerMailData, subject: str) -> _Receipt | None:
    """Return the receipt for a payment; None for other events, and for an order that can have none."""
    if letter.event is not BuyerEvent.payment_received:
        return None
    payment = session.get_one(Payment, int(subject))
    try:
        paper = receipt_paper(session, order, [payment], language=letter.language)
    except RuleError:
        # For instance an order that does not add up: its buyer is mailed about the payment without a receipt.
        return None
    return _Receipt(paper, find_logos(session, [paper.seller.logo]))


def _draw_receipt(letter: BuyerMailData, receipt: _Receipt | None) -> list[MailPart]:
    if receipt is None:
        return []
    pdf = render_paper(receipt.paper, receipt.logos)
    return [MailPart(name=receipt_file_name(letter), media_type="application/pdf", content=pdf)]


def _preview(session: Session, work: Work, row: Outbound, counts: Counts) -> None:
    order_id, event, subject = read_key(row.key)
    order = session.get(Order, order_id)
    drop = _find_skip_reason(session, work, row, order)
    if order is None or drop is not None:
        counts.skipped += 1
        return
    try:
        value = render_buyer_mail(compose_buyer_mail(session, order, event, subject)).subject
    except RuleError as error:
        counts.failed += 1
        value = f"refused: {error}"
    else:
        counts.would_send += 1
    would = {"what": "buyer_mail", "of": order.external_id, "field": str(event), "value": value}
    work.would_send.append(would)


def _find_skip_reason(session: Session, work: Work, row: Outbound, order: Order | None) -> SkipReason | None:
    if order is None:
        return SkipReason.taken_back
    if utc_now() - row.changed_at > MAX_EVENT_AGE:
        return SkipReason.too_late
    _, event, subject = read_key(row.key)
    if restore := find_restore(session, work.account.id):
        restored_at, caught_up_at = restore
        at = happened_at(session, order, event, subject)
        if at is None and caught_up_at is not None and row.changed_at <= caught_up_at:
            return SkipReason.told_before
        if at is not None and at <= restored_at:
            return SkipReason.told_before
    return skip_reason(session, order, event, subject)


def _new_orders(session: Session, rows: list[Outbound]) -> list[NewOrder]:
    found = []
    for row in rows:
        order = session.get(Order, int(row.key))
        if order is None or order.state in (OrderState.merged, OrderState.cancelled):
            continue
        lines = lines_of(session, [order.row_id]).get(order.row_id, [])
        found.append(
            NewOrder(
                row_id=row.row_id,
                number=printed_number(order),
                total=order.total,
                currency=order.currency,
                lines=len(lines),
            )
        )
    return found
