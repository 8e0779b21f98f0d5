"""An ERP system: a company's name as its setting, and a user with a password as its login."""

from collections.abc import Mapping

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec, SecretSpec
from models.tenants.account_kinds import AccountKind, Family
from tests.support.families.clock import Clock

KIND = AccountKind("toy-erp", Family.erp, frozenset())


class ErpSettings(BaseModel):
    """What operators may set."""

    company: str


def open_connection(
    settings: ErpSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that can do nothing yet."""
    return Connection(clock=Clock(), close=lambda: None, would_send=[])


SPEC = ConnectorSpec(
    kind=KIND,
    settings=ErpSettings,
    open=open_connection,
    secrets=(SecretSpec("user", "login"), SecretSpec("password", "login")),
)
