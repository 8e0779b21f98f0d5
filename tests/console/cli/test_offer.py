"""`warenfluss offer`: an offer is drawn, and accepted once."""

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.support.cli_desk import FIRST, YEAR, asked, open_desk
from tests.support.cli_steps import call, read, refused


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """A channel, and an account in which orders are taken by hand; ten mugs and ten cups at 9.90."""
    open_desk()


def test_an_offer_is_drawn_and_accepted_once(shop: None, tmp_path: Path) -> None:
    """Its paper has its number; what became of it is listed, and a second word changes nothing."""
    number = f"AN-{YEAR}-00001"
    file = tmp_path / "offer.json"
    file.write_text(asked(shipping_amount="4.90"), "utf-8-sig")
    made = call("offer", "make", str(file), "--valid-until", f"{YEAR + 1}-12-31")
    pdf = tmp_path / "offer.pdf"
    assert call("offer", "draw", number, "--output", str(pdf)).exit_code == 0
    text = " ".join(PdfReader(io.BytesIO(pdf.read_bytes())).pages[0].extract_text().split())

    assert made.stderr == f"Offer {number} was made: 24.70 EUR, good until {YEAR + 1}-12-31.\n"
    assert f"Angebot {number}" in text
    assert re.search(r"Zahlungsart\s*Rechnung", text)
    assert "24,70" in text
    assert "3,94" in text, "of it tax at 19 %"
    assert call("offer", "accept", number).stderr == f"Order {FIRST} was taken: 24.70 EUR.\n"
    assert refused("offer", "accept", number) == f"Offer {number} was accepted already, as order {FIRST}."
    assert refused("offer", "decline", number).startswith(f"Offer {number} was accepted already")
    assert [(row["number"], row["state"], row["order"]) for row in read("offer", "list")] == [
        (number, "accepted", FIRST)
    ]
    assert read("order", "show", FIRST)["links"] == [f"offered as {number}"]
