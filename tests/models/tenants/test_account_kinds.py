"""Kinds of accounts: what follows from the family and the capabilities of one."""

import pytest

from models.tenants.account_kinds import AFTERBUY, MANUAL, AccountKind, Family, kind_of


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
