"""Accounts and cycles on the command line, with a real Prefect and the simulator."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.afterbuy.simulator import Simulator, sample_state
from models.database.session import session_scope
from models.sync.records import RejectedData
from models.sync.rejected import save_rejected
from models.tenants.account import get_account
from models.tenants.records import Mode
from tests.support.cli_steps import call, open_shop, read, refused


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """The simulator with sample data."""
    with Simulator(sample_state()) as simulator:
        yield simulator


@pytest.fixture
def shop(
    sqlite_database: str, prefect_api: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Simulator:
    """The account `shop`, added on the command line; the test's Prefect stands for the installation's."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    call("tenant", "add", "acme")
    result = call(
        *("account", "add", "shop", "--kind", "afterbuy", "--tenant", "acme"),
        *("--set", f"base_url={simulator.url}", "--set", "start=2020-01-01", "--set", "page_size=100"),
        *("--secret", "partner_token=demo-partner-token", "--secret", "account_token=-"),
        given="demo-account-token\n",
    )
    assert result.exit_code == 0, result.stderr
    assert "demo-account-token" not in result.stdout + result.stderr
    return simulator


def test_from_an_account_to_its_orders(shop: Simulator) -> None:
    """Check, test mode, articles and orders; standard output is JSON alone; secrets are never shown."""
    assert read("account", "check", "shop")["ok"] is True
    (account,) = read("account", "list")
    assert (account["mode"], account["settings"]["page_size"]) == ("draft", 100)
    assert "token" not in json.dumps(account)

    assert call("account", "mode", "shop", "test").exit_code == 0
    counts = read("sync", "article-import", "--account", "shop")
    assert counts["new"] == counts["read"] > 0
    counts = read("sync", "order-import", "--account", "shop", "--since", "2020-01-01")
    assert counts["new"] > 0
    assert all(row["trial"] for row in read("order", "list"))

    result = call("account", "mode", "shop", "live")

    assert f"{counts['new']} test orders removed." in result.stderr
    assert read("order", "list") == []
    number = next(iter(shop.state.orders.values())).order_id
    assert read("sync", "order-import", "--account", "shop", "--order", str(number))["read"] == 1
    assert [row["external_id"] for row in read("order", "list")] == [str(number)]
    assert [run["state"] for run in read("run", "list")] == ["completed"] * 3


def test_a_wrong_login_is_named(shop: Simulator) -> None:
    """`check` and `sync` end with exit code 1 and one sentence, without the secret."""
    assert call("account", "mode", "shop", "live").exit_code == 0
    assert call("account", "set", "shop", "--secret", "account_token=wr0ng").exit_code == 0

    sentence = refused("account", "check", "shop")
    result = call("sync", "order-import", "--account", "shop")

    assert result.exit_code == 1
    assert "order-import of account 'shop' failed: AccountError" in result.stderr.splitlines()[-1]
    assert "wr0ng" not in sentence + result.stderr
    assert json.loads(call("account", "check", "shop", "--json").stdout)["ok"] is False


def test_settings_are_changed_one_by_one(shop: Simulator) -> None:
    """What is not named stays; an empty value is the usual one again; a wrong one changes nothing."""
    assert call("account", "set", "shop", "--set", "page_size=", "--set", "currency=CHF").exit_code == 0
    assert "'currency'" in refused("account", "set", "shop", "--set", "currency=Franken")
    (account,) = read("account", "list")
    assert ("page_size" in account["settings"], account["settings"]["currency"]) == (False, "CHF")
    assert account["settings"]["start"] == "2020-01-01"


def test_a_rejected_record_is_fetched_again(shop: Simulator) -> None:
    """One that is fine by now is taken in; one that the channel does not know stays, with exit code 1."""
    call("account", "mode", "shop", "live")
    number = str(next(iter(shop.state.orders.values())).order_id)
    with session_scope() as session:
        account_id = get_account(session, "shop").row_id
        for external_id in (number, "1"):
            rejected = RejectedData(kind="order", external_id=external_id, reason="It had no lines.")
            save_rejected(session, account_id, [rejected])

    assert call("rejected", "retry", number).exit_code == 0
    result = call("rejected", "retry", "2")

    assert result.exit_code == 1
    assert "order 1 of account 'shop' is still rejected: It had no lines." in result.stderr
    assert [row["external_id"] for row in read("order", "list")] == [number]
    assert [entry["external_id"] for entry in read("rejected", "list")] == ["1"]
    assert [entry["external_id"] for entry in read("rejected", "list", "--settled")] == [number]


def test_an_order_is_run_again(shop: Simulator) -> None:
    """The table says what is new; a second time all of it was had; a wrong wish is one sentence."""
    call("account", "mode", "shop", "live")
    number = str(next(iter(shop.state.orders.values())).order_id)

    preview = read("replay", "--account", "shop", "--order", number, "--test")
    assert read("order", "list") == []
    first = read("replay", "--account", "shop", "--order", number)
    second = read("replay", "--account", "shop", "--order", number)

    assert {row["outcome"] for row in preview} == {"would be new"}
    assert {row["outcome"] for row in first} == {"new now"}
    assert {row["outcome"] for row in second} == {"done before"}
    assert [row["external_id"] for row in read("order", "list")] == [number]
    assert "one of these" in refused("replay", "--account", "shop")
    assert call("replay", "--account", "shop", "--day", "yesterday").exit_code == 2
    assert call("sync", "replay", "--account", "shop").exit_code == 2


def test_what_prefect_raises_is_one_sentence(shop: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prefect that is away is no traceback."""

    def broken(**_: Any) -> None:
        raise RuntimeError("Timed out")

    call("account", "mode", "shop", "live")
    monkeypatch.setattr("flows.stock_export.stock_export", broken)
    assert "Prefect could not run stock-export (RuntimeError)" in refused(
        "sync", "stock-export", "--account", "shop"
    )


def test_a_draft_is_refused_before_prefect_starts(sqlite_database: str) -> None:
    """The sentence names the command that opens the account."""
    open_shop(Mode.draft)
    assert refused("sync", "order-import", "--account", "shop") == (
        "Account 'shop' is a draft. `warenfluss account mode shop test` changes the mode."
    )
