"""Mails reach a real mail server once, however often it was away or refused."""

import base64
import ssl
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlmodel import select

from models.clock import utc_now
from models.database.session import session_scope
from models.mails.outbox import (
    CLAIM_SECONDS,
    DELAYED_TOO_LONG,
    REFUSED_TOO_LONG,
    Mail,
    MailFile,
    claim_mail,
    queue_mail,
)
from models.mails.records import MailContent, MailPart, Sender, logo_id
from models.tenants.logo import save_logo
from tasks.watch.mail_delivery import Delivery, deliver_due
from tests.support.alarm_steps import OPERATORS, PickyServer, make_mails_due, read_mails, use_mail_server
from tests.support.races import run_at_once
from tests.support.smtp import SmtpServer

SENDERS = 3
MAILS = 15


def queue(*keys: str, recipients: tuple[str, ...] = ()) -> None:
    with session_scope() as session:
        for key in keys:
            content = MailContent(
                subject=f"Störung {key} – 100 €", text=f"Text {key}\nÄpfel", html="<p>Ä</p>"
            )
            queue_mail(session, key, content, recipients)


def test_a_mail_arrives_whole(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sender, recipients, umlauts, both bodies and the stored Message-ID."""
    use_mail_server(monkeypatch, smtp_server)
    queue("one")

    assert deliver_due() == Delivery(sent=1)

    (message,) = smtp_server.messages
    (row,) = read_mails()
    assert message["Subject"] == "Störung one – 100 €"
    assert message["From"] == "warenfluss@shop.example.test"
    assert message["To"] == "lager@example.test, technik@example.test"
    assert smtp_server.recipients == [OPERATORS]
    assert message["Message-ID"] == row.message_id
    assert row.message_id.endswith("@shop.example.test>")
    assert message["Auto-Submitted"] == "auto-generated"
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().splitlines() == ["Text one", "Äpfel"]
    assert rich.get_content().strip() == "<p>Ä</p>"
    assert (row.sent_at is not None, row.attempts, row.error) == (True, 1, "")
    assert deliver_due() == Delivery()
    assert len(smtp_server.messages) == 1


def test_own_recipients_go_before_the_operators(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail that names its recipients goes to them alone."""
    use_mail_server(monkeypatch, smtp_server)
    queue("one", recipients=("chef@example.test",))
    deliver_due()
    assert smtp_server.recipients == [["chef@example.test"]]


def test_an_outage_loses_and_doubles_nothing(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server is away all mails wait; when it is back each comes once."""
    use_mail_server(monkeypatch, smtp_server)
    smtp_server.stop()
    queue("one", "two", "three")

    assert deliver_due() == Delivery(delayed=3)
    assert deliver_due() == Delivery(), "nobody knocks again before the wait is over"
    rows = read_mails()
    assert [(row.attempts, row.claim) for row in rows] == [(1, ""), (0, ""), (0, "")]
    assert "ConnectionRefusedError" in rows[0].error
    make_mails_due()
    assert deliver_due() == Delivery(delayed=3)
    assert 50 < (read_mails()[0].next_try_at - utc_now()).total_seconds() <= 60, "the wait grows"

    smtp_server.start()
    make_mails_due()
    assert deliver_due() == Delivery(sent=3)
    make_mails_due()
    assert deliver_due() == Delivery()
    assert [message["Subject"] for message in smtp_server.messages] == [
        f"Störung {key} – 100 €" for key in ("one", "two", "three")
    ]
    assert [message["Message-ID"] for message in smtp_server.messages] == [row.message_id for row in rows]


def test_a_refusal_for_now_is_tried_again(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A greylisting server gets the mail later; the others need not wait for it."""
    use_mail_server(monkeypatch, smtp_server)
    smtp_server.refuse = True
    queue("one", "two")
    assert deliver_due() == Delivery(delayed=2)
    assert smtp_server.refused == 2
    assert all("451 4.3.0 try again later" in row.error for row in read_mails())

    smtp_server.refuse = False
    make_mails_due()
    assert deliver_due() == Delivery(sent=2)
    assert [row.error for row in read_mails()] == ["", ""]


def test_a_mail_refused_for_good_by_all_is_kept(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again hours later and reaches everybody once the server agrees."""
    use_mail_server(monkeypatch, smtp_server)
    smtp_server.refuse = "554 5.7.1 looks like spam"
    queue("one")
    assert deliver_due() == Delivery(refused=1)
    (row,) = read_mails()
    assert (row.next_try_at - utc_now()).total_seconds() > 3600

    smtp_server.refuse = False
    make_mails_due()
    assert deliver_due() == Delivery(sent=1)
    assert smtp_server.recipients == [OPERATORS]


def test_one_refused_recipient_blocks_nobody(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other gets the mail at once and once; the refusal is kept with its reason."""
    server = PickyServer({OPERATORS[0]: "550 5.1.1 no such user"})
    server.start()
    use_mail_server(monkeypatch, server)
    queue("one")

    assert deliver_due() == Delivery(sent=1)
    make_mails_due()
    assert deliver_due() == Delivery()
    server.stop()

    assert server.recipients == [[OPERATORS[1]]]
    (row,) = read_mails()
    assert row.refused_by == {OPERATORS[0]: "550 5.1.1 no such user"}
    assert row.delivered_to == [OPERATORS[1]]
    assert row.sent_at is not None


def test_one_delayed_recipient_gets_it_later_and_alone(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has got the mail does not get it again."""
    server = PickyServer({OPERATORS[0]: "450 4.2.1 mailbox busy"})
    server.start()
    use_mail_server(monkeypatch, server)
    queue("one")
    assert deliver_due() == Delivery(delayed=1)

    server.replies.clear()
    make_mails_due()
    assert deliver_due() == Delivery(sent=1)
    server.stop()
    assert server.recipients == [[OPERATORS[1]], [OPERATORS[0]]]


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"smtp_host": ""}, "WARENFLUSS_SMTP_HOST"), ({"mail_to": ""}, "WARENFLUSS_MAIL_TO")],
)
def test_without_settings_mails_wait_untouched(
    database: str,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    named: str,
) -> None:
    """Nothing is attempted, the reason names the setting, and once it is set the mail goes out."""
    use_mail_server(monkeypatch, smtp_server, **settings)
    queue("one")

    assert named in deliver_due().silent_because
    assert [(row.attempts, row.sent_at) for row in read_mails()] == [(0, None)]

    use_mail_server(monkeypatch, smtp_server)
    assert deliver_due() == Delivery(sent=1)
    assert smtp_server.recipients == [OPERATORS]


BUYER = "aenne@post.example"
PICTURE = MailPart(name="code.png", media_type="image/png", content=b"\x89PNG", content_id="code")
PAPER = MailPart(name="Beleg 1.pdf", media_type="application/pdf", content=b"%PDF-1.7")


def queue_for_buyer(*keys: str, sender: Sender | None = None, parts: tuple[MailPart, ...] = ()) -> None:
    with session_scope() as session:
        for key in keys:
            content = MailContent(subject=key, text="Text", html='<img src="cid:code">', parts=parts)
            queue_mail(session, key, content, [BUYER], order_id=1, sender=sender or Sender())


def age_mails(age: timedelta) -> None:
    with session_scope() as session:
        for mail in session.exec(select(Mail)):
            mail.created_at -= age
            session.add(mail)


def test_buyers_are_mailed_without_operators(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no operator to go to waits and holds up no buyer's; with operators theirs go first."""
    use_mail_server(monkeypatch, smtp_server, mail_to="")
    queue_for_buyer("buyer")
    queue("one")
    done = deliver_due()
    assert (done.sent, "WARENFLUSS_MAIL_TO" in done.silent_because) == (1, True)
    assert smtp_server.recipients == [[BUYER]]

    use_mail_server(monkeypatch, smtp_server)
    queue_for_buyer("second")
    queue("two")
    assert deliver_due() == Delivery(sent=3)
    assert smtp_server.recipients[1:] == [OPERATORS, OPERATORS, [BUYER]]


def test_a_mail_to_a_buyer_is_from_its_shop_with_its_files(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture beside the HTML, the paper attached; queued again with the same key it stays as it is."""
    use_mail_server(monkeypatch, smtp_server)
    own = Sender(name="Müller & Söhne, Töpferei", address="laden@nord.example", reply_to="post@nord.example")
    for _ in range(2):
        queue_for_buyer("own", sender=own, parts=(PICTURE, PAPER))
    queue_for_buyer("named", sender=Sender(name="Nordlicht"))
    assert deliver_due() == Delivery(sent=2)

    message, named = smtp_server.messages
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (own.name, own.address)
    assert message["Reply-To"] == "post@nord.example"
    assert str(message["Message-ID"]).endswith("@nord.example>")
    assert named["From"] == "Nordlicht <warenfluss@shop.example.test>"
    kinds = [(part.get_content_type(), part.get_content_disposition()) for part in message.walk()]
    assert kinds == [
        ("multipart/mixed", None),
        ("multipart/alternative", None),
        ("text/plain", None),
        ("multipart/related", None),
        ("text/html", None),
        ("image/png", "inline"),
        ("application/pdf", "attachment"),
    ]
    picture, paper = [part for part in message.walk() if part.get_filename()]
    assert (picture["Content-ID"], picture.get_content()) == ("<code>", PICTURE.content)
    assert (paper.get_filename(), paper.get_content()) == ("Beleg 1.pdf", PAPER.content)


def test_a_logo_goes_with_the_mail_that_shows_it(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where logos are kept, so that not every mail has a copy."""
    use_mail_server(monkeypatch, smtp_server)
    with session_scope() as session:
        sha256 = save_logo(session, b"\x89PNG logo")
        content = MailContent(subject="one", text="Text", html=f'<img src="cid:{logo_id(sha256)}">')
        queue_mail(session, "one", content, [BUYER], order_id=1)
    assert deliver_due() == Delivery(sent=1)
    (message,) = smtp_server.messages
    (picture,) = [part for part in message.walk() if part.get_filename()]
    assert (picture["Content-ID"], picture.get_content()) == ("<logo>", b"\x89PNG logo")
    html = message.get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == '<img src="cid:logo">'
    with session_scope() as session:
        assert session.exec(select(MailFile)).all() == []


@pytest.mark.parametrize(
    ("reply", "too_long"),
    [("550 5.1.1 no such user", REFUSED_TOO_LONG), ("451 4.3.0 try again later", DELAYED_TOO_LONG)],
)
def test_a_mail_to_a_buyer_is_not_tried_for_ever(
    database: str,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    reply: str,
    too_long: timedelta,
) -> None:
    """It is given up after a day of refusals or five of delays, with the reason; no log names its buyer."""
    use_mail_server(monkeypatch, smtp_server)
    smtp_server.refuse = reply
    queue_for_buyer("one")
    deliver_due()
    assert read_mails()[0].given_up_at is None
    age_mails(too_long)
    make_mails_due()
    deliver_due()
    (row,) = read_mails()
    assert row.given_up_at is not None
    assert reply in row.error
    assert BUYER not in caplog.text
    smtp_server.refuse = False
    make_mails_due()
    assert deliver_due() == Delivery()
    assert smtp_server.messages == []


def test_a_head_that_cannot_be_is_refused_and_holds_up_nothing(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever got into a row past the rules."""
    use_mail_server(monkeypatch, smtp_server)
    with session_scope() as session:
        content = MailContent(subject="evil", text="")
        queue_mail(session, "evil", content, [f"{BUYER}\nBcc: c@d.example"], order_id=1)
    queue_for_buyer("good")
    assert deliver_due() == Delivery(sent=1, refused=1)
    assert smtp_server.recipients == [[BUYER]]


def test_a_sender_that_died_delays_its_mail(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim keeps the mail back until it runs out."""
    use_mail_server(monkeypatch, smtp_server)
    queue("one")
    with session_scope() as session:
        claim_mail(session, 1)
    assert deliver_due() == Delivery()
    with session_scope() as session:
        row = session.get_one(Mail, 1)
        assert row.claimed_until is not None
        row.claimed_until -= timedelta(seconds=CLAIM_SECONDS)
        session.add(row)
    assert deliver_due() == Delivery(sent=1)


def test_processes_at_once_send_each_mail_once(
    database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several senders begin at the same moment; every mail comes once."""
    use_mail_server(monkeypatch, smtp_server)
    queue(*(str(number) for number in range(MAILS)))
    deliveries = run_at_once(database, deliver_due, [()] * SENDERS)

    assert sum(delivery.sent for delivery in deliveries) == MAILS
    received = [message["Message-ID"] for message in smtp_server.messages]
    assert len(received) == len(set(received)) == MAILS


class LoginServer(SmtpServer):
    """A mail server that takes mails from one user with one password only."""

    def start(self) -> None:
        """Listen on the port."""

        def authenticate(*arguments: object) -> AuthResult:
            data = arguments[-1]
            assert isinstance(data, LoginPassword)
            good = (data.login, data.password) == (b"shop", b"geheim-1")
            return AuthResult(success=good, handled=good)

        self._controller = Controller(
            self,
            hostname=self.host,
            port=self.port,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
        )
        self._controller.start()


@pytest.fixture
def login_server() -> Iterator[LoginServer]:
    """A running mail server that wants a login."""
    server = LoginServer()
    server.start()
    yield server
    server.stop()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_login_with_user_and_password(
    sqlite_database: str, login_server: LoginServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password delays the mail and appears nowhere; the right one sends it."""
    use_mail_server(monkeypatch, login_server, smtp_user="shop", smtp_password="falsch-2")
    queue("one")
    assert deliver_due() == Delivery(delayed=1)
    (row,) = read_mails()
    assert row.error.startswith("535 ")
    encoded = base64.b64encode(b"falsch-2").decode()
    assert "falsch" not in row.error
    assert encoded not in row.error

    use_mail_server(monkeypatch, login_server, smtp_user="shop", smtp_password="geheim-1")
    make_mails_due()
    assert deliver_due() == Delivery(sent=1)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_password_that_cannot_be_sent_delays_the_mail(
    sqlite_database: str, login_server: LoginServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row names the setting and quotes nothing of it."""
    use_mail_server(monkeypatch, login_server, smtp_user="shop", smtp_password="geheim-ä")
    queue("one")
    assert deliver_due() == Delivery(delayed=1)
    assert [row.error for row in read_mails()] == [
        "WARENFLUSS_SMTP_USER and _PASSWORD may hold only ASCII characters"
    ]


def test_a_server_without_encryption_gets_nothing_when_it_is_wanted(
    sqlite_database: str, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither STARTTLS nor TLS falls back to plain text."""
    queue("one")
    for security in ("starttls", "tls"):
        use_mail_server(monkeypatch, smtp_server, smtp_security=security)
        make_mails_due()
        assert deliver_due() == Delivery(delayed=1)
    assert smtp_server.messages == []


def make_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 with its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.test")])
    address = x509.IPAddress(IPv4Address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


class EncryptingServer(SmtpServer):
    """A mail server that speaks TLS, at once or after STARTTLS, and takes nothing in plain text."""

    def __init__(self, certificate: Path, security: str) -> None:
        super().__init__()
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate)
        self.security = security

    def start(self) -> None:
        """Listen on the port."""
        options: dict[str, Any] = {"ssl_context": self.context}
        if self.security == "starttls":
            options = {"tls_context": self.context, "require_starttls": True}
        self._controller = Controller(self, hostname=self.host, port=self.port, **options)
        self._controller.start()


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_encrypted_connection_needs_a_certificate_to_trust(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """One that nobody vouches for gets nothing; once it is trusted the mail goes out."""
    certificate = make_certificate(tmp_path)
    server = EncryptingServer(certificate, security)
    use_mail_server(monkeypatch, server, smtp_security=security)
    queue("one")
    server.start()
    assert deliver_due() == Delivery(delayed=1)
    assert "CERTIFICATE_VERIFY_FAILED" in read_mails()[0].error

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    make_mails_due()
    assert deliver_due() == Delivery(sent=1)
    server.stop()
