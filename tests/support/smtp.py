"""A real SMTP server that stores what it receives, refuses mails on request, and can be down for a while."""

import socket
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

ACCEPTED = "250 OK"
REFUSED = "451 4.3.0 try again later"


class SmtpServer:
    """A mail server on a loopback port; `messages` are kept across outages."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port: int = probe.getsockname()[1]
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        """The recipients of each message, by its envelope."""
        self.refuse: bool | str = False
        """True refuses temporarily; a text is the reply, such as `550 5.1.1 no such user`."""
        self.refused = 0
        self._controller: Controller | None = None
        self._arrived = threading.Condition()

    def start(self) -> None:
        """Start listening; after an outage on the same port as before."""
        self._controller = Controller(self, hostname=self.host, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Refuse connections until `start`."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def wait_for(self, count: int, timeout_seconds: float = 30) -> list[EmailMessage]:
        """Wait for at least `count` messages; return all messages.

        Raises: AssertionError, if they do not come in time.
        """
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(self.messages) >= count, timeout_seconds)
            subjects = [message["Subject"] for message in self.messages]
            assert came, f"{len(subjects)} of {count} mails came in {timeout_seconds} s: {subjects}"
            return list(self.messages)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept or refuse one message; aiosmtpd calls it."""
        if self.refuse:
            self.refused += 1
            return self.refuse if isinstance(self.refuse, str) else REFUSED
        content = envelope.content
        assert isinstance(content, bytes)
        with self._arrived:
            self.messages.append(message_from_bytes(content, policy=policy.default))
            self.recipients.append(list(envelope.rcpt_tos))
            self._arrived.notify_all()
        return ACCEPTED
