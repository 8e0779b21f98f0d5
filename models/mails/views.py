"""Records of mails for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.database.session import Session
from models.errors import Action, Advice, NotFoundError
from models.mails.outbox import Mail, MailState, files_of, mail_state
from models.orders.order import Order


@dataclass(frozen=True)
class MailSummary:
    """One mail as lists show it."""

    id: int
    created_at: datetime
    order: str | None
    """The external id of the order that it is about."""
    subject: str
    state: MailState
    sent_at: datetime | None
    attempts: int
    error: str


@dataclass(frozen=True)
class MailFileView:
    """A file in a mail; its size is in bytes."""

    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class MailView:
    """One mail as it was written."""

    summary: MailSummary
    recipients: list[str]
    """Empty: the operators, as the settings name them when it is sent."""
    sender: str
    """Name and address; empty if the tenant has set neither."""
    reply_to: str
    next_try_at: datetime
    message_id: str
    files: list[MailFileView]
    text: str
    html: str


def mail_summaries(session: Session, mails: Sequence[Mail]) -> list[MailSummary]:
    """Return a summary of each mail, in the order given."""
    orders = {mail.id: session.get(Order, mail.order_id) for mail in mails if mail.order_id is not None}
    return [
        MailSummary(
            id=mail.row_id,
            created_at=mail.created_at,
            order=order.external_id if (order := orders.get(mail.id)) else None,
            subject=mail.subject,
            state=mail_state(mail),
            sent_at=mail.sent_at,
            attempts=mail.attempts,
            error=mail.error,
        )
        for mail in mails
    ]


def mail_view(session: Session, mail_id: int) -> MailView:
    """Return one mail with its text and the files in it. Raises: NotFoundError."""
    mail = session.get(Mail, mail_id)
    if mail is None:
        raise NotFoundError(f"There is no mail {mail_id}.", Advice(Action.mail_list))
    (summary,) = mail_summaries(session, [mail])
    return MailView(
        summary=summary,
        recipients=list(mail.recipients),
        sender=" ".join(part for part in (mail.sender_name, mail.sender_address) if part),
        reply_to=mail.reply_to,
        next_try_at=mail.next_try_at,
        message_id=mail.message_id,
        files=[
            MailFileView(file.name, file.media_type, len(file.content)) for file in files_of(session, mail_id)
        ],
        text=mail.text,
        html=mail.html,
    )
