"""Accounts to deploy, and a work pool of the test's own on the shared Prefect server."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse

from deployments.work_pool import ensure_pool
from models.database.session import session_scope
from models.intake.activation import set_mode
from models.sync.cycles import CYCLES, has_cycle
from models.sync.records import Cycle
from models.tenants.account import add_account
from models.tenants.account_kinds import AFTERBUY
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant

OWN_CYCLES = {cycle: spec for cycle, spec in CYCLES.items() if has_cycle(AFTERBUY, cycle)}
"""The cycles of the accounts that these tests deploy."""
MINUTES = {cycle: spec.every_minutes for cycle, spec in OWN_CYCLES.items() if spec.every_minutes is not None}
"""The usual minutes between two runs of each of them with a schedule."""


@pytest.fixture
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    """A client of the shared Prefect server."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def pool(client: SyncPrefectClient) -> str:
    """A work pool that no worker of another test serves."""
    name = f"pool-{uuid4().hex[:8]}"
    ensure_pool(client, name)
    return name


@pytest.fixture
def account(sqlite_database: str) -> str:
    """A live account of a name that no other test uses."""
    return make_account(Mode.live)


EVERYTHING = {
    "invoices": "warenfluss",
    "invoices_from": "2026-01-01",
    "order_notice": "each",
    "release": "automatic",
    "remind_after_days": "7",
}


def make_account(mode: Mode, **settings: str) -> str:
    """Add an account, by default one that has every cycle, with its tenant, whose name is the same."""
    name = f"shop-{uuid4().hex[:8]}"
    with session_scope() as session:
        tenant = add_tenant(session, name)
        row = add_account(session, tenant.row_id, name, "afterbuy", {**EVERYTHING, **settings})
        set_mode(session, row, mode)
    return name


def read(client: SyncPrefectClient, account: str, cycle: Cycle) -> DeploymentResponse:
    """Return a deployment as Prefect holds it."""
    return client.read_deployment_by_name(f"{cycle}/{account}")
