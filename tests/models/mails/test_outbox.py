"""Mails are queued once, claimed by one sender, and wait longer each time."""

from datetime import timedelta

import pytest

from models.clock import utc_now
from models.database.session import session_scope
from models.mails.outbox import (
    CLAIM_SECONDS,
    Backlog,
    Mail,
    claim_mail,
    find_backlog,
    list_due_mails,
    list_waiting_mails,
    postpone_mails,
    queue_mail,
    retry_seconds,
    save_attempt,
    why_no_mail,
)
from models.mails.records import MailContent
from models.settings import Settings

HELLO = MailContent(subject="Grüße\r\nBcc: spy@example.test", text="Guten Tag", html="<p>Guten Tag</p>")


def queue(key: str) -> Mail:
    with session_scope() as session:
        queue_mail(session, key, HELLO)
        return list_waiting_mails(session)[-1]


def claim(mail: Mail) -> Mail | None:
    with session_scope() as session:
        return claim_mail(session, mail.row_id)


def reread(mail: Mail) -> Mail:
    with session_scope() as session:
        return session.get_one(Mail, mail.id)


def test_one_key_makes_one_mail(database: str) -> None:
    """Queueing again leaves the first mail, with its text and its Message-ID."""
    first = queue("alarm 1")
    with session_scope() as session:
        queue_mail(session, "alarm 1", MailContent(subject="Other", text="Other"))
        rows = list_waiting_mails(session)

    assert [(row.message_id, row.text) for row in rows] == [(first.message_id, "Guten Tag")]
    assert first.message_id.endswith("@localhost>")


def test_a_subject_is_one_line(database: str) -> None:
    """What came in with a line break cannot become a header of its own."""
    assert queue("alarm 1").subject == "Grüße Bcc: spy@example.test"


def test_a_mail_is_undone_with_its_cause(database: str) -> None:
    """Where the commit does not happen, no mail is left."""

    def fail_after_queueing() -> None:
        with session_scope() as session:
            queue_mail(session, "alarm 1", HELLO)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_queueing()
    with session_scope() as session:
        assert list_waiting_mails(session) == []


def test_one_sender_gets_the_claim(database: str) -> None:
    """A second sender gets nothing until the claim of the first has run out."""
    mail = queue("alarm 1")
    first = claim(mail)
    assert first is not None
    assert claim(mail) is None

    with session_scope() as session:
        row = session.get_one(Mail, mail.id)
        row.claimed_until = utc_now() - timedelta(seconds=1)
        session.add(row)
    second = claim(mail)

    assert second is not None
    assert second.claim != first.claim
    with session_scope() as session:
        save_attempt(session, first, delivered_to=["late@example.test"])
    assert reread(mail).sent_at is None
    with session_scope() as session:
        save_attempt(session, second, delivered_to=["lager@example.test"])
    assert reread(mail).delivered_to == ["lager@example.test"]
    assert reread(mail).sent_at is not None
    assert claim(mail) is None


def test_a_claim_outlasts_an_attempt(database: str) -> None:
    """The claim ends `CLAIM_SECONDS` from now."""
    mail = claim(queue("alarm 1"))
    assert mail is not None
    assert mail.claimed_until is not None
    assert 0 <= CLAIM_SECONDS - (mail.claimed_until - utc_now()).total_seconds() < 60


def test_waits_grow_to_a_quarter_of_an_hour() -> None:
    """The first is short, the last stays the same."""
    assert [retry_seconds(attempts) for attempts in (1, 2, 3, 4, 5, 6, 7, 999)] == [
        *(30, 60, 120, 300, 600, 900, 900, 900)
    ]


def test_a_delayed_mail_waits_and_keeps_who_has_got_it(database: str) -> None:
    """It is not due at once, and the recipients that are settled stay so."""
    mail = claim(queue("alarm 1"))
    assert mail is not None
    with session_scope() as session:
        save_attempt(
            session,
            mail,
            delivered_to=["a@example.test"],
            refused_by={"b@example.test": "550 no"},
            delayed=True,
            error="451",
        )
        assert list_due_mails(session, 10) == []
    row = reread(mail)
    assert (row.sent_at, row.attempts, row.error) == (None, 1, "451")
    assert (row.delivered_to, row.refused_by) == (["a@example.test"], {"b@example.test": "550 no"})
    assert 20 < (row.next_try_at - utc_now()).total_seconds() <= 30


def test_a_mail_that_all_refused_is_kept(database: str) -> None:
    """It is tried again some hours later, with everybody."""
    mail = claim(queue("alarm 1"))
    assert mail is not None
    with session_scope() as session:
        save_attempt(session, mail, refused_by={"b@example.test": "550 no"}, error="550 no")
    row = reread(mail)
    assert (row.sent_at, row.refused_by, row.error) == (None, {}, "550 no")
    assert (row.next_try_at - utc_now()).total_seconds() > 5 * 3600


def test_putting_off_spares_what_is_claimed(database: str) -> None:
    """Only mails that are due begin to wait."""
    first, second = queue("alarm 1"), queue("alarm 2")
    claimed = claim(first)
    with session_scope() as session:
        postpone_mails(session, [first.row_id, second.row_id], 60)
    assert claimed is not None
    assert reread(first).next_try_at == claimed.next_try_at
    assert reread(second).next_try_at > utc_now()


def test_the_backlog_says_how_much_waits_and_why(database: str) -> None:
    """Nothing at first; then the number, the oldest time and the last error."""
    with session_scope() as session:
        assert find_backlog(session) == Backlog(waiting=0, oldest_at=None, error="")
    first = queue("alarm 1")
    queue("alarm 2")
    mail = claim(first)
    assert mail is not None
    with session_scope() as session:
        save_attempt(session, mail, delayed=True, error="Connection refused")
    with session_scope() as session:
        assert find_backlog(session) == Backlog(
            waiting=2, oldest_at=first.created_at, error="Connection refused"
        )


@pytest.mark.parametrize(
    ("host", "to", "missing"),
    [
        ("", "", "WARENFLUSS_SMTP_HOST"),
        ("mail.example.test", "", "WARENFLUSS_MAIL_TO"),
        ("", "a@example.test", "WARENFLUSS_SMTP_HOST"),
    ],
)
def test_silence_names_the_setting(host: str, to: str, missing: str) -> None:
    """One sentence names what has to be set."""
    assert missing in why_no_mail(Settings(smtp_host=host, mail_to=[to] if to else []))


def test_nothing_to_explain_when_all_is_set() -> None:
    """With server and recipients set, mails are sent."""
    assert why_no_mail(Settings(smtp_host="mail.example.test", mail_to=["a@example.test"])) == ""
