"""Settings and logins of an Afterbuy account."""

from connectors.afterbuy.settings import ENDPOINT, AfterbuySettings, login_from
from connectors.registry import check_settings

TOKENS = ["partner_token", "account_token"]

LEGACY = ["partner_id", "partner_password", "user_id", "user_password"]


def test_checked_settings_are_read_again_as_they_are() -> None:
    checked = check_settings("afterbuy", {"cancelled_flags": "1,2"}, LEGACY)
    assert AfterbuySettings.model_validate(checked).cancelled_flags == ("1", "2")


def test_tokens_come_before_the_older_login_and_are_never_shown() -> None:
    secrets = {name: f"{name}-value" for name in [*TOKENS, *LEGACY]}
    login = login_from(secrets)
    assert [name for name, _ in login.elements] == ["PartnerToken", "AccountToken"]
    assert "value" not in repr(login)
    older = login_from({name: secrets[name] for name in LEGACY})
    assert [name for name, _ in older.elements] == ["PartnerID", "PartnerPassword", "UserID", "UserPassword"]


def test_the_default_is_the_real_server() -> None:
    assert AfterbuySettings().base_url == ENDPOINT
