"""Accounts: their options are those of their kind, and settings that do not fit stop nobody else."""

import pytest

from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.tenants.account import (
    Account,
    account_data,
    account_options,
    add_account,
    find_options,
    list_accounts,
    options_as,
)
from models.tenants.account_kinds import AFTERBUY
from models.tenants.options import ArticleOptions, ChannelOptions, Role
from models.tenants.tenant import add_tenant


def account(kind: str = AFTERBUY.name, **settings: object) -> Account:
    return Account(id=1, tenant_id=1, name="shop", kind=kind, settings=settings)


def test_options_are_read_once_with_the_record() -> None:
    """What the connector's own settings say is not among them."""
    data = account_data(account(role="orders", base_url="https://there.example"))

    assert data.options == ChannelOptions(role=Role.orders)
    assert options_as(data, ChannelOptions) is data.options
    assert options_as(data, ArticleOptions).role is Role.orders


def test_options_of_another_family_are_refused() -> None:
    """A bank has no channel's options, not even usual ones."""
    bank = account("bank")

    for each in (bank, account_data(bank)):
        with pytest.raises(RuleError, match="'shop' of kind 'bank' has no ChannelOptions"):
            options_as(each, ChannelOptions)


def test_settings_that_do_not_fit_are_named() -> None:
    """A value from before a field was stricter: the sentence says which, and how to mend it."""
    faulty = account(release="sometimes", overlap_minutes=-1)

    assert find_options(faulty) is None
    for read in (account_options, account_data, lambda row: options_as(row, ChannelOptions)):
        with pytest.raises(
            RuleError, match=r"of account 'shop' do not fit\. .*'overlap_minutes'.*'release'"
        ) as refused:
            read(faulty)
        assert refused.value.advice == (Advice(Action.account_set, "shop", {"setting": ""}),)


def test_accounts_are_listed_whatever_their_settings(sqlite_database: str) -> None:
    """The row is no record: it can be shown and mended."""
    with session_scope() as session:
        tenant_id = add_tenant(session, "acme").row_id
        add_account(session, tenant_id, "faulty", AFTERBUY.name, {"release": "sometimes"})
        add_account(session, tenant_id, "newer", "of a newer version", {})

        assert [row.name for row in list_accounts(session)] == ["faulty", "newer"]
