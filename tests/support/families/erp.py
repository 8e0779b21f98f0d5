"""An ERP system that has articles and takes their quantities; its login is a user with a password."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import ItemResult, Outcome, Recorder
from connectors.protocols.stock import StockItem
from connectors.spec import ConnectorSpec, SecretSpec
from models.tenants.account_kinds import AccountKind, Capability, Family
from tests.support.families.articles import OneArticle
from tests.support.families.clock import Clock

KIND = AccountKind("toy-erp", Family.erp, frozenset({Capability.articles, Capability.stock}))
HELD: dict[tuple[str, str], int] = {}
"""The quantity that it holds, by company and article."""


class ErpSettings(BaseModel):
    """What operators may set."""

    company: str


class ErpStock:
    """Quantities of one company."""

    batch_size = 10

    def __init__(self, company: str) -> None:
        self.company = company

    def publish_stock(self, items: Sequence[StockItem]) -> list[ItemResult]:
        """Set quantities; return one result for each item."""
        HELD.update({(self.company, item.external_id): item.quantity for item in items})
        return [ItemResult(item.key, Outcome.sent, fields={"quantity": str(item.quantity)}) for item in items]

    def fetch_stock(self, external_ids: Sequence[str]) -> dict[str, int]:
        """Return what it holds."""
        return {name: HELD[self.company, name] for name in external_ids if (self.company, name) in HELD}


def open_connection(
    settings: ErpSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that reads articles and takes quantities. It has no test mode."""
    return Connection(
        clock=Clock(),
        close=lambda: None,
        would_send=[],
        articles=OneArticle("de"),
        stock=ErpStock(settings.company),
    )


SPEC = ConnectorSpec(
    kind=KIND,
    settings=ErpSettings,
    open=open_connection,
    secrets=(SecretSpec("user", "login"), SecretSpec("password", "login")),
)
