"""A supplier whose articles can be read."""

from collections.abc import Mapping

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec, SecretSpec
from models.tenants.account_kinds import AccountKind, Capability, Family
from tests.support.families.articles import OneArticle
from tests.support.families.clock import Clock

KIND = AccountKind("toy-supplier", Family.supplier, frozenset({Capability.articles}))


class SupplierSettings(BaseModel):
    """What operators may set for this supplier alone."""

    language: str = "de"


def open_connection(
    settings: SupplierSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that reads articles."""
    articles = OneArticle(settings.language)
    return Connection(clock=Clock(), close=lambda: None, would_send=[], articles=articles)


SPEC = ConnectorSpec(
    kind=KIND, settings=SupplierSettings, open=open_connection, secrets=(SecretSpec("api_key"),)
)
