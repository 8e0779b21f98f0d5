"""Options: which model an account of a kind has, and what they switch on."""

import pytest

from models.tenants.account_kinds import AFTERBUY, MANUAL, AccountKind, Capability, Family, kind_of
from models.tenants.options import ArticleOptions, ChannelOptions, makes_invoices, options_model, sends_mails
from models.tenants.records import AccountOptions


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
