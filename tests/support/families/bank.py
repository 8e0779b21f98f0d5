"""A bank whose statements come as files: no login."""

from collections.abc import Mapping

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec
from models.tenants.account_kinds import AccountKind, Family
from tests.support.families.clock import Clock

KIND = AccountKind("toy-bank", Family.bank, frozenset())


class BankSettings(BaseModel):
    """What operators may set."""

    folder: str = "statements"


def open_connection(
    settings: BankSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that can do nothing yet."""
    return Connection(clock=Clock(), close=lambda: None, would_send=[])


SPEC = ConnectorSpec(kind=KIND, settings=BankSettings, open=open_connection)
