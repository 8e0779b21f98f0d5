"""The list of connectors loads none of them; settings are checked, and connections opened, by kind."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from connectors.errors import AccountError
from connectors.registry import SPECS, check_settings, open_connection
from models.tenants.account_kinds import MANUAL, kind_of
from models.tenants.options import options_model
from models.tenants.records import AccountData, Mode

TOKENS = ["partner_token", "account_token"]

LEGACY = ["partner_id", "partner_password", "user_id", "user_password"]


def account(kind: str = "afterbuy", **settings: object) -> AccountData:
    return AccountData(
        id=1,
        tenant_id=1,
        name="shop",
        kind=kind,
        mode=Mode.live,
        settings=settings,
        options=options_model(kind_of(kind))(),
    )


def test_texts_of_the_command_line_become_values() -> None:
    given = {
        "page_size": "100",
        "mail_buyer_payment": "false",
        "cancelled_tags": "storno, weg ,",
        "role": "orders",
        "base_url": "http://127.0.0.1:8080",
    }
    assert check_settings("afterbuy", given, TOKENS) == {
        "page_size": 100,
        "mail_buyer_payment": False,
        "cancelled_tags": ["storno", "weg"],
        "role": "orders",
        "base_url": "http://127.0.0.1:8080/afterbuy/ABInterface.aspx",
    }


@pytest.mark.parametrize(
    ("settings", "secrets", "said"),
    [
        ({"colour": "red"}, TOKENS, "no setting 'colour': allowed are article_detail_level"),
        ({"page_size": "1"}, TOKENS, "'page_size' does not fit: Input should be greater than or equal to 2"),
        ({"page_size": "many"}, TOKENS, "'page_size' does not fit"),
        ({"stock_pool": "all"}, TOKENS, "allowed are quantity, auction, both"),
        ({"role": "boss"}, TOKENS, "allowed are articles, orders"),
        ({"start": "soon"}, TOKENS, "'start' does not fit"),
        ({"start": "2026-13-45"}, TOKENS, "'start' does not fit"),
        ({"invoices": "warenfluss"}, TOKENS, "'invoices_from' does not fit: invoices=warenfluss needs a day"),
        ({"invoices_from": "soon"}, TOKENS, "'invoices_from' does not fit"),
        ({"mail_buyer_payment": "perhaps"}, TOKENS, "allowed are true, false"),
        ({"base_url": "ftp://x"}, TOKENS, "must be an address like https"),
        ({"base_url": "https://u:p@x"}, TOKENS, "must hold no user, password"),
        ({"base_url": "https://x/?k=v"}, TOKENS, "must hold no user, password"),
        ({"base_url": "http://api.afterbuy.de"}, TOKENS, "must be https"),
        ({"base_url": "https://x:99999"}, TOKENS, "must be an address"),
        ({}, [], "partner_token, account_token is missing"),
        ({}, ["account_token"], "The secret partner_token is missing"),
        ({}, LEGACY[:3], "The secret user_password is missing"),
        ({}, [*TOKENS, "pin"], "no secret 'pin': allowed are partner_token"),
    ],
)
def test_each_wrong_setting_has_its_sentence(settings: dict[str, str], secrets: list[str], said: str) -> None:
    with pytest.raises(AccountError) as caught:
        check_settings("afterbuy", settings, secrets)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("start", ["new", "2026-11-01", "20261101", "4711"])
def test_an_import_begins_now_on_a_day_or_with_an_order_number(start: str) -> None:
    assert check_settings("afterbuy", {"start": start}, TOKENS) == {"start": start}


def test_a_system_without_orders_has_no_order_numbers() -> None:
    """Which texts are order numbers only the connector knows."""
    with pytest.raises(AccountError, match="'start' does not fit"):
        check_settings(MANUAL.name, {"start": "4711"}, [])


def test_several_faults_are_told_at_once() -> None:
    with pytest.raises(AccountError) as caught:
        check_settings("afterbuy", {"colour": "red", "page_size": "0"}, [])
    assert len(str(caught.value).splitlines()) == 3


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(AccountError, match=f"allowed are {', '.join(SPECS)}"):
        check_settings("shopmarket", {}, [])
    with pytest.raises(AccountError, match="allowed are"):
        open_connection(account("shopmarket"), {}, test=False)


def test_an_account_that_cannot_be_connected_says_what_is_wrong_without_the_value() -> None:
    with pytest.raises(AccountError, match="partner_token"):
        open_connection(account(), {"account_token": "x"}, test=False)
    with pytest.raises(AccountError, match="base_url") as caught:
        open_connection(account(base_url="ftp://secret"), dict.fromkeys(TOKENS, "x"), test=False)
    assert "secret" not in str(caught.value).replace("secrets", "")


@pytest.mark.parametrize("kind", SPECS)
def test_a_stand_in_is_a_module_that_starts(kind: str) -> None:
    name = SPECS[kind]().simulator
    assert not name or find_spec(name) is not None


def test_names_of_kinds_load_no_connector() -> None:
    """A command that needs only the kinds there are starts without XML and HTTP."""
    code = (
        "import sys, connectors.registry; assert len(connectors.registry.SPECS) > 1; "
        "heavy = ('lxml', 'httpx', 'connectors.afterbuy'); "
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
