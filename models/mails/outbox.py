"""The outbox: mails written in the transaction that caused them, and delivered later."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Index, PrimaryKeyConstraint, or_, update
from sqlmodel import JSON, Field, Session, SQLModel, Text, col, func, select

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import Numbered, instant
from models.mails.records import LOGO_LINK, MailContent, Sender
from models.orders.order import Order
from models.settings import Settings, get_settings
from models.tenants.logo import find_logos

CLAIM_SECONDS = 300
"""Longer than any delivery attempt; the mail of a sender that died waits this long."""
RETRY_SECONDS = (30, 60, 120, 300, 600, 900)
REFUSED_RETRY_SECONDS = 6 * 3600
"""Wait before a mail is tried again that all recipients' servers refused for good: mailboxes get repaired."""
REFUSED_TOO_LONG = timedelta(days=1)
"""A buyer mail that is still refused for good this long after it was written is given up."""
DELAYED_TOO_LONG = timedelta(days=5)
"""The same for a buyer mail that the server keeps delaying: its news is old by then."""


class Mail(Numbered, table=True):
    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_tenant_sent", "tenant_id", "sent_at"),)

    key: str = Field(unique=True, max_length=120)
    """What the mail is about: a second mail with the same key is not queued."""
    message_id: str = Field(max_length=255)
    """Stays the same when the mail is sent again, so that mail programs recognise the duplicate."""
    recipients: list[str] = Field(default_factory=list, sa_type=JSON)
    """Empty for operators: the settings name them when the mail is sent."""
    subject: str
    text: str = Field(sa_type=Text)
    html: str = Field(default="", sa_type=Text)
    order_id: int | None = Field(default=None, index=True)
    """The order of a buyer mail. No foreign key: adding one would lock the orders, which are in use."""
    tenant_id: int | None = None
    """The tenant of a buyer mail, whose settings say how long it is kept; else None."""
    sender_name: str = ""
    sender_address: str = ""
    reply_to: str = ""
    created_at: datetime = instant()
    next_try_at: datetime = instant(index=True)
    attempts: int = 0
    claim: str = Field(default="", max_length=32)
    """Token of the sender that is delivering it now."""
    claimed_until: datetime | None = instant(nullable=True)
    delivered_to: list[str] = Field(default_factory=list, sa_type=JSON)
    refused_by: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """Recipients that were refused for good, with the mail server's reply."""
    sent_at: datetime | None = instant(nullable=True)
    """When the last recipient was settled, with at least one delivered."""
    given_up_at: datetime | None = instant(nullable=True)
    """When delivery was abandoned; `error` keeps the reason."""
    error: str = ""


class MailFile(SQLModel, table=True):
    """One `MailPart` of a mail; it is deleted with the mail."""

    __tablename__ = "mail_file"
    __table_args__ = (PrimaryKeyConstraint("mail_id", "number"),)

    mail_id: int = Field(foreign_key="mail.id", ondelete="CASCADE")
    number: int
    name: str
    media_type: str
    content_id: str = ""
    content: bytes


class Backlog(BaseModel, frozen=True):
    """Undelivered mails."""

    waiting: int
    oldest_at: datetime | None
    error: str
    """The error of the latest attempt; empty before the first attempt."""


SETTINGS_SENDER = Sender()


def queue_mail(
    session: Session,
    key: str,
    content: MailContent,
    recipients: Sequence[str] = (),
    *,
    order_id: int | None = None,
    sender: Sender = SETTINGS_SENDER,
) -> None:
    """Queue a mail in the caller's transaction; if the key exists, sent or not, that mail stays as it is.

    With `order_id` it is a buyer mail: it is delivered even if no operators are set, and is given up after
    some days.
    """
    now = utc_now()
    domain = (sender.address or parseaddr(get_settings().mail_from)[1]).rpartition("@")[2] or "localhost"
    row: dict[str, Any] = {
        "key": key,
        "message_id": f"<{uuid4().hex}@{domain}>",
        "recipients": list(recipients),
        "subject": " ".join(content.subject.split()),
        "text": content.text,
        "html": content.html,
        "order_id": order_id,
        "tenant_id": session.exec(select(Order.tenant_id).where(Order.id == order_id)).first(),
        "sender_name": sender.name,
        "sender_address": sender.address,
        "reply_to": sender.reply_to,
        "created_at": now,
        "next_try_at": now,
        "attempts": 0,
        "claim": "",
        "delivered_to": [],
        "refused_by": {},
        "error": "",
    }
    insert_or_update(session, Mail, [row], key=("key",))
    if content.parts:
        mail_id = session.exec(select(Mail.id).where(Mail.key == key)).one()
        files = [
            {**part.model_dump(), "mail_id": mail_id, "number": number}
            for number, part in enumerate(content.parts, start=1)
        ]
        insert_or_update(session, MailFile, files, key=("mail_id", "number"))


def why_no_mail(settings: Settings) -> str:
    """Return one sentence that says why no mail is sent and what to set; empty if mails are sent."""
    if not settings.smtp_host:
        return "Status mails wait in the database: set WARENFLUSS_SMTP_HOST to the name of a mail server."
    if not settings.mail_to:
        return "Status mails wait in the database: set WARENFLUSS_MAIL_TO to the operators' addresses."
    return ""


def list_due_mails(session: Session, limit: int, *, to_operators: bool = True) -> list[int]:
    """Return ids of mails that may be sent now: mails to operators before mails to buyers, oldest first.

    If `to_operators` is false, only buyer mails.
    """
    query = select(col(Mail.id)).where(*_due(utc_now()))
    if not to_operators:
        query = query.where(col(Mail.order_id).is_not(None))
    query = query.order_by(col(Mail.order_id).is_not(None), col(Mail.id)).limit(limit)
    return list(session.exec(query).all())  # type: ignore[arg-type]


def claim_mail(session: Session, mail_id: int) -> Mail | None:
    """Claim a due mail for sending; None if it is not due or another sender has claimed it.

    The caller commits before it sends. After `CLAIM_SECONDS` another sender can claim the mail and sends it
    again.
    """
    now = utc_now()
    claim = uuid4().hex
    taken = session.execute(
        update(Mail)
        .where(col(Mail.id) == mail_id, *_due(now))
        .values(claim=claim, claimed_until=now + timedelta(seconds=CLAIM_SECONDS))
    )
    return session.get_one(Mail, mail_id) if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def save_attempt(
    session: Session,
    claimed: Mail,
    *,
    delivered_to: Sequence[str] = (),
    refused_by: Mapping[str, str] | None = None,
    delayed: bool = False,
    error: str = "",
) -> None:
    """Store the result of an attempt and release the claim; no effect if another sender has the claim now.

    `delayed` is true if some recipients were neither delivered to nor refused for good.
    """
    row = session.exec(
        select(Mail).where(Mail.id == claimed.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if row.claim != claimed.claim:
        return
    now = utc_now()
    row.attempts += 1
    row.delivered_to = [*row.delivered_to, *delivered_to]
    row.refused_by = {**row.refused_by, **(refused_by or {})}
    row.error, row.claim, row.claimed_until = error, "", None
    age = now - row.created_at if row.order_id is not None else timedelta()
    if delayed and age < DELAYED_TOO_LONG:
        row.next_try_at = now + timedelta(seconds=retry_seconds(row.attempts))
    elif row.delivered_to:
        row.sent_at = now
    elif age >= REFUSED_TOO_LONG:
        row.given_up_at = now
    else:
        row.refused_by = {}
        row.next_try_at = now + timedelta(seconds=REFUSED_RETRY_SECONDS)
    session.add(row)
    session.flush()


def retry_seconds(attempts: int) -> int:
    """Return the wait after this many attempts, in seconds."""
    return RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1]


def postpone_mails(session: Session, mail_ids: Sequence[int], seconds: int) -> None:
    """Postpone due mails because the mail server does not respond."""
    now = utc_now()
    session.execute(
        update(Mail)
        .where(col(Mail.id).in_(mail_ids), *_due(now))
        .values(next_try_at=now + timedelta(seconds=seconds))
    )


def find_backlog(session: Session) -> Backlog:
    """Return how many mails wait, the oldest one's time and the latest error."""
    waiting, oldest_at = session.exec(
        select(func.count(col(Mail.id)), func.min(Mail.created_at)).where(*_waiting())
    ).one()
    error = session.exec(
        select(Mail.error)
        .where(*_waiting(), col(Mail.attempts) > 0)
        .order_by(col(Mail.next_try_at).desc(), col(Mail.id).desc())
        .limit(1)
    ).first()
    return Backlog(waiting=waiting, oldest_at=oldest_at, error=error or "")


def list_waiting_mails(session: Session) -> list[Mail]:
    """Return undelivered mails, oldest first."""
    return list(session.exec(select(Mail).where(*_waiting()).order_by(col(Mail.id))).all())


def files_of(session: Session, mail_id: int) -> list[MailFile]:
    """Return a mail's files, in order."""
    query = select(MailFile).where(MailFile.mail_id == mail_id).order_by(col(MailFile.number))
    return list(session.exec(query).all())


def embed_logo(session: Session, mail: Mail) -> tuple[str, list[MailFile]]:
    """Return a mail's HTML and the logo that it shows, as an embedded file.

    The stored HTML names the logo by its hash, which is too long for a mail header; here it becomes `logo`.
    """
    logos = find_logos(session, LOGO_LINK.findall(mail.html)[:1])
    files = [
        MailFile(
            mail_id=mail.row_id,
            number=0,
            name="logo.png",
            media_type="image/png",
            content_id="logo",
            content=png,
        )
        for png in logos.values()
    ]
    return LOGO_LINK.sub("cid:logo", mail.html), files


class MailState(StrEnum):
    waiting = "waiting"
    sent = "sent"
    given_up = "given_up"


def mail_state(mail: Mail) -> MailState:
    """Return a mail's state."""
    if mail.sent_at is not None:
        return MailState.sent
    return MailState.waiting if mail.given_up_at is None else MailState.given_up


def list_mails(
    session: Session,
    *,
    state: MailState | None = None,
    order_id: int | None = None,
    account_id: int | None = None,
    to_buyers: bool | None = None,
    limit: int | None = None,
) -> list[Mail]:
    """Return mails, newest first."""
    query = select(Mail).order_by(col(Mail.id).desc()).limit(limit)
    if state is not None:
        sent, given_up = col(Mail.sent_at), col(Mail.given_up_at)
        query = query.where(sent.is_not(None) if state is MailState.sent else sent.is_(None))
        if state is not MailState.sent:
            query = query.where(given_up.is_(None) if state is MailState.waiting else given_up.is_not(None))
    if order_id is not None:
        query = query.where(Mail.order_id == order_id)
    if account_id is not None:
        query = query.where(col(Mail.order_id).in_(select(Order.id).where(Order.account_id == account_id)))
    if to_buyers is not None:
        query = query.where(col(Mail.order_id).is_not(None) if to_buyers else col(Mail.order_id).is_(None))
    return list(session.exec(query).all())


def retry_mails(session: Session, ids: Sequence[int]) -> int:
    """Queue mails again that were given up, as if written now; return how many."""
    now = utc_now()
    done = session.execute(
        update(Mail)
        .where(col(Mail.id).in_(ids), col(Mail.given_up_at).is_not(None))
        .values(given_up_at=None, created_at=now, next_try_at=now, attempts=0, refused_by={}, error="")
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def give_up_buyer_mails(session: Session, reason: str) -> None:
    """Give up every waiting buyer mail; after a restore, it may already have been delivered."""
    session.execute(
        update(Mail)
        .where(col(Mail.order_id).is_not(None), *_waiting())
        .values(given_up_at=utc_now(), error=reason)
    )


def _waiting() -> tuple[ColumnElement[bool], ...]:
    return (col(Mail.sent_at).is_(None), col(Mail.given_up_at).is_(None))


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    claimed_until = col(Mail.claimed_until)
    return (
        *_waiting(),
        col(Mail.next_try_at) <= now,
        or_(claimed_until.is_(None), claimed_until <= now),
    )
