"""Deliver queued mails: each one once, and late rather than never."""

import logging
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

from models.database.session import read_scope, session_scope
from models.mails.outbox import (
    Mail,
    MailFile,
    claim_mail,
    embed_logo,
    files_of,
    list_due_mails,
    postpone_mails,
    retry_seconds,
    save_attempt,
    why_no_mail,
)
from models.settings import Settings, get_settings

logger = logging.getLogger(__name__)

BATCH_SIZE = 50
TIMEOUT_SECONDS = 10
"""For each step of a delivery. All steps together take less than `models.mails.outbox.CLAIM_SECONDS`."""
ERROR_LIMIT = 200
REFUSED_FOR_GOOD = 500

Replies = Mapping[str, tuple[int, bytes]]


@dataclass
class Delivery:
    """What one round did, counted in mails."""

    sent: int = 0
    delayed: int = 0
    """At least one recipient has to wait for the next attempt."""
    refused: int = 0
    """The server refused every recipient for good."""
    silent_because: str = ""
    """Why no delivery was attempted at all; empty if one was."""


class _ServerAwayError(Exception):
    """The mail server accepts no mail at present. The message is for the operator."""


class _Link:
    """A connection to the mail server, opened when it is first needed and kept for the round."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None

    def open(self) -> smtplib.SMTP:
        """Connect and log in, if not done yet. Return the server. Raises: _ServerAwayError."""
        try:
            if self._server is None or self._server.sock is None:
                self._server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise _ServerAwayError(_describe(error)) from None
        return self._server

    def send(self, message: EmailMessage, recipients: Sequence[str]) -> Replies:
        """Send a message. Return the server's reply for each recipient that it refused.

        Raises: _ServerAwayError.
        """
        server = self.open()
        try:
            return server.send_message(message, to_addrs=recipients)
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients
        except smtplib.SMTPDataError as error:
            return dict.fromkeys(recipients, (error.smtp_code, _as_bytes(error.smtp_error)))
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            # An address or header that this server does not support, or that no mail may have.
            return dict.fromkeys(recipients, (REFUSED_FOR_GOOD, type(error).__name__.encode()))
        except (OSError, smtplib.SMTPException) as error:
            raise _ServerAwayError(_describe(error)) from None

    def close(self) -> None:
        if self._server is None or self._server.sock is None:
            return
        try:
            self._server.quit()
        except (OSError, smtplib.SMTPException):
            self._server.close()

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        address = (settings.smtp_host, settings.smtp_port)
        if settings.smtp_security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(*address, timeout=TIMEOUT_SECONDS)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                self._login(server)
        except BaseException:
            server.close()
            raise
        return server

    def _login(self, server: smtplib.SMTP) -> None:
        try:
            server.login(self._settings.smtp_user, self._settings.smtp_password.get_secret_value())
        except UnicodeError:
            # smtplib cannot send other characters, and its message would quote from the password.
            raise _ServerAwayError(
                "WARENFLUSS_SMTP_USER and _PASSWORD may hold only ASCII characters"
            ) from None


def find_trouble() -> str:
    """Log in to the mail server without sending a mail. Return why that fails; empty if it works."""
    link = _Link(get_settings())
    try:
        link.open()
    except _ServerAwayError as error:
        return str(error)
    finally:
        link.close()
    return ""


def deliver_due() -> Delivery:
    """Send the mails that are due. Safe in several processes at once; trouble with the server never raises.

    If no operator's address is set, only mails to buyers are sent. While the server is away, all mails wait.
    If this process dies after the server accepted a mail and before that is saved, the mail comes twice, with
    the same Message-ID.
    """
    settings = get_settings()
    done = Delivery(silent_because=why_no_mail(settings))
    if not settings.smtp_host:
        return done
    with read_scope() as session:
        due = list_due_mails(session, BATCH_SIZE, to_operators=bool(settings.mail_to))
    link = _Link(settings)
    try:
        for position, mail_id in enumerate(due):
            with session_scope() as session:
                mail = claim_mail(session, mail_id)
                if mail is None:
                    continue
                html, logo = embed_logo(session, mail)
                files = [*logo, *files_of(session, mail_id)]
            try:
                _deliver(link, settings, mail, html, files, done)
            except _ServerAwayError as error:
                logger.warning("The mail server %s takes no mail: %s", settings.smtp_host, error)
                with session_scope() as session:
                    save_attempt(session, mail, delayed=True, error=str(error))
                    postpone_mails(session, due[position + 1 :], retry_seconds(mail.attempts + 1))
                done.delayed += len(due) - position
                break
    finally:
        link.close()
    return done


def _deliver(
    link: _Link, settings: Settings, mail: Mail, html: str, files: Sequence[MailFile], done: Delivery
) -> None:
    everybody = mail.recipients or settings.mail_to
    settled = {*mail.delivered_to, *mail.refused_by}
    recipients = [address for address in everybody if address not in settled]
    refusals: Replies = {}
    if recipients:
        try:
            message = _compose(mail, html, files, everybody, settings.mail_from)
        except ValueError as error:
            # A header that no mail may have; the error's text may quote it.
            refusals = dict.fromkeys(recipients, (REFUSED_FOR_GOOD, type(error).__name__.encode()))
        else:
            refusals = link.send(message, recipients)
    delivered = [address for address in recipients if address not in refusals]
    refused = {
        address: _reply(*answer) for address, answer in refusals.items() if answer[0] >= REFUSED_FOR_GOOD
    }
    delayed = len(refused) < len(refusals)
    for address, answer in refusals.items():
        # A server's reply may name the mailbox, and a buyer's mailbox must not appear in a log.
        whom, why = ("its buyer", answer[0]) if mail.order_id is not None else (address, _reply(*answer))
        logger.warning("Mail %s was refused for %s: %s", mail.id, whom, why)
    with session_scope() as session:
        save_attempt(
            session,
            mail,
            delivered_to=delivered,
            refused_by=refused,
            delayed=delayed,
            error="; ".join(
                _reply(*answer) if mail.order_id is not None else f"{address}: {_reply(*answer)}"
                for address, answer in refusals.items()
            ),
        )
    if delayed:
        done.delayed += 1
    elif delivered or mail.delivered_to:
        done.sent += 1
    else:
        done.refused += 1


def _compose(
    mail: Mail, html: str, files: Sequence[MailFile], recipients: Sequence[str], sender: str
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = _sender_of(mail, sender)
    if mail.reply_to:
        message["Reply-To"] = mail.reply_to
    message["To"] = ", ".join(recipients)
    message["Subject"] = mail.subject
    message["Date"] = mail.created_at
    message["Message-ID"] = mail.message_id
    # Keeps out-of-office replies from answering a machine.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if html:
        message.add_alternative(html, subtype="html")
    _add_files(message, files)
    return message


def _sender_of(mail: Mail, sender: str) -> str | Address:
    """Return the sender of a mail: its own, completed from the settings."""
    if not mail.sender_name and not mail.sender_address:
        return sender
    return Address(mail.sender_name, addr_spec=mail.sender_address or parseaddr(sender)[1])


def _add_files(message: EmailMessage, files: Sequence[MailFile]) -> None:
    """Put pictures that the HTML shows beside it, and attach the other files."""
    shown, *_ = [part for part in message.iter_parts() if part.get_content_subtype() == "html"] or [message]
    for file in files:
        main, _, sub = file.media_type.partition("/")
        if file.content_id and isinstance(shown, EmailMessage):
            shown.add_related(
                file.content, main, sub, cid=f"<{file.content_id}>", filename=file.name, disposition="inline"
            )
    for file in files:
        main, _, sub = file.media_type.partition("/")
        if not file.content_id:
            message.add_attachment(file.content, main, sub, filename=file.name)


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, _as_bytes(error.smtp_error))
    return f"{type(error).__name__}: {error}"[:ERROR_LIMIT]


def _reply(code: int, text: bytes) -> str:
    return f"{code} {text.decode(errors='replace')}"[:ERROR_LIMIT]


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
