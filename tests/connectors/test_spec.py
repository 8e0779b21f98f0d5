"""What a connector says about itself."""

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.spec import ConnectorSpec, SecretSpec
from models.tenants.account_kinds import MANUAL


class Settings(BaseModel):
    """None."""


def refuse(*_: object, **__: object) -> Connection:
    raise NotImplementedError


def test_secrets_are_grouped_by_login_in_their_order() -> None:
    """One complete login is enough; the first one named is the one to recommend."""
    secrets = (SecretSpec("b", login="new"), SecretSpec("x", login="old"), SecretSpec("a", login="new"))

    assert ConnectorSpec(MANUAL, Settings, refuse, secrets=secrets).logins == [["b", "a"], ["x"]]
    assert ConnectorSpec(MANUAL, Settings, refuse).logins == []


def test_a_system_without_orders_knows_no_order_number() -> None:
    assert not ConnectorSpec(MANUAL, Settings, refuse).is_order_number("4711")
