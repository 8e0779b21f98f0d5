"""Every switch is described, tested, and refuses what it does not offer."""

from dataclasses import fields
from pathlib import Path

import pytest

import connectors.afterbuy.simulator.switches as switches_module
from connectors.afterbuy.simulator import Switches


def test_switches_refuse_what_they_do_not_offer() -> None:
    """A typing error in a test's switch does not pass silently."""
    switches = Switches()

    for wrong in ({"nothing": 1}, {"range_from": "both"}, {"ugly": 1}, {"set_limit": "15"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            switches.change(**wrong)

    assert switches == Switches()


def test_every_switch_has_a_description_and_a_test() -> None:
    """A new switch without a test of its own name fails here."""
    source = Path(switches_module.__file__).read_text("utf-8")
    tests = "".join(file.read_text("utf-8") for file in Path(__file__).parent.rglob("test_*.py"))
    credentials = {
        "partner_token",
        "account_token",
        "partner_id",
        "partner_password",
        "user_id",
        "user_password",
    }
    names = [entry.name for entry in fields(Switches) if entry.name not in credentials]

    assert [name for name in names if name not in tests] == []
    for name in names:
        _, _, after = source.partition(f"    {name}: ")
        assert after.split("\n", 2)[1].strip().startswith('"""'), name
