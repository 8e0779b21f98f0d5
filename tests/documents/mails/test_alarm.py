"""The status mail says what failed, since when, what it means and what to do, in both languages."""

from datetime import UTC, datetime
from typing import Any

import pytest

from documents.mails.alarm import ADVICE_FOR_ERROR, CHECK_LOGIN, LOOK_UP, READ_MESSAGE, WAIT, render_alarm
from models.mails.records import MailContent
from models.sync.records import AlarmKind, AlarmNotice, Cycle, NoticeKind

RUN = "0c2f7f0e-7f52-4f6a-8d0e-6a4c1f6f0b11"
LINK = f"https://prefect.example.test/runs/flow-run/{RUN}"


def make_notice(**values: Any) -> AlarmNotice:
    return AlarmNotice.model_validate(
        {
            "key": "alarm 1 mail 1",
            "notice": NoticeKind.failure,
            "kind": AlarmKind.failed,
            "account": "muellers-shop",
            "tenant": "Müllers <Töpferei> & Söhne",
            "cycle": Cycle.order_import,
            "test": False,
            "failures": 1,
            "since": datetime(2026, 10, 14, 8, 32, tzinfo=UTC),
            "last_success_at": datetime(2026, 10, 14, 8, 17, tzinfo=UTC),
            "error": "AccountError: muellers-shop: login refused (code 7)",
            "flow_run_id": RUN,
            **values,
        }
    )


def render(language: str = "en", **values: Any) -> MailContent:
    return render_alarm(make_notice(**values), language=language, public_url="https://prefect.example.test/")


def test_the_whole_mail_in_english() -> None:
    """Text and subject, to the letter."""
    mail = render()
    assert mail.subject == "[Warenfluss] muellers-shop: order import failed"
    assert (
        mail.text
        == f"""\
muellers-shop: order import failed

A run failed.

Account: muellers-shop
Tenant: Müllers <Töpferei> & Söhne
Cycle: order import (order-import)
Since: 14 Oct 2026, 10:32
Last success: 14 Oct 2026, 10:17
Failed runs in this streak: 1
Error: AccountError: muellers-shop: login refused (code 7)

What it means
New orders do not arrive. Buyers wait, and their goods are not reserved.

What to do
Check the credentials and permissions of the account. The command below tries the login and names what is \
wrong. Later runs will fail in the same way until it is corrected.

    warenfluss account check muellers-shop

The failed run: {LINK}

All times are in Berlin time.
"""
    )


def test_the_whole_mail_in_german() -> None:
    """Every line is German but the error itself."""
    mail = render("de", failures=3, notice=NoticeKind.reminder)
    assert mail.subject == "[Warenfluss] muellers-shop: Auftragsimport weiterhin gestört"
    assert (
        mail.text
        == f"""\
muellers-shop: Auftragsimport weiterhin gestört

Der Abgleich ist noch immer nicht gelungen.

Anbindung: muellers-shop
Mandant: Müllers <Töpferei> & Söhne
Abgleich: Auftragsimport (order-import)
Seit: 14.10.2026, 10:32 Uhr
Letzter Erfolg: 14.10.2026, 10:17 Uhr
Fehlgeschlagene Läufe in Folge: 3
Fehler: AccountError: muellers-shop: login refused (code 7)

Was das bedeutet
Neue Aufträge kommen nicht an. Käufer warten, und ihre Ware ist nicht reserviert.

Was zu tun ist
Prüfen Sie Zugangsdaten und Berechtigungen der Anbindung. Der Befehl unten versucht die Anmeldung und nennt, \
was nicht stimmt. Bis das behoben ist, schlagen auch die nächsten Läufe fehl.

    warenfluss account check muellers-shop

Der fehlgeschlagene Lauf: {LINK}

Alle Zeiten sind Berliner Ortszeit.
"""
    )


def test_a_recovery_tells_no_trouble() -> None:
    """It names both times and the count, and neither meaning nor advice."""
    mail = render(notice=NoticeKind.recovery, failures=4, ended_at=datetime(2026, 10, 14, 10, 0, tzinfo=UTC))
    assert mail.subject == "[Warenfluss] muellers-shop: order import works again"
    assert "Since: 14 Oct 2026, 10:32\nWorks again since: 14 Oct 2026, 12:00" in mail.text
    assert "Failed runs in this streak: 4" in mail.text
    for absent in ("What to do", "What it means", "Error", "account check"):
        assert absent not in mail.text
        assert absent not in mail.html


def test_html_escapes_what_people_typed() -> None:
    """The same facts in HTML, with the tenant's name escaped and the link as a link."""
    mail = render("de", error="AccountError: <script>")
    assert "Müllers &lt;Töpferei&gt; &amp; Söhne" in mail.html
    assert "AccountError: &lt;script&gt;" in mail.html
    assert f'<a href="{LINK}">Der fehlgeschlagene Lauf</a>' in mail.html
    assert '<html lang="de">' in mail.html
    assert "Prüfen Sie Zugangsdaten" in mail.html
    assert "<script>" not in mail.html


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("kind", AlarmKind)
def test_each_cycle_has_its_meaning(language: str, kind: AlarmKind) -> None:
    """Five cycles say five different things, and nothing of another language."""
    texts = {render(language, cycle=cycle, kind=kind, account="a").text for cycle in Cycle}
    assert len(texts) == len(Cycle)
    word = "Was zu tun ist" if language == "de" else "What to do"
    assert all(word in text for text in texts)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("AccountError: x", CHECK_LOGIN),
        ("TransientError: afterbuy: 503", WAIT),
        ("UncertainError", LOOK_UP),
        ("NotFoundError: There is no account 'x'.", READ_MESSAGE),
        ("ValueError", "the person who maintains Warenfluss"),
        ("RequestRefusedError: x", "the person who maintains Warenfluss"),
        ("", "the person who maintains Warenfluss"),
    ],
)
def test_advice_fits_the_error(error: str, advice: str) -> None:
    """What a person does next depends on the class of the error."""
    assert advice in render(error=error).text


@pytest.mark.parametrize("kind", [AlarmKind.crashed, AlarmKind.vanished])
def test_a_dead_process_sends_people_to_the_machine(kind: AlarmKind) -> None:
    """Whatever error was at hand."""
    assert "Check whether the machine is running" in render(kind=kind, error="TransientError").text


def test_an_overdue_cycle_has_no_run_to_link() -> None:
    """The mail leads to all runs and counts none."""
    mail = render(kind=AlarmKind.overdue, flow_run_id="", error="", failures=0, last_success_at=None)
    assert mail.subject == "[Warenfluss] muellers-shop: order import is overdue"
    assert "All runs: https://prefect.example.test/runs\n" in mail.text
    assert "Last success: none yet\n" in mail.text
    assert "streak" not in mail.text
    assert "whether the schedule is switched on" in mail.text


def test_a_test_account_harms_nobody() -> None:
    """Its mail does not frighten."""
    mail = render(test=True)
    assert "nothing outside is affected" in mail.text
    assert "Buyers wait" not in mail.text


def test_only_known_errors_have_advice_of_their_own() -> None:
    """The names are those of real error classes."""
    import connectors.errors
    import models.errors

    names = {*vars(connectors.errors), *vars(models.errors)}
    assert set(ADVICE_FOR_ERROR) <= names
