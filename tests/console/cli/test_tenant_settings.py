"""The settings of a tenant come from its models, and the options that they replaced still work."""

import pytest

from console.cli.tenant_settings import (
    FORMER_FLAGS,
    FORMER_OPTIONS,
    GROUPS,
    SET_ELSEWHERE,
    SETTINGS,
    change_group,
    describe_settings,
    read_changes,
    translate,
)
from models.errors import RuleError
from tests.support.cli_steps import call, open_shop, read, settings

BEFORE = [
    *("--legal-name", "--address", "--tax-number", "--vat-id", "--footer", "--oss-from", "--told-rates"),
    *("--bank-holder", "--iban", "--bic", "--payment-days", "--sender-name", "--sender-address"),
    *("--reply-to", "--colour", "--payment-link", "--collect-at", "--tracking-link"),
    *("--anonymise-after-days", "--invoice-years", "--letter-years"),
]
FLAGS_BEFORE = [
    *("--small-business", "--no-small-business", "--below-threshold", "--no-below-threshold"),
    *("--day-rates", "--no-day-rates"),
]
"""The options that `tenant set` had before `--set`."""


def test_every_field_of_a_group_is_set_somewhere() -> None:
    """By `--set`, which explains it in its help, or by a command or option of its own."""
    fields = {f"{group}.{name}" for group, model in GROUPS.items() for name in model.model_fields}
    assert fields == set(SETTINGS) | SET_ELSEWHERE
    assert all(text for _, text in describe_settings())
    shown = call("tenant", "set", "--help").stdout
    assert all(name in shown for name, _ in describe_settings())


def test_former_options_are_those_there_were() -> None:
    """Made from the models, with no other; the help does not list them."""
    assert set(FORMER_OPTIONS) == set(BEFORE)
    assert set(FORMER_FLAGS) == set(FLAGS_BEFORE)
    shown = call("tenant", "set", "--help").stdout.split()
    assert not set(shown) & {*BEFORE, *FLAGS_BEFORE}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acme --legal-name A", "acme --set seller.name=A"),
        ("--legal-name=A=B acme", "--set seller.name=A=B acme"),
        ("acme --no-small-business", "acme --set seller.small_business=false"),
        ("acme --tracking-link DHL=https://x", "acme --set mails.tracking_links.DHL=https://x"),
        ("acme --payment-days 9 --title T", "acme --set bank.days=9 --title T"),
        ("acme --set bank.days=9 --iban", "acme --set bank.days=9 --set bank.iban="),
    ],
)
def test_a_former_option_means_its_setting(typed: str, meant: str) -> None:
    """Wherever it stands, with a blank or a sign before its value."""
    assert list(translate(typed.split())) == meant.split()


def test_a_script_with_former_options_does_what_it_did(sqlite_database: str) -> None:
    """Lines are all replaced, flags are yes or no, and what is not named stays."""
    open_shop()
    old = ("--legal-name", "Acme", "--address", "Weg 2", "--address", "04109 Leipzig", "--small-business")
    assert call("tenant", "set", "acme", "--footer", "HRB 1").exit_code == 0

    assert call("tenant", "set", *old, "acme", "--tracking-link", "Bote=https://b.example").exit_code == 0

    (tenant,) = read("tenant", "list")
    assert tenant["seller"] == {
        "name": "Acme",
        "address": ["Weg 2", "04109 Leipzig"],
        "tax_number": "",
        "vat_id": "",
        "small_business": True,
        "footer": ["HRB 1"],
        "logo": "",
    }
    assert tenant["mails"]["tracking_links"] == {"Bote": "https://b.example"}
    assert call("tenant", "set", "acme", *settings("seller.address=", "seller.name=")).exit_code == 0
    (tenant,) = read("tenant", "list")
    assert (tenant["seller"]["name"], tenant["seller"]["address"]) == ("", [])


def test_changes_are_read_by_group() -> None:
    """An empty value is the default again; lines and links are gathered."""
    given = [("bank.days", ""), ("seller.address", "A"), ("seller.address", "B"), ("mails.colour", "#000000")]
    assert read_changes(given) == {
        "bank": {"days": None},
        "seller": {"address": ["A", "B"]},
        "mails": {"colour": "#000000"},
    }
    assert change_group("bank", {"days": 14, "holder": "A"}, {"days": None}) == {
        "holder": "A",
        "iban": "",
        "bic": "",
        "days": 7,
    }


def test_every_unknown_setting_has_its_sentence() -> None:
    """All faults are told at once."""
    with pytest.raises(RuleError) as refused:
        read_changes([("name", "A"), ("bank.days", "9"), ("bank.colour", "red")])
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "There is no setting 'name'",
        "There is no setting 'bank.colour'",
    ]
