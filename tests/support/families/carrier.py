"""A carrier: a choice as its setting, and a token as its login."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec, SecretSpec
from models.tenants.account_kinds import AccountKind, Family
from tests.support.families.clock import Clock

KIND = AccountKind("toy-carrier", Family.carrier, frozenset())


class Product(StrEnum):
    parcel = "parcel"
    letter = "letter"


class CarrierSettings(BaseModel):
    """What operators may set."""

    product: Product = Product.parcel


def open_connection(
    settings: CarrierSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that can do nothing yet."""
    return Connection(clock=Clock(), close=lambda: None, would_send=[])


SPEC = ConnectorSpec(
    kind=KIND, settings=CarrierSettings, open=open_connection, secrets=(SecretSpec("token"),)
)
