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
from models.tenants.account_kinds import AFTERBUY, MANUAL, AccountKind, Capability, Family, kind_of
from models.tenants.options import (
    ArticleOptions,
    ChannelOptions,
    Role,
    makes_invoices,
    options_model,
    sends_mails,
)
from models.tenants.records import AccountOptions
from models.tenants.tenant import add_tenant


def account(kind: str = AFTERBUY.name, **settings: object) -> Account:
    return Account(id=1, tenant_id=1, name="shop", kind=kind, settings=settings)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (AFTERBUY, ChannelOptions),
        (MANUAL, ChannelOptions),
        (AccountKind("erp", Family.erp, frozenset({Capability.articles})), ArticleOptions),
        (AccountKind("bank", Family.bank, frozenset()), AccountOptions),
        (kind_of("of a newer version"), AccountOptions),
    ],
    ids=lambda value: value.name if isinstance(value, AccountKind) else value.__name__,
)
def test_options_follow_from_the_kind(kind: AccountKind, model: type[AccountOptions]) -> None:
    """Those of its family, or what its capabilities ask for."""
    assert options_model(kind) is model


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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ChannelOptions(), (False, False)),
        (
            ChannelOptions.model_validate({"invoices": "warenfluss", "invoices_from": "2026-12-01"}),
            (True, False),
        ),
        (ChannelOptions.model_validate({"buyer_mails": "all"}), (False, True)),
        (ChannelOptions.model_validate({"order_notice": "each"}), (False, True)),
        (AccountOptions(), (False, False)),
    ],
)
def test_who_makes_invoices_and_sends_mails(options: AccountOptions, expected: tuple[bool, bool]) -> None:
    """Only a channel's account, where it is set so."""
    assert (makes_invoices(options), sends_mails(options)) == expected


@pytest.mark.parametrize(
    ("kind", "manual"),
    [
        (MANUAL, True),
        (AFTERBUY, False),
        (AccountKind("erp", Family.erp, frozenset()), False),
        (kind_of("of a newer version"), False),
    ],
    ids=lambda value: value.name if isinstance(value, AccountKind) else "",
)
def test_orders_are_entered_by_hand_where_a_channel_has_none(kind: AccountKind, manual: bool) -> None:
    """A bank has no orders either, and takes none."""
    assert kind.takes_manual_orders is manual
