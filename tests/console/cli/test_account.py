"""`warenfluss account`: what is wrong is named, before anything is saved and for what was saved before."""

import json

import pytest

from deployments.deploy import deploy_accounts
from models.database.session import session_scope
from models.sync.cycles import CYCLES, has_cycle
from models.tenants.account import add_account, get_account
from models.tenants.account_kinds import AFTERBUY
from models.tenants.records import Mode
from models.upkeep.after_restore import mark_restored, tenants_with_numbers_in_doubt
from models.upkeep.status import status_of_accounts
from tasks.run.artifacts import overview_markdown
from tests.deployments.conftest import client, pool
from tests.support.cli_steps import call, open_shop, read, refused

__all__ = ["client", "pool"]

SAID = "Stored settings of account 'faulty' do not fit. The setting 'release' does not fit: "


@pytest.fixture
def accounts(sqlite_database: str, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account `shop`, one with a setting from before it was stricter, and one of a newer version."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    open_shop()
    with session_scope() as session:
        tenant_id = get_account(session, "shop").tenant_id
        for name, kind, settings in (
            ("faulty", "afterbuy", {"release": "sometimes", "page_size": 100}),
            ("newer", "shopmarket", {"colour": "red"}),
        ):
            add_account(session, tenant_id, name, kind, settings).mode = Mode.live


def test_an_account_needs_its_tenant_and_fitting_settings(sqlite_database: str) -> None:
    """What is wrong is named before anything is saved or Prefect is started; secrets are not repeated."""
    add = (
        "account",
        "add",
        "shop",
        "--kind",
        "afterbuy",
        "--tenant",
        "acme",
        "--secret",
        "partner_token=s3cret",
    )
    assert "There is no tenant 'acme'. `warenfluss tenant add acme` adds a tenant." in refused(*add)
    call("tenant", "add", "acme")

    sentence = refused(*add, "--set", "base_url=ftp://nowhere", "--set", "colour=red")

    assert "'colour'" in sentence
    assert "'base_url'" in sentence
    assert "account_token is missing" in sentence
    assert "s3cret" not in sentence
    assert "There is no kind of account 'ebay'" in refused(
        "account", "add", "x", "--kind", "ebay", "--tenant", "acme"
    )
    assert read("account", "list") == []


def test_settings_that_do_not_fit_are_shown_and_mended(accounts: None) -> None:
    """List, check and doctor say so; nothing else of the account can be set before; then all is well."""
    shown = {row["name"]: row["settings"] for row in read("account", "list")}
    assert shown["faulty"] == {"release": "sometimes", "page_size": 100}
    assert "'release' does not fit" in refused("account", "check", "faulty")
    assert SAID in refused("sync", "order-import", "--account", "faulty")
    found = [each for each in json.loads(call("doctor", "--json").stdout) if each["subject"] == "faulty"]
    assert [(each["urgent"], each["message"].startswith(SAID)) for each in found] == [(True, True)]

    secrets = ("--secret", "partner_token=p", "--secret", "account_token=a")
    assert "'release' does not fit" in refused("account", "set", "faulty", "--set", "page_size=50")
    assert call("account", "set", "faulty", "--set", "release=automatic", *secrets).exit_code == 0

    shown = {row["name"]: row["settings"] for row in read("account", "list")}
    assert shown["faulty"] == {"release": "automatic", "page_size": 100}
    subjects = [each["subject"] for each in json.loads(call("doctor", "--json").stdout)]
    assert "faulty" not in subjects


def test_they_stop_no_other_account(accounts: None, pool: str) -> None:
    """All are deployed, drawn and restored; the faulty one has all cycles of its kind: their runs say it."""
    there = [spec for cycle, spec in CYCLES.items() if has_cycle(AFTERBUY, cycle)]
    unasked = [spec for spec in there if spec.wanted is None]

    assert deploy_accounts(pool=pool) == len(unasked) + len(there)

    with session_scope() as session:
        overview = overview_markdown(status_of_accounts(session))
        assert mark_restored(session) == ["faulty", "shop"]
        assert tenants_with_numbers_in_doubt(session) == ["acme"], "nobody knows whether it issues invoices"
    in_step, waits = overview.split("What waits:")
    assert all(name in waits for name in ("faulty", "newer", "shop"))
    assert ("faulty" in in_step, "newer" in in_step) == (True, False)


def test_an_account_of_an_unknown_kind_can_do_nothing(accounts: None) -> None:
    """It is listed; what is asked of it is refused in words."""
    assert "newer" in [row["name"] for row in read("account", "list")]
    assert "There is no kind of account 'shopmarket'" in refused("account", "check", "newer")
    assert "has no order-import: there is no cycle for such" in refused(
        "sync", "order-import", "--account", "newer"
    )
