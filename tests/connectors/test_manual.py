"""An account for orders taken by hand has no system: it opens without a login, and can do nothing."""

from datetime import UTC, datetime, timedelta

from connectors.manual import SPEC
from connectors.registry import check_settings
from models.clock import today
from models.tenants.account_kinds import MANUAL


def test_it_opens_without_a_login_and_its_clock_is_ours() -> None:
    with SPEC.open(SPEC.settings(), {}, test=True, record=None) as connection:
        assert abs(connection.clock.check() - datetime.now(UTC)) < timedelta(seconds=30)
        assert connection.would_send == []


def test_it_begins_with_payments_and_invoices_from_here() -> None:
    """What it begins with is what may be set."""
    begun = SPEC.first_settings()

    assert begun == {"payments": "warenfluss", "invoices": "warenfluss", "invoices_from": str(today())}
    assert check_settings(MANUAL.name, begun, []) == begun
