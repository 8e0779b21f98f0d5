"""Events that buyers are mailed about, queued in the transaction that caused them, each once.

The cycle `buyer-mail` writes the mail later (`models.papers.buyer_mail`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.orders.order import Order
from models.sync.outbound import Outbound, OutboundState, queue_once
from models.sync.records import OutboundKind
from models.tenants.account import Account, options_as
from models.tenants.options import ChannelOptions, OrderNotice
from models.tenants.records import AccountData, BuyerEvent, Mode

NEW_FOR = timedelta(days=3)
"""The arrival of an order that was bought longer ago than this is not mailed."""


def queue_buyer_mail(session: Session, order: Order, event: BuyerEvent, subject: str | int = "") -> None:
    """Queue the mail for an event in the caller's transaction, if the account sends it; safe to repeat.

    `subject` tells repeated events of an order apart: the id of the payment, the shipment, the refund or the
    return, or the number of the reminder. Test orders and accounts that are not live send no mails. The
    caller holds the tenant's lock.
    """
    queue_buyer_mails(session, event, [(order, subject)])


def queue_buyer_mails(
    session: Session, event: BuyerEvent, subjects: Iterable[tuple[Order, str | int]]
) -> None:
    """Queue the mails of one event for many orders; see `queue_buyer_mail`."""
    by_account: dict[int, list[str]] = defaultdict(list)
    for order, subject in subjects:
        if not order.trial:
            by_account[order.account_id].append(mail_key(order.row_id, event, subject))
    for account_id, keys in sorted(by_account.items()):
        if _is_mailed(session, account_id, event):
            queue_once(session, account_id, OutboundKind.buyer_mail, keys)


def wants_mail(session: Session, order: Order, event: BuyerEvent) -> bool:
    """Return whether the order's account mails this event and the order is not a test order."""
    return not order.trial and _is_mailed(session, order.account_id, event)


def _is_mailed(session: Session, account_id: int, event: BuyerEvent) -> bool:
    account = session.get_one(Account, account_id)
    return account.mode is Mode.live and event in options_as(account, ChannelOptions).buyer_mails


def queue_arrival_mails(session: Session, account: AccountData, bought_at: Mapping[int, datetime]) -> None:
    """Queue the mails to buyers and operators about new orders; `bought_at` is {order id: checkout time}."""
    options = options_as(account, ChannelOptions)
    if account.mode is not Mode.live:
        return
    since = utc_now() - NEW_FOR
    fresh = [order_id for order_id, at in bought_at.items() if at >= since]
    if BuyerEvent.order_received in options.buyer_mails:
        keys = [mail_key(order_id, BuyerEvent.order_received) for order_id in fresh]
        queue_once(session, account.id, OutboundKind.buyer_mail, keys)
    if options.order_notice is not OrderNotice.none:
        queue_once(session, account.id, OutboundKind.order_notice, fresh)


def transfer_waiting_mails(session: Session, account_id: int, from_order_id: int, to_order_id: int) -> None:
    """Queue a merged order's waiting mails for the order that now has its lines.

    Only mails with a subject are transferred, such as those about a shipment; the others are about the merged
    order itself.
    """
    waiting = session.exec(
        select(Outbound.key).where(
            Outbound.account_id == account_id,
            Outbound.kind == OutboundKind.buyer_mail,
            col(Outbound.key).startswith(f"{from_order_id}:"),
            col(Outbound.state) != OutboundState.sent,
        )
    ).all()
    keys = [mail_key(to_order_id, event, subject) for _, event, subject in map(read_key, waiting) if subject]
    queue_once(session, account_id, OutboundKind.buyer_mail, keys)


def mail_key(order_id: int, event: BuyerEvent, subject: str | int = "") -> str:
    """Return the outbound key of a buyer mail, such as `17:shipped:4`."""
    return f"{order_id}:{event}:{subject}"


def read_key(key: str) -> tuple[int, BuyerEvent, str]:
    """Return order id, event and subject of a `mail_key`."""
    order_id, event, subject = key.split(":", 2)
    return int(order_id), BuyerEvent(event), subject
