"""Orders by telephone on the command line, and the account without a channel that they are taken in."""

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from models.tenants.account_kinds import MANUAL
from tests.support.cli_desk import FIRST, YEAR, asked, open_desk
from tests.support.cli_steps import call, line, order, read, refused, take_orders


@pytest.fixture
def shop(sqlite_database: str) -> None:
    """A channel, and an account in which orders are taken by hand; ten mugs and ten cups at 9.90."""
    open_desk()


def test_an_order_is_taken_changed_and_repeated(shop: None) -> None:
    """The reference makes it one order; a list finds it by its number and by its buyer."""
    taken = [call("order", "take", "-", given=asked(reference="Z 7")).stderr for _ in range(2)]
    added = call("mend", "add", FIRST, "CUP", "--price", "5.00", "--tax-rate", "7")
    refusal = refused("mend", "add", FIRST, "CUP", "--price", "5.001")
    wrong = call("order", "take", "-", given=asked(lines=[{"article": "MUG", "price": -1}, {"article": ""}]))

    assert taken == [
        f"Order {FIRST} was taken: 19.80 EUR.\n",
        f"It was taken before, as order {FIRST}; nothing is done twice.\n",
    ]
    assert (added.exit_code, refusal) == (0, "price: an amount is at least zero, in whole cents")
    assert wrong.stderr.splitlines() == [
        "line 1.price: an amount is at least zero, in whole cents",
        "line 2.article: String should have at least 1 character",
    ]
    assert call("order", "repeat", FIRST, "--reference", "R").exit_code == 0
    shown = read("order", "show", FIRST)
    assert (shown["total"], shown["links"]) == ("24.80", [f"repeated as W-{YEAR}-00002"])
    assert [row["external_id"] for row in read("order", "list", "--number", "W-")] == [
        f"W-{YEAR}-00002",
        FIRST,
    ]
    assert len(read("order", "list", "--buyer", "anna@buyer.example")) == 2
    assert f"repeat of {FIRST}" in call("order", "show", f"W-{YEAR}-00002").stdout


def test_orders_go_together_in_one_parcel(shop: None, tmp_path: Path) -> None:
    """What could is suggested; one slip for both, one tracking number, and each is shown with the other."""
    take_orders(*(order(number, line(f"{number}-1", "MUG")) for number in ("100", "101")))
    assert "100, 101" in call("order", "join", "--suggest").stdout
    assert call("order", "join", "100", "101").stderr == "Orders 100, 101 ship together.\n"
    assert call("order", "part", "101").exit_code == 0
    assert refused("order", "part", "101") == "Order 101 is not consolidated, or has been shipped."
    assert call("order", "join", "100", "M-101").exit_code == 0
    released = call("order", "release", "101", "100")
    assert (released.exit_code, released.stderr) == (0, "Order 101 was released.\nOrder 100 was released.\n")
    pdf = tmp_path / "slips.pdf"
    assert call("paper", "slip", "100", "101", "--output", str(pdf)).exit_code == 0
    (page,) = PdfReader(io.BytesIO(pdf.read_bytes())).pages
    shipped = call("order", "ship", "100", "--carrier", "DHL", "--tracking", "T1")

    assert re.search(r"Zusammen mit\s*M-101", " ".join(page.extract_text().split()))
    assert shipped.stderr == "Order 100: 1 parcel booked, now shipped. Shipped with it: 101.\n"
    for number, other in (("100", "101"), ("101", "100")):
        shown = read("order", "show", number)
        assert (shown["state"], shown["links"]) == ("shipped", [f"together with {other}"])
        assert [each["tracking_numbers"] for each in shown["shipments"]] == [["T1"]]


def test_what_has_no_channel_is_asked_nothing(shop: None) -> None:
    """The login is none, and cycles that go to a channel say so before Prefect is started."""
    assert call("account", "check", "telefon").stderr == (
        "Account 'telefon' takes orders by hand: there is nothing to log in to.\n"
    )
    assert refused("sync", "order-import", "--account", "telefon").startswith(
        "Account 'telefon' of the kind 'manual' has no order-import: it can have order-release, "
    )
    (shown,) = (row for row in read("account", "list") if row["name"] == "telefon")
    assert (shown["settings"]["payments"], shown["settings"]["invoices"]) == ("warenfluss", "warenfluss")
    assert "There is no secret 'token'" in refused(
        "account", "add", "x", "--kind", MANUAL.name, "--tenant", "acme", "--secret", "token=1"
    )


def test_the_old_name_of_the_kind_is_still_taken(shop: None) -> None:
    """Scripts from before go on working, and nothing is said of it."""
    added = call("account", "add", "laden", "--kind", "own", "--tenant", "acme")

    assert (added.exit_code, "own" in added.stderr) == (0, False)
    (shown,) = (row for row in read("account", "list") if row["name"] == "laden")
    assert shown["kind"] == MANUAL.name
