"""`warenfluss rejected`: records that could not be used."""

from models.database.session import session_scope
from models.sync.records import RejectedData
from models.sync.rejected import save_rejected
from tests.support.cli_steps import call, open_shop, read, refused


def test_a_rejected_record_is_shown_with_its_raw_form(database: str) -> None:
    """It has its reason, and is found by its number and by its external id."""
    open_shop()
    with session_scope() as session:
        save_rejected(
            session, 1, [RejectedData(kind="order", external_id="77", reason="no lines", raw="<x/>")]
        )

    (entry,) = read("rejected", "list")

    assert (entry["kind"], entry["external_id"], entry["reason"]) == ("order", "77", "no lines")
    assert read("rejected", "show", "77")["raw"] == "<x/>"
    assert read("rejected", "show", str(entry["id"]))["raw"] == "<x/>"
    assert "There is no rejected record 'nix'" in refused("rejected", "show", "nix")


def test_scripts_may_use_the_former_name(database: str) -> None:
    """`warenfluss aside` is the same command, and `--help` lists it once, under its present name."""
    open_shop()
    with session_scope() as session:
        save_rejected(
            session, 1, [RejectedData(kind="order", external_id="77", reason="no lines", raw="<x/>")]
        )

    assert read("aside", "list") == read("rejected", "list")
    assert read("aside", "show", "77")["raw"] == "<x/>"
    assert "There is no rejected record 'nix'" in refused("aside", "show", "nix")
    assert "Usage:" in call("aside", "--help").stdout
    names = [line.split()[0] for line in call("--help").stdout.splitlines() if line.startswith("  ")]
    assert "rejected" in names
    assert "aside" not in names
