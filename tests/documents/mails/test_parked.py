"""The mail about changes that a channel does not take."""

import pytest

from documents.mails.parked import KINDS, render_parked
from models.sync.records import OutboundKind, ParkedNotice

NOTICE = ParkedNotice(
    account="laden",
    tenant="Müllers <Töpferei>",
    kinds={OutboundKind.stock: 12, OutboundKind.shipment: 1},
    reasons={f"reason {number}": number for number in range(1, 13)},
)


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en", "[Warenfluss] laden: refused changes: 13", ["stock: 12", "Further reasons: 2"]),
        (
            "de",
            "[Warenfluss] laden: nicht angenommene Änderungen: 13",
            ["Bestände: 12", "Sendungen: 1", "Weitere Gründe: 2"],
        ),
    ],
)
def test_it_says_how_many_why_and_what_to_do(language: str, subject: str, words: list[str]) -> None:
    """One line for each kind, the most frequent reasons first, and the commands to use."""
    content = render_parked(NOTICE, language=language)

    assert content.subject == subject
    assert not [word for word in words if word not in content.text]
    assert content.text.index("reason 12 (12)") < content.text.index("reason 3 (3)")
    assert "reason 2 (2)" not in content.text
    assert "    warenfluss outbound list --account laden --state parked\n" in content.text
    assert "Müllers &lt;Töpferei&gt;" in content.html


def test_every_kind_of_change_has_a_name() -> None:
    """A mail about a new kind is never lost for want of a word."""
    assert set(KINDS) == set(OutboundKind)
