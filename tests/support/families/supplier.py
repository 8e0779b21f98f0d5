"""A supplier whose articles can be read: the one existing capability that any of the four has."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import BaseModel

from connectors.protocols.articles import ArticleQuery
from connectors.protocols.connection import Connection
from connectors.protocols.results import Page, Recorder
from connectors.spec import ConnectorSpec, SecretSpec
from models.catalog.records import ArticleData, CategoryData, PriceData, TextData
from models.tenants.account_kinds import AccountKind, Capability, Family
from tests.support.families.clock import Clock

KIND = AccountKind("toy-supplier", Family.supplier, frozenset({Capability.articles}))


class SupplierSettings(BaseModel):
    """What operators may set for this supplier alone."""

    language: str = "de"


class SupplierArticles:
    """One article in one category."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings

    def fetch_articles(self, query: ArticleQuery, cursor: str | None) -> Page[ArticleData]:
        """Return the only page of articles."""
        article = ArticleData(
            external_id="T-1",
            sku="TOY",
            texts={self.settings.language: TextData(title="Kreisel")},
            prices=[PriceData(amount=Decimal("3.50"), currency="EUR")],
            quantity=40,
        )
        return Page([article])

    def fetch_categories(self, cursor: str | None) -> Page[CategoryData]:
        """Return the only page of categories."""
        return Page([CategoryData(external_id="C-1", name="Spielzeug")])


def open_connection(
    settings: SupplierSettings, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
) -> Connection:
    """Return an open connection that reads articles."""
    return Connection(clock=Clock(), close=lambda: None, would_send=[], articles=SupplierArticles(settings))


SPEC = ConnectorSpec(
    kind=KIND, settings=SupplierSettings, open=open_connection, secrets=(SecretSpec("api_key"),)
)
