"""What mails to operators share."""

import pytest

from documents.mails.operators import operator_mail, run_link
from models.sync.records import ParkedNotice


@pytest.mark.parametrize(
    ("flow_run_id", "link"),
    [("ab-1", "https://ui.example/runs/flow-run/ab-1"), ("", "https://ui.example/runs")],
)
def test_a_link_leads_to_the_run_or_to_all_runs(flow_run_id: str, link: str) -> None:
    """Whether or not the address of the Prefect UI ends with a slash."""
    assert [run_link(url, flow_run_id) for url in ("https://ui.example", "https://ui.example/")] == [
        link,
        link,
    ]


def test_a_mail_names_the_program_in_its_subject() -> None:
    """The templates get the subject without the program's name, and all values."""
    notice = ParkedNotice(account="shop", tenant="Shop", kinds={}, reasons={})
    values = {"notice": notice, "kinds": [], "reasons": [("no such order", 2)], "further": 0, "commands": []}

    mail = operator_mail("mail_parked", "shop: refused changes: 2", "en", values)

    assert mail.subject == "[Warenfluss] shop: refused changes: 2"
    assert "no such order" in mail.text
    assert "<title>shop: refused changes: 2</title>" in mail.html
