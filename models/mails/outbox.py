"""Mail: a message to people, written in the commit of what caused it and delivered later."""

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
from models.database.columns import instant, need_id
from models.mails.records import _LOGO, MailContent, Sender
from models.orders.order import Order
from models.settings import Settings, get_settings
from models.tenants.logo import find_logos

CLAIM_SECONDS = 300
"""Longer than one attempt can last; a sender that died keeps a mail back for this long."""
RETRY_SECONDS = (30, 60, 120, 300, 600, 900)
REFUSED_RETRY_SECONDS = 6 * 3600
"""A mail that everybody refused for good goes on being tried: mailboxes and servers get mended."""
REFUSED_TOO_LONG = timedelta(days=1)
"""A mail to a buyer that is still refused for good so long after it was written is given up."""
DELAYED_TOO_LONG = timedelta(days=5)
"""As one that the server puts off: what it tells is old by then."""


class Mail(SQLModel, table=True):
    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_tenant_sent", "tenant_id", "sent_at"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=120)
    """What it is about: a second mail with the same key is not queued."""
    message_id: str = Field(max_length=255)
    """Made once, so that a mail that had to be sent again is known as the same one."""
    recipients: list[str] = Field(default_factory=list, sa_type=JSON)
    """Empty means the operators, as the settings name them at the time of sending."""
    subject: str
    text: str = Field(sa_type=Text)
    html: str = Field(default="", sa_type=Text)
    order_id: int | None = Field(default=None, index=True)
    """Of a mail to a buyer, the order that it is about; no foreign key, as the table may be in use."""
    tenant_id: int | None = None
    """Of a mail to a buyer, for whose years as a business letter it is kept; None to operators."""
    sender_name: str = ""
    sender_address: str = ""
    reply_to: str = ""
    created_at: datetime = instant()
    next_try_at: datetime = instant(index=True)
    attempts: int = 0
    claim: str = Field(default="", max_length=32)
    """Who is sending it right now."""
    claimed_until: datetime | None = instant(nullable=True)
    delivered_to: list[str] = Field(default_factory=list, sa_type=JSON)
    refused_by: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """The mail server's reply for each recipient that was refused for good."""
    sent_at: datetime | None = instant(nullable=True)
    """When the last recipient was settled and at least one has got it."""
    given_up_at: datetime | None = instant(nullable=True)
    """When it was decided that it is never delivered: it holds on to its reason in `error`."""
    error: str = ""


class MailFile(SQLModel, table=True):
    """A `MailPart` of a mail; it goes with it."""

    __tablename__ = "mail_file"
    __table_args__ = (PrimaryKeyConstraint("mail_id", "number"),)

    mail_id: int = Field(foreign_key="mail.id", ondelete="CASCADE")
    number: int
    name: str
    media_type: str
    content_id: str = ""
    content: bytes


class Backlog(BaseModel, frozen=True):
    """Mails that have not been delivered yet."""

    waiting: int
    oldest_at: datetime | None
    error: str
    """What the latest attempt among them met, empty before the first."""


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
    """Queue a mail in the caller's transaction; one with this key, sent or not, is left as it is.

    `order_id` makes it one to a buyer: it is delivered whether or not there are operators, and not tried for
    ever.
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


def explain_silence(settings: Settings) -> str:
    """Return why no mail is sent, in one sentence that says what to set; empty if mails are sent."""
    if not settings.smtp_host:
        return "Status mails wait in the database: set WARENFLUSS_SMTP_HOST to the name of a mail server."
    if not settings.mail_to:
        return "Status mails wait in the database: set WARENFLUSS_MAIL_TO to the operators' addresses."
    return ""


def list_due_mails(session: Session, limit: int, *, to_operators: bool = True) -> list[int]:
    """Return the ids of mails that may be sent now: first those to operators, unless there are none, then
    those to buyers; oldest first.
    """
    query = select(col(Mail.id)).where(*_due(utc_now()))
    if not to_operators:
        query = query.where(col(Mail.order_id).is_not(None))
    query = query.order_by(col(Mail.order_id).is_not(None), col(Mail.id)).limit(limit)
    return list(session.exec(query).all())  # type: ignore[arg-type]


def claim_mail(session: Session, mail_id: int) -> Mail | None:
    """Take a due mail for sending; None if it is not due or another sender has it.

    The caller commits before sending. Whoever claims it after `CLAIM_SECONDS` sends it once more.
    """
    now = utc_now()
    claim = uuid4().hex
    taken = session.execute(
        update(Mail)
        .where(col(Mail.id) == mail_id, *_due(now))
        .values(claim=claim, claimed_until=now + timedelta(seconds=CLAIM_SECONDS))
    )
    return session.get_one(Mail, mail_id) if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def note_delivery(
    session: Session,
    claimed: Mail,
    *,
    delivered_to: Sequence[str] = (),
    refused_by: Mapping[str, str] | None = None,
    delayed: bool = False,
    error: str = "",
) -> None:
    """Note how an attempt ended and give the claim back; nothing changes if it is another's by now.

    `delayed` tells that some recipients were neither delivered to nor refused for good.
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
    """Return how long to wait after this many attempts."""
    return RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1]


def put_off(session: Session, mail_ids: Sequence[int], seconds: int) -> None:
    """Let mails that are due wait, because the server that should take them is away."""
    now = utc_now()
    session.execute(
        update(Mail)
        .where(col(Mail.id).in_(mail_ids), *_due(now))
        .values(next_try_at=now + timedelta(seconds=seconds))
    )


def find_backlog(session: Session) -> Backlog:
    """Return how many mails wait, since when and why."""
    open_mail = (col(Mail.sent_at).is_(None), col(Mail.given_up_at).is_(None))
    waiting, oldest_at = session.exec(
        select(func.count(col(Mail.id)), func.min(Mail.created_at)).where(*open_mail)
    ).one()
    error = session.exec(
        select(Mail.error)
        .where(*open_mail, col(Mail.attempts) > 0)
        .order_by(col(Mail.next_try_at).desc(), col(Mail.id).desc())
        .limit(1)
    ).first()
    return Backlog(waiting=waiting, oldest_at=oldest_at, error=error or "")


def list_waiting_mails(session: Session) -> list[Mail]:
    """Return mails that have not been delivered yet, oldest first."""
    query = select(Mail).where(col(Mail.sent_at).is_(None), col(Mail.given_up_at).is_(None))
    return list(session.exec(query.order_by(col(Mail.id))).all())


def files_of(session: Session, mail_id: int) -> list[MailFile]:
    """Return the files in a mail, in their order."""
    query = select(MailFile).where(MailFile.mail_id == mail_id).order_by(col(MailFile.number))
    return list(session.exec(query).all())


def with_logo(session: Session, mail: Mail) -> tuple[str, list[MailFile]]:
    """Return the HTML of a mail and the logo that it shows, as a file in it.

    What it names it by is too long for a line of a mail's head.
    """
    logos = find_logos(session, _LOGO.findall(mail.html)[:1])
    files = [
        MailFile(
            mail_id=need_id(mail.id),
            number=0,
            name="logo.png",
            media_type="image/png",
            content_id="logo",
            content=png,
        )
        for png in logos.values()
    ]
    return _LOGO.sub("cid:logo", mail.html), files


class MailState(StrEnum):
    waiting = "waiting"
    sent = "sent"
    given_up = "given_up"


def state_of(mail: Mail) -> MailState:
    """Return how far a mail has come."""
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
    """Return mails, the latest first."""
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
    """Let mails that were given up be tried anew, as if they had been written now; return how many."""
    now = utc_now()
    done = session.execute(
        update(Mail)
        .where(col(Mail.id).in_(ids), col(Mail.given_up_at).is_not(None))
        .values(given_up_at=None, created_at=now, next_try_at=now, attempts=0, refused_by={}, error="")
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def withhold_buyers(session: Session, reason: str) -> None:
    """Give up every mail to a buyer that waits: it may have been delivered before."""
    session.execute(
        update(Mail)
        .where(col(Mail.order_id).is_not(None), col(Mail.sent_at).is_(None), col(Mail.given_up_at).is_(None))
        .values(given_up_at=utc_now(), error=reason)
    )


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    claimed_until = col(Mail.claimed_until)
    return (
        col(Mail.sent_at).is_(None),
        col(Mail.given_up_at).is_(None),
        col(Mail.next_try_at) <= now,
        or_(claimed_until.is_(None), claimed_until <= now),
    )
